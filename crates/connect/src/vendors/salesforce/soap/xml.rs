//! XML: a small tree of what came, and texts that may stand in what goes.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// Deepest nesting that is read: answers have a dozen levels, and what is deeper is none.
const DEPTH_MAX: usize = 64;

/// One element, named without its prefix.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub name: String,
    /// `xsi:nil="true"`.
    pub nil: bool,
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

    /// The text of a child; `None` when it is missing, nil or empty.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).filter(|child| !child.nil).map(|child| child.text.as_str()).filter(|text| !text.is_empty())
    }

    /// A child that says true.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.text_of(name), Some("true" | "1"))
    }
}

/// Reads a document into its root element. Entities other than XML's own are never resolved.
pub(super) fn read(body: &[u8]) -> Result<Element, &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8")?;
    let mut reader = Reader::from_str(text);
    let mut stack = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|_| "it is no XML")? {
            Event::Start(start) => {
                if stack.len() > DEPTH_MAX {
                    return Err("it is nested too deeply");
                }
                stack.push(opened(&start));
            }
            Event::Empty(start) => {
                let element = opened(&start);
                stack.last_mut().ok_or("it is no XML")?.children.push(element);
            }
            Event::End(_) => {
                let done = stack.pop().ok_or("it is no XML")?;
                stack.last_mut().ok_or("it is no XML")?.children.push(done);
            }
            Event::Text(text) => push(&mut stack, &text.xml_content(XmlVersion::Explicit1_0)),
            Event::CData(data) => push(&mut stack, &data.xml_content(XmlVersion::Explicit1_0)),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(c)) => push(&mut stack, c.encode_utf8(&mut [0; 4])),
                _ => match reference.xml_content(XmlVersion::Explicit1_0).as_ref() {
                    "lt" => push(&mut stack, "<"),
                    "gt" => push(&mut stack, ">"),
                    "amp" => push(&mut stack, "&"),
                    "apos" => push(&mut stack, "'"),
                    "quot" => push(&mut stack, "\""),
                    _ => return Err("it has an entity that XML does not know"),
                },
            },
            Event::DocType(_) => return Err("it has a document type"),
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    let mut root = stack.pop().ok_or("it is no XML")?;
    if !stack.is_empty() {
        return Err("it ends too early");
    }
    root.children.pop().ok_or("it is empty")
}

fn opened(start: &BytesStart<'_>) -> Element {
    // A broken attribute is no reason to take a value for nothing.
    let nil = start
        .attributes()
        .flatten()
        .any(|attribute| attribute.key.local_name().as_ref() == "nil" && matches!(attribute.value.as_ref(), "true" | "1"));
    Element { name: start.local_name().as_ref().to_owned(), nil, ..Element::default() }
}

fn push(stack: &mut [Element], text: &str) {
    if let Some(element) = stack.last_mut() {
        element.text.push_str(text);
    }
}

/// What an envelope's `LimitInfoHeader` says of the org's calls: used, and allowed. Reads no further than the header.
pub(in crate::vendors::salesforce) fn limit_info(body: &[u8]) -> Option<(u64, u64)> {
    let mut reader = Reader::from_str(std::str::from_utf8(body).ok()?);
    let mut inside = String::new();
    let (mut used, mut limit) = (None, None);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if start.local_name().as_ref() == "Body" => break,
            Event::Start(start) => start.local_name().as_ref().clone_into(&mut inside),
            Event::Text(text) => match inside.as_str() {
                "current" => used = text.trim().parse().ok(),
                "limit" => limit = text.trim().parse().ok(),
                _ => {}
            },
            Event::End(_) => inside.clear(),
            Event::Eof => break,
            _ => {}
        }
    }
    Some((used?, limit?))
}

/// Whether XML has a way to write every letter of a text (XML 1.0, production 2).
pub(super) fn can_carry(text: &str) -> bool {
    text.chars().all(|c| !matches!(c, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'))
}

/// A text as content. Carriage returns would be read as line feeds.
pub(super) fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).replace('\r', "&#13;")
}

/// `<name>text</name>`.
pub(super) fn tag(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_prefixes_and_values_keep_every_letter() {
        let root = read(
            br#"<a:x xmlns:a="u" xmlns:xsi="i"><a:b> O&apos;Brien &#38; &lt;Co&gt; </a:b><a:c xsi:nil="true"/><d/><![CDATA[<>]]></a:x>"#,
        )
        .expect("xml");
        assert_eq!((root.name.as_str(), root.text.as_str()), ("x", "<>"));
        assert_eq!(root.text_of("b"), Some(" O'Brien & <Co> "));
        assert!(root.child("c").is_some_and(|c| c.nil));
        assert_eq!((root.text_of("c"), root.text_of("d")), (None, None));
        assert_eq!(tag("a", "x < y & \"z\"\r\n"), "<a>x &lt; y &amp; &quot;z&quot;&#13;\n</a>");
    }

    #[test]
    fn what_is_no_answer_is_refused_with_a_reason() {
        let cases: [(&[u8], &str); 5] = [
            (b"<a><b></a>", "no XML"),
            (b"<a><b>", "too early"),
            (b"<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>", "document type"),
            (b"<x>&e;</x>", "entity"),
            (&[0xff], "UTF-8"),
        ];
        for (body, expected) in cases {
            assert!(read(body).is_err_and(|reason| reason.contains(expected)), "{expected}");
        }
    }

    #[test]
    fn the_calls_of_the_org_are_read_out_of_the_header() {
        let body = b"<e:Envelope xmlns:e='x'><e:Header><LimitInfoHeader><limitInfo><current>18</current><limit>5000</limit><type>API REQUESTS</type></limitInfo></LimitInfoHeader></e:Header><e:Body><current>1</current></e:Body></e:Envelope>";
        assert_eq!(limit_info(body), Some((18, 5_000)));
        assert_eq!(limit_info(b"<e:Envelope xmlns:e='x'><e:Body/></e:Envelope>"), None);
    }

    #[test]
    fn letters_that_xml_cannot_write_are_known() {
        assert!(can_carry("Zoë\t\r\n😀"));
        assert!(!can_carry("a\u{7}b") && !can_carry("\u{0}"));
    }
}
