//! Mistakes in a description: named with line, column, reason and remedy.

use entente_connect::vendors::rest::description::load::read;

/// A description that is right.
const RIGHT: &str = r#"label: Acme
role: crm
auth:
  access_token: { header: x-key }
check:
  call: { path: /me }
  user_id: id
  user: mail
paging: { none: true }
objects:
  people:
    list: { path: /people }
    get: { path: "/people/{id}" }
    row: { id: id, changed_at: at }
    fields:
      name: { type: text }
      plan: { type: picklist, options: { literal: [Free, Pro] } }
"#;

/// The faults of the description with one text in place of another, each as it is told.
fn told(old: &str, new: &str) -> Vec<String> {
    assert!(RIGHT.contains(old), "{old}");
    let text = RIGHT.replacen(old, new, 1);
    read(&text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_small_description_is_one_and_an_empty_file_is_told_what_it_lacks() {
    assert!(read(RIGHT).is_ok(), "{:?}", read(RIGHT));
    assert!(read("\n").expect_err("empty")[0].to_string().contains("missing field `label`; add it"));
}

#[test]
fn every_mistake_is_told_with_its_place() {
    for (old, new, place, says) in [
        ("type: text", "type: txt", "16:21: objects.people.fields.name.type: ", "txt"),
        ("    get:", "    gte:", "13:5: objects.people.gte: ", "unknown field"),
        ("row: { id: id", "row: { id: 'a..b'", "14:16: ", "a dot with no name behind it"),
        (
            "path: \"/people/{id}\"",
            "path: /people",
            "13:12: objects.people.get.path: ",
            "the path does not hold {id}; write it like `/rows/{id}`",
        ),
        ("list: { path: /people }", "list: { path: people }", "12:13: objects.people.list.path: ", "does not begin with `/`"),
        ("list: { path: /people }", "list: { path: '/people?x={y}' }", "12:13: objects.people.list.path: ", "nothing fills the gap {y}"),
        (
            "type: text",
            "type: text, path: p, look_up: { list: stages, show: name }",
            "16:",
            "there is no list `stages`; describe it under `lists`",
        ),
        ("type: text", "type: text, value: 'UPPER('", "16:", "UPPER"),
        ("paging: { none: true }\n", "", "11:5: objects.people.list: ", "nothing says how the list goes on"),
        ("paging: { none: true }", "paging: { none: true, link: { header: true } }", "", "a list goes on in one way only"),
        ("  access_token: { header: x-key }", "  {}", "3:1: auth: ", "nothing says how one signs in"),
        ("literal: [Free, Pro]", "literal: []", "17:", "a list without choices"),
        ("    get: { path: \"/people/{id}\" }\n", "", "11:3: objects.people: ", "no row can be read by its id"),
        (
            "    get: { path: \"/people/{id}\" }\n",
            "    get: { path: \"/people/{id}\" }\n    merge: { path: \"/people/{goes}/merge\" }\n",
            "14:",
            "the call does not name the row that stays",
        ),
    ] {
        let faults = told(old, new);
        assert!(
            faults.iter().any(|fault| fault.starts_with(place) && fault.contains(says) && fault.contains("; ")),
            "{new}: {faults:?}, expected {place}…{says}"
        );
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_text() {
    let text =
        RIGHT.replace("path: /people }", "path: people }").replace("{ path: /me }", "{ path: me }").replace("/people/{id}", "/people");
    let faults = read(&text).expect_err("wrong");
    let lines: Vec<u64> = faults.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [6, 12, 13], "{faults:?}");
}

#[test]
fn mistakes_of_every_kind_are_told_together() {
    let text = RIGHT
        .replace("role: crm", "role: crm\nrole: crm")
        .replace("x-key }", "x-key, heder: x }")
        .replace("  user_id: id\n", "")
        .replace("none: true", "none: sometimes")
        .replace("list: { path: /people }", "list: [/people]")
        .replace("row: { id: id", "row: { id: 'a..b'")
        .replace("type: text", "type: txt, length: long")
        .replace("literal: [Free, Pro]", "literal: []");
    let faults: Vec<String> = read(&text).expect_err("wrong").iter().map(ToString::to_string).collect();
    let expected = [
        "3:1: role: the key `role` stands here a second time",
        "5:34: auth.access_token.heder: unknown field `heder`, expected one of ",
        "6:1: check: missing field `user_id`; add it",
        "9:17: paging.none: a single value stands here, and not: true or false",
        "12:11: objects.people.list: a list stands here, and not: table",
        "14:16: objects.people.row.id: ",
        "16:21: objects.people.fields.name.type: `txt` is unknown here, expected one of `text`, ",
        "16:34: objects.people.fields.name.length: a single value stands here, and not: whole number",
        "17:31: objects.people.fields.plan.options: a list without choices",
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.starts_with(expected), "{fault}, expected {expected}");
    }
}

#[test]
fn what_is_missing_is_told_at_every_place_and_makes_no_further_mistakes() {
    let text = RIGHT
        .replace("    row: { id: id, changed_at: at }\n", "")
        .replace("label: Acme\n", "")
        .replace("    list: { path: /people }\n", "");
    let faults: Vec<String> = read(&text).expect_err("wrong").iter().map(ToString::to_string).collect();
    let missing: Vec<&str> = faults.iter().filter_map(|fault| fault.split_once("missing field ").map(|(_, name)| name)).collect();
    let add = "add it; docs/connectors.md explains every key";
    assert_eq!(missing, [format!("`label`; {add}"), format!("`list`; {add}"), format!("`row`; {add}")], "{faults:#?}");
    assert_eq!(faults.len(), 3, "{faults:#?}");
}

#[test]
fn a_key_that_is_written_twice_or_an_end_that_is_missing_is_told() {
    let twice = told("role: crm", "role: crm\nlabel: Acme");
    assert_eq!(twice, ["3:1: label: the key `label` stands here a second time; keep one of them"]);
    let open = told("{ header: x-key }", "{ header: x-key");
    assert!(open.len() == 1 && open[0].ends_with("correct it here; docs/connectors.md explains every key"), "{open:?}");
}

#[test]
fn the_smallest_description_of_the_documentation_is_one() {
    let page = include_str!("../../../../../docs/connectors.md");
    let (_, block) = page.split_once("```yaml\n").expect("a description");
    let (text, _) = block.split_once("```").expect("its end");
    let described = read(text).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert!(described.objects.contains_key("people"));
}
