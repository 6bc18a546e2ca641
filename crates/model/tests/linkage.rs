//! Records of one customer among many.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as told")]

use std::collections::BTreeSet;

use entente_model::matching::AUTO_LINK;
use entente_model::matching::linkage::{
    Blocks, Crowd, Doubt, Edge, Effort, Field, FieldModel, Judge, Kind, Lesson, Level, LevelOdds, Model, Row, Side, Table, TableBuilder,
    clusters, learn,
};
use proptest::prelude::*;

const PERSON: [(&str, Kind); 7] = [
    ("first name", Kind::GivenName),
    ("last name", Kind::FamilyName),
    ("email", Kind::Email),
    ("phone", Kind::Phone),
    ("company", Kind::Company),
    ("city", Kind::Place),
    ("born", Kind::Date),
];

fn fields(kinds: &[(&str, Kind)]) -> Vec<Field> {
    kinds.iter().map(|(name, kind)| Field::new(*name, *kind)).collect()
}

fn table<const N: usize>(kinds: [(&str, Kind); N], records: &[[&str; N]]) -> Table {
    let mut builder = TableBuilder::new(fields(&kinds)).unwrap();
    for record in records {
        builder.add(Side::Left, record.iter().copied()).unwrap();
    }
    builder.finish()
}

/// A model by which every agreement is strong.
fn sure_of_itself(kinds: &[(&str, Kind)]) -> Model {
    let levels = |kind: Kind| {
        let weigh = |level: &Level| match level {
            Level::Different => LevelOdds { level: *level, m: 0.1, u: 0.9 },
            _ => LevelOdds { level: *level, m: 0.5, u: 1e-9 },
        };
        kind.levels().iter().map(weigh).collect()
    };
    let fields = fields(kinds).into_iter().map(|field| FieldModel { levels: levels(field.kind), field });
    Model { prior: 1e-3, fields: fields.collect(), crowds: Vec::new(), rounds: 0, pairs: 0.0 }
}

#[track_caller]
fn levels(one: [&str; 7], two: [&str; 7], expected: &[(&str, Level)]) {
    let (table, model) = (table(PERSON, &[one, two]), sure_of_itself(&PERSON));
    let judge = Judge::new(&table, &model);
    for (there, back) in [(0, 1), (1, 0)] {
        let explained = judge.explain(there, back);
        let found: Vec<(&str, Level)> =
            explained.steps.iter().filter(|step| step.level != Level::Missing).map(|step| (step.field.as_str(), step.level)).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn names_agree_in_the_forms_that_people_use() {
    levels(
        ["Bob", "Smith", "", "", "", "", ""],
        ["Robert", "Schmidt", "", "", "", "", ""],
        &[("first name", Level::Nickname), ("last name", Level::Sound)],
    );
    levels(
        ["Ada", "Lovelace", "", "", "", "", ""],
        ["A.", "Lovelcae", "", "", "", "", ""],
        &[("first name", Level::Part), ("last name", Level::Near)],
    );
}

#[test]
fn names_in_each_other_s_place_are_one_piece_of_evidence() {
    levels(["Hall", "Isla", "", "", "", "", ""], ["Isla", "Hall", "", "", "", "", ""], &[("first name", Level::Swapped)]);
    levels(["", "Isla", "", "", "", "", ""], ["Isla", "Hall", "", "", "", "", ""], &[("last name", Level::Swapped)]);
    levels(
        ["Kelly", "Grace", "", "", "", "", ""],
        ["Isla", "Hall", "", "", "", "", ""],
        &[("first name", Level::Different), ("last name", Level::Different)],
    );
}

fn verdict(one: [&str; 7], two: [&str; 7]) -> (f64, Option<Doubt>) {
    let (table, model) = (table(PERSON, &[one, two]), sure_of_itself(&PERSON));
    let verdict = Judge::new(&table, &model).verdict(0, 1);
    (verdict.probability, verdict.doubt)
}

#[test]
fn two_keys_or_one_that_belongs_to_a_person_are_certain() {
    assert!(verdict(["Ada", "Lovelace", "", "", "", "", ""], ["Ada", "Lovelace", "", "", "", "", "1990-05-21"]).0 < AUTO_LINK);
    assert!(verdict(["Ada", "Lovelace", "", "", "", "", "1990-05-21"], ["Ada", "Lovelace", "", "", "", "", "1990-05-21"]).0 >= AUTO_LINK);
    assert!(verdict(["", "", "ada@acme.com", "", "", "", ""], ["Ada", "", "ada@acme.com", "", "", "", ""]).0 >= AUTO_LINK);
}

#[test]
fn names_that_contradict_each_other_are_left_to_a_person() {
    let phone = "+14155550100";
    let (probability, doubt) =
        verdict(["Ada", "Lovelace", "us@acme.com", phone, "", "", ""], ["Grace", "Hopper", "us@acme.com", phone, "", "", ""]);
    assert!(probability < AUTO_LINK);
    assert_eq!(doubt, Some(Doubt::OtherName));
}

#[test]
fn a_given_name_and_a_switchboard_are_no_proof_against_another_family_name() {
    let at_work = |family, email| ["Ada", family, email, "+14155550100", "Acme Inc.", "", ""];
    let (probability, doubt) = verdict(at_work("Lovelace", ""), at_work("Hopper", ""));
    assert!(probability < AUTO_LINK);
    assert_eq!(doubt, Some(Doubt::OtherName));
    let married = verdict(at_work("Lovelace", "ada@acme.com"), at_work("Hopper", "ada@acme.com"));
    assert!(married.0 >= AUTO_LINK, "who has married keeps the mailbox: {married:?}");
}

#[test]
fn a_rare_name_says_more_than_a_common_one() {
    let kinds = [("last name", Kind::FamilyName), ("born", Kind::Date)];
    let born: Vec<String> = (0..400).map(|n| format!("19{:02}-{:02}-11", n % 90, n % 12 + 1)).collect();
    let rare: Vec<String> =
        (0..200).map(|n| format!("Rare{}", char::from(b'a' + n % 26).to_string().repeat(usize::from(n / 26) + 1))).collect();
    let records: Vec<[&str; 2]> = (0..400).map(|n| [if n % 2 == 0 { "Smith" } else { rare[n / 2].as_str() }, born[n].as_str()]).collect();
    let mut builder = TableBuilder::new(fields(&kinds)).unwrap();
    for record in records.iter().chain([&["Raree", "1950-01-01"], &["Raree", "1990-12-31"]]) {
        builder.add(Side::Left, record.iter().copied()).unwrap();
    }
    let table = builder.finish();
    let mut model = sure_of_itself(&kinds);
    for odds in model.fields[0].levels.iter_mut().filter(|odds| odds.level == Level::Exact) {
        odds.u = 0.05;
    }
    let judge = Judge::new(&table, &model);
    let (common, rare) = (judge.explain(0, 2).steps.remove(0), judge.explain(400, 401).steps.remove(0));
    assert_eq!((common.level, rare.level), (Level::Exact, Level::Exact));
    assert!(common.frequency < -2.0, "half of all are called so: {common:?}");
    assert!(rare.frequency > 1.0, "only these two are called so: {rare:?}");
}

#[test]
fn copies_of_one_customer_make_no_address_common() {
    let copy = ["Ada", "Lovelace", "ada@acme.com", "", "", "London", "1990-05-21"];
    let strangers =
        [["Grace", "Hopper"], ["Isla", "Hall"], ["Luke", "Robinson"], ["Maryam", "Jones"], ["Caleb", "Rowe"], ["Darcy", "Bernas"]];
    let shared = strangers.map(|[given, family]| [given, family, "desk@acme.com", "", "", "", ""]);
    let others: Vec<[&str; 7]> = std::iter::repeat_n(["", "", "", "", "", "York", ""], 200).collect();
    let all: Vec<[&str; 7]> = std::iter::repeat_n(copy, 6).chain(shared).chain(others).collect();
    let (table, model) = (table(PERSON, &all), sure_of_itself(&PERSON));
    let judge = Judge::new(&table, &model);
    let email = |one, two| judge.explain(one, two).steps.remove(2);
    assert!(email(0, 1).frequency > email(6, 7).frequency + 5.0, "{:?} {:?}", email(0, 1), email(6, 7));
}

fn edge(one: Row, two: Row) -> Edge {
    Edge { one, two, probability: 0.97 }
}

#[test]
fn one_link_does_not_chain_two_groups() {
    // 0 = 1 = 2 and 3 = 4 = 5, and one edge between 2 and 3.
    let inner = [edge(0, 1), edge(1, 2), edge(0, 2), edge(3, 4), edge(4, 5), edge(3, 5)];
    let chained: Vec<Edge> = inner.iter().copied().chain([edge(2, 3)]).collect();
    let known: BTreeSet<(Row, Row)> = chained.iter().map(|edge| (edge.one, edge.two)).collect();
    let judge = |one: Row, two: Row| if known.contains(&(one.min(two), one.max(two))) { 0.97 } else { 0.1 };
    let found = clusters(&chained, AUTO_LINK, judge);
    assert_eq!(found.groups, [vec![0, 1, 2], vec![3, 4, 5]]);
    assert_eq!(found.refused, [(2, 3)]);
    let agreeing = clusters(&chained, AUTO_LINK, |_, _| 0.7);
    assert_eq!(agreeing.groups, [vec![0, 1, 2, 3, 4, 5]], "when the groups are alike, the link joins them");
    assert!(clusters(&chained, 0.98, judge).groups.is_empty());
}

#[test]
fn a_model_survives_being_stored() {
    let model = sure_of_itself(&PERSON);
    let stored = serde_json::to_string(&model).unwrap();
    assert_eq!(serde_json::from_str::<Model>(&stored).unwrap(), model);
}

#[test]
fn every_pair_that_shares_a_key_is_met_once() {
    let records: Vec<[String; 2]> = (0..90).map(|n| [format!("person{}@acme.com", n % 30), format!("+1415555{:04}", n % 45)]).collect();
    let records: Vec<[&str; 2]> = records.iter().map(|record| [record[0].as_str(), record[1].as_str()]).collect();
    let table = table([("email", Kind::Email), ("phone", Kind::Phone)], &records);
    let effort = Effort { all_pairs_max: 0.0, ..Effort::default() };
    let blocks = Blocks::of(&table, effort);
    let mut met = Vec::new();
    for block in 0..blocks.len() {
        blocks.pairs(&table, block..block + 1, |one, two| met.push((one.min(two), one.max(two))));
    }
    let distinct: BTreeSet<(Row, Row)> = met.iter().copied().collect();
    let share = |one: usize, two: usize| records[one][0] == records[two][0] || records[one][1] == records[two][1];
    let expected = (0..90).flat_map(|one| (one + 1..90).map(move |two| (one, two))).filter(|(one, two)| share(*one, *two)).count();
    assert_eq!((met.len(), distinct.len()), (expected, expected));
    let narrow = Blocks::of(&table, Effort { block_max: 2, ..effort });
    assert!(narrow.left_out() >= 30, "three share an address");
    let all = Blocks::of(&table, Effort::default());
    let mut count = 0;
    all.pairs(&table, 0..all.len(), |_, _| count += 1);
    assert_eq!(count, 90 * 89 / 2, "in a small table everybody is compared with everybody");
}

#[test]
fn two_sets_are_compared_across_alone() {
    let mut builder = TableBuilder::new(fields(&[("email", Kind::Email)])).unwrap();
    for side in [Side::Left, Side::Left, Side::Right] {
        builder.add(side, ["ada@acme.com"]).unwrap();
    }
    let table = builder.finish();
    let blocks = Blocks::of(&table, Effort::default());
    let mut met = Vec::new();
    blocks.pairs(&table, 0..blocks.len(), |one, two| met.push((one, two)));
    met.sort_unstable();
    assert_eq!(met, [(0, 2), (1, 2)]);
    assert!((table.pairs() - 2.0).abs() < f64::EPSILON);
}

/// Made by `entente bench matching --generate 1500 --seed 1 --save crates/model/tests/fixtures/people.csv`.
const PEOPLE: &str = include_str!("fixtures/people.csv");

struct People {
    table: Table,
    customers: Vec<&'static str>,
}

fn people() -> People {
    use Kind::{Company, Date, Email, FamilyName, GivenName, Phone, Place, Postcode, Text};
    let kinds = [GivenName, FamilyName, Date, Email, Phone, Company, Text, Postcode, Place];
    let mut lines = PEOPLE.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let fields = head[1..10].iter().zip(kinds).map(|(name, kind)| Field::new(*name, kind)).collect();
    let (mut builder, mut customers) = (TableBuilder::new(fields).unwrap(), Vec::new());
    for line in lines {
        let values: Vec<&str> = line.split(',').collect();
        builder.add(Side::Left, values[1..10].iter().copied()).unwrap();
        customers.push(values[10]);
    }
    People { table: builder.finish(), customers }
}

#[test]
fn customers_are_found_without_a_label_and_hardly_any_are_confused() {
    let People { table, customers } = people();
    let blocks = Blocks::of(&table, Effort { all_pairs_max: 0.0, ..Effort::default() });
    let model = learn(&table, &blocks, Lesson::default());
    assert_eq!(model, learn(&table, &blocks, Lesson::default()), "the same seed learns the same");
    let judge = Judge::new(&table, &model);
    let same = |one: Row, two: Row| customers[one as usize] == customers[two as usize];
    let mut edges = Vec::new();
    blocks.pairs(&table, 0..blocks.len(), |one, two| edges.push(Edge { one, two, probability: judge.verdict(one, two).probability }));
    let found: Vec<&Edge> = edges.iter().filter(|edge| edge.probability >= AUTO_LINK).collect();
    let wrong: Vec<String> =
        found.iter().filter(|edge| !same(edge.one, edge.two)).map(|edge| judge.explain(edge.one, edge.two).to_string()).collect();
    // Relatives of one name at one address are among these people.
    assert!(wrong.len() * 100 <= found.len(), "{} of {}:\n{}", wrong.len(), found.len(), wrong.join("\n\n"));
    let rows = u32::try_from(table.rows()).unwrap();
    let matches = (0..rows).flat_map(|one| (one + 1..rows).map(move |two| (one, two))).filter(|(one, two)| same(*one, *two)).count();
    let recall = found.len() as f64 / matches as f64;
    assert!(recall > 0.85, "{recall} of {matches}");
    assert!((model.prior * table.pairs() / matches as f64 - 1.0).abs() < 0.15, "{} for {matches} matches", model.prior * table.pairs());
    let grouped = clusters(&edges, AUTO_LINK, |one, two| judge.verdict(one, two).probability);
    let confused = grouped.groups.iter().filter(|group| group.iter().any(|row| !same(*row, group[0]))).count();
    assert!(confused * 50 <= grouped.groups.len(), "{confused} of {}", grouped.groups.len());
}

#[test]
fn names_in_each_other_s_place_tell_relatives_apart_no_better_than_the_same_names_do() {
    let People { table, .. } = people();
    let model = learn(&table, &Blocks::of(&table, Effort { all_pairs_max: 0.0, ..Effort::default() }), Lesson::default());
    let relatives = model.crowds.iter().find(|crowd| crowd.crowd == Crowd::Relatives).unwrap();
    let bits = |field: usize, level: Level| {
        let at = model.fields[field].levels.iter().position(|odds| odds.level == level).unwrap();
        (model.fields[field].levels[at].m / relatives.levels[field][at]).log2()
    };
    let (in_place, swapped) = (bits(0, Level::Exact) + bits(1, Level::Exact), bits(0, Level::Swapped));
    assert!(swapped <= in_place + 0.1, "{swapped} bits, {in_place} in their place");
    for levels in &relatives.levels {
        assert!((levels.iter().sum::<f64>() - 1.0).abs() < 1e-9, "the levels of a field are all there is: {levels:?}");
    }
}

proptest! {
    #[test]
    fn a_waterfall_ends_where_its_steps_lead(one in 0_u32..1_500, two in 0_u32..1_500) {
        thread_local! {
            static LEARNED: (People, Model) = {
                let people = people();
                let blocks = Blocks::of(&people.table, Effort { all_pairs_max: 0.0, ..Effort::default() });
                let model = learn(&people.table, &blocks, Lesson { random_pairs: 100_000, ..Lesson::default() });
                (people, model)
            };
        }
        LEARNED.with(|(people, model)| {
            let judge = Judge::new(&people.table, model);
            let (there, back) = (judge.explain(one, two), judge.explain(two, one));
            prop_assert_eq!(&there, &back, "the order does not matter");
            let sum = there.start + there.steps.iter().map(|step| step.weight).sum::<f64>() + there.crowds;
            prop_assert!((sum - there.verdict.weight).abs() < 1e-9);
            prop_assert_eq!(there.verdict, judge.verdict(one, two));
            Ok(())
        })?;
    }

    #[test]
    fn comparing_does_not_depend_on_the_order(
        one in prop::collection::vec("[a-c]{0,4}( [a-c]{1,3})?(@(gmail|ab)[.]com)?|[0-9]{0,9}|(19[0-9]{2}-[01][0-9]-[0-3][0-9])|é{1,2}a?", 7),
        two in prop::collection::vec("[a-c]{0,4}( [a-c]{1,3})?(@(gmail|ab)[.]com)?|[0-9]{0,9}|(19[0-9]{2}-[01][0-9]-[0-3][0-9])|é{1,2}a?", 7),
    ) {
        for kinds in [PERSON, [("n", Kind::Number), ("t", Kind::Text), ("d", Kind::Domain), ("p", Kind::Postcode), ("c", Kind::Category), ("c", Kind::Company), ("d", Kind::Date)]] {
            let mut builder = TableBuilder::new(fields(&kinds)).unwrap();
            builder.add(Side::Left, one.iter().map(String::as_str)).unwrap();
            builder.add(Side::Left, two.iter().map(String::as_str)).unwrap();
            let (table, model) = (builder.finish(), sure_of_itself(&kinds));
            let judge = Judge::new(&table, &model);
            prop_assert_eq!(judge.explain(0, 1), judge.explain(1, 0));
        }
    }

    #[test]
    fn one_weak_key_is_never_certain(
        weak in prop::sample::select(vec![(2, "info@acme.com"), (2, "support@acme.com"), (3, "+14155550100"), (4, "Acme Inc."), (5, "London"), (6, "1990-05-21"), (1, "Lovelace")]),
        others in prop::sample::subsequence(vec![0_usize, 1, 2, 3, 4, 5, 6], 0..7),
    ) {
        let strangers = [["Ada", "Grace"], ["Byron", "Hopper"], ["ada@x.com", "grace@y.org"], ["+442071838750", "+33142685300"], ["Zenith", "Quarry"], ["Hull", "York"], ["1950-01-01", "1999-12-31"]];
        let (mut one, mut two) = ([""; 7], [""; 7]);
        for at in others {
            (one[at], two[at]) = (strangers[at][0], strangers[at][1]);
        }
        (one[weak.0], two[weak.0]) = (weak.1, weak.1);
        let (probability, _) = verdict(one, two);
        prop_assert!(probability < AUTO_LINK, "{one:?} {two:?}: {probability}");
    }
}
