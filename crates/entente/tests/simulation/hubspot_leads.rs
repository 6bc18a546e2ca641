//! Leads of HubSpot: items of a pipeline about contacts who are there before them. They are kept beside their contact, followed to the deal that
//! comes of them or to their end, and forgotten with their contact.

use entente_engine::privacy::ask::{ErasureRequest, ask};
use entente_model::value::{Value, get};
use entente_sims::hubspot::{Hand, HubSpot, HubSpotOptions};
use entente_sims::profile::Profile;
use entente_store::{Record, RecordQuery, RecordState, Viewer};
use serde_json::json;

use crate::hub::fields;
use crate::pairs::hubspot;
use crate::pairs::pair::Pair;
use crate::pairs::side::{Company, start};

/// Minutes after which polls have seen everything.
const SEEN_IN: i64 = 40;

struct Story {
    pair: Pair,
    portal: HubSpot,
    upwind: Company,
}

impl Story {
    async fn begin() -> Self {
        let mut portal = None;
        let pair = Pair::with(|clock| {
            let opened = HubSpot::new(HubSpotOptions::new(clock.clone(), Profile::instant(), 5));
            portal = Some(opened.clone());
            (hubspot::open(opened), start("zendesk", clock))
        })
        .await;
        let upwind = pair.sales.company("Upwind", false, "Nell", "Newby", "nell@upwind.example");
        let mut story = Self { pair, portal: portal.unwrap(), upwind };
        story.pair.pass(SEEN_IN).await;
        story
    }

    fn rep(&self) -> Hand {
        Hand::Person(self.portal.owners()[0].user_id)
    }

    /// A lead of sales about Nell and her company.
    async fn lead(&mut self, name: &str) -> String {
        let row = fields(json!({"hs_lead_name": name, "hs_lead_label": "WARM", "hubspot_owner_id": self.portal.owners()[0].id}));
        let lead = self.portal.create_lead(&self.upwind.contact, &row, self.rep()).unwrap();
        self.portal.associate(("leads", &lead), ("companies", &self.upwind.id), false, self.rep()).unwrap();
        self.pair.pass(SEEN_IN).await;
        lead
    }

    fn change(&self, lead: &str, row: serde_json::Value) {
        self.portal.update("leads", lead, &fields(row), self.rep()).unwrap();
    }

    async fn records(&self, object: &str, state: RecordState) -> Vec<Record> {
        let query = RecordQuery { object: Some(object.to_owned()), state: Some(state), ..RecordQuery::default() };
        self.pair.engine.store().read(move |tx| tx.list_records(&Viewer::system(), &query, 50)).await.unwrap().records
    }

    async fn only(&self, object: &str) -> Record {
        let mut records = self.records(object, RecordState::Active).await;
        assert_eq!(records.len(), 1, "{object}: {records:?}; {}", self.pair.trouble().await);
        records.remove(0)
    }
}

fn shown(record: &Record, field: &str) -> String {
    record.data.get(field).map(Value::display).unwrap_or_default()
}

#[tokio::test]
async fn a_lead_is_followed_through_its_stages_to_the_deal_that_comes_of_it() {
    let mut story = Story::begin().await;
    let id = story.lead("Nell, spring fair").await;
    let (kept, contact, account) = (story.only("lead").await, story.only("contact").await, story.only("account").await);
    let told = ["subject", "status", "rating"].map(|field| shown(&kept, field));
    assert_eq!(told, ["Nell, spring fair", "New", "WARM"]);
    assert_eq!((&kept.data["contact"], &kept.data["account"]), (&Value::Ref(contact.id.clone()), &Value::Ref(account.id.clone())));
    assert!(get(&kept.data, "converted").is_blank() && !shown(&kept, "owner_name").is_empty(), "{kept:?}");
    assert_eq!(story.pair.agents.person("nell@upwind.example"), None, "the desk hears of no prospect");

    story.change(&id, json!({"hs_pipeline_stage": "connected-stage-id"}));
    story.pair.pass(SEEN_IN).await;
    assert_eq!(shown(&story.only("lead").await, "status"), "Connected");

    let deal = story.pair.sales.deal(&story.upwind, "Upwind, first year");
    story.portal.associate(("leads", &id), ("deals", &deal), true, story.rep()).unwrap();
    story.change(&id, json!({"hs_pipeline_stage": "qualified-stage-id"}));
    story.pair.pass(SEEN_IN).await;
    let (converted, deal) = (story.only("lead").await, story.only("opportunity").await);
    assert_eq!((shown(&converted, "status").as_str(), &converted.data["converted"]), ("Qualified", &Value::Bool(true)));
    assert_eq!(converted.data["opportunity"], Value::Ref(deal.id.clone()), "{}", story.pair.trouble().await);
    assert_eq!(story.records("contact", RecordState::Active).await.len(), 1, "nobody is made of a lead who was there before it");
    assert_eq!(story.pair.trouble().await, "");
}

#[tokio::test]
async fn a_lead_that_came_to_nothing_is_no_conversion_and_one_that_is_archived_departs() {
    let mut story = Story::begin().await;
    let id = story.lead("Nell, spring fair").await;
    story.change(&id, json!({"hs_pipeline_stage": "unqualified-stage-id", "hs_lead_disqualification_reason": "BAD_TIMING"}));
    story.pair.pass(SEEN_IN).await;
    let closed = story.only("lead").await;
    assert_eq!((shown(&closed, "status").as_str(), get(&closed.data, "converted").is_blank()), ("Disqualified", true));
    story.portal.archive("leads", &id, story.rep()).unwrap();
    story.pair.pass(2 * SEEN_IN).await;
    assert!(story.records("lead", RecordState::Active).await.is_empty(), "{}", story.pair.trouble().await);
    assert_eq!(story.records("contact", RecordState::Active).await.len(), 1, "whom it was about stays");
}

#[tokio::test]
async fn an_account_without_leads_keeps_everything_else_going() {
    let mut story = Story::begin().await;
    story.portal.grant(&[
        "crm.objects.contacts.read",
        "crm.objects.contacts.write",
        "crm.objects.companies.read",
        "crm.objects.companies.write",
        "crm.objects.deals.read",
        "crm.objects.owners.read",
    ]);
    story.lead("Nell, spring fair").await;
    assert!(story.records("lead", RecordState::Active).await.is_empty(), "the scope was not granted");
    let deal = story.pair.sales.deal(&story.upwind, "Upwind, first year");
    story.pair.sales.win(&deal);
    story.pair.pass(SEEN_IN).await;
    assert!(story.pair.agents.person("nell@upwind.example").is_some(), "{}", story.pair.trouble().await);
}

#[tokio::test]
async fn a_person_s_leads_are_forgotten_with_them() {
    let mut story = Story::begin().await;
    let id = story.lead("Nell Newby").await;
    let other = story.pair.sales.company("Downwind", false, "Cy", "Dean", "cy@downwind.example");
    let theirs = story.portal.create_lead(&other.contact, &fields(json!({"hs_lead_name": "Cy Dean"})), story.rep()).unwrap();
    story.pair.pass(SEEN_IN).await;
    let admin = Viewer::new("olga", "admin");
    ask(&story.pair.engine, &admin, &ErasureRequest { who: "nell@upwind.example".to_owned() }, "cli").await.unwrap();
    story.pair.pass(SEEN_IN).await;
    assert!(story.portal.get("leads", &id).is_none() && story.portal.get("contacts", &story.upwind.contact).is_none());
    assert_eq!(story.portal.get("leads", &theirs).unwrap()["hs_lead_name"], json!("Cy Dean"), "somebody else's stays");
    assert_eq!(story.pair.leads().await, ["Cy Dean"]);
    let erased = story.records("lead", RecordState::Erased).await;
    assert_eq!((erased.len(), shown(&erased[0], "subject").as_str()), (1, ""));
}
