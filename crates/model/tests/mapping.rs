//! Mappings: compiled, run in both directions, and held to their laws.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say so at once")]

use std::collections::BTreeSet;

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::convert::Lens;
use entente_model::mapping::laws::{self, Law};
use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject, Row};
use entente_model::mapping::{Direction, FieldMap, Mapping, Owner};
use entente_model::normalise::Locale;
use entente_model::object::{Field, FieldType, Object};
use entente_model::plan::policy::Kind;
use entente_model::value::{Fields, Value};
use serde_json::{Value as Json, json};

fn object() -> Object {
    let field = |key: &str, kind| Field { key: key.into(), label: key.into(), kind, custom: false, indexed: false, data: Kind::Other };
    Object {
        key: "contact".into(),
        label: "Contact".into(),
        prefix: "con".into(),
        custom: false,
        title: vec![],
        fields: vec![
            field("first_name", FieldType::Text),
            field("last_name", FieldType::Text),
            field("email", FieldType::Email),
            field("phone", FieldType::Phone),
            field("status", FieldType::Picklist { values: vec!["Active".into(), "Suspended".into(), "Churned".into()] }),
            field("tags", FieldType::MultiPicklist { values: vec![] }),
            field("mrr", FieldType::Money { currency: "USD".into() }),
            field("seats", FieldType::Number { scale: 2 }),
            field("vip", FieldType::Boolean),
            field("renewal", FieldType::Date),
            field("seen_at", FieldType::Datetime),
            field("notes", FieldType::LongText),
            field("account", FieldType::Reference { object: "account".into() }),
        ],
    }
}

fn remote_field(name: &str, kind: RemoteKind) -> RemoteField {
    RemoteField { writable: true, ..RemoteField::new(name, name, kind) }
}

fn remote() -> RemoteObject {
    RemoteObject {
        name: "user".into(),
        fields: vec![
            remote_field("external_id", RemoteKind::Text),
            RemoteField { writable: false, ..remote_field("id", RemoteKind::Reference) },
            remote_field("name", RemoteKind::Text),
            remote_field("email", RemoteKind::Email),
            remote_field("phone", RemoteKind::Phone),
            remote_field("role", RemoteKind::Picklist),
            RemoteField {
                values: vec!["active".into(), "suspended".into(), "churned".into()],
                restricted: true,
                ..remote_field("user_fields.status", RemoteKind::Picklist)
            },
            remote_field("tags", RemoteKind::MultiPicklist),
            RemoteField { scale: Some(2), ..remote_field("user_fields.mrr", RemoteKind::Number) },
            RemoteField { scale: Some(0), ..remote_field("user_fields.seats", RemoteKind::Number) },
            remote_field("user_fields.vip", RemoteKind::Boolean),
            remote_field("user_fields.renewal", RemoteKind::Date),
            remote_field("user_fields.seen_at", RemoteKind::Datetime),
            RemoteField { length: Some(80), ..remote_field("user_fields.note", RemoteKind::Text) },
            remote_field("organization_id", RemoteKind::Reference),
        ],
        lists: vec![],
    }
}

fn line(field: &str, remote: &str) -> FieldMap {
    FieldMap {
        field: field.into(),
        remote: remote.into(),
        get: None,
        put: None,
        values: vec![],
        currency: None,
        direction: Direction::Both,
        owner: Owner::Shared,
        required: false,
        conflicts: None,
        archived: false,
    }
}

fn pairs(values: &[(&str, &str)]) -> Vec<(String, String)> {
    values.iter().map(|(theirs, ours)| ((*theirs).to_owned(), (*ours).to_owned())).collect()
}

fn name_lines(given: &str, family: &str) -> Vec<FieldMap> {
    let put = Some("TRIM(first_name & \" \" & last_name)".to_owned());
    vec![
        FieldMap { get: Some(given.into()), put: put.clone(), ..line("first_name", "name") },
        FieldMap { get: Some(family.into()), put, required: true, ..line("last_name", "name") },
    ]
}

fn good_names() -> Vec<FieldMap> {
    name_lines(
        "NAMEGIVEN(name, PRIORVALUE(first_name), PRIORVALUE(last_name))",
        "NAMEFAMILY(name, PRIORVALUE(first_name), PRIORVALUE(last_name))",
    )
}

fn status() -> FieldMap {
    let values = pairs(&[("active", "Active"), ("suspended", "Suspended"), ("churned", "Churned")]);
    FieldMap { values, ..line("status", "user_fields.status") }
}

fn mapping(fields: Vec<FieldMap>) -> Mapping {
    Mapping {
        object: "contact".into(),
        remote: "user".into(),
        key: "external_id".into(),
        also_read: vec!["role".into()],
        filter: Some("role = \"end-user\"".into()),
        create: serde_json::from_value(json!({ "when": "NOT(ISBLANK(email))", "after": ["account"] })).unwrap(),
        on_delete: Default::default(),
        rules: vec![],
        conflicts: None,
        fields,
    }
}

fn whole() -> Mapping {
    let mut fields = good_names();
    fields.extend([
        line("email", "email"),
        line("phone", "phone"),
        status(),
        line("tags", "tags"),
        line("mrr", "user_fields.mrr"),
        line("vip", "user_fields.vip"),
        line("renewal", "user_fields.renewal"),
        line("seen_at", "user_fields.seen_at"),
        line("account", "organization_id"),
    ]);
    mapping(fields)
}

fn compile(mapping: Mapping) -> Result<Lens, Vec<String>> {
    Lens::compile(mapping, &object(), Some(&remote()), Locale::default()).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn lens() -> Lens {
    compile(whole()).unwrap()
}

fn now() -> Timestamp {
    "2026-03-31T12:00:00Z".parse().unwrap()
}

fn row(json: Json) -> Row {
    json.as_object().unwrap().clone()
}

fn account_id() -> RecordId {
    RecordId::new("acc", 7)
}

fn to_record(object: &str, external: &str) -> Option<RecordId> {
    (object == "account" && external == "42").then(account_id)
}

fn to_external(id: &RecordId) -> Option<String> {
    (*id == account_id()).then(|| "42".to_owned())
}

fn full_row() -> Row {
    row(json!({
        "external_id": "con_1", "role": "end-user", "name": "Ada Lovelace", "email": "Ada@Example.com", "phone": "(415) 555-0100",
        "user_fields.status": "active", "tags": ["vip", "beta"], "user_fields.mrr": 99.5, "user_fields.vip": true,
        "user_fields.renewal": "2026-12-31", "user_fields.seen_at": "2026-03-31T10:00:00Z", "organization_id": "42"
    }))
}

fn ada() -> Fields {
    Fields::from([
        ("first_name".into(), Value::text("Ada")),
        ("last_name".into(), Value::text("Lovelace")),
        ("email".into(), Value::text("ada@example.com")),
        ("phone".into(), Value::text("+14155550100")),
        ("status".into(), Value::text("Active")),
        ("tags".into(), Value::Set(BTreeSet::from(["beta".into(), "vip".into()]))),
        ("mrr".into(), Value::Money { amount: "99.5".parse().unwrap(), currency: "USD".into() }),
        ("vip".into(), Value::Bool(true)),
        ("renewal".into(), Value::Date("2026-12-31".parse().unwrap())),
        ("seen_at".into(), Value::DateTime("2026-03-31T10:00:00Z".parse().unwrap())),
        ("account".into(), Value::Ref(account_id())),
    ])
}

fn all() -> BTreeSet<String> {
    object().fields.into_iter().map(|field| field.key).collect()
}

#[test]
fn a_row_becomes_a_record_and_a_record_a_row() {
    let got = lens().get(&full_row(), &Fields::new(), &to_record, now());
    assert_eq!(got.fields, ada());
    assert!(got.faults.is_empty() && got.unresolved.is_empty());

    let put = lens().put(&ada(), &all(), &to_external, now());
    let mut expected = full_row();
    for (name, json) in [("email", json!("ada@example.com")), ("phone", json!("+14155550100")), ("tags", json!(["beta", "vip"]))] {
        expected.insert(name.into(), json);
    }
    expected.remove("external_id");
    expected.remove("role");
    assert_eq!(Json::from(put.row), Json::from(expected));
    assert!(put.pending.is_empty() && put.faults.is_empty());
}

#[test]
fn a_partial_row_tells_only_what_it_holds() {
    let got = lens().get(&row(json!({ "email": null, "user_fields.vip": "maybe" })), &ada(), &to_record, now());
    assert_eq!(got.fields, Fields::from([("email".into(), Value::Null)]));
    assert_eq!(got.faults.len(), 1);
    assert_eq!(got.faults[0].0, "vip");
}

#[test]
fn only_what_a_change_touches_is_written() {
    let changed = BTreeSet::from(["last_name".to_owned()]);
    let put = lens().put(&ada(), &changed, &to_external, now());
    assert_eq!(Json::from(put.row), json!({ "name": "Ada Lovelace" }));
    let put = lens().put(&Fields::new(), &BTreeSet::from(["email".to_owned(), "vip".to_owned()]), &to_external, now());
    assert_eq!(Json::from(put.row), json!({ "email": null, "user_fields.vip": false }));
}

#[test]
fn references_wait_for_their_target() {
    let put = lens().put(&ada(), &all(), &|_| None, now());
    assert_eq!(put.pending, [("account".to_owned(), account_id())]);
    assert!(!put.row.contains_key("organization_id"));
    let got = lens().get(&row(json!({ "organization_id": 43 })), &ada(), &to_record, now());
    assert_eq!(got.unresolved, [("account".to_owned(), "account".to_owned(), "43".to_owned())]);
    assert!(got.fields.is_empty());
}

#[test]
fn filters_and_rules_decide_who_takes_part() {
    let lens = lens();
    assert!(lens.accepts(&full_row()));
    assert!(!lens.accepts(&row(json!({ "role": "agent" }))));
    assert!(lens.accepts(&row(json!({ "email": "a@b.c" }))), "a partial row is no evidence");
    assert!(lens.creates(&ada(), now()));
    assert!(!lens.creates(&Fields::new(), now()));
    assert_eq!(lens.missing_required(&Fields::new()), ["last_name"]);
    assert!(lens.missing_required(&ada()).is_empty());
    assert_eq!(lens.key(), "external_id");
    let reads = lens.reads();
    assert!(["external_id", "role", "name", "organization_id"].iter().all(|name| reads.iter().any(|read| read == name)));
    assert_eq!(reads.iter().filter(|name| *name == "name").count(), 1);
}

#[test]
fn a_line_that_only_writes_by_formula_agrees_while_the_remote_holds_it() {
    let put = Some("IF(vip, \"VIP \" & last_name, last_name)".to_owned());
    let lens = compile(mapping(vec![FieldMap { put, direction: Direction::Out, ..line("last_name", "name") }])).unwrap();
    let got = lens.get(&row(json!({ "name": "VIP Lovelace" })), &ada(), &to_record, now());
    assert_eq!(got.fields["last_name"], Value::text("Lovelace"));
    let got = lens.get(&row(json!({ "name": "Somebody" })), &ada(), &to_record, now());
    assert_eq!(got.fields["last_name"], Value::text("Somebody"));
    let put = lens.put(&ada(), &BTreeSet::from(["vip".to_owned()]), &to_external, now());
    assert_eq!(Json::from(put.row), json!({ "name": "VIP Lovelace" }));
}

#[test]
fn an_undescribed_platform_is_read_as_it_comes() {
    let lens = Lens::compile(whole(), &object(), None, Locale::default()).unwrap();
    assert_eq!(lens.get(&full_row(), &Fields::new(), &to_record, now()).fields, ada());
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Mapping), parts: &[&str]) {
    let mut mapping = whole();
    change(&mut mapping);
    let errors = compile(mapping).unwrap_err();
    let whole = errors.join("\n");
    assert!(parts.iter().all(|part| whole.contains(part)), "{whole}");
}

#[test]
fn mistakes_in_a_mapping_are_named_with_their_line_and_a_remedy() {
    refused(|m| m.fields.push(line("nickname", "email")), &["line 12 (`nickname`)", "no field `nickname`", "custom field"]);
    refused(|m| m.fields[2].remote = "Email".into(), &["line 3 (`email`)", "did you mean `email`?"]);
    refused(|m| m.fields.push(line("email", "email")), &["mapped twice"]);
    refused(|m| m.fields[2].remote = "id".into(), &["cannot be written", "direction to in"]);
    refused(|m| m.fields[2].remote = "external_id".into(), &["is the key"]);
    refused(|m| m.fields[1].put = Some("last_name".into()), &["`name` is also written by `first_name`", "same `put` formula"]);
    refused(|m| m.fields[0].get = Some("UPER(name)".into()), &["did you mean UPPER?", "^^^^"]);
    refused(|m| m.fields[0].get = Some("LEN(name)".into()), &["get gives a number", "holds a text"]);
    refused(|m| m.fields[0].put = Some("PRIORVALUE(last_name)".into()), &["no field `last_name`"]);
    refused(|m| m.fields[7].remote = "user_fields.renewal".into(), &["a date there cannot be read as true or false here"]);
    refused(|m| m.fields[4].values = vec![], &["does not take `Active`, `Churned`, `Suspended`", "takes active, suspended, churned"]);
    refused(|m| m.fields[4].values[0].1 = "Alive".into(), &["names Alive", "use one of Active"]);
    refused(|m| m.filter = Some("role".into()), &["`filter` gives a text"]);
    refused(|m| m.filter = Some("NOW() > DATE(2026, 1, 1)".into()), &["`filter`", "a date with time"]);
    refused(|m| m.filter = Some("TODAY() > DATE(2026, 1, 1)".into()), &["depends on the present time"]);
    refused(|m| m.create.after = vec!["email".into()], &["create.after lists `email`", "refer to a record"]);
    refused(|m| m.fields[0].direction = Direction::In, &["line 1 (`first_name`)", "put formula is never used"]);
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let mut mapping = whole();
    mapping.fields[2].remote = "nope".into();
    mapping.fields[3].field = "nope".into();
    mapping.filter = Some("role = ".into());
    assert_eq!(compile(mapping).unwrap_err().len(), 3);
}

fn laws_of(fields: Vec<FieldMap>) -> Vec<(String, Law)> {
    let lens = compile(mapping(fields)).unwrap();
    laws::check(&lens, &[full_row()], &[ada()], 1).into_iter().map(|violation| (violation.field, violation.law)).collect()
}

#[test]
fn a_sound_mapping_keeps_the_laws() {
    for seed in 0..20 {
        let found = laws::check(&lens(), &[full_row()], &[ada()], seed);
        assert!(found.is_empty(), "{}", found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
}

#[test]
fn a_naive_split_of_names_breaks_the_laws_with_a_counterexample() {
    let lens = compile(mapping(name_lines("FIRSTWORDS(name)", "LASTWORD(name)"))).unwrap();
    let found = laws::check(&lens, &[], &[], 1);
    let last = found.iter().find(|violation| violation.field == "last_name" && violation.law == Law::PutGet).unwrap();
    assert!(last.before.display().ends_with(&last.after.display()) && last.before != last.after);
    assert!(last.to_string().contains("written to `name` as"), "{last}");
    assert!(laws_of(good_names()).is_empty());
}

#[test]
fn formulas_for_one_direction_only_are_found() {
    assert_eq!(
        laws_of(vec![FieldMap { get: Some("UPPER(name)".into()), ..line("first_name", "name") }]),
        [("first_name".to_owned(), Law::OneWay)]
    );
    let inward = FieldMap { get: Some("UPPER(name)".into()), direction: Direction::In, ..line("first_name", "name") };
    assert!(laws_of(vec![inward]).is_empty());
}

#[test]
fn a_formula_that_forgets_is_found() {
    let upper = FieldMap { get: Some("UPPER(name)".into()), put: Some("first_name".into()), ..line("first_name", "name") };
    let found = laws_of(vec![upper]);
    assert!(
        found.contains(&("first_name".to_owned(), Law::GetPut)) && found.contains(&("first_name".to_owned(), Law::PutGet)),
        "{found:?}"
    );
}

#[test]
fn lists_that_lose_a_value_are_found() {
    let mut lossy = status();
    lossy.values = pairs(&[("active", "Active"), ("suspended", "Suspended"), ("churned", "Suspended"), ("churned", "Churned")]);
    assert_eq!(laws_of(vec![lossy]), [("status".to_owned(), Law::LossyPicklist)]);
}

#[test]
fn fields_too_short_or_too_coarse_are_found() {
    assert_eq!(laws_of(vec![line("notes", "user_fields.note")]), [("notes".to_owned(), Law::Truncation)]);
    assert_eq!(laws_of(vec![line("seats", "user_fields.seats")]), [("seats".to_owned(), Law::PutGet)]);
    let long = Fields::from([("first_name".to_owned(), Value::text("x".repeat(81)))]);
    let lens = compile(mapping(vec![line("first_name", "user_fields.note")])).unwrap();
    let found = laws::check(&lens, &[], &[long], 1);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].law, found[0].after.display().len()), (Law::Truncation, 80));
}

#[test]
fn the_check_is_the_same_for_the_same_seed() {
    let lens = compile(mapping(name_lines("FIRSTWORDS(name)", "LASTWORD(name)"))).unwrap();
    assert_eq!(laws::check(&lens, &[], &[], 9), laws::check(&lens, &[], &[], 9));
}

/// Two amounts of a row that has one currency.
fn priced() -> Lens {
    let kind = || FieldType::Money { currency: "USD".into() };
    let money = |key: &str| Field { key: key.into(), label: key.into(), kind: kind(), custom: false, indexed: false, data: Kind::Other };
    let mut object = object();
    object.fields.extend([money("budget"), money("cost")]);
    let of = |field: &str, remote: &str| FieldMap { currency: Some("CurrencyIsoCode".into()), ..line(field, remote) };
    let mapping = mapping(vec![of("budget", "BudgetedCost"), of("cost", "ActualCost")]);
    Lens::compile(mapping, &object, None, Locale::default()).unwrap()
}

fn euros(amount: i64) -> Value {
    Value::Money { amount: amount.into(), currency: "EUR".into() }
}

fn read(lens: &Lens, row: Json, prior: &Fields) -> Fields {
    lens.get(row.as_object().unwrap(), prior, &|_, _| None, now()).fields
}

#[test]
fn an_amount_is_in_the_currency_of_its_row() {
    let lens = priced();
    assert!(lens.reads().contains(&"CurrencyIsoCode".to_owned()));
    let got = read(&lens, json!({"BudgetedCost": 100, "ActualCost": 40, "CurrencyIsoCode": "EUR"}), &Fields::new());
    assert_eq!((&got["budget"], &got["cost"]), (&euros(100), &euros(40)));
    // A platform that has one currency alone shows none: it is the field's.
    let dollars = read(&lens, json!({"BudgetedCost": 100, "CurrencyIsoCode": null}), &got);
    assert_eq!(dollars["budget"].display(), "100 USD");
    // What a row leaves out has not changed.
    assert_eq!(read(&lens, json!({"BudgetedCost": 150}), &got)["budget"], euros(150));
    let pounds = read(&lens, json!({"CurrencyIsoCode": "GBP"}), &got);
    assert_eq!((pounds["budget"].display(), pounds["cost"].display()), ("100 GBP".to_owned(), "40 GBP".to_owned()));
}

#[test]
fn an_amount_is_written_with_its_currency_and_never_beside_one_in_another() {
    let lens = priced();
    let both = Fields::from([("budget".to_owned(), euros(100)), ("cost".to_owned(), euros(40))]);
    let changed = |field: &str| BTreeSet::from([field.to_owned()]);
    let put = lens.put(&both, &changed("budget"), &|_| None, now());
    assert_eq!(Json::Object(put.row), json!({"BudgetedCost": 100, "CurrencyIsoCode": "EUR"}));
    let mixed =
        Fields::from([("budget".to_owned(), euros(100)), ("cost".to_owned(), Value::Money { amount: 40.into(), currency: "USD".into() })]);
    let put = lens.put(&mixed, &changed("budget"), &|_| None, now());
    assert!(put.row.is_empty());
    assert!(put.faults[0].0 == "budget" && put.faults[0].1.contains("`cost` in USD"), "{:?}", put.faults);
    // A cleared amount has no currency.
    let put = lens.put(&Fields::from([("budget".to_owned(), Value::Null)]), &changed("budget"), &|_| None, now());
    assert_eq!(Json::Object(put.row), json!({"BudgetedCost": null}));
}

#[test]
fn a_currency_belongs_to_an_amount() {
    let wrong = FieldMap { currency: Some("CurrencyIsoCode".into()), ..line("first_name", "FirstName") };
    let errors = compile(mapping(vec![wrong])).unwrap_err();
    assert!(errors.iter().any(|error| error.contains("currency of an amount")), "{errors:?}");
}

#[test]
fn how_conflicts_are_decided_is_judged_with_the_lines() {
    let with = |conflicts: Json, owner| {
        let conflicts = Some(serde_json::from_value(conflicts).unwrap());
        mapping(vec![FieldMap { conflicts, owner, ..line("email", "email") }])
    };
    assert!(compile(with(json!({ "rules": ["latest"], "kind": "contact" }), Owner::Shared)).is_ok());
    let errors = compile(with(json!({ "rules": ["latest", "latest"] }), Owner::Shared)).unwrap_err();
    let told = "line 1 (`email`): conflicts.rules lists `latest` twice; keep one of the two";
    assert!(errors.len() == 1 && errors[0].ends_with(told), "{errors:?}");
    let errors = compile(with(json!({ "rules": ["latest"] }), Owner::Crm)).unwrap_err();
    assert!(errors[0].contains("this one has an owner"), "{errors:?}");
    let whole = Mapping { conflicts: Some(serde_json::from_value(json!({ "without": ["latest"] })).unwrap()), ..whole() };
    let errors = compile(whole).unwrap_err();
    assert!(errors.len() == 1 && errors[0].starts_with("mapping contact = user: conflicts.without lists"), "{errors:?}");
}

#[test]
fn of_a_consent_no_is_an_answer_and_no_value_is_none() {
    let mut lens = Lens::compile(mapping(vec![line("vip", "agrees")]), &object(), None, Locale::default()).unwrap();
    let read = |lens: &Lens, value: Json| {
        let row: Row = serde_json::from_value(json!({ "agrees": value })).unwrap();
        lens.get(&row, &Fields::new(), &|_, _| None, now()).fields["vip"].clone()
    };
    assert_eq!(read(&lens, Json::Null), Value::Bool(false), "any other box is false without a tick");
    lens.tell_no_from_none(&BTreeSet::from(["vip".to_owned()]));
    for (shown, value) in [
        (json!(null), Value::Null),
        (json!(""), Value::Null),
        (json!(false), Value::Bool(false)),
        (json!("false"), Value::Bool(false)),
        (json!("true"), Value::Bool(true)),
    ] {
        assert_eq!(read(&lens, shown.clone()), value, "{shown}");
    }
    let fields = Fields::from([("vip".to_owned(), Value::Null)]);
    let put = lens.put(&fields, &BTreeSet::from(["vip".to_owned()]), &|_| None, now());
    assert_eq!(put.row["agrees"], json!(false), "a box has no third state to write");
}
