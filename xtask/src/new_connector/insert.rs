//! Adding a platform to the lists that are kept by hand.

use anyhow::{Context, Result, ensure};

/// Adds `pub mod <name>;` in its alphabetical place.
///
/// # Errors
/// When the file has no such list, or the name is in it.
pub fn module(text: &str, name: &str) -> Result<String> {
    let line = format!("pub mod {name};");
    ensure!(!text.lines().any(|old| old == line), "`{line}` is there already");
    let mut lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().rposition(|old| old.starts_with("pub mod ")).context("it has no line `pub mod …;`")?;
    // Formatted lists are in the order of names, whatever is public.
    let named = |old: &str| old.strip_prefix("pub ").unwrap_or(old).strip_prefix("mod ").map(|old| old.trim_end_matches(';').to_owned());
    let at = lines.iter().position(|old| named(old).is_some_and(|old| *old > *name)).unwrap_or(last + 1);
    lines.insert(at, &line);
    Ok(lines.join("\n") + "\n")
}

/// Adds `mod <name>;` in its alphabetical place among the private modules of a file of tests.
///
/// # Errors
/// When the file has no such list, or the name is in it.
pub fn test_module(text: &str, name: &str) -> Result<String> {
    let line = format!("mod {name};");
    ensure!(!text.lines().any(|old| old == line), "`{line}` is there already");
    let mut lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().rposition(|old| old.starts_with("mod ")).context("it has no line `mod …;`")?;
    let at = lines.iter().position(|old| old.starts_with("mod ") && **old > *line).unwrap_or(last + 1);
    lines.insert(at, &line);
    Ok(lines.join("\n") + "\n")
}

/// Adds the platform to the list of those that were begun, of whom no story of the conformance suite is told yet.
///
/// # Errors
/// When the file has no such list, or the name is in it.
pub fn begun(text: &str, name: &str) -> Result<String> {
    const LIST: &str = "const BEGUN: &[&str] = &[";
    let (head, rest) = text.split_once(LIST).context("it has no list `BEGUN`")?;
    let (names, after) = rest.split_once(']').context("the list `BEGUN` does not end in `]`")?;
    let entry = format!("\"{name}\"");
    let mut names: Vec<&str> = names.split(',').map(str::trim).filter(|known| !known.is_empty()).collect();
    ensure!(!names.contains(&entry.as_str()), "{entry} is in it already");
    names.push(&entry);
    Ok(format!("{head}{LIST}{}]{after}", names.join(", ")))
}

/// Adds the platform to `use crate::vendors::{…}` and to the list `ALL`. The text is not formatted yet: the list may stand on one line.
///
/// # Errors
/// When the file does not have both.
pub fn registration(text: &str, name: &str) -> Result<String> {
    const USE: &str = "use crate::vendors::{";
    let (head, rest) = text.split_once(USE).context("it has no `use crate::vendors::{…};`")?;
    let (vendors, rest) = rest.split_once("};").context("`use crate::vendors::{` does not end")?;
    let mut vendors: Vec<&str> = vendors.split(',').map(str::trim).filter(|vendor| !vendor.is_empty()).collect();
    ensure!(!vendors.contains(&name), "`{name}` is registered already");
    vendors.push(name);
    vendors.sort_unstable();

    let (before, list) = rest.split_once("pub static ALL").context("it has no list `ALL`")?;
    let (list, after) = list.split_once("];").context("the list `ALL` does not end in `];`")?;
    let list = list.trim_end().trim_end_matches(',');
    let entry = format!("    Platform {{ spec: &{name}::SPEC, build: {name}::build }},");
    Ok(format!("{head}{USE}{}}};{before}pub static ALL{list},\n{entry}\n];{after}", vendors.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_stay_in_order() {
        let list = "//! Doc.\n\npub mod salesforce;\npub mod zendesk;\n";
        assert_eq!(module(list, "hubspot").unwrap(), "//! Doc.\n\npub mod hubspot;\npub mod salesforce;\npub mod zendesk;\n");
        let private = list.replace("pub mod salesforce", "mod salesforce");
        assert_eq!(module(&private, "hubspot").unwrap(), "//! Doc.\n\npub mod hubspot;\nmod salesforce;\npub mod zendesk;\n");
        assert_eq!(module(list, "zoho").unwrap(), "//! Doc.\n\npub mod salesforce;\npub mod zendesk;\npub mod zoho;\n");
        assert!(module(list, "zendesk").is_err());
    }

    #[test]
    fn tests_of_a_new_platform_are_among_the_others_and_it_is_noted_as_begun() {
        let main = "//! Doc.\n\nmod conformance;\nmod stage;\n";
        assert_eq!(test_module(main, "acme").unwrap(), "//! Doc.\n\nmod acme;\nmod conformance;\nmod stage;\n");
        assert_eq!(test_module(main, "zoho").unwrap(), "//! Doc.\n\nmod conformance;\nmod stage;\nmod zoho;\n");
        assert!(test_module(main, "stage").is_err());
        let suite = "const BEGUN: &[&str] = &[];\nfn next() {}\n";
        let once = begun(suite, "acme").unwrap();
        assert_eq!(once, "const BEGUN: &[&str] = &[\"acme\"];\nfn next() {}\n");
        assert!(begun(&once, "zoho").unwrap().starts_with("const BEGUN: &[&str] = &[\"acme\", \"zoho\"];"));
        assert!(begun(&once, "acme").is_err() && begun("fn next() {}\n", "acme").is_err());
    }

    #[test]
    fn a_platform_is_used_and_listed() {
        let registry = "use crate::vendors::{salesforce, zendesk};\n\npub static ALL: &[Platform] = &[\n    Platform { a },\n];\n";
        let with = registration(registry, "hubspot").unwrap();
        assert!(with.starts_with("use crate::vendors::{hubspot, salesforce, zendesk};"), "{with}");
        assert!(with.ends_with("    Platform { a },\n    Platform { spec: &hubspot::SPEC, build: hubspot::build },\n];\n"), "{with}");
        assert!(registration(&with, "hubspot").is_err());
    }

    #[test]
    fn a_list_on_one_line_grows_too() {
        let registry =
            "use crate::vendors::{salesforce};\n\npub static ALL: &[Platform] =\n    &[Platform { a }, Platform { b }];\nfn next() {}\n";
        let with = registration(registry, "zoho").unwrap();
        assert!(with.contains("Platform { b },\n    Platform { spec: &zoho::SPEC, build: zoho::build },\n];\nfn next() {}\n"), "{with}");
    }
}
