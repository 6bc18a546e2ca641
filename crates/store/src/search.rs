//! Cutting text into words for search, the same way for both databases, so that both find the same.

/// Most words kept of one record; names, addresses and numbers are far fewer.
const WORDS_MAX: usize = 256;

/// Longest word kept, in characters.
const WORD_CHARS_MAX: usize = 64;

/// Most words of a question that are looked for.
const QUESTION_WORDS_MAX: usize = 8;

fn cut(text: &str, max: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word: String = word.chars().take(WORD_CHARS_MAX).collect();
        if !words.contains(&word) {
            words.push(word);
            if words.len() == max {
                break;
            }
        }
    }
    words
}

/// The words of a record, separated by spaces.
pub(crate) fn words(text: &str) -> String {
    cut(text, WORDS_MAX).join(" ")
}

/// A question as PostgreSQL's `tsquery`: all words, each as a beginning. `None` when it has no word at all.
pub(crate) fn tsquery(text: &str) -> Option<String> {
    question(text, |word| format!("'{word}':*"), " & ")
}

/// A question as FTS5 takes it.
pub(crate) fn fts5(text: &str) -> Option<String> {
    question(text, |word| format!("\"{word}\"*"), " AND ")
}

fn question(text: &str, quote: impl Fn(String) -> String, and: &str) -> Option<String> {
    let words: Vec<String> = cut(text, QUESTION_WORDS_MAX).into_iter().map(quote).collect();
    (!words.is_empty()).then(|| words.join(and))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lower_case_and_unique() {
        assert_eq!(words("Ada Lovelace ada@lovelace.example +44 20"), "ada lovelace example 44 20");
    }

    #[test]
    fn a_question_cannot_break_out_of_its_quotes() {
        assert_eq!(tsquery("o'Brien\\").as_deref(), Some("'o':* & 'brien':*"));
        assert_eq!(fts5("\"x\" OR y").as_deref(), Some("\"x\"* AND \"or\"* AND \"y\"*"));
        assert_eq!(fts5("--- "), None);
    }
}
