//! Misspelt names: which of the known ones was meant.

/// Letters from which on a beginning tells what is meant.
const BEGINNING: usize = 3;

/// The known name nearest to a misspelt one, if any is near enough to be meant: at most a third of its letters are others, and at most three.
/// Failing that, the only one that begins with it.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let budget = (name.chars().count() / 3).clamp(1, 3);
    let known: Vec<&str> = known.into_iter().collect();
    let misspelt = known
        .iter()
        .map(|candidate| (rapidfuzz::distance::osa::distance(name.chars(), candidate.to_lowercase().chars()), *candidate))
        .filter(|(distance, _)| *distance <= budget)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate);
    misspelt.or_else(|| {
        let mut begun = known.iter().filter(|candidate| name.chars().count() >= BEGINNING && candidate.to_lowercase().starts_with(&name));
        begun.next().copied().filter(|_| begun.next().is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_recognised_by_most_of_its_letters_and_another_word_is_not() {
        let known = ["listen", "public_url", "key"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("PublicURL", known), Some("public_url"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("config", ["data", "configuration"]), Some("configuration"));
        assert_eq!(nearest("con", ["contact", "configuration"]), None, "it could be either");
    }
}
