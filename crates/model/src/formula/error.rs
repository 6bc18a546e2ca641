//! What is wrong with a formula, where, and what to do about it.

use std::fmt;
use std::ops::Range;

/// A formula that cannot be parsed, does not fit its fields, or fails on the values at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormulaError {
    /// The formula.
    text: String,
    /// Where in the formula, in bytes.
    pub position: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do next; may be empty when the message says it all.
    pub remedy: String,
}

impl std::error::Error for FormulaError {}

impl fmt::Display for FormulaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        // Only the line with the error is shown, so that the caret stands under it.
        let start = self.text[..self.position.start].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[self.position.start..].find('\n').map_or(self.text.len(), |at| self.position.start + at);
        let column = self.text[start..self.position.start].chars().count();
        let width = self.text[self.position.start..self.position.end.clamp(self.position.start, end)].chars().count().max(1);
        write!(f, "\n  {}\n  {}{}", &self.text[start..end], " ".repeat(column), "^".repeat(width))
    }
}

/// An error before it knows its formula's text.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) position: Range<usize>,
    pub(super) message: String,
    pub(super) remedy: String,
}

impl Fault {
    pub(super) fn new(position: &Range<usize>, message: impl Into<String>, remedy: impl Into<String>) -> Box<Self> {
        Box::new(Self { position: position.clone(), message: message.into(), remedy: remedy.into() })
    }

    pub(super) fn at(self, text: &str) -> FormulaError {
        // Positions come from the lexer and lie on character boundaries; the floor guards the slices of `Display` regardless.
        let start = text.floor_char_boundary(self.position.start);
        let end = text.floor_char_boundary(self.position.end.max(start));
        FormulaError { text: text.to_owned(), position: start..end, message: self.message, remedy: self.remedy }
    }
}
