//! Rows of a statement over many. SQLite binds their cells one by one; PostgreSQL gets them as one JSON array.

use super::Val;
use crate::crypto;

/// Rows: cells by name, row after row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows {
    names: &'static [&'static str],
    cells: Vec<Val>,
}

impl Rows {
    pub(super) fn new(names: &'static [&'static str], cells: Vec<Val>) -> Self {
        Self { names, cells }
    }

    /// Where a row has the cell of this name.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| *known == name)
    }

    /// The cells of each row.
    pub(super) fn each(&self) -> impl Iterator<Item = &[Val]> {
        self.cells.chunks(self.names.len().max(1))
    }

    /// As a JSON array of objects. What is nothing is left out: a JSON null inside would be stored as a document.
    pub(super) fn print(&self) -> String {
        let mut out = String::with_capacity(2 + self.cells.len() * 24);
        out.push('[');
        for (number, row) in self.each().enumerate() {
            out.push_str(if number == 0 { "{" } else { ",{" });
            let mut is_first = true;
            for (name, cell) in self.names.iter().zip(row).filter(|(_, cell)| **cell != Val::Null) {
                if !std::mem::take(&mut is_first) {
                    out.push(',');
                }
                print_text(&mut out, name);
                out.push(':');
                print_cell(&mut out, cell);
            }
            out.push('}');
        }
        out.push(']');
        out
    }
}

fn print_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// Prints one cell as JSON; bytes as hexadecimal digits, which `unhex` reads.
fn print_cell(out: &mut String, cell: &Val) {
    match cell {
        Val::Null => out.push_str("null"),
        Val::Int(number) => out.push_str(&number.to_string()),
        Val::Real(number) => out.push_str(&serde_json::Value::from(*number).to_string()),
        Val::Text(text) => print_text(out, text),
        Val::Blob(bytes) => print_text(out, &crypto::hex(bytes)),
        Val::Json(document) => out.push_str(document),
        Val::Texts(texts) => out.push_str(&serde_json::Value::from(texts.as_slice()).to_string()),
        Val::Ints(numbers) => out.push_str(&serde_json::Value::from(numbers.as_slice()).to_string()),
        Val::Rows(rows) => out.push_str(&rows.print()),
    }
}
