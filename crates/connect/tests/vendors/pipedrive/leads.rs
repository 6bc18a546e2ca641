//! Leads, which only the older version of the API knows.

use entente_connect::connector::Priority;
use entente_connect::look::{Existence, Find};
use entente_sims::pipedrive::Kind;
use serde_json::{Value, json};

use crate::pipedrive::company::Company;
use crate::stage::rows::{create, delete, ids, spec, update};

#[tokio::test]
async fn a_lead_is_made_read_changed_and_found_with_the_custom_fields_of_deals() {
    let company = Company::open();
    let budget = company.sim.add_field(Kind::Deal, &json!({"field_name": "Budget", "field_type": "monetary"})).unwrap();
    let size = company
        .sim
        .add_field(Kind::Deal, &json!({"field_name": "Size", "field_type": "enum", "options": [{"label": "Small"}, {"label": "Large"}]}))
        .unwrap();
    let acme = company.plant(Kind::Organization, json!({"name": "Acme"}));
    let (budget, currency, size) = (format!("custom.{budget}"), format!("custom.{budget}.currency"), format!("custom.{size}"));
    let row =
        json!({"title": "Wants more", "org_id": acme, "value": "500", "currency": "EUR", "labels": ["Hot"], &budget: 12.5, &size: "Large"});
    let made = company.write("leads", &[create("opp_1", row.clone())]).await.remove(0).unwrap();
    let read = spec("leads", &["title", "org_id", "value", "currency", "labels", "owner.name", &budget, &currency, &size, "entente_id"]);
    let (looks, cursor) = company.read_on(&read, None).await;
    assert_eq!(ids(&looks), [made.id.as_str()]);
    let expected = json!({"title": "Wants more", "org_id": acme, "value": 500, "currency": "EUR", "labels": ["Hot"], "owner.name": "Integration",
                          &budget: 12.5, &currency: "USD", &size: "Large", "entente_id": "opp_1"});
    assert_eq!(Value::Object(looks[0].row.clone()), expected);
    company.pass(600);
    company.write("leads", &[update(&made.id, json!({"value": "700", &budget: 15}))]).await.remove(0).unwrap();
    let (poll, _) = company.read_on(&read, Some(cursor)).await;
    assert_eq!((&poll[0].row["value"], &poll[0].row["currency"], &poll[0].row[&budget]), (&json!(700), &json!("EUR"), &json!(15)));
    let again = company.write("leads", &[create("opp_1", row)]).await.remove(0).unwrap();
    assert_eq!((again.id.as_str(), again.created), (made.id.as_str(), Some(false)));
    let found = company
        .crm
        .find(&read, &[Find::Key("opp_1".to_owned()), Find::Name("wants more".to_owned())], "entente_id", Priority::Update)
        .await
        .unwrap();
    assert_eq!((ids(&found[0]), ids(&found[1])), (vec![made.id.as_str()], vec![made.id.as_str()]));
    company.write("leads", &[delete(&made.id)]).await.remove(0).unwrap();
    assert_eq!(company.fetch(&read, &made.id).await.existence, Existence::Deleted);
}

#[tokio::test]
async fn archived_leads_belong_to_a_first_read() {
    let company = Company::open();
    let ada: u64 = company.contact("Ada", "ada@x.example").parse().unwrap();
    let open = company.plant(Kind::Lead, json!({"title": "Open", "person_id": ada}));
    let archived = company.plant(Kind::Lead, json!({"title": "Archived", "person_id": ada, "is_archived": true}));
    let (looks, _) = company.read_on(&spec("leads", &["title", "person_id"]), None).await;
    assert_eq!(ids(&looks), [open.as_str(), archived.as_str()]);
    assert_eq!(looks[0].row["person_id"], json!(ada.to_string()));
}
