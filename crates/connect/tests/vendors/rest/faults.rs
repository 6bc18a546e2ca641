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
fn the_smallest_description_of_the_documentation_is_one() {
    let page = include_str!("../../../../../docs/connectors.md");
    let (_, block) = page.split_once("```yaml\n").expect("a description");
    let (text, _) = block.split_once("```").expect("its end");
    let described = read(text).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert!(described.objects.contains_key("people"));
}
