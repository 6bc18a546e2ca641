//! Leads of Dynamics 365: people whom the CRM does not count among its customers, until they are qualified.

use entente_model::value::{Value, get};
use entente_sims::dynamics::{Dynamics, DynamicsOptions, Hand};
use entente_sims::profile::Profile;
use entente_store::{Record, RecordQuery, Viewer};
use serde_json::json;

use crate::pairs::dynamics;
use crate::pairs::pair::Pair;
use crate::pairs::side::start;

/// Minutes after which polls have seen everything.
const SEEN_IN: i64 = 40;

async fn only(pair: &Pair, object: &str) -> Record {
    let query = RecordQuery { object: Some(object.to_owned()), ..RecordQuery::default() };
    let mut found = pair.engine.store().read(move |tx| tx.list_records(&Viewer::system(), &query, 10)).await.unwrap().records;
    assert_eq!(found.len(), 1, "{object}: {found:?}; {}", pair.trouble().await);
    found.remove(0)
}

#[tokio::test]
async fn a_qualified_lead_names_the_deal_that_came_of_it() {
    let mut office = None;
    let mut pair = Pair::with(|clock| {
        let options = DynamicsOptions::new(clock.clone(), Profile::instant(), 5);
        let tenant = options.tenant_id.clone();
        let opened = Dynamics::new(options);
        office = Some(opened.clone());
        (dynamics::open(opened, &tenant), start("zendesk", clock))
    })
    .await;
    let office = office.unwrap();
    let rep = Hand::Person(office.sales_person());
    let row = json!({"subject": "Ten seats", "firstname": "Grace", "lastname": "Hopper", "emailaddress1": "grace@litware.example", "companyname": "Litware"});
    let lead = office.create("leads", &row, &rep).unwrap();
    pair.pass(SEEN_IN).await;
    let kept = only(&pair, "lead").await;
    assert_eq!((get(&kept.data, "converted").is_blank(), kept.data["status"].display().as_str()), (true, "open"));
    assert_eq!(pair.agents.person("grace@litware.example"), None, "the desk hears of no prospect");

    office.qualify(&lead, &rep).unwrap();
    pair.pass(SEEN_IN).await;
    let (converted, deal) = (only(&pair, "lead").await, only(&pair, "opportunity").await);
    assert_eq!((&converted.data["converted"], &converted.data["opportunity"]), (&Value::Bool(true), &Value::Ref(deal.id)));
    assert_eq!(only(&pair, "contact").await.data["email"].display(), "grace@litware.example");
    assert_eq!(pair.trouble().await, "");
}
