//! Answers: text for people, JSON for programs.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, Width, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::status_text::number;
use crate::fault::{Fault, Result};

/// Form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Prints answers to standard output and complaints to standard error.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    form: Form,
}

impl Output {
    /// In this form.
    pub fn new(form: Form) -> Self {
        Self { form }
    }

    /// Whether programs read the answer.
    pub fn is_json(self) -> bool {
        self.form == Form::Json
    }

    /// Prints an answer: as JSON, or as the text made of it.
    pub fn show<T: Serialize + ?Sized>(self, answer: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        let text = if self.is_json() { serde_json::to_string_pretty(answer)? } else { text(answer) };
        say(&text);
        Ok(())
    }

    /// Prints why the command failed: what on one line, the remedy on the next.
    pub fn complain(self, fault: &Fault) {
        let text = if self.is_json() {
            serde_json::json!({ "error": { "message": fault.what, "remedy": fault.remedy } }).to_string()
        } else {
            format!("error: {}\n  fix: {}", fault.what, fault.remedy)
        };
        // There is nobody left to tell when standard error is closed.
        let _closed = writeln!(std::io::stderr(), "{text}");
    }

    /// Prints what is not as it was asked for, though the command goes on.
    pub fn warn(self, fault: &Fault) {
        let text = if self.is_json() {
            serde_json::json!({ "warning": { "message": fault.what, "remedy": fault.remedy } }).to_string()
        } else {
            format!("warning: {}\n  fix: {}", fault.what, fault.remedy)
        };
        let _closed = writeln!(std::io::stderr(), "{text}");
    }

    /// A bar for work of known length; shown on a terminal only.
    pub fn bar(self, length: u64, what: &'static str) -> ProgressBar {
        if self.is_json() || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg} [{bar:32}] {human_pos}/{human_len} {per_sec} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(length).with_style(style.progress_chars("=> ")).with_message(what)
    }

    /// A sign of life for work of unknown length.
    pub fn spinner(self, what: impl Into<std::borrow::Cow<'static, str>>) -> ProgressBar {
        if self.is_json() || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let spinner = ProgressBar::new_spinner().with_message(what);
        spinner.enable_steady_tick(std::time::Duration::from_millis(120));
        spinner
    }
}

/// Prints a text to standard output. A reader that has gone (`| head`) ends the talk, not the process.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush());
}

/// Columns of the terminal that standard output is, if it is one.
pub fn columns() -> Option<usize> {
    Table::new().width().map(usize::from)
}

/// A text with every line that is wider than a terminal broken between words, and gone on with further in than it began.
pub fn fold(text: &str, columns: usize) -> String {
    text.lines().map(|line| folded(line, columns)).collect::<Vec<_>>().join("\n")
}

fn folded(line: &str, columns: usize) -> String {
    if line.width() <= columns {
        return line.to_owned();
    }
    let indent = line.len() - line.trim_start().len();
    let (first, further) = (" ".repeat(indent), " ".repeat(indent + 4));
    let mut lines = vec![first];
    for word in line.split_whitespace() {
        // The last line is there from the beginning.
        let Some(last) = lines.last_mut() else { break };
        if last.trim_start().is_empty() {
            last.push_str(word);
        } else if last.width() + 1 + word.width() <= columns {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(format!("{further}{word}"));
        }
    }
    lines.join("\n")
}

/// Characters between two columns.
const GAP: u16 = 2;
/// Characters of the longest words that are kept whole where a terminal is narrow: those of `reconciliation`. Longer ones are ids and addresses.
const WORD_CHARS: usize = 14;

/// A table of text, as wide as the terminal. Where that is narrow, cells go on below, and words are broken in two only when nothing else helps.
pub fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(head.map(Cell::new));
    let mut longest = head.map(longest_word);
    for row in rows {
        for (longest, cell) in longest.iter_mut().zip(&row) {
            *longest = longest_word(cell).max(*longest);
        }
        table.add_row(row.map(Cell::new));
    }
    let at_least = column_widths(&longest, table.width());
    for (column, width) in table.column_iter_mut().zip(at_least) {
        column.set_padding((0, GAP)).set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn longest_word(text: &str) -> usize {
    text.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0)
}

/// How wide each column is at least, with the gap behind it: as wide as its longest word, or as the longest words that have room in a terminal of
/// this width.
fn column_widths(longest: &[usize], terminal: Option<u16>) -> Vec<u16> {
    let kept = |chars: usize| longest.iter().map(move |word| u16::try_from((*word).min(chars)).unwrap_or(u16::MAX).saturating_add(GAP));
    let fits = |chars: &usize| terminal.is_none_or(|width| kept(*chars).map(usize::from).sum::<usize>() <= usize::from(width));
    kept((1..=WORD_CHARS).rev().find(fits).unwrap_or(1)).collect()
}

/// 1 record, 2,000 records.
pub fn counted(many: u64, one: &str) -> String {
    format!("{} {one}{}", number(many), if many == 1 { "" } else { "s" })
}

/// What a new version of a mapping has looked at again.
pub fn looked_at_again(records: u64) -> String {
    format!("{} {} looked at again", counted(records, "record"), if records == 1 { "is" } else { "are" })
}

/// What follows a page of a list that goes on behind it.
pub fn more(next: Option<&str>) -> String {
    next.map(|next| format!("\n\nMore: --before {next}")).unwrap_or_default()
}

/// An instant as people read it.
pub fn moment(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_breaks_words_only_when_nothing_else_helps() {
        let words = ["salesforce", "reconciliation", "marketing_emails"].map(longest_word);
        assert_eq!(column_widths(&words, None), [12, 16, 16], "longer than any word is an id, which may go on below");
        assert_eq!(column_widths(&words, Some(44)), [12, 16, 16]);
        assert_eq!(column_widths(&words, Some(40)), [12, 14, 14]);
        assert_eq!(column_widths(&words, Some(4)), [3, 3, 3]);
    }

    #[test]
    fn a_line_that_is_wider_than_the_terminal_goes_on_below_between_words() {
        let text = "ALERTS:\n  ⚠ 3 items wait for a person, and the oldest of them for longer than a day\n  ✅ all well";
        let folded = "ALERTS:\n  ⚠ 3 items wait for a person, and the\n      oldest of them for longer than a day\n  ✅ all well";
        assert_eq!(fold(text, 42), folded);
        assert_eq!(fold(text, 200), text);
        assert_eq!(fold("  https://example.com/an/address/that/is/long", 20), "  https://example.com/an/address/that/is/long");
    }

    #[test]
    fn columns_begin_where_lines_do_and_stand_apart() {
        let text = table(["ID", "WHAT"], [["1".to_owned(), "dead letters wait".to_owned()], ["12".to_owned(), "over".to_owned()]]);
        assert_eq!(text, "ID  WHAT\n1   dead letters wait\n12  over");
    }
}
