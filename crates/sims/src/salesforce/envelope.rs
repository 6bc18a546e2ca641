//! XML in and out: a small tree of what came, and escaping of what goes.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

/// One element, named without its prefix.
#[derive(Debug, Clone, Default)]
pub(crate) struct Element {
    pub name: String,
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of a child; `None` when it is missing or empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim()).filter(|text| !text.is_empty())
    }

    pub fn flag(&self, name: &str) -> bool {
        self.value(name).is_some_and(|text| text == "true" || text == "1")
    }
}

/// Reads a document into its root element; `None` when it is no XML.
pub(crate) fn read(text: &str) -> Option<Element> {
    let mut reader = Reader::from_str(text);
    let mut stack = vec![Element::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => stack.push(named(tag.local_name().as_ref())),
            Event::Empty(tag) => stack.last_mut()?.children.push(named(tag.local_name().as_ref())),
            Event::End(_) => {
                let done = stack.pop()?;
                stack.last_mut()?.children.push(done);
            }
            Event::Text(text) => stack.last_mut()?.text.push_str(&text),
            Event::CData(data) => stack.last_mut()?.text.push_str(&data),
            Event::GeneralRef(entity) => {
                let c = match &*entity as &str {
                    "lt" => '<',
                    "gt" => '>',
                    "amp" => '&',
                    "quot" => '"',
                    "apos" => '\'',
                    _ => entity.resolve_char_ref().ok()??,
                };
                stack.last_mut()?.text.push(c);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let mut root = stack.pop()?;
    if stack.is_empty() { root.children.pop() } else { None }
}

fn named(name: &str) -> Element {
    Element { name: name.to_owned(), ..Element::default() }
}

/// Text as XML content.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
    out
}

/// `<name>text</name>`.
pub(crate) fn tag(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

/// JSON as elements, members in their order: lists repeat their element, and what is null is left out.
pub(crate) fn of_json(name: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(|item| of_json(name, item)).collect(),
        Value::Object(members) => {
            let inner: String = members.iter().filter(|(key, _)| *key != "attributes").map(|(key, value)| of_json(key, value)).collect();
            format!("<{name}>{inner}</{name}>")
        }
        Value::String(text) => tag(name, text),
        other => tag(name, &other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_prefix_and_entities_their_ampersand() {
        let root = read("<a:x xmlns:a='u'><b> O&apos;Brien &#38; &lt;Co&gt; </b><c/><![CDATA[<>]]></a:x>").unwrap();
        assert_eq!((root.name.as_str(), root.text.as_str()), ("x", "<>"));
        assert_eq!(root.value("b"), Some("O'Brien & <Co>"));
        assert_eq!(root.value("c"), None);
        assert!(read("<a><b></a>").is_none());
    }
}
