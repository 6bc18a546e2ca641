//! Phone numbers as people type them: with or without country code, trunk zero and punctuation.

/// Digits that must agree: seven are a whole subscriber number in the shortest common numbering plans.
pub(crate) const ENOUGH: usize = 7;

/// The digits of a text.
pub(crate) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether a phone as someone typed it is the number in question: the same digits, but for a country code or trunk zero that one of
/// them lacks.
pub(crate) fn same(typed: &str, number: &str) -> bool {
    let (typed, number) = (digits(typed), digits(number));
    let typed = typed.trim_start_matches('0');
    typed.len() >= ENOUGH && number.ends_with(typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_compared_by_digits() {
        assert!(same("(555) 123-4567", "+15551234567"));
        assert!(same("0171 2345678", "+491712345678"));
        assert!(same("0049 171 2345678", "+491712345678"));
        assert!(!same("(555) 123-4568", "+15551234567"));
        assert!(!same("4567", "+15551234567"), "an extension is not a number");
    }
}
