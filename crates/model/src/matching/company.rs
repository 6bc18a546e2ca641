//! Companies by name and web domain.

use super::mailbox::is_free_mail;
use crate::normalise::fold;

/// Legal forms and fillers that the same company is written with and without.
const LEGAL_FORMS: &[&str] = &[
    "inc",
    "incorporated",
    "llc",
    "llp",
    "lp",
    "ltd",
    "limited",
    "plc",
    "corp",
    "corporation",
    "co",
    "company",
    "gmbh",
    "mbh",
    "ag",
    "kg",
    "kgaa",
    "ohg",
    "ug",
    "ev",
    "sa",
    "sas",
    "sarl",
    "sasu",
    "srl",
    "spa",
    "sl",
    "slu",
    "bv",
    "nv",
    "vof",
    "ab",
    "as",
    "asa",
    "aps",
    "oy",
    "oyj",
    "pty",
    "pte",
    "pvt",
    "private",
    "kk",
    "ltda",
    "holding",
    "holdings",
    "group",
];

/// Words that join others and are written as `&`, or left out.
const JOINING: &[&str] = &["and", "und", "et", "the", "y", "e"];

/// Hosts of pages that belong to no company in particular.
const PUBLIC_PAGES: &[&str] =
    &["facebook.com", "linkedin.com", "instagram.com", "twitter.com", "x.com", "google.com", "wordpress.com", "wixsite.com"];

/// A company's name for comparing: folded, without its legal form. `The Müller & Söhne GmbH` and `Muller Sohne` fold alike.
#[must_use]
pub fn fold_company(name: &str) -> String {
    let folded = fold(name);
    let words: Vec<&str> = folded.split(' ').filter(|word| !JOINING.contains(word)).collect();
    let mut end = words.len();
    // A name that is nothing but a legal form ("The Group") keeps its first word.
    while end > 1 && LEGAL_FORMS.contains(&words[end - 1]) {
        end -= 1;
    }
    words[..end].join(" ")
}

/// The registered domain of a web address: `https://www.acme.co.uk/about` gives `acme.co.uk`. `None` when it is no domain, or one
/// that belongs to everybody.
#[must_use]
pub fn web_domain(address: &str) -> Option<String> {
    let lower = address.trim().to_lowercase();
    let host = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next()?;
    let host = host.rsplit('@').next()?.split(':').next()?;
    let domain = psl::domain_str(host.trim_end_matches('.'))?;
    (!PUBLIC_PAGES.contains(&domain) && !is_free_mail(domain)).then(|| domain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_company_is_the_same_with_and_without_its_legal_form() {
        assert_eq!(fold_company("The Müller & Söhne GmbH"), fold_company("Muller Sohne"));
        assert_eq!(fold_company("Acme, Inc."), "acme");
        assert_eq!(fold_company("ACME Co. Ltd"), "acme");
        assert_ne!(fold_company("Acme Robotics"), fold_company("Acme Foods"));
        assert_eq!(fold_company("Group"), "group");
    }

    #[test]
    fn the_registered_domain_is_what_counts() {
        assert_eq!(web_domain("https://www.acme.co.uk/about?x=1").as_deref(), Some("acme.co.uk"));
        assert_eq!(web_domain("Shop.Acme.com").as_deref(), Some("acme.com"));
        assert_eq!(web_domain("https://facebook.com/acme"), None);
        assert_eq!(web_domain("localhost"), None);
    }
}
