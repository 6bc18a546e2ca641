//! Who is who across two systems.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as told")]

use entente_model::id::RecordId;
use entente_model::matching::counterpart::{Judgement, LEARN_FROM, Matcher, learn, values};
use entente_model::matching::linkage::{Doubt, Level};
use entente_model::matching::{AUTO_LINK, KeyKind, Profile, keys};
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

fn judge(matcher: &Matcher, one: &Fields, two: &Fields, count: u32) -> Judgement {
    matcher.judge(&one.into(), &[two.into()], &|_, _| count).unwrap().remove(0)
}

fn contact(one: &Fields, two: &Fields) -> Judgement {
    judge(&Matcher::new("contact", None, AUTO_LINK), one, two, 1)
}

/// What becomes of a row beside a candidate.
#[derive(Debug, PartialEq)]
enum Fate {
    Linked,
    Asked,
    Apart,
}
use Fate::{Apart, Asked, Linked};

fn fate(judgement: &Judgement) -> Fate {
    match judgement {
        judgement if judgement.certain => Linked,
        judgement if judgement.is_worth_a_look() => Asked,
        _ => Apart,
    }
}

type Person = (&'static str, &'static str, &'static str, &'static str);

#[track_caller]
fn people(one: Person, two: Person, expected: Fate) {
    let (a, b) = (person(one.0, one.1, one.2, one.3), person(two.0, two.1, two.2, two.3));
    let (there, back) = (contact(&a, &b), contact(&b, &a));
    assert_eq!(fate(&there), expected, "{one:?} {two:?}: {} {:?}", there.in_words(), there.waterfall);
    assert!((there.probability() - back.probability()).abs() < 1e-9, "the order does not matter");
    assert_eq!(there.certain, there.probability() >= AUTO_LINK, "{there:?}");
}

const MAIL: &str = "ada@acme.com";
const PHONE: &str = "+14155550100";

#[test]
fn the_same_person_is_recognised_by_mail() {
    people(("Ada Lovelace", MAIL, "", ""), ("Ada Lovelace", MAIL, "", ""), Linked);
    people(("Bob Smith", MAIL, "", ""), ("Robert Smith", MAIL, "", ""), Linked);
    people(("A Lovelace", MAIL, "", ""), ("Ada Lovelace", MAIL, "", ""), Linked);
    people(("Lovelace Ada", MAIL, "", ""), ("Ada Lovelace", MAIL, "", ""), Linked);
    people(("", MAIL, "", ""), ("Ada Lovelace", MAIL, "", ""), Linked);
    people(("Ada King", MAIL, "", ""), ("Ada Lovelace", MAIL, "", ""), Linked);
    people(("Grace Hopper", MAIL, "", ""), ("Ada Lovelace", MAIL, "", ""), Asked);
}

#[test]
fn a_shared_mailbox_or_phone_is_weak() {
    people(("Grace Hopper", "info@acme.com", "", ""), ("Ada Lovelace", "info@acme.com", "", ""), Asked);
    people(("", "info@acme.com", "", ""), ("Ada Lovelace", "info@acme.com", "", ""), Asked);
    people(("Ada Lovelace", "support@acme.com", "", ""), ("Ada Lovelace", "support@acme.com", "", ""), Asked);
    people(("Ada Lovelace", "support@acme.com", "", "Acme"), ("Ada Lovelace", "support@acme.com", "", "Acme"), Asked);
    people(("", "", PHONE, ""), ("Ada Lovelace", "", PHONE, ""), Asked);
    people(("Byron Lovelace", "", PHONE, ""), ("Ada Lovelace", "", PHONE, ""), Apart);
    people(("Byron Lovelace", "", PHONE, "Acme"), ("Ada Lovelace", "", PHONE, "Acme"), Asked);
    people(("Grace Hopper", "", PHONE, ""), ("Ada Lovelace", "", PHONE, ""), Apart);
    people(("Grace Hopper", "", PHONE, "Acme"), ("Ada Lovelace", "", PHONE, "Acme"), Apart);
    people(("", "", "1234", ""), ("", "", "1234", ""), Apart);
}

#[test]
fn phone_and_name_are_certain_and_a_name_at_a_company_is_not() {
    people(("Ada Lovelace", "", PHONE, ""), ("Ada Lovelace", "", PHONE, ""), Linked);
    people(("Ada Lovelace", "ada@x.com", PHONE, "Acme"), ("Ada Lovelace", MAIL, PHONE, "ACME Inc."), Linked);
    people(("Ada Lovelace", "", "", "Acme Inc."), ("Áda Lovelace", "", "", "ACME"), Asked);
    people(("Ada Lovelace", "ada@x.com", "", "Acme Inc."), ("Ada Lovelace", MAIL, "", "ACME"), Asked);
    people(("Ada Lovelace", "", "", ""), ("Ada Lovelace", "", "", ""), Asked);
    people(("Grace Hopper", "", "", "Acme"), ("Ada Lovelace", "", "", "Acme"), Apart);
    let namesakes = contact(&person("Ada Lovelace", "", "", "Acme"), &person("Ada Lovelace", "", "", "Acme"));
    assert_eq!(namesakes.waterfall.verdict.doubt, Some(Doubt::Namesakes));
}

#[test]
fn namesakes_at_two_companies_are_two_though_their_mailboxes_are_made_alike() {
    let (globex, initech) = (("Anna Schmidt", "anna.schmidt@globex.com"), ("Anna Schmidt", "anna.schmidt@initech.com"));
    people((globex.0, globex.1, "", "Globex"), (initech.0, initech.1, "", "Initech"), Apart);
    people((globex.0, globex.1, PHONE, "Globex"), (initech.0, initech.1, "+14155550199", "Initech"), Apart);
    people((globex.0, globex.1, "", ""), (initech.0, initech.1, "", ""), Apart);
    let found = contact(&person(globex.0, globex.1, "", "Globex"), &person(initech.0, initech.1, "", "Initech"));
    assert!(found.probability() < 0.1, "{:?}", found.waterfall);
    // A private address beside one at work may well be hers, and so may a mailbox that somebody has chosen.
    people(("Anna Schmidt", "anna.schmidt@gmail.com", "", ""), (globex.0, globex.1, "", "Globex"), Asked);
    people(("Anna Schmidt", "moonwalker@globex.com", "", ""), ("Anna Schmidt", "moonwalker@initech.com", "", ""), Asked);
    // Phone and name are as good as ever.
    people((globex.0, globex.1, PHONE, "Globex"), (initech.0, initech.1, PHONE, "Globex Inc."), Linked);
}

#[test]
fn accounts_match_by_domain_and_name() {
    let check = |one: &[(&str, &str)], two: &[(&str, &str)], expected: Fate| {
        let found = judge(&Matcher::new("account", None, AUTO_LINK), &fields(one), &fields(two), 1);
        assert_eq!(fate(&found), expected, "{one:?} {two:?}: {:?}", found.waterfall);
    };
    check(&[("name", "Acme, Inc."), ("domain", "https://www.acme.com")], &[("name", "ACME"), ("website", "acme.com/en")], Linked);
    check(&[("name", "Acme Foods"), ("domain", "acme.com")], &[("name", "Robotics"), ("domain", "acme.com")], Asked);
    check(&[("name", "Acme GmbH")], &[("name", "Acme")], Asked);
    check(&[("name", "Acme"), ("domain", "acme.com")], &[("name", "Acme"), ("domain", "acme.de")], Asked);
    check(&[("name", "Acme"), ("phone", PHONE)], &[("name", "Acme"), ("phone", PHONE)], Linked);
    check(&[("name", "Acme"), ("domain", "facebook.com/acme")], &[("name", "Zenith"), ("domain", "facebook.com/zenith")], Apart);
}

#[test]
fn the_threshold_is_a_setting_and_no_doubt_passes_a_lower_one() {
    let desk = person("Ada Lovelace", "info@acme.com", "", "");
    let behind_a_desk = |threshold| judge(&Matcher::new("contact", None, threshold), &desk, &desk, 1);
    for threshold in [0.80, 0.95, 0.99] {
        let found = behind_a_desk(threshold);
        assert!(!found.certain && found.probability() < threshold, "a role address and a name are a doubt at {threshold}: {found:?}");
    }
    let (one, two) = (person("", MAIL, "", "Acme"), person("Ada Lovelace", MAIL, "", "Zenith"));
    let other_company = |threshold| judge(&Matcher::new("contact", None, threshold), &one, &two, 1);
    assert!(!other_company(0.95).certain && other_company(0.80).certain, "{:?}", other_company(0.80));
}

#[test]
fn a_number_that_many_have_says_little() {
    let (one, two) = (person("", "", PHONE, ""), person("Ada Lovelace", "", PHONE, ""));
    let of = |count| judge(&Matcher::new("contact", None, AUTO_LINK), &one, &two, count);
    assert_eq!((fate(&of(2)), fate(&of(30))), (Asked, Apart));
    assert!(of(30).waterfall.steps[1].frequency < -5.0, "a switchboard: {:?}", of(30));
}

#[test]
fn of_several_addresses_and_numbers_any_may_agree() {
    let mut one = person("Ada Lovelace", "ada@private.org", "", "");
    one.insert("work_email".to_owned(), Value::text(MAIL));
    let found = contact(&one, &person("Ada Lovelace", MAIL, "", ""));
    assert!(found.certain && found.key == Some(KeyKind::Email), "{found:?}");
}

#[test]
fn a_judgement_explains_itself_field_by_field_in_the_order_of_certainty() {
    let found = contact(&person("Bob Smith", MAIL, "", "Acme"), &person("Robert Smith", MAIL, PHONE, "Acme"));
    let steps: Vec<(&str, Level)> = found.waterfall.steps.iter().map(|step| (step.field.as_str(), step.level)).collect();
    assert_eq!(
        steps,
        [
            ("email", Level::Exact),
            ("phone", Level::Missing),
            ("company", Level::Exact),
            ("first_name", Level::Nickname),
            ("last_name", Level::Exact)
        ]
    );
    assert_eq!(found.in_words(), "email the same, company the same, first name forms of one name, last name the same (99.9 %)");
}

#[test]
fn keys_find_candidates_in_order_of_certainty() {
    let ada = person("Ada Lovelace", "Ada@acme.com", PHONE, "Acme, Inc.");
    let found = keys("contact", &ada);
    assert_eq!(found.iter().map(|key| key.kind).collect::<Vec<_>>(), [KeyKind::Email, KeyKind::Phone, KeyKind::NameAtCompany]);
    assert_eq!(found[0].value, "ada@acme.com");
    let full = keys("contact", &fields(&[("name", "Lovelace, Ada"), ("company", "ACME")]));
    assert_eq!(full[0], found[2]);
    let account = keys("account", &fields(&[("name", "The Acme Group"), ("domain", "https://shop.acme.co.uk")]));
    assert_eq!(account.iter().map(|key| key.value.as_str()).collect::<Vec<_>>(), ["acme.co.uk", "acme"]);
    assert!(keys("case", &ada).is_empty());
}

#[test]
fn the_account_of_a_reference_counts_whatever_it_is_called() {
    let at = |name: &str, account: u128| {
        let mut fields = person(name, "", "", "");
        fields.insert("account".to_owned(), Value::Ref(RecordId::new("acc", account)));
        fields
    };
    assert_eq!(keys("contact", &at("Bob Smith", 1)), keys("contact", &at("Robert Smith", 1)));
    assert_ne!(keys("contact", &at("Bob Smith", 1)), keys("contact", &at("Bob Smith", 2)));
    let (one, two) = (at("Ada Lovelace", 1), person("Ada Lovelace", "", "", "Acme Ltd"));
    let matcher = Matcher::new("contact", None, AUTO_LINK);
    let found = matcher.judge(&Profile { fields: &one, company: Some("Acme") }, &[(&two).into()], &|_, _| 1).unwrap().remove(0);
    assert_eq!(fate(&found), Asked);
    assert_eq!(found.waterfall.steps[2].level, Level::Exact);
}

/// A store of people who bear common and rare names, work at some hundred companies, and are there once, but for some copies.
fn store() -> Vec<Vec<String>> {
    let word = |n: usize| {
        format!("{}{}", ["Bar", "Cel", "Dor", "Fen", "Gil", "Hob", "Jun"][n % 7], ["ton", "man", "sel", "rick", "gate"][n / 7 % 5])
    };
    let record = |n: usize| {
        let family = if n.is_multiple_of(4) { "Smith".to_owned() } else { format!("{}{}", word(n), word(n / 35)) };
        let given = word(n * 3 + n / 11);
        let email = format!("{}.{}{n}@company{}.com", given.to_lowercase(), family.to_lowercase(), n % 200);
        let fields = person(&format!("{given} {family}"), &email, &format!("+1415{:07}", n % 200), &format!("Company {}", n % 200));
        values("contact", &(&fields).into(), None)
    };
    (0..LEARN_FROM + 500).map(record).chain((0..300).map(|n| record(n * 5))).collect()
}

#[test]
fn a_store_teaches_which_values_are_common_and_keeps_what_makes_a_customer() {
    let records = store();
    let learned = learn("contact", records.iter().map(Vec::as_slice)).unwrap().expect("enough to learn from");
    let matcher = Matcher::new("contact", Some(learned.clone()), AUTO_LINK);
    let step = |family: &str| judge(&matcher, &person(family, "", "", ""), &person(family, "", "", ""), 1).waterfall.steps[4].clone();
    assert!(step("Ada Smith").frequency < -1.0, "a quarter are called so: {:?}", step("Ada Smith"));
    assert!(step("Ada Featherstonehaugh").frequency > 0.5, "nobody is called so: {:?}", step("Ada Featherstonehaugh"));
    let m = |field: usize, level: Level| learned.model.fields[field].odds(level).unwrap().m;
    assert!(
        m(0, Level::Exact) > 0.35 && m(0, Level::Domain) < 0.3,
        "colleagues are not taken for customers: {:?}",
        learned.model.fields[0]
    );
    // The promises hold for learned weights as for built-in ones.
    let verdict =
        |one: Person, two: Person| fate(&judge(&matcher, &person(one.0, one.1, one.2, one.3), &person(two.0, two.1, two.2, two.3), 1));
    assert_eq!(verdict(("Ada Lovelace", MAIL, "", ""), ("Ada Lovelace", MAIL, "", "")), Linked);
    assert_eq!(verdict(("", MAIL, "", ""), ("Ada Lovelace", MAIL, "", "")), Linked);
    assert_eq!(verdict(("Ada Lovelace", "", PHONE, ""), ("Ada Lovelace", "", PHONE, "")), Linked);
    assert_eq!(verdict(("Grace Hopper", "info@acme.com", "", ""), ("Ada Lovelace", "info@acme.com", "", "")), Asked);
    assert_eq!(verdict(("Grace Hopper", "", "+14150000001", "Company 1"), ("Ada Lovelace", "", "+14150000001", "Company 1")), Apart);
    let stored: entente_model::matching::counterpart::Learned = serde_json::from_str(&serde_json::to_string(&learned).unwrap()).unwrap();
    let ada = person("Ada Smith", MAIL, "", "Acme");
    let stored = judge(&Matcher::new("contact", Some(stored), AUTO_LINK), &ada, &ada, 1);
    assert!(
        (stored.waterfall.verdict.weight - judge(&matcher, &ada, &ada, 1).waterfall.verdict.weight).abs() < 1e-6,
        "it survives being stored"
    );
    assert!(!serde_json::to_string(&learned).unwrap().to_lowercase().contains("smith"), "nobody is named in it");
}

#[test]
fn a_store_whose_names_are_all_alike_does_not_teach_that_others_are_the_same() {
    let record = |n: usize| {
        let fields = person(&format!("Given{} Family{}", n % 97, n % 89), &format!("person{n}@company{}.com", n % 50), "", "");
        values("contact", &(&fields).into(), None)
    };
    let records: Vec<Vec<String>> = (0..LEARN_FROM + 100).map(record).collect();
    let learned = learn("contact", records.iter().map(Vec::as_slice)).unwrap().unwrap();
    for field in &learned.model.fields {
        let (exact, different) = (field.odds(Level::Exact).unwrap().weight(), field.odds(Level::Different).unwrap().weight());
        assert!(different < 0.0, "{field:?}");
        assert!(field.levels.iter().all(|odds| odds.weight() <= exact + 1e-9), "{field:?}");
    }
    let matcher = Matcher::new("contact", Some(learned), AUTO_LINK);
    let found = judge(&matcher, &person("Ada Lovelace", "", PHONE, ""), &person("Grace Hopper", "", PHONE, ""), 1);
    assert_eq!(fate(&found), Apart, "{found:?}");
}

#[test]
fn duplicates_of_a_store_are_found_although_no_value_is_the_same() {
    let of = |name: &str, email: &str, phone: &str| values("contact", &(&person(name, email, phone, "Acme")).into(), None);
    let records = [
        of("Ada Lovelace", MAIL, ""),
        of("Grace Hopper", "grace@acme.com", PHONE),
        of("Ada Lovelacee", "ada.l@acme.com", ""),
        of("Robert Smith", "robert@smith.org", "+442071838750"),
        of("Bob Smith", "bob@smith.org", "+442071838750"),
        of("Isla Hall", "isla@acme.com", PHONE),
    ];
    let found = Matcher::new("contact", None, AUTO_LINK).duplicates(&records, &[], 10, |_, _| false).unwrap();
    let mut pairs: Vec<(usize, usize)> = found.iter().map(|(one, two, _)| (*one.min(two), *one.max(two))).collect();
    pairs.sort_unstable();
    assert_eq!(pairs, [(0, 2), (3, 4)], "{found:?}");
    let first = found[0].2.clone();
    let one = Matcher::new("contact", None, AUTO_LINK).duplicates(&records, &[], 1, |_, _| false).unwrap();
    assert_eq!(one.iter().map(|(.., judgement)| judgement.clone()).collect::<Vec<_>>(), [first], "the likeliest first");
    let shown = (one[0].0, one[0].1);
    let next = Matcher::new("contact", None, AUTO_LINK).duplicates(&records, &[], 1, |one, two| (one, two) == shown).unwrap();
    assert_eq!(next.len(), 1, "what is known takes nobody's place");
    assert_ne!((next[0].0, next[0].1), shown);
    // The same pairs, of one of each.
    let (these, those) = records.split_at(2);
    let across = Matcher::new("contact", None, AUTO_LINK).duplicates(these, those, 10, |_, _| false).unwrap();
    assert_eq!(across.iter().map(|(one, two, _)| (*one, *two)).collect::<Vec<_>>(), [(0, 2)], "{across:?}");
}

#[test]
fn too_few_records_teach_nothing() {
    let records = store();
    assert!(learn("contact", records[..LEARN_FROM - 1].iter().map(Vec::as_slice)).unwrap().is_none());
}

#[test]
fn what_was_learned_of_other_fields_is_not_used() {
    let records = store();
    let learned = learn("contact", records.iter().map(Vec::as_slice)).unwrap();
    assert_eq!(Matcher::new("account", learned, AUTO_LINK), Matcher::new("account", None, AUTO_LINK));
}

proptest! {
    #[test]
    fn one_weak_key_never_links(
        names in prop::sample::select(vec![("Ada Lovelace", "Grace Hopper"), ("", "Ada Lovelace"), ("", "")]),
        weak in prop::sample::select(vec![("info@acme.com", "", ""), ("", "+14155550100", ""), ("", "", "Acme")]),
        threshold in 0.8_f64..0.99,
    ) {
        let one = person(names.0, weak.0, weak.1, weak.2);
        let two = person(names.1, weak.0, weak.1, weak.2);
        let found = judge(&Matcher::new("contact", None, threshold), &one, &two, 1);
        prop_assert!(!found.certain && found.probability() < threshold, "{found:?}");
    }

    #[test]
    fn what_is_certain_is_sure_enough_and_without_a_doubt(
        one in ("[A-C]{0,2} ?[A-Ca-c]{0,3}", "(info|a|b)?@?(x.com|y.de)?", "([+]1234567)?", "(Acme)?"),
        two in ("[A-C]{0,2} ?[A-Ca-c]{0,3}", "(info|a|b)?@?(x.com|y.de)?", "([+]1234567)?", "(Acme)?"),
    ) {
        let found = contact(&person(&one.0, &one.1, &one.2, &one.3), &person(&two.0, &two.1, &two.2, &two.3));
        prop_assert_eq!(found.certain, found.probability() >= AUTO_LINK && found.waterfall.verdict.doubt.is_none());
        prop_assert!((0.0..=1.0).contains(&found.probability()));
    }
}
