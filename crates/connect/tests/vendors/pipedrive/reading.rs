//! Rows as they are: every kind of value, names for ids, gone rows.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::Existence;
use entente_sims::pipedrive::Kind;
use serde_json::{Value, json};

use crate::pipedrive::company::{Company, persons};
use crate::stage::rows::{ids, spec};

#[tokio::test]
async fn a_first_read_shows_every_row_with_names_for_ids() {
    let company = Company::open();
    let acme = company.plant(
        Kind::Organization,
        json!({"name": "Acme", "label_ids": [5], "industry": 21, "address": {"value": "Main St 1, Springfield"}}),
    );
    let ada = company.plant(
        Kind::Person,
        json!({"name": "Ada Lovelace", "org_id": acme.parse::<u64>().unwrap(), "phones": [{"value": "+46 8 1", "primary": true}],
               "emails": [{"value": "old@x.example", "primary": false}, {"value": "ada@x.example", "primary": true}]}),
    );
    let read = persons(&["name", "email", "emails", "phone", "org_id", "owner.name", "owner.email", "entente_id"]);
    let (looks, _) = company.read_on(&read, None).await;
    assert_eq!((ids(&looks), looks[0].complete), (vec![ada.as_str()], true));
    let expected = json!({
        "name": "Ada Lovelace", "email": "ada@x.example", "emails": ["old@x.example", "ada@x.example"], "phone": "+46 8 1", "org_id": acme,
        "owner.name": "Dana Fields", "owner.email": "dana@acme.example", "entente_id": null,
    });
    assert_eq!(Value::Object(looks[0].row.clone()), expected);
    assert_eq!(looks[0].version.as_deref(), Some("2026-01-05T10:00:00Z"));

    let organizations = spec("organizations", &["name", "labels", "industry", "address"]);
    let (looks, _) = company.read_on(&organizations, None).await;
    let expected = json!({"name": "Acme", "labels": ["Customer"], "industry": "Software", "address": "Main St 1, Springfield"});
    assert_eq!(Value::Object(looks[0].row.clone()), expected);
}

#[tokio::test]
async fn a_deal_says_where_it_stands() {
    let company = Company::open();
    let deal = company.plant(Kind::Deal, json!({"title": "First year", "value": 1200.5, "currency": "EUR", "stage_id": 3}));
    let read = spec("deals", &["title", "value", "currency", "stage", "pipeline", "status", "is_won", "is_closed", "won_time"]);
    let open = company.fetch(&read, &deal).await;
    let expected = json!({
        "title": "First year", "value": 1200.5, "currency": "EUR", "stage": "Prospect Qualified", "pipeline": "Pipeline", "status": "open",
        "is_won": false, "is_closed": false, "won_time": null,
    });
    assert_eq!(Value::Object(open.row), expected);
    company.edit(Kind::Deal, &deal, json!({"status": "won"}));
    let won = company.fetch(&read, &deal).await;
    assert_eq!(
        (&won.row["is_won"], &won.row["is_closed"], &won.row["won_time"]),
        (&json!(true), &json!(true), &json!("2026-01-05T10:00:00Z"))
    );
}

#[tokio::test]
async fn custom_fields_go_by_their_hash_and_are_read_as_people_see_them() {
    let company = Company::open();
    let make = |name: &str, ty: &str, options: Value| {
        let mut field = json!({"field_name": name, "field_type": ty});
        if !options.is_null() {
            field["options"] = options;
        }
        company.sim.add_field(Kind::Organization, &field).unwrap()
    };
    let size = make("Size", "enum", json!([{"label": "Small"}, {"label": "Large"}]));
    let tags = make("Tags", "set", json!([{"label": "Red"}, {"label": "Blue"}]));
    let budget = make("Budget", "monetary", Value::Null);
    let visit = make("Visit", "daterange", Value::Null);
    let vip = make("VIP", "enum", json!([{"label": "Yes"}, {"label": "No"}]));
    let id = |field: &str, label: &str| company.sim.choice(Kind::Organization, field, label).unwrap();
    let custom = json!({
        &size: id("Size", "Large"), &tags: [id("Tags", "Red"), id("Tags", "Blue")], &budget: {"value": 10.5, "currency": "EUR"},
        &visit: {"value": "2026-02-01", "until": "2026-02-03"}, &vip: id("VIP", "Yes"),
    });
    let acme = company.plant(Kind::Organization, json!({"name": "Acme", "custom_fields": custom}));
    let names: Vec<String> = [&size, &tags, &budget, &visit, &vip].iter().map(|code| format!("custom.{code}")).collect();
    let currency = format!("custom.{budget}.currency");
    let until = format!("custom.{visit}.until");
    let mut fields: Vec<&str> = names.iter().map(String::as_str).collect();
    fields.extend([currency.as_str(), until.as_str(), "entente_plan"]);
    let look = company.fetch(&spec("organizations", &fields), &acme).await;
    let value = |name: &str| look.row[name].clone();
    assert_eq!((value(&names[0]), value(&names[1]), value(&names[2])), (json!("Large"), json!(["Red", "Blue"]), json!(10.5)));
    assert_eq!(
        (value(&names[3]), value(&names[4]), value(&currency), value(&until)),
        (json!("2026-02-01"), json!(true), json!("EUR"), json!("2026-02-03"))
    );
    assert_eq!(value("entente_plan"), Value::Null);

    let described = company.crm.describe("organizations").await.unwrap();
    assert_eq!(described.field(&names[0]).unwrap().label, "Size");
    assert!(described.field("entente_plan").unwrap().writable && described.field(&currency).is_some());
}

#[tokio::test]
async fn a_field_that_was_removed_is_not_taken_for_one_that_was_cleared() {
    let company = Company::open();
    let code = company.sim.code(Kind::Organization, "Entente plan").unwrap();
    let acme = company.plant(Kind::Organization, json!({"name": "Acme", "custom_fields": {&code: "Pro"}}));
    company
        .sim
        .update(
            Kind::Organization,
            &acme,
            &json!({"custom_fields": {company.sim.code(Kind::Organization, "Entente arr").unwrap(): 5}}),
            company.person(),
        )
        .unwrap();
    let read = spec("organizations", &["name", "entente_plan"]);
    assert_eq!(company.fetch(&read, &acme).await.row["entente_plan"], "Pro");
    company.sim.drop_field(Kind::Organization, &code).unwrap();
    let error = company.crm.fetch(&read, &[acme], Priority::Update).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.class, error.field.as_deref()), ("unknown_field", Class::Configuration, Some("entente_plan")));
}

#[tokio::test]
async fn a_choice_that_is_new_is_read_by_its_name() {
    let company = Company::open();
    let field = json!({"field_name": "Size", "field_type": "enum", "options": [{"label": "Small"}]});
    let code = company.sim.add_field(Kind::Organization, &field).unwrap();
    let acme = company.plant(
        Kind::Organization,
        json!({"name": "Acme", "custom_fields": {&code: company.sim.choice(Kind::Organization, "Size", "Small")}}),
    );
    let name = format!("custom.{code}");
    let read = spec("organizations", &[&name]);
    assert_eq!(company.fetch(&read, &acme).await.row[&name], "Small");
    company.pass(600);
    let huge = company.sim.add_choice(Kind::Organization, "Size", "Huge").unwrap();
    company.edit(Kind::Organization, &acme, json!({"custom_fields": {&code: huge}}));
    assert_eq!(company.fetch(&read, &acme).await.row[&name], "Huge");
}

#[tokio::test]
async fn every_custom_field_is_known_however_many_there_are() {
    let company =
        Company::with(crate::pipedrive::company::settings(crate::pipedrive::company::token()), |options| options.custom_fields_max = 2_000);
    for n in 0..650 {
        company.sim.add_field(Kind::Person, &json!({"field_name": format!("Field {n}"), "field_type": "varchar"})).unwrap();
    }
    let last = company.sim.code(Kind::Person, "Field 649").unwrap();
    let described = company.crm.describe("persons").await.unwrap();
    assert!(described.field(&format!("custom.{last}")).is_some());
    assert_eq!(company.calls("GET personFields"), 2);
}

#[tokio::test]
async fn rows_that_are_gone_are_told_as_deleted_and_a_hundred_cost_one_call() {
    let company = Company::open();
    let all: Vec<String> = (0..60).map(|n| company.contact(&format!("Person {n}"), &format!("{n}@x.example"))).collect();
    let gone = company.contact("Gone", "gone@x.example");
    company.sim.delete(Kind::Person, &gone, company.person()).unwrap();
    let mut asked = all.clone();
    asked.extend([gone.clone(), "999".to_owned(), "not-an-id".to_owned()]);
    let looks = company.crm.fetch(&persons(&["name"]), &asked, Priority::Update).await.unwrap();
    assert_eq!(ids(&looks), asked);
    let missing: Vec<&str> = looks.iter().filter(|look| look.existence == Existence::Deleted).map(|look| look.id.as_str()).collect();
    assert_eq!(missing, [gone.as_str(), "999", "not-an-id"]);
    assert_eq!(
        (company.calls("GET persons"), company.calls("GET persons/:id")),
        (1, 2),
        "only what the list passes over is looked at by itself"
    );
}

#[tokio::test]
async fn archived_deals_belong_to_a_first_read() {
    let company = Company::open();
    let open = company.plant(Kind::Deal, json!({"title": "Open"}));
    let archived = company.plant(Kind::Deal, json!({"title": "Archived", "is_archived": true}));
    let (looks, _) = company.read_on(&spec("deals", &["title", "is_archived"]), None).await;
    assert_eq!(ids(&looks), [open.as_str(), archived.as_str()]);
    assert_eq!(looks[1].row["is_archived"], true);
}
