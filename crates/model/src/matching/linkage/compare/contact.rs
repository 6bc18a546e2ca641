//! E-mail addresses and phone numbers.

use super::super::level::Level;
use super::super::term::Term;
use super::{alike, slips};
use crate::matching::mailbox;

/// Slips that leave an address nearly the same.
const NEAR_SLIPS: usize = 2;
/// Jaro-Winkler similarity from which two whole addresses are alike.
const SIMILAR: f64 = 0.92;
/// Characters from which the name of a mailbox tells people apart (`jo@` does not).
const MAILBOX_CHARS_MIN: usize = 5;
/// Last digits that make a phone number the same without its country and area code.
const TAIL_DIGITS: usize = 7;

pub(super) fn email(one: &Term, two: &Term) -> Level {
    // Two mailboxes at one company are colleagues; two at one provider are nobody.
    let company = if one.group != 0 && one.group == two.group { Level::Domain } else { Level::Different };
    if !one.telling || !two.telling {
        return company;
    }
    let (Some((box_one, domain_one)), Some((box_two, domain_two))) = (one.text.split_once('@'), two.text.split_once('@')) else {
        return company;
    };
    if namesakes(box_one, box_two) {
        return company;
    }
    if one.text.len().abs_diff(two.text.len()) <= NEAR_SLIPS && slips(&one.text, &two.text) <= NEAR_SLIPS {
        return Level::Near;
    }
    if box_one == box_two {
        return Level::Part;
    }
    let domains_alike = || domain_one == domain_two || alike(domain_one, domain_two) >= SIMILAR;
    if alike(box_one, box_two) >= SIMILAR && domains_alike() { Level::Similar } else { company }
}

/// Whether only numbers tell two mailboxes apart, by more than a slip: that is how namesakes are told apart.
fn namesakes(one: &str, two: &str) -> bool {
    one != two && letters(one).eq(letters(two)) && slips(one, two) > 1
}

fn letters(mailbox: &str) -> impl Iterator<Item = u8> + '_ {
    mailbox.bytes().filter(|byte| !byte.is_ascii_digit())
}

/// Whether an address's mailbox is made of its owner's names and nothing else, in one of the ways that companies and people make them:
/// `ada.lovelace`, `lovelace`, `alovelace`, `lovelacea`, `adal`. Names are in their one form.
pub(in super::super) fn is_named_after(email: &str, given: &str, family: &str) -> bool {
    let mailbox = email.split_once('@').map_or(email, |(mailbox, _)| mailbox);
    if !mailbox.chars().any(char::is_alphabetic) || mailbox.chars().any(|letter| letter.is_ascii_digit()) {
        return false;
    }
    let (mailbox, first, family) = (spelt(mailbox), spelt(given.split(' ').next().unwrap_or_default()), spelt(family));
    let initial = |name: &str| name.chars().next().map(String::from).unwrap_or_default();
    let (g, f) = (initial(&first), initial(&family));
    let made = [
        format!("{first}{family}"),
        format!("{family}{first}"),
        format!("{g}{family}"),
        format!("{family}{g}"),
        format!("{first}{f}"),
        family.clone(),
        first.clone(),
    ];
    made.contains(&mailbox)
}

/// The letters of a name as mailboxes have them: umlauts are written as one letter or as two.
fn spelt(name: &str) -> String {
    let letters: String = name.chars().filter(|letter| letter.is_alphabetic()).collect();
    [("ae", "a"), ("oe", "o"), ("ue", "u"), ("ss", "s")].iter().fold(letters, |letters, (two, one)| letters.replace(two, one))
}

/// The name of a mailbox, where it tells people apart.
pub(in super::super) fn mailbox_key(email: &str) -> Option<&str> {
    let (mailbox, _) = email.split_once('@')?;
    (mailbox.len() >= MAILBOX_CHARS_MIN && !mailbox::is_role(email)).then_some(mailbox)
}

pub(super) fn phone(one: &str, two: &str) -> Level {
    if tail(one) == tail(two) {
        Level::Part
    } else if one.len().abs_diff(two.len()) <= 1 && slips(one, two) <= 1 {
        Level::Near
    } else {
        Level::Different
    }
}

/// The last digits of a number. A number is ASCII digits alone.
pub(in super::super) fn tail(phone: &str) -> &str {
    &phone[phone.len().saturating_sub(TAIL_DIGITS)..]
}

#[cfg(test)]
mod tests {
    use super::super::super::field::Kind;
    use super::super::super::term::phonetic;
    use super::*;

    #[track_caller]
    fn emails(one: &str, two: &str, expected: Level) {
        let term = |text| Term::new(Kind::Email, text, &phonetic());
        assert_eq!(email(&term(one), &term(two)), expected, "{one} {two}");
        assert_eq!(email(&term(two), &term(one)), expected, "{two} {one}");
    }

    #[test]
    fn a_company_s_domain_counts_and_a_provider_s_does_not() {
        emails("ada.lovelace@acme.com", "grace@acme.com", Level::Domain);
        emails("ada.lovelace@gmail.com", "grace@gmail.com", Level::Different);
    }

    #[test]
    fn addresses_are_mistyped_and_move_house() {
        emails("ada.lovelace@acme.com", "ada.lovelcae@acme.com", Level::Near);
        emails("ada.lovelace@acme.com", "ada.lovelace@gmail.com", Level::Part);
        emails("info@acme.com", "info@zenith.com", Level::Different);
        emails("ada.lovelace12@gmail.com", "ada.lovelace13@gmail.com", Level::Near);
        emails("ada.lovelace12@gmail.com", "ada.lovelace85@gmail.com", Level::Different);
        emails("info@acme.com", "info@acne.com", Level::Different);
    }

    #[test]
    fn mailboxes_are_made_of_names() {
        for mailbox in ["ada.lovelace", "lovelace_ada", "a-lovelace", "alovelace", "lovelacea", "lovelace", "adal", "ada"] {
            assert!(is_named_after(&format!("{mailbox}@acme.com"), "ada augusta", "lovelace"), "{mailbox}");
        }
        for mailbox in ["countess", "ada.king", "ada.lovelace1815", "lovelace.enchantress", "1815"] {
            assert!(!is_named_after(&format!("{mailbox}@acme.com"), "ada", "lovelace"), "{mailbox}");
        }
        assert!(is_named_after("j.mueller@acme.de", "jorg", "muller") && is_named_after("jmuller@acme.de", "jorg", "muller"));
    }

    #[test]
    fn phone_numbers_lose_their_country() {
        assert_eq!(phone("14155550100", "4155550100"), Level::Part);
        assert_eq!(phone("14155550100", "14155550101"), Level::Near);
        assert_eq!(phone("14155550100", "14155559999"), Level::Different);
    }
}
