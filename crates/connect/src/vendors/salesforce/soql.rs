//! SOQL texts. Names are checked and values escaped here and nowhere else.

use entente_model::clock::Timestamp;

use crate::error::{Class, VendorError};

/// Bytes of a query, percent-encoded, that fit the 16,384 bytes of a URL with room for host, path and locators.
pub(crate) const QUERY_MAX: usize = 15_000;

/// A name that is safe to write into SOQL or a path: letters, digits, underscores, and dots between parents.
///
/// # Errors
/// When it is not one; such a name cannot exist at Salesforce.
pub(crate) fn name(text: &str) -> Result<&str, VendorError> {
    let part =
        |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if text.split('.').all(part) {
        return Ok(text);
    }
    Err(VendorError::new(
        Class::Configuration,
        "name",
        format!("`{text}` is not a name that a Salesforce object or field can have"),
        "correct the name in the mapping",
    )
    .about(text))
}

/// An id that is safe to write into a path.
///
/// # Errors
/// When it has not the form of an id.
pub(crate) fn name_of_id(id: &str) -> Result<&str, VendorError> {
    if super::ids::is_id(id) {
        return Ok(id);
    }
    Err(VendorError::new(Class::Retry, "unreadable", format!("`{id}` is not a Salesforce id"), "nothing to do: it is tried again"))
}

/// A text literal.
pub(crate) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// A list of text literals in parentheses.
pub(crate) fn list<T: AsRef<str>>(texts: &[T]) -> String {
    let literals: Vec<String> = texts.iter().map(|text| literal(text.as_ref())).collect();
    format!("({})", literals.join(","))
}

/// An instant literal: unquoted, UTC, milliseconds.
pub(crate) fn instant(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Bytes that a query takes in a URL.
pub(crate) fn encoded_len(query: &str) -> usize {
    query.bytes().map(|byte| if byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_' | b' ') { 1 } else { 3 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_quote_stays_a_value() {
        assert_eq!(literal(r"O'Hara \ Söhne"), r"'O\'Hara \\ Söhne'");
        assert_eq!(list(&["a", "b'"]), r"('a','b\'')");
    }

    #[test]
    fn names_that_could_inject_are_refused() {
        assert!(name("Account.Owner.Email").is_ok());
        for bad in ["", "Name FROM User", "a.", ".a", "Na'me", "1st"] {
            assert_eq!(name(bad).map_err(|error| error.code), Err("name".to_owned()), "{bad}");
        }
    }

    #[test]
    fn instants_have_milliseconds() {
        assert_eq!(instant("2026-01-02T03:04:05Z".parse().expect("instant")), "2026-01-02T03:04:05.000Z");
    }
}
