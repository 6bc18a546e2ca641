//! Texts as Intercom keeps and shows them: strings escaped, bodies of messages as HTML; and instants in seconds.

use serde_json::{Map, Value, json};

/// A text as answers show it.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// A value as answers show it.
pub(crate) fn shown(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(escaped(text)),
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Object(map) => Value::Object(shown_map(map)),
        _ => value.clone(),
    }
}

/// The same for every value of an object.
pub(crate) fn shown_map(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter().map(|(name, value)| (name.clone(), shown(value))).collect()
}

/// A body as it is kept: HTML stays, plain text is wrapped.
pub(crate) fn wrapped(body: &str) -> String {
    let body = body.trim();
    if body.is_empty() || body.starts_with('<') {
        return body.to_owned();
    }
    let paragraphs = body.split("\n\n").map(|paragraph| format!("<p>{}</p>", escaped(paragraph).replace('\n', "<br>")));
    paragraphs.collect::<Vec<_>>().join("\n")
}

/// A body without its HTML, as `display_as=plaintext` shows it.
pub(crate) fn plain(body: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in body.replace("<br>", "\n").chars() {
        match letter {
            '<' => inside = true,
            '>' if inside => inside = false,
            _ if !inside => text.push(letter),
            _ => {}
        }
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

/// Whole seconds since 1970.
pub(crate) fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1000)
}

/// [`seconds`] as JSON, null when absent.
pub(crate) fn seconds_or_null(ms: Option<i64>) -> Value {
    ms.map_or(Value::Null, |ms| json!(seconds(ms)))
}

/// An id in a request, which may be a text or a number.
pub(crate) fn id(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_wrapped_and_comes_back_plain() {
        let body = wrapped("one & two\nthree");
        assert_eq!(body, "<p>one &amp; two<br>three</p>");
        assert_eq!(plain(&body), "one & two\nthree");
        assert_eq!(
            (wrapped("<h1>as it is</h1>").as_str(), escaped("A \"&\" <b>").as_str()),
            ("<h1>as it is</h1>", "A &quot;&amp;&quot; &lt;b&gt;")
        );
    }
}
