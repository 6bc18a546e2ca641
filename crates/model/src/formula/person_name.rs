//! Full names and their parts. One platform keeps a full name, another given and family name; no rule splits every name rightly,
//! so a split that was right once is kept for as long as the full name stays the same.

/// Small words that belong to the family name that follows them.
const PARTICLES: &[&str] = &[
    "af", "al", "ap", "av", "ben", "bin", "bint", "da", "dal", "de", "degli", "dei", "del", "dela", "della", "delle", "den", "der", "di",
    "do", "dos", "du", "el", "ibn", "la", "las", "le", "lo", "los", "st", "st.", "ten", "ter", "van", "vander", "vom", "von", "y", "zu",
    "zum", "zur",
];

/// Words that follow a family name and stay with it.
const SUFFIXES: &[&str] = &["jr", "jr.", "sr", "sr.", "ii", "iii", "iv", "phd", "ph.d.", "md", "m.d.", "esq", "esq."];

/// Text without white space at its ends and with single spaces between words.
#[must_use]
pub fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// All words but the last; nothing for a single word.
#[must_use]
pub fn first_words(name: &str) -> String {
    let name = collapse(name);
    name.rsplit_once(' ').map_or_else(String::new, |(first, _)| first.to_owned())
}

/// The last word.
#[must_use]
pub fn last_word(name: &str) -> String {
    name.split_whitespace().next_back().unwrap_or_default().to_owned()
}

/// Splits a full name into given and family name. When the prior parts, joined, make the same name (white space and case aside),
/// they are the answer. Else the family name is the last word with the particles before it (`van`, `de la`) and a suffix after it
/// (`Jr.`). A single word is a family name, because that is the part platforms require.
#[must_use]
pub fn split(name: &str, prior_given: &str, prior_family: &str) -> (String, String) {
    let prior = collapse(&format!("{prior_given} {prior_family}"));
    let name = collapse(name);
    if prior.to_lowercase() == name.to_lowercase() {
        return (prior_given.to_owned(), prior_family.to_owned());
    }
    let words: Vec<&str> = name.split(' ').collect();
    let known = |list: &[&str], word: &str| list.contains(&word.to_lowercase().as_str());
    let mut family = words.len() - 1;
    if family > 1 && known(SUFFIXES, words[family]) {
        family -= 1;
    }
    while family > 1 && known(PARTICLES, words[family - 1]) {
        family -= 1;
    }
    (words[..family].join(" "), words[family..].join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(name: &str) -> (String, String) {
        split(name, "", "")
    }

    fn pair(given: &str, family: &str) -> (String, String) {
        (given.to_owned(), family.to_owned())
    }

    #[test]
    fn a_name_splits_before_its_family_name() {
        assert_eq!(parts("Ada Lovelace"), pair("Ada", "Lovelace"));
        assert_eq!(parts("  Ludwig   van Beethoven "), pair("Ludwig", "van Beethoven"));
        assert_eq!(parts("Oscar de la Renta"), pair("Oscar", "de la Renta"));
        assert_eq!(parts("Martin Luther King Jr."), pair("Martin Luther", "King Jr."));
        assert_eq!(parts("Van Morrison"), pair("Van", "Morrison"));
        assert_eq!(parts("Cher"), pair("", "Cher"));
        assert_eq!(parts(""), pair("", ""));
    }

    #[test]
    fn a_split_once_made_by_a_person_is_kept() {
        assert_eq!(split("Gabriel  García márquez", "Gabriel", "García Márquez"), pair("Gabriel", "García Márquez"));
        assert_eq!(split("Anna Lee Jones", "Anna", "Smith"), pair("Anna Lee", "Jones"));
    }
}
