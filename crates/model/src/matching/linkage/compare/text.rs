//! Companies, places, streets, numbers and other texts.

use super::super::level::Level;
use super::{alike, slips};

/// Jaro-Winkler similarity from which two texts of a few words are one, misspelt.
const NEAR: f64 = 0.95;
/// Jaro-Winkler similarity from which two company names are one, misspelt; the same as where companies are matched by rules.
const COMPANY_NEAR: f64 = 0.93;
/// Jaro-Winkler similarity from which two texts are alike.
const SIMILAR: f64 = 0.88;
/// Share of common words (of all words of both) from which two texts are alike.
const WORDS_SIMILAR: f64 = 0.5;
/// Characters from which one slip leaves a number recognisable: shorter ones are a slip from many others.
const NUMBER_CHARS_MIN: usize = 5;
/// Characters of a text for each slip in it that leaves it similar.
const CHARS_PER_SLIP: usize = 3;
/// First characters of a postal code that name its area.
const AREA_CHARS: usize = 2;

pub(super) fn number(one: &str, two: &str) -> Level {
    let length = one.len().min(two.len());
    if length < NUMBER_CHARS_MIN || one.len().abs_diff(two.len()) > 2 {
        return Level::Different;
    }
    match slips(one, two) {
        0 | 1 => Level::Near,
        2 if length > NUMBER_CHARS_MIN => Level::Similar,
        _ => Level::Different,
    }
}

pub(super) fn postcode(one: &str, two: &str) -> Level {
    if one.len().min(two.len()) > AREA_CHARS && slips(one, two) <= 1 {
        Level::Near
    } else if one.chars().take(AREA_CHARS).eq(two.chars().take(AREA_CHARS)) {
        Level::Part
    } else {
        Level::Different
    }
}

pub(super) fn place(one: &str, two: &str) -> Level {
    let length = one.len().min(two.len());
    let apart = slips(one, two);
    if apart <= 1 && length > CHARS_PER_SLIP {
        Level::Near
    } else if alike(one, two) >= SIMILAR || apart * CHARS_PER_SLIP <= length {
        Level::Similar
    } else {
        Level::Different
    }
}

pub(super) fn words(one: &str, two: &str) -> Level {
    let length = one.len().min(two.len());
    let similarity = alike(one, two);
    if similarity >= NEAR || (length > CHARS_PER_SLIP && one.len().abs_diff(two.len()) <= 1 && slips(one, two) <= 1) {
        return Level::Near;
    }
    by_words(one, two).unwrap_or(if similarity >= SIMILAR { Level::Similar } else { Level::Different })
}

pub(super) fn company(one: &str, two: &str) -> Level {
    let similarity = alike(one, two);
    if similarity >= COMPANY_NEAR {
        return Level::Near;
    }
    if acronym(one, two) || acronym(two, one) {
        return Level::Part;
    }
    by_words(one, two).unwrap_or(if similarity >= SIMILAR { Level::Similar } else { Level::Different })
}

/// Whether a word is made of the first letters of several (`ibm`).
fn acronym(short: &str, long: &str) -> bool {
    short.len() > 2
        && !short.contains(' ')
        && long.contains(' ')
        && short.chars().eq(long.split(' ').filter_map(|word| word.chars().next()))
}

/// How two texts compare as sets of words; `None` when they have too little in common, or a word each.
fn by_words(one: &str, two: &str) -> Option<Level> {
    let words = |text: &str| text.split(' ').count();
    let (count_one, count_two) = (words(one), words(two));
    if count_one + count_two < 3 {
        return None;
    }
    let within = |one: &str, two: &str| one.split(' ').filter(|word| two.split(' ').any(|other| other == *word)).count();
    // A word that stands twice on one side is common once.
    let common = within(one, two).min(within(two, one));
    if common == 0 {
        None
    } else if common == count_one && common == count_two {
        Some(Level::Near)
    } else if common == count_one || common == count_two {
        Some(Level::Part)
    } else {
        let all = (count_one + count_two).saturating_sub(common);
        (common as f64 / all as f64 >= WORDS_SIMILAR).then_some(Level::Similar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn companies_compare_by_words() {
        for (one, two, expected) in [
            ("acme robotics", "acme robtics", Level::Near),
            ("robotics acme", "acme robotics", Level::Near),
            ("acme", "zenith acme", Level::Part),
            ("ibm", "international business machines", Level::Part),
            ("muller sohne bau", "kern sohne bau", Level::Similar),
            ("acme foods", "zenith robotics", Level::Different),
        ] {
            assert_eq!(company(one, two), expected, "{one} {two}");
            assert_eq!(company(two, one), expected, "{two} {one}");
        }
    }

    #[test]
    fn a_short_number_is_no_slip_from_another() {
        assert_eq!(number("48", "49"), Level::Different);
        assert_eq!(number("6988048", "6988049"), Level::Near);
        assert_eq!(number("6988048", "6988084"), Level::Near);
        assert_eq!(number("6988048", "6988094"), Level::Similar);
        assert_eq!(number("6988048", "6987049"), Level::Similar);
        assert_eq!(number("6988048", "1804974"), Level::Different);
    }

    #[test]
    fn places_and_codes_are_mistyped() {
        assert_eq!(place("london", "lonon"), Level::Near);
        assert_eq!(place("liverpool", "lvpreool"), Level::Similar);
        assert_eq!(place("london", "hull"), Level::Different);
        assert_eq!(postcode("2192", "2129"), Level::Near);
        assert_eq!(postcode("sw1a1aa", "sw9b2bb"), Level::Part);
        assert_eq!(postcode("4011", "2776"), Level::Different);
        assert_eq!(words("kirkland circuit", "kirkladn circuit"), Level::Near);
        assert_eq!(words("kirkland circuit", "goldfinch circuit"), Level::Different);
    }
}
