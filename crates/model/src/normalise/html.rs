//! HTML entities in plain text: some platforms hand out `Smith &amp; Sons` for a name that everyone else calls `Smith & Sons`.

use std::borrow::Cow;

/// Entities that occur in names and subjects. Others are left as they stand.
const NAMED: &[(&str, &str)] = &[
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", "\u{a0}"),
    ("ndash", "–"),
    ("mdash", "—"),
    ("lsquo", "‘"),
    ("rsquo", "’"),
    ("ldquo", "“"),
    ("rdquo", "”"),
    ("hellip", "…"),
    ("copy", "©"),
    ("reg", "®"),
    ("trade", "™"),
    ("euro", "€"),
    ("pound", "£"),
];

/// Longest entity looked for, in bytes between `&` and `;`: `#x10ffff`.
const ENTITY_MAX_BYTES: usize = 8;

/// Reads entities once: `&amp;lt;` becomes `&lt;`.
#[must_use]
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match entity(rest) {
            Some((decoded, length)) => {
                out.push_str(&decoded);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The entity at the start of the text and the bytes it takes.
fn entity(text: &str) -> Option<(String, usize)> {
    let end = text.bytes().take(ENTITY_MAX_BYTES + 2).position(|byte| byte == b';')?;
    let name = &text[1..end];
    let decoded = if let Some(code) = name.strip_prefix('#') {
        let number = match code.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => code.parse().ok()?,
        };
        // Control characters are never meant in plain text, except for the white space among them.
        char::from_u32(number).filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))?.to_string()
    } else {
        NAMED.iter().find(|(known, _)| *known == name)?.1.to_owned()
    };
    Some((decoded, end + 1))
}

/// Writes text so that it is safe inside HTML, in elements and in attributes.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_read_and_other_ampersands_stay() {
        assert_eq!(decode("Smith &amp; Sons"), "Smith & Sons");
        assert_eq!(decode("O&#39;Neil &#x2013; &quot;Pat&quot;"), "O'Neil – \"Pat\"");
        assert_eq!(decode("AT&T; R&D & more &unknown; &#0; &"), "AT&T; R&D & more &unknown; &#0; &");
        assert_eq!(decode("&amp;lt;"), "&lt;");
    }

    #[test]
    fn what_is_encoded_reads_back() {
        let text = "<b>\"Ada\" & 'Bob'</b>";
        assert_eq!(decode(&encode(text)), text);
    }
}
