//! The formula language as an administrator meets it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say so at once")]

use std::collections::BTreeSet;

use entente_model::clock::Timestamp;
use entente_model::formula::{Env, Formula, Fuel, RecordEnv, Schema, Type};
use entente_model::object::{Field, FieldType, Object};
use entente_model::plan::policy::Kind;
use entente_model::value::{Fields, Value};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use rust_decimal::Decimal;

fn field(key: &str, kind: FieldType) -> Field {
    Field { key: key.into(), label: key.into(), kind, custom: false, indexed: false, data: Kind::Other }
}

fn object() -> Object {
    Object {
        key: "contact".into(),
        label: "Contact".into(),
        prefix: "con".into(),
        custom: false,
        title: vec!["first_name".into()],
        fields: vec![
            field("first_name", FieldType::Text),
            field("last_name", FieldType::Text),
            field("user_fields.plan_tier", FieldType::Picklist { values: vec![] }),
            field("Plan tier", FieldType::Text),
            field("amount", FieldType::Money { currency: "EUR".into() }),
            field("seats", FieldType::Number { scale: 0 }),
            field("tags", FieldType::MultiPicklist { values: vec![] }),
            field("active", FieldType::Boolean),
            field("renewal", FieldType::Date),
            field("seen_at", FieldType::Datetime),
            field("missing", FieldType::Text),
            field("missing_number", FieldType::Number { scale: 0 }),
            field("extra", FieldType::Json),
            field("account", FieldType::Reference { object: "account".into() }),
        ],
    }
}

fn now() -> Timestamp {
    "2026-03-31T23:30:00Z".parse().unwrap()
}

fn record() -> Fields {
    Fields::from([
        ("first_name".into(), Value::text("Ada")),
        ("last_name".into(), Value::text("Lovelace")),
        ("user_fields.plan_tier".into(), Value::text("Pro")),
        ("Plan tier".into(), Value::text("Gold")),
        ("amount".into(), Value::Money { amount: Decimal::new(1250, 2), currency: "EUR".into() }),
        ("seats".into(), Value::Number(Decimal::from(7))),
        ("tags".into(), Value::Set(BTreeSet::from(["beta".into(), "vip".into()]))),
        ("active".into(), Value::Bool(true)),
        ("renewal".into(), Value::Date("2026-01-31".parse().unwrap())),
        ("seen_at".into(), Value::DateTime("2026-03-30T22:15:00Z".parse().unwrap())),
        ("extra".into(), Value::Json(serde_json::json!("3.5"))),
    ])
}

fn eval(text: &str) -> Result<Value, String> {
    let formula = Formula::parse(text).map_err(|error| error.to_string())?;
    formula.check(&object()).map_err(|error| error.to_string())?;
    let (fields, prior) = (record(), Fields::from([("first_name".into(), Value::text("Augusta"))]));
    let env = RecordEnv { fields: &fields, prior: &prior, now: now(), zone: TimeZone::get("Europe/Berlin").unwrap() };
    formula.eval(&env, &mut Fuel::default()).map_err(|error| error.to_string())
}

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

fn day(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

#[track_caller]
fn gives(text: &str, expected: &Value) {
    match eval(text) {
        Ok(value) => assert!(value.agrees(expected), "{text} gives {value:?}, expected {expected:?}"),
        Err(error) => panic!("{text} fails: {error}"),
    }
}

#[test]
fn texts_are_joined_cut_and_searched() {
    for (text, expected) in [
        (r#"first_name & " " & last_name"#, "Ada Lovelace"),
        (r#"'it''s "fine"'"#, "it's \"fine\""),
        ("[Plan tier]", "Gold"),
        ("user_fields.plan_tier", "Pro"),
        ("LEFT(last_name, 4)", "Love"),
        ("right(last_name, 4)", "lace"),
        ("MID(last_name, 2, 3)", "ove"),
        ("UPPER(first_name) & LOWER(first_name)", "ADAada"),
        (r#"PROPER("o'brien and jean-luc")"#, "O'brien And Jean-Luc"),
        (r#"TRIM("  a   b ")"#, "a b"),
        (r#"SUBSTITUTE("a-b-c", "-", "")"#, "abc"),
        (r#"HTMLENCODE("<a & b>")"#, "&lt;a &amp; b&gt;"),
        (r#"HTMLDECODE("R&amp;D")"#, "R&D"),
        (r#"CONCAT("a", 1, TRUE)"#, "a1true"),
        ("JOIN(tags, \", \")", "beta, vip"),
        ("FIRSTWORDS(\"Ada King Lovelace\")", "Ada King"),
        ("LASTWORD(\"Ada King Lovelace\")", "Lovelace"),
        ("TEXT(amount)", "12.5"),
        ("TEXT(renewal)", "2026-01-31"),
        ("PRIORVALUE(first_name)", "Augusta"),
        ("\"n=\" & seats", "n=7"),
        ("IF(ISPICKVAL(user_fields.plan_tier, \"Pro\"), \"paid\", \"free\")", "paid"),
        ("CASE(user_fields.plan_tier, \"Free\", \"f\", \"Pro\", \"p\", \"other\")", "p"),
        ("CASE(user_fields.plan_tier, \"Free\", \"f\", \"other\")", "other"),
        ("BLANKVALUE(missing, first_name)", "Ada"),
    ] {
        gives(text, &Value::text(expected));
    }
    gives("SPLIT(\"a; b;;c\", \";\")", &Value::Set(BTreeSet::from(["a".into(), "b".into(), "c".into()])));
    gives("UNION(tags, \"new\")", &Value::Set(BTreeSet::from(["beta".into(), "new".into(), "vip".into()])));
    gives("FIND(\"love\", LOWER(last_name))", &number("1"));
    gives("FIND(\"e\", last_name, 5)", &number("8"));
    gives("LEN(\"Zoë\")", &number("3"));
}

#[test]
fn numbers_are_decimals() {
    for (text, expected) in [
        ("0.1 + 0.2", "0.3"),
        ("1 + 2 * 3 - 4 / 2", "5"),
        ("(1 + 2) * 3", "9"),
        ("-2 ^ 2", "-4"),
        ("2 ^ 3 ^ 2", "64"),
        ("2 ^ -2", "0.25"),
        ("ROUND(2.345, 2)", "2.35"),
        ("ROUND(-2.5)", "-3"),
        ("ROUND(1250, -2)", "1300"),
        ("FLOOR(-1.5)", "-2"),
        ("CEILING(1.2)", "2"),
        ("ABS(-3)", "3"),
        ("MOD(-3, 2)", "1"),
        ("MIN(3, 1, missing_number, 2)", "1"),
        ("MAX(seats, amount)", "12.5"),
        ("VALUE(\"1,234.50\")", "1234.5"),
        ("amount * 2", "25"),
        ("extra + 1", "4.5"),
    ] {
        gives(text, &number(expected));
    }
    let text = eval("seats / 0").unwrap_err();
    assert!(text.contains("division by zero"), "{text}");
    assert!(eval("9 ^ 900").unwrap_err().contains("too large"));
}

#[test]
fn days_are_counted_where_the_organisation_is() {
    gives("TODAY()", &day("2026-04-01"));
    gives("DATEVALUE(seen_at)", &day("2026-03-31"));
    gives("renewal + 1", &day("2026-02-01"));
    gives("ADDMONTHS(renewal, 1)", &day("2026-02-28"));
    gives("DATE(2024, 2, 29)", &day("2024-02-29"));
    gives("DATEVALUE(\"2026-05-06\")", &day("2026-05-06"));
    gives("DAYSBETWEEN(renewal, TODAY())", &number("60"));
    gives("TODAY() - renewal", &number("60"));
    gives("YEAR(renewal) * 10000 + MONTH(renewal) * 100 + DAY(renewal)", &number("20260131"));
    gives("DATETIMEVALUE(\"2026-03-31T23:30:00+0000\") = NOW()", &Value::Bool(true));
    assert!(eval("DATE(2026, 2, 30)").unwrap_err().contains("no such day"));
}

#[test]
fn blank_behaves_as_an_administrator_expects() {
    for (text, expected) in [
        ("ISBLANK(missing)", true),
        ("missing = \"\"", true),
        ("missing = NULL", true),
        ("missing <> \"x\"", true),
        ("missing_number < 5", false),
        ("missing_number > 5", false),
        ("missing_number = 0", false),
        ("ISBLANK(missing_number + 1)", true),
        ("ISBLANK(seats * missing_number)", true),
        ("missing & \"x\" = \"x\"", true),
        ("LEN(missing) = 0", true),
        ("IF(missing_number > 1, TRUE, FALSE)", false),
        ("ISBLANK(IF(FALSE, \"x\"))", true),
    ] {
        gives(text, &Value::Bool(expected));
    }
}

#[test]
fn conditions_combine_and_skip_what_does_not_matter() {
    for (text, expected) in [
        ("active && seats > 5", true),
        ("NOT active || seats >= 7", true),
        ("NOT(active) || seats < 7", false),
        ("NOT seats = 7", false),
        ("!active", false),
        ("AND(active, seats <= 7, INCLUDES(tags, \"vip\"))", true),
        ("OR(FALSE, CONTAINS(last_name, \"lace\"))", true),
        ("BEGINS(last_name, \"Love\") && ENDS(last_name, \"lace\")", true),
        ("seats != 7", false),
        ("active || seats / 0 > 1", true),
        ("IF(active, TRUE, seats / 0 > 1)", true),
        ("1 < 2 && \"a\" < \"b\" && renewal < TODAY()", true),
    ] {
        gives(text, &Value::Bool(expected));
    }
}

#[test]
fn names_of_people_split_and_remember() {
    gives("NAMEFAMILY(\"Vincent van Gogh\", \"\", \"\")", &Value::text("van Gogh"));
    gives("NAMEGIVEN(\"ada  lovelace\", first_name, last_name)", &Value::text("Ada"));
}

#[test]
fn mistakes_are_explained_where_they_are() {
    for (text, position, part) in [
        ("first_nme & \"x\"", 0..9, "did you mean `first_name`?"),
        ("UPER(first_name)", 0..4, "did you mean UPPER?"),
        ("first_name + 1", 0..14, "join texts with &"),
        ("seats > \"5\"", 8..11, "VALUE(text)"),
        ("LEFT(first_name)", 0..16, "LEFT(text, count)"),
        ("IF(seats, 1, 2)", 3..8, "write a condition"),
        ("(1 + 2", 0..1, "never closed"),
        ("1 + 2)", 5..6, "too many"),
        ("\"open", 0..5, "not closed"),
        ("active AND seats > 1", 7..10, "AND(a, b), or a && b"),
        ("IF(active, 1, \"x\")", 14..17, "where the other results are a number"),
        ("renewal > seen_at", 10..17, "DATEVALUE"),
        ("1 +", 3..3, "ends too early"),
        ("a ; b", 2..3, "comma"),
        ("", 0..0, "empty"),
    ] {
        let error = Formula::parse(text).and_then(|formula| formula.check(&object()).map(|_| formula)).unwrap_err();
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}

#[test]
fn an_error_shows_the_line_with_a_mark_under_the_mistake() {
    let error = Formula::parse("IF(active,\n  UPER(first_name),\n  \"\")").unwrap_err();
    assert_eq!(error.to_string(), "there is no function `UPER`; did you mean UPPER?\n    UPER(first_name),\n    ^^^^");
}

#[test]
fn what_a_formula_reads_is_known() {
    let formula = Formula::parse("IF(PRIORVALUE(stage) <> stage, TODAY(), DATEVALUE(a.b))").unwrap();
    assert_eq!(formula.reads().iter().collect::<Vec<_>>(), ["a.b", "stage"]);
    assert_eq!(formula.priors().iter().collect::<Vec<_>>(), ["stage"]);
    assert!(formula.depends_on_time());
    assert_eq!(Formula::parse("left( a,1 )").unwrap(), Formula::parse("LEFT(a, 1)").unwrap());
    assert_ne!(Formula::parse("LEFT(a, 1)").unwrap(), Formula::parse("LEFT(a, 2)").unwrap());
}

#[test]
fn the_type_of_the_result_is_known() {
    for (text, kind) in [
        ("IF(active, seats, NULL)", Type::Number),
        ("renewal - TODAY()", Type::Number),
        ("renewal + 1", Type::Date),
        ("extra", Type::Any),
        ("NULL", Type::Blank),
        ("account", Type::Ref),
        ("MIN(renewal, TODAY())", Type::Date),
    ] {
        assert_eq!(Formula::parse(text).unwrap().check(&object()).unwrap(), kind, "{text}");
    }
}

#[test]
fn a_bomb_runs_out_of_fuel() {
    let mut text = "\"0123456789\"".to_owned();
    for _ in 0..12 {
        text = format!("SUBSTITUTE({text}, \"0\", \"0000000000000000\")");
    }
    let error = eval(&text).unwrap_err();
    assert!(error.contains("bytes") || error.contains("too much work"), "{error}");
    let deep = format!("{}1{}", "(".repeat(500), ")".repeat(500));
    assert!(Formula::parse(&deep).unwrap_err().to_string().contains("nested deeper"));
    assert!(Formula::parse(&"a || ".repeat(500)).is_err());
    assert!(Formula::parse(&"!".repeat(10_000)).is_err());
}

#[test]
fn the_deepest_formula_allowed_is_computed() {
    let deep = format!("{}1{}", "IF(TRUE, ".repeat(98), ")".repeat(98));
    gives(&deep, &number("1"));
    let chain = format!("1{}", " + 1".repeat(98));
    gives(&chain, &number("99"));
}

/// Any name exists and is of any type, with values that provoke.
struct Anything;

impl Schema for Anything {
    fn type_of(&self, _name: &str) -> Option<Type> {
        Some(Type::Any)
    }
}

impl Env for Anything {
    fn get(&self, name: &str) -> Value {
        match name.len() % 6 {
            0 => Value::Null,
            1 => Value::text("some text"),
            2 => Value::Number(Decimal::MAX),
            3 => Value::Date("9999-12-31".parse().unwrap()),
            4 => Value::Set(BTreeSet::from(["a".into()])),
            _ => Value::DateTime(Timestamp::MAX),
        }
    }
    fn prior(&self, _name: &str) -> Value {
        Value::Null
    }
    fn now(&self) -> Timestamp {
        Timestamp::MAX
    }
}

/// Texts that look like formulas, so that evaluation is reached.
fn formula_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("a".to_owned()),
        Just("ab".to_owned()),
        Just("abc".to_owned()),
        Just("abcd".to_owned()),
        Just("\"text\"".to_owned()),
        Just("TRUE".to_owned()),
        Just("NULL".to_owned()),
        (-99_999i64..99_999).prop_map(|n| n.to_string()),
        Just("79228162514264337593543950335".to_owned()),
    ];
    let names: Vec<&'static str> = Formula::functions().iter().map(|(usage, _)| usage.split('(').next().unwrap_or("")).collect();
    leaf.prop_recursive(5, 40, 4, move |inner| {
        let names = names.clone();
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/", "^", "&", "=", "<>", "<", ">=", "&&", "||"]), inner.clone())
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (prop::sample::select(names), prop::collection::vec(inner, 0..4))
                .prop_map(|(name, args)| format!("{name}({})", args.join(", "))),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        if let Err(error) = Formula::parse(&text) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn no_formula_panics_or_spends_more_than_its_fuel(text in formula_text(), units in 0u64..2_000) {
        if let Ok(formula) = Formula::parse(&text) {
            let mut fuel = Fuel::new(units);
            let _checked = formula.check(&Anything);
            let _result = formula.eval(&Anything, &mut fuel);
            prop_assert!(fuel.spent() <= units);
        }
    }
}
