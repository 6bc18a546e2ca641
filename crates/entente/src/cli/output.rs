//! Answers: text for people, JSON for programs.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{Cell, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

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

/// A table of text, as wide as the terminal.
pub fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(head.map(Cell::new));
    for row in rows {
        table.add_row(row.map(Cell::new));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
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
