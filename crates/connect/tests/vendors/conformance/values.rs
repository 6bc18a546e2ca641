//! Values: what goes there comes back, or is refused by name.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use serde_json::{Value, json};

use super::trial::{Trial, field};
use crate::stage::rows::update;

/// Letters of one to four bytes, right to left, combined, and what stands for a family.
const LETTERS: &str = "Zoë Łukasz 漢字 עברית العربية 𝒜𐍈 👩‍👩‍👧 e\u{301} ½ “quoted” O'Brien <b> & co; a=b\\c";

async fn somebody(trial: &Trial, fields: Vec<RemoteField>) -> String {
    for field in fields {
        trial.make(field).await.unwrap();
    }
    trial.host.plant("Ada", "ada@values.example")
}

pub async fn fields_are_made_once(trial: Trial) {
    assert!(trial.capabilities().creates_fields);
    let list = || RemoteField {
        values: vec!["Free".to_owned(), "Pro".to_owned()],
        restricted: true,
        ..field(&trial.custom("tier"), RemoteKind::Picklist)
    };
    let wanted = || [field(&trial.custom("plan"), RemoteKind::Text), field(&trial.custom("vip"), RemoteKind::Boolean), list()];
    for _ in 0..2 {
        for field in wanted() {
            trial.make(field).await.unwrap();
        }
    }
    // Another process knows nothing of the first time.
    let other = trial.beside();
    for field in wanted() {
        other.create_field(&entente_connect::connector::NewField { object: trial.names().object.to_owned(), field }).await.unwrap();
    }
    let described = other.describe(trial.names().object).await.unwrap();
    for wanted in wanted() {
        let found: Vec<&RemoteField> = described.fields.iter().filter(|known| known.name == wanted.name).collect();
        assert_eq!((found.len(), found[0].kind, found[0].writable), (1, wanted.kind, true), "{}", wanted.name);
        assert!(wanted.values.iter().all(|value| found[0].values.contains(value)), "{:?}", found[0].values);
    }
    let names: std::collections::BTreeSet<&str> = described.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names.len(), described.fields.len(), "no field is there twice");
    // A name that stands for something else is not taken for ours.
    let clash = trial.make(field(&trial.custom("vip"), RemoteKind::Number)).await.unwrap_err();
    assert_eq!((clash.class, clash.code.as_str()), (Class::Configuration, "field_type"), "{clash:?}");
}

pub async fn nothing_is_not_an_empty_text(trial: Trial) {
    let id = somebody(&trial, vec![field(&trial.custom("plan"), RemoteKind::Text)]).await;
    let blank = trial.fetch(&[&trial.custom("plan")], &id).await;
    assert_eq!(blank.row.get(&trial.custom("plan")), Some(&Value::Null), "what nobody set is blank, and there");
    assert_eq!(trial.keep(&id, "plan", json!("Pro")).await.unwrap(), "Pro");
    assert_eq!(trial.keep(&id, "plan", Value::Null).await.unwrap(), Value::Null, "what is cleared is blank");
    assert_eq!(trial.keep(&id, "plan", json!("Pro")).await.unwrap(), "Pro");
    // An empty text is nothing at every platform.
    assert_eq!(trial.keep(&id, "plan", json!("")).await.unwrap(), Value::Null);
}

/// What the platform itself gives a new row, of the fields that may be written: each is blank once it is taken away, or declared as never blank. A
/// declaration may be stricter than a simulator: nothing is taken away there then.
pub async fn what_a_row_is_never_without_is_declared(trial: Trial) {
    let id = somebody(&trial, Vec::new()).await;
    let described = trial.connector.describe(trial.names().object).await.unwrap();
    let names = [trial.names().name, trial.names().email, trial.names().key];
    let plain = |kind: RemoteKind| matches!(kind, RemoteKind::Text | RemoteKind::LongText | RemoteKind::Phone | RemoteKind::Picklist);
    let open = described.fields.iter().filter(|field| field.writable && !field.required && plain(field.kind));
    let open: Vec<&str> = open.map(|field| field.name.as_str()).filter(|name| !names.contains(name)).collect();
    let is_blank = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || *value == "");
    let given = trial.fetch(&open, &id).await.row;
    let declared = trial.capabilities().never_blank;
    let mut lasting = Vec::new();
    for name in open.into_iter().filter(|name| !is_blank(given.get(*name))) {
        let refused = trial.write(&[update(&id, json!({ name: null }))]).await.remove(0).is_err();
        if refused || !is_blank(trial.fetch(&[name], &id).await.row.get(name)) {
            lasting.push(name);
        }
    }
    let undeclared: Vec<&&str> = lasting.iter().filter(|name| !declared.contains(*name)).collect();
    assert!(undeclared.is_empty(), "{undeclared:?} cannot be taken away, and are not declared as never blank");
}

/// Whether two rows may have one address is as declared, and whoever has one is found by it where it is one row's alone.
pub async fn what_one_row_alone_may_have_is_declared(trial: Trial) {
    let ada = trial.host.plant("Ada", "ada@values.example");
    let bea = trial.host.plant("Bea", "bea@values.example");
    let email = trial.names().email;
    let declared = trial.capabilities().unique.iter().find(|unique| unique.field == email);
    let refused = trial.write(&[update(&bea, json!({ email: "ada@values.example" }))]).await.remove(0);
    let Some(declared) = declared else {
        refused.unwrap();
        let described = trial.connector.describe(trial.names().object).await.unwrap();
        assert!(!described.field(email).unwrap().unique, "what is described as unique is declared, with who is asked about it");
        return;
    };
    // Whoever has it may be the same customer: the row is looked at again.
    assert_eq!(refused.unwrap_err().class, Class::LookAgain);
    assert_eq!(trial.fetch(&[email], &bea).await.row[email], "bea@values.example");
    trial.pass(60);
    let question = declared.asked.unwrap().question("ada@values.example");
    let found = trial.connector.find(&trial.read(&[]), &[question], trial.names().key, Priority::Urgent).await.unwrap();
    let ids: Vec<Vec<&str>> = found.iter().map(|looks| looks.iter().map(|look| look.id.as_str()).collect()).collect();
    assert_eq!(ids, [[ada.as_str()]]);
}

pub async fn every_letter_survives(trial: Trial) {
    let id =
        somebody(&trial, vec![field(&trial.custom("motto"), RemoteKind::Text), field(&trial.custom("story"), RemoteKind::LongText)]).await;
    assert_eq!(trial.keep(&id, "motto", json!(LETTERS)).await.unwrap(), LETTERS);
    let long = format!("{LETTERS}\n\tsecond line\n\n{LETTERS}");
    let kept = trial.keep(&id, "story", json!(long)).await.unwrap();
    assert_eq!(kept.as_str().unwrap().replace("\r\n", "\n"), long);
    // Names as people have them, both ways.
    let name = "Zoë 漢字 O'Brien-Łukasz 👩‍👩‍👧 & Söhne";
    trial.write(&[trial.rename(&id, name)]).await.remove(0).unwrap();
    assert_eq!(trial.fetch(&[], &id).await.row[trial.names().name], name);
    trial.pass(5);
    trial.host.rename(&id, "Ξένια 𐍈");
    assert_eq!(trial.fetch(&[], &id).await.row[trial.names().name], "Ξένια 𐍈");
}

pub async fn the_longest_text_fits_and_a_longer_one_is_refused(trial: Trial) {
    let id = somebody(&trial, vec![field(&trial.custom("motto"), RemoteKind::Text)]).await;
    let described = trial.connector.describe(trial.names().object).await.unwrap();
    let Some(length) = described.field(&trial.custom("motto")).unwrap().length else {
        // Without a known limit, whatever a text field may hold elsewhere fits.
        let long = "漢".repeat(2_000);
        assert_eq!(trial.keep(&id, "motto", json!(long)).await.unwrap(), long);
        return;
    };
    let longest = "漢".repeat(usize::try_from(length).unwrap());
    assert_eq!(trial.keep(&id, "motto", json!(longest)).await.unwrap(), longest, "{length} characters, not bytes");
    let refused = trial.keep(&id, "motto", json!(format!("{longest}字"))).await.unwrap_err();
    assert_eq!(refused.class, Class::Data, "{refused:?}");
    assert!(!refused.to_string().contains('漢'), "values stay out of errors");
    assert_eq!(trial.fetch(&[&trial.custom("motto")], &id).await.row[&trial.custom("motto")], longest, "and nothing is cut off");
}

pub async fn days_and_instants_are_the_same_everywhere(trial: Trial) {
    let id = somebody(&trial, vec![field(&trial.custom("renewal"), RemoteKind::Date)]).await;
    let described = trial.connector.describe(trial.names().object).await.unwrap();
    let as_instant = described.field(&trial.custom("renewal")).unwrap().kind == RemoteKind::Datetime;
    for day in ["2024-02-29", "2026-03-29", "2026-10-25", "1999-12-31", "2038-01-19"] {
        let kept = trial.keep(&id, "renewal", json!(day)).await.unwrap();
        let expected = if as_instant { format!("{day}T00:00:00Z") } else { day.to_owned() };
        assert_eq!(kept, expected.as_str());
    }
    assert_eq!(trial.keep(&id, "renewal", Value::Null).await.unwrap(), Value::Null);
    // An instant, where the platform has such a type; at others a text or nothing holds it, and says so.
    if let Err(refusal) = trial.make(field(&trial.custom("seen"), RemoteKind::Datetime)).await {
        assert_eq!(refusal.class, Class::Configuration, "{refusal:?}");
    } else {
        for instant in ["2026-03-29T01:30:00Z", "2026-10-25T00:59:59Z", "2024-02-29T23:59:59Z"] {
            assert_eq!(trial.keep(&id, "seen", json!(instant)).await.unwrap(), instant);
        }
    }
    // Stamps are instants of the vendor's clock.
    trial.pass(100);
    trial.host.rename(&id, "Ada King");
    let changed = trial.now();
    trial.pass(30);
    let at = trial.fetch(&[], &id).await.mark.at.unwrap();
    assert!((changed.as_second() - at.as_second()).abs() <= 1, "{at} for {changed}");
}

pub async fn a_list_takes_its_own_values_alone(trial: Trial) {
    let tier = |values: &[&str]| RemoteField {
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        restricted: true,
        ..field(&trial.custom("tier"), RemoteKind::Picklist)
    };
    let id = somebody(&trial, vec![tier(&["Free", "Pro"])]).await;
    assert_eq!(trial.keep(&id, "tier", json!("Pro")).await.unwrap(), "Pro");
    let refused = trial.keep(&id, "tier", json!("Platinum Sky")).await.unwrap_err();
    assert_eq!(refused.class, Class::Data, "{refused:?}");
    assert_eq!(trial.fetch(&[&trial.custom("tier")], &id).await.row[&trial.custom("tier")], "Pro");
    assert_eq!(trial.keep(&id, "tier", Value::Null).await.unwrap(), Value::Null);
    // The list grows, and what was in it stays.
    trial.make(tier(&["Free", "Pro", "Enterprise"])).await.unwrap();
    for value in ["Enterprise", "Free"] {
        assert_eq!(trial.keep(&id, "tier", json!(value)).await.unwrap(), value);
    }
}
