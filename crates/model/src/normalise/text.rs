//! Texts, e-mail addresses and web addresses.

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::html;

/// Characters without width that get into values by copy and paste and that nobody means.
const INVISIBLE: &[char] = &['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}'];

/// Composed form (NFC): `é` as one character, however it was typed.
pub(super) fn composed(text: String) -> String {
    if text.is_ascii() || is_nfc(&text) { text } else { text.nfc().collect() }
}

/// Trims in place, without a new allocation where nothing is to trim.
fn trimmed(mut text: String) -> String {
    let end = text.trim_end().len();
    text.truncate(end);
    let start = text.len() - text.trim_start().len();
    text.drain(..start);
    text
}

/// One form of line break.
fn breaks(text: String) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text }
}

/// One line of text: entities read, composed, no-break spaces as spaces, ends trimmed. Inner white space is left as it is.
pub(super) fn line(text: String) -> String {
    if text.is_ascii() && !text.contains(['&', '\r']) {
        return trimmed(text);
    }
    let mut text = composed(text);
    // Read until nothing is left to read, so that a value that was escaped twice settles at once. Each turn shortens the text.
    loop {
        let read = html::decode(&text).into_owned();
        if read == text {
            break;
        }
        text = composed(read);
    }
    trimmed(breaks(text.replace(['\u{a0}', '\u{202f}'], " ")))
}

/// Long text: one form of line break, composed, trailing white space trimmed. Entities stay: the text may be about HTML.
pub(super) fn long(text: String) -> String {
    let mut text = breaks(composed(text));
    let end = text.trim_end().len();
    text.truncate(end);
    text
}

/// A value of a list.
pub(super) fn item(text: &str) -> String {
    composed(text.trim().to_owned())
}

/// An e-mail address in lower case, an international domain in its ASCII form.
pub(super) fn email(text: &str) -> String {
    let text = text.trim();
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let visible: String = text.chars().filter(|c| !INVISIBLE.contains(c)).collect();
    // Lower case can decompose (the Turkish capital dotted i), so it comes before composing.
    let lower = composed(visible.to_lowercase()).trim().to_owned();
    let Some((local, domain)) = lower.rsplit_once('@') else { return lower };
    if domain.is_ascii() {
        return lower;
    }
    match url::Host::parse(domain) {
        Ok(url::Host::Domain(ascii)) => format!("{local}@{ascii}"),
        _ => lower,
    }
}

/// A web address with scheme and host in lower case and without the slash at its end. What comes after the host keeps its case.
pub(super) fn url(text: &str) -> String {
    let visible: String = text.chars().filter(|c| !INVISIBLE.contains(c)).collect();
    let text = composed(visible.trim().to_owned());
    let host_at = text.find("://").map_or(0, |at| at + 3);
    let host_end = text[host_at..].find(['/', '?', '#']).map_or(text.len(), |at| host_at + at);
    let host = composed(text[..host_end].to_lowercase());
    let tail = text[host_end..].trim_end_matches(|c: char| c == '/' || c.is_whitespace());
    if tail.is_empty() { host.trim_end().to_owned() } else { host + tail }
}

/// Text for comparing without regard to case, accents and punctuation: `Müller & Söhne, Inc.` and `MULLER SOHNE INC` fold alike.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.nfkd().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            match c {
                'ß' => out.push_str("ss"),
                'ø' => out.push('o'),
                'æ' => out.push_str("ae"),
                'œ' => out.push_str("oe"),
                'ł' => out.push('l'),
                'đ' => out.push('d'),
                'ı' => out.push('i'),
                other => out.push(other),
            }
        } else if (c.is_whitespace() || matches!(c, '-' | '_' | '/' | ',' | '&' | '+')) && !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end().len());
    out
}
