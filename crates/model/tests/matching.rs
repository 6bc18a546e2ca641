//! Who is who across two systems.

use entente_model::matching::{AUTO_LINK, KeyKind, Match, Profile, SCORE_MAX, keys, score};
use entente_model::value::{Fields, Value};
use proptest::prelude::*;

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(key, text)| ((*key).to_owned(), Value::text(*text))).collect()
}

fn person(name: &str, email: &str, phone: &str, company: &str) -> Fields {
    let (first, last) = name.split_once(' ').unwrap_or(("", name));
    let all = [("first_name", first), ("last_name", last), ("email", email), ("phone", phone), ("company", company)];
    fields(&all).into_iter().filter(|(_, value)| !value.is_blank()).collect()
}

fn contact(one: &Fields, two: &Fields) -> Match {
    score("contact", one.into(), two.into())
}

#[track_caller]
fn scores(one: (&str, &str, &str, &str), two: (&str, &str, &str, &str), expected: f64) {
    let (a, b) = (person(one.0, one.1, one.2, one.3), person(two.0, two.1, two.2, two.3));
    let (there, back) = (contact(&a, &b), contact(&b, &a));
    assert!((there.score - expected).abs() < 1e-9, "{one:?} {two:?}: {there:?}");
    assert!((there.score - back.score).abs() < 1e-9, "the order does not matter");
}

#[test]
fn the_same_person_is_recognised_by_mail() {
    let mail = "ada@acme.com";
    scores(("Ada Lovelace", mail, "", ""), ("Ada Lovelace", mail, "", ""), 0.98);
    scores(("Bob Smith", mail, "", ""), ("Robert Smith", mail, "", ""), 0.98);
    scores(("A Lovelace", mail, "", ""), ("Ada Lovelace", mail, "", ""), 0.98);
    scores(("Lovelace Ada", mail, "", ""), ("Ada Lovelace", mail, "", ""), 0.98);
    scores(("", mail, "", ""), ("Ada Lovelace", mail, "", ""), 0.95);
    scores(("Ada King", mail, "", ""), ("Ada Lovelace", mail, "", ""), 0.93);
    scores(("Grace Hopper", mail, "", ""), ("Ada Lovelace", mail, "", ""), 0.90);
}

#[test]
fn a_shared_mailbox_or_phone_is_weak() {
    scores(("Grace Hopper", "info@acme.com", "", ""), ("Ada Lovelace", "info@acme.com", "", ""), 0.60);
    scores(("Ada Lovelace", "support@acme.com", "", ""), ("Ada Lovelace", "support@acme.com", "", ""), 0.92);
    scores(("", "", "+14155550100", ""), ("Ada Lovelace", "", "+14155550100", ""), 0.70);
    scores(("Grace Hopper", "", "+14155550100", ""), ("Ada Lovelace", "", "+14155550100", ""), 0.50);
    scores(("Byron Lovelace", "", "+14155550100", ""), ("Ada Lovelace", "", "+14155550100", ""), 0.80);
    scores(("", "", "1234", ""), ("", "", "1234", ""), 0.0);
}

#[test]
fn phone_or_company_with_the_name_come_close() {
    scores(("Ada Lovelace", "", "+14155550100", ""), ("Ada Lovelace", "", "+14155550100", ""), 0.96);
    scores(("Ada Lovelace", "", "", "Acme Inc."), ("Áda Lovelace", "", "", "ACME"), 0.90);
    scores(("Ada Lovelace", "", "", ""), ("Ada Lovelace", "", "", ""), 0.50);
    scores(("Grace Hopper", "", "", "Acme"), ("Ada Lovelace", "", "", "Acme"), 0.0);
}

#[test]
fn accounts_match_by_domain_and_name() {
    let check = |one: &[(&str, &str)], two: &[(&str, &str)], expected: f64| {
        let found = score("account", (&fields(one)).into(), (&fields(two)).into());
        assert!((found.score - expected).abs() < 1e-9, "{one:?} {two:?}: {found:?}");
    };
    check(&[("name", "Acme, Inc."), ("domain", "https://www.acme.com")], &[("name", "ACME"), ("website", "acme.com/en")], 0.98);
    check(&[("name", "Acme Foods"), ("domain", "acme.com")], &[("name", "Robotics"), ("domain", "acme.com")], 0.85);
    check(&[("name", "Acme GmbH")], &[("name", "Acme")], 0.90);
    check(&[("name", "Acme"), ("domain", "acme.com")], &[("name", "Acme"), ("domain", "acme.de")], 0.70);
    check(&[("name", "Acme"), ("phone", "+14155550100")], &[("name", "Acme"), ("phone", "+14155550100")], 0.96);
    check(&[("name", "Acme"), ("domain", "facebook.com/acme")], &[("name", "Zenith"), ("domain", "facebook.com/zenith")], 0.0);
}

#[test]
fn keys_find_candidates_in_order_of_certainty() {
    let ada = person("Ada Lovelace", "Ada@acme.com", "+14155550100", "");
    let found = keys("contact", &ada, Some("Acme, Inc."));
    assert_eq!(found.iter().map(|key| key.kind).collect::<Vec<_>>(), [KeyKind::Email, KeyKind::Phone, KeyKind::NameAtCompany]);
    assert_eq!(found[0].value, "ada@acme.com");
    let full = keys("contact", &fields(&[("name", "Lovelace, Ada"), ("company", "ACME")]), None);
    assert_eq!(full[0], found[2]);
    let account = keys("account", &fields(&[("name", "The Acme Group"), ("domain", "https://shop.acme.co.uk")]), None);
    assert_eq!(account.iter().map(|key| key.value.as_str()).collect::<Vec<_>>(), ["acme.co.uk", "acme"]);
    assert!(keys("case", &ada, None).is_empty());
}

#[test]
fn the_company_of_a_reference_counts() {
    let (one, two) = (person("Ada Lovelace", "", "", ""), person("Ada Lovelace", "", "", "Acme Ltd"));
    let found = score("contact", Profile { fields: &one, company: Some("Acme") }, (&two).into());
    assert!((found.score - 0.90).abs() < 1e-9 && !found.is_certain());
    assert!(found.evidence.iter().any(|piece| piece.field == "company" && piece.weight > 0.0));
}

proptest! {
    #[test]
    fn one_weak_key_never_links(
        names in prop::sample::select(vec![("Ada Lovelace", "Grace Hopper"), ("", "Ada Lovelace"), ("", "")]),
        weak in prop::sample::select(vec![("info@acme.com", "", ""), ("", "+14155550100", ""), ("", "", "Acme")]),
    ) {
        let one = person(names.0, weak.0, weak.1, weak.2);
        let two = person(names.1, weak.0, weak.1, weak.2);
        prop_assert!(contact(&one, &two).score < AUTO_LINK);
    }

    #[test]
    fn scores_stay_within_their_bounds(
        one in ("[A-C]{0,2} ?[A-Ca-c]{0,3}", "(info|a|b)?@?(x.com|y.de)?", "([+]1234567)?", "(Acme)?"),
        two in ("[A-C]{0,2} ?[A-Ca-c]{0,3}", "(info|a|b)?@?(x.com|y.de)?", "([+]1234567)?", "(Acme)?"),
    ) {
        let found = contact(&person(&one.0, &one.1, &one.2, &one.3), &person(&two.0, &two.1, &two.2, &two.3));
        prop_assert!((0.0..=SCORE_MAX).contains(&found.score));
        prop_assert_eq!(found.score >= AUTO_LINK, found.is_certain());
    }
}
