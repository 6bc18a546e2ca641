//! Reading a description: everything that is wrong is told with line and column.

use std::fmt;

use schemars::JsonSchema;
use serde_saphyr::Spanned;

use super::Description;
use super::check::{Wrong, check};
use super::structure;
use super::tree::{Tree, name_at, place};

/// What is wrong with a description.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, JsonSchema)]
pub struct DescriptionFault {
    /// Line, counted from 1.
    pub line: u64,
    /// Column, counted from 1.
    pub column: u64,
    /// Where in the description (`objects.persons.fields.email`).
    pub field: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for DescriptionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = if self.field.is_empty() { String::new() } else { format!("{}: ", self.field) };
        write!(f, "{}:{}: {field}{}; {}", self.line, self.column, self.reason, self.remedy)
    }
}

/// Reads a description.
///
/// # Errors
/// Everything that is wrong, in the order of the text.
pub fn read(text: &str) -> Result<Description, Vec<DescriptionFault>> {
    // An empty file lacks everything, and is told what first.
    let text = if text.trim().is_empty() { "{}" } else { text };
    let tree = Tree::of(text);
    let faults = match (serde_saphyr::from_str::<Description>(text), &tree) {
        (Ok(description), tree) => {
            let wrong = check(&description);
            if wrong.is_empty() {
                return Ok(description);
            }
            wrong.into_iter().map(|wrong| placed(wrong, tree.as_ref())).collect()
        }
        (Err(error), Some(tree)) => misfits(&error, tree),
        // Whatever is no YAML has no end that could be looked at.
        (Err(error), None) => vec![fault_of(&error, None)],
    };
    Err(in_order(faults))
}

/// Everything that does not fit the form, and what is wrong with the rest.
fn misfits(error: &serde_saphyr::Error, tree: &Spanned<Tree>) -> Vec<DescriptionFault> {
    let found = structure::look(tree);
    let rest = serde_json::from_value::<Description>(found.mended);
    let mut faults = found.faults;
    match rest {
        Ok(description) => {
            // What stands above, at or below a mistake may be wrong for no other reason than that.
            let apart = |wrong: &Wrong| found.mistaken.iter().all(|at| !at.starts_with(&wrong.at) && !wrong.at.starts_with(at));
            faults.extend(check(&description).into_iter().filter(apart).map(|wrong| placed(wrong, Some(tree))));
        }
        // There is something of which the form does not tell.
        Err(_) => {
            let told = fault_of(error, Some(tree));
            if faults.iter().all(|fault| fault.line != told.line) {
                faults.push(told);
            }
        }
    }
    if faults.is_empty() {
        faults.push(fault_of(error, Some(tree)));
    }
    faults
}

fn in_order(mut faults: Vec<DescriptionFault>) -> Vec<DescriptionFault> {
    faults.sort_by_key(|fault| (fault.line, fault.column));
    faults
}

fn placed(wrong: Wrong, tree: Option<&Spanned<Tree>>) -> DescriptionFault {
    let (line, column) = tree.map_or((1, 1), |tree| place(tree, &wrong.at));
    DescriptionFault { line, column, field: wrong.at.join("."), reason: wrong.reason, remedy: wrong.remedy }
}

fn fault_of(error: &serde_saphyr::Error, tree: Option<&Spanned<Tree>>) -> DescriptionFault {
    let (line, column) = error.location().map_or((1, 1), |at| (at.line().max(1), at.column().max(1)));
    let said = error.without_snippet().to_string();
    let first = said.lines().next().unwrap_or_default();
    let sentence = first.split(" at line ").next().unwrap_or(first).trim_start_matches("error: ").trim();
    let field = tree.map(|tree| name_at(tree, (line, column))).unwrap_or_default();
    DescriptionFault { line, column, field, reason: sentence.to_owned(), remedy: structure::CORRECT.to_owned() }
}
