//! The report as plain text, in the layout that support and sales operations know.

use std::fmt::Write;

use super::sheet::Sheet;

/// The whole text.
pub fn render(sheet: &Sheet) -> String {
    let mut page = format!("{}\n{}\n{}\n", sheet.title, "=".repeat(sheet.title.chars().count()), sheet.about);
    for section in &sheet.sections {
        let _infallible = write!(page, "\n{}:\n", section.title);
        for line in &section.lines {
            let note = line.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
            let _infallible = writeln!(page, "  {}: {}{note}", line.label, line.value);
        }
    }
    page.push_str("\nRECOMMENDATIONS:\n");
    if sheet.recommendations.is_empty() {
        let _infallible = writeln!(page, "  {}", sheet.no_recommendation);
    }
    for (index, recommendation) in sheet.recommendations.iter().enumerate() {
        let _infallible = writeln!(page, "  {}. {} ({})", index + 1, recommendation.title, recommendation.evidence);
    }
    page
}
