//! The line at the end of an activity's or note's text that carries Entente's record id: there is no other place for it, since neither has
//! custom fields.

use crate::html;

/// How the line begins.
const BEGINS: &str = "Kept by Entente: ";

/// The text without the line, and the record id in it.
pub(crate) fn split(content: &str) -> (String, Option<String>) {
    let text = html::to_text(content);
    let is_id = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let (rest, last) = text.trim_end().rsplit_once('\n').unwrap_or(("", text.trim_end()));
    match last.trim().strip_prefix(BEGINS.trim_end()).map(str::trim).filter(|key| is_id(key)) {
        Some(key) => (rest.trim_end().to_owned(), Some(key.to_owned())),
        None => (text, None),
    }
}

/// A text with the line, as HTML.
pub(crate) fn join(text: &str, key: &str) -> String {
    if key.is_empty() {
        return html::of_text(text);
    }
    let line = format!("{BEGINS}{key}");
    html::of_text(&if text.is_empty() { line } else { format!("{text}\n{line}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found_again_whatever_an_editor_makes_of_it() {
        let content = join("First line\nsecond & last", "cas_01h455vb4pex5vsknk084sn02q");
        let found = ("First line\nsecond & last".to_owned(), Some("cas_01h455vb4pex5vsknk084sn02q".to_owned()));
        assert_eq!(split(&content), found);
        assert_eq!(split("<p>Hello</p><p>Kept by Entente: cas_1</p>").1.as_deref(), Some("cas_1"));
        assert_eq!(split(&join("", "cas_1")), (String::new(), Some("cas_1".to_owned())));
        assert_eq!(split("<p>Kept by Entente: she said</p>"), ("Kept by Entente: she said".to_owned(), None));
        assert_eq!(split(&join("Only text", "")), ("Only text".to_owned(), None));
    }
}
