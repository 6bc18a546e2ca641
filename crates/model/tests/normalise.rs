//! One form for each value.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say so at once")]

use entente_model::normalise::{Locale, from_json, normalise, to_json};
use entente_model::object::FieldType;
use entente_model::value::Value;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn kinds() -> Vec<FieldType> {
    vec![
        FieldType::Text,
        FieldType::LongText,
        FieldType::Email,
        FieldType::Phone,
        FieldType::Url,
        FieldType::Number { scale: 2 },
        FieldType::Money { currency: "EUR".into() },
        FieldType::Date,
        FieldType::Datetime,
        FieldType::Boolean,
        FieldType::Picklist { values: vec![] },
        FieldType::MultiPicklist { values: vec![] },
        FieldType::Reference { object: "account".into() },
        FieldType::Json,
    ]
}

fn berlin() -> Locale {
    Locale { timezone: TimeZone::get("Europe/Berlin").unwrap(), ..Locale::default() }
}

#[track_caller]
fn same(kind: &FieldType, one: Json, two: Json) {
    let (left, right) = (from_json(kind, &one, &berlin()).unwrap(), from_json(kind, &two, &berlin()).unwrap());
    assert_eq!(left, right, "{one} and {two} as {kind:?}");
}

#[test]
fn what_means_the_same_is_the_same() {
    same(&FieldType::Email, json!(" Ada@Example.COM "), json!("ada@example.com"));
    same(&FieldType::Email, json!("ada@bücher.de"), json!("ada@xn--bcher-kva.de"));
    same(&FieldType::Phone, json!("(415) 555-0100"), json!("+1 415 555 0100"));
    same(&FieldType::Text, json!("Smith &amp; Sons "), json!("Smith & Sons"));
    same(&FieldType::Text, json!("Smith &amp;amp; Sons"), json!("Smith & Sons"));
    same(&FieldType::Text, json!("Zoe\u{308}"), json!("Zoë"));
    same(&FieldType::Text, json!("a\u{a0}b"), json!("a b"));
    same(&FieldType::LongText, json!("a\r\nb \r\n"), json!("a\nb"));
    same(&FieldType::Url, json!("HTTPS://Example.com/"), json!("https://example.com"));
    same(&FieldType::Number { scale: 2 }, json!(1.5), json!("1.50"));
    same(&FieldType::Number { scale: 2 }, json!(1.005), json!("1.01"));
    same(&FieldType::Money { currency: "EUR".into() }, json!("1,200.00"), json!(1200));
    same(&FieldType::Date, json!("2026-03-31"), json!("2026-03-31T00:00:00.000+0000"));
    same(&FieldType::Date, json!("2026-03-31"), json!("2026-03-30T22:00:00Z"));
    same(&FieldType::Datetime, json!("2026-03-31T10:00:00.000+0000"), json!("2026-03-31T12:00:00+02:00"));
    same(&FieldType::Datetime, json!("2026-03-31T12:00:00"), json!("2026-03-31T10:00:00Z"));
    same(&FieldType::Boolean, json!("true"), json!(1));
    same(&FieldType::Boolean, json!(null), json!(false));
    same(&FieldType::Picklist { values: vec![] }, json!(" Pro "), json!("Pro"));
    same(&FieldType::MultiPicklist { values: vec![] }, json!("b; a;"), json!(["a", "b", "a"]));
    same(&FieldType::MultiPicklist { values: vec![] }, json!([]), json!(null));
    for kind in kinds() {
        same(&kind, json!("  "), json!(null));
    }
}

#[test]
fn what_differs_stays_different() {
    let text = |value: &str| normalise(&FieldType::Text, Value::text(value), &berlin()).unwrap();
    assert_ne!(text("a  b"), text("a b"));
    assert_ne!(text("Ada"), text("ada"));
    assert_eq!(from_json(&FieldType::Url, &json!("https://example.com/Path"), &berlin()).unwrap(), Value::text("https://example.com/Path"));
    assert_eq!(from_json(&FieldType::LongText, &json!("<b>a &amp; b</b>"), &berlin()).unwrap(), Value::text("<b>a &amp; b</b>"));
}

#[test]
fn what_cannot_be_read_is_refused_without_repeating_it() {
    for (kind, json) in [
        (FieldType::Number { scale: 0 }, json!("secret")),
        (FieldType::Number { scale: 0 }, json!("1,2")),
        (FieldType::Date, json!("2026-03-31T10:00:00Z")),
        (FieldType::Date, json!("31.03.2026")),
        (FieldType::Datetime, json!("yesterday")),
        (FieldType::Boolean, json!("perhaps")),
        (FieldType::Text, json!({ "secret": 1 })),
        (FieldType::Reference { object: "account".into() }, json!("0015g00000AbCdE")),
    ] {
        let error = from_json(&kind, &json, &berlin()).unwrap_err().to_string();
        assert!(error.contains("expected") && !error.contains("secret"), "{error}");
    }
}

#[test]
fn numbers_lose_no_digit_on_the_way_out() {
    for text in ["0.1", "1234567890123.45", "-7", "79228162514264337593543950335", "0.1234567890123456789"] {
        let value = Value::Number(text.parse().unwrap());
        assert_eq!(from_json(&FieldType::Number { scale: 28 }, &to_json(&value), &berlin()).unwrap(), value, "{text}");
    }
    assert_eq!(to_json(&Value::Number("1.50".parse().unwrap())), json!(1.5));
}

fn any_json() -> impl Strategy<Value = Json> {
    prop_oneof![
        "\\PC{0,40}".prop_map(Json::String),
        "[ \\t\r\n\u{a0}a-zA-Z&#;0-9@.+()/:é\u{308}İßΣ-]{0,30}".prop_map(Json::String),
        "(&(amp|lt|#38|#x26|nbsp|#160|#x37e|#776)?;?|amp;|x| ){0,12}".prop_map(Json::String),
        "[+]?[0-9 ()./x-]{3,22}".prop_map(Json::String),
        "(00|011|[+]|tel:)?[1-9][0-9]{0,2}[ -]?[(]?0?[)]?[0-9]{4,12}( (ext[.]?|x|#) ?[0-9]{1,5})?".prop_map(Json::String),
        "[^@ ]{1,12}@[^@ ]{1,15}".prop_map(Json::String),
        "(https?://)?[^ ]{1,20}/*".prop_map(Json::String),
        "[0-9]{4}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-][01][0-9]:?[0-5][0-9])?)?"
            .prop_map(Json::String),
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<bool>().prop_map(|flag| json!(flag)),
        prop::collection::vec("\\PC{0,8}", 0..5).prop_map(|items| json!(items)),
        Just(json!({ "a": [1, null] })),
        Just(json!([null, "x"])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn normalising_twice_is_normalising_once(json in any_json(), region in prop::sample::select(vec!["US", "DE", "GB", "IT", "XX"])) {
        let locale = Locale { region: region.into(), ..berlin() };
        for kind in kinds() {
            if let Ok(once) = from_json(&kind, &json, &locale) {
                let twice = normalise(&kind, once.clone(), &locale);
                prop_assert_eq!(Ok(once.clone()), twice, "{:?}", kind);
                prop_assert_eq!(Ok(once.clone()), from_json(&kind, &to_json(&once), &locale), "through JSON as {:?}", kind);
            }
        }
    }
}
