//! The failures of the dashboard: a table where there is room for it, and else two lines for each, so that no terminal breaks them in the middle.

use entente_engine::reports::dashboard::Failure;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Longest error text, in columns: the rest is with the record's history.
const ERROR_COLUMNS: usize = 60;

/// Columns of a terminal that the lines are printed behind.
const INDENT: usize = 2;

/// The lines, for a terminal of so many columns if it is for one.
pub fn lines(failures: &[Failure], columns: Option<usize>) -> Vec<String> {
    let table = table(failures);
    let room = columns.map(|columns| columns.saturating_sub(INDENT));
    match room.filter(|room| table.iter().any(|line| line.width() > *room)) {
        Some(room) => narrow(failures, room),
        None => table,
    }
}

fn table(failures: &[Failure]) -> Vec<String> {
    let head = ["Time", "Direction", "Record ID", "Error", "Status"].map(str::to_owned);
    let rows: Vec<[String; 5]> = failures
        .iter()
        .map(|failure| {
            let error = cut(&failure.error, ERROR_COLUMNS);
            [time(failure), failure.direction.clone(), failure.record.clone(), error, status(failure).to_owned()]
        })
        .collect();
    let mut widths = [0; 4];
    for row in std::iter::once(&head).chain(&rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let line = |row: &[String; 5]| {
        let padded: Vec<String> = row.iter().zip(widths).map(|(cell, width)| pad(cell, width)).collect();
        format!("{} | {}", padded.join(" | "), row[4])
    };
    let rule = format!("{}-|-------", widths.map(|width| "-".repeat(width)).join("-|-"));
    [line(&head), rule].into_iter().chain(rows.iter().map(line)).collect()
}

fn narrow(failures: &[Failure], room: usize) -> Vec<String> {
    let of = |failure: &Failure| {
        let told = format!("{}: {}", status(failure), failure.error.lines().next().unwrap_or_default());
        [
            format!("{} | {} | {}", time(failure), failure.direction, failure.record),
            format!("  {}", cut(&told, room.saturating_sub(INDENT))),
        ]
    };
    failures.iter().flat_map(of).collect()
}

fn status(failure: &Failure) -> &str {
    match failure.status.as_str() {
        "recovered" => "✅ Recovered",
        "fixed" => "✅ Fixed (data corrected)",
        "retrying" => "⏳ Retrying",
        "manual" => "⚠ Manual review pending",
        "discarded" => "Discarded",
        other => other,
    }
}

fn time(failure: &Failure) -> String {
    format!("{} UTC", failure.at.strftime("%H:%M"))
}

/// The first line of a text, as far as it fits.
fn cut(text: &str, columns: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.width() <= columns {
        return line.to_owned();
    }
    let mut kept = String::new();
    for letter in line.chars() {
        if kept.width() + letter.width().unwrap_or(0) >= columns {
            break;
        }
        kept.push(letter);
    }
    format!("{}…", kept.trim_end())
}

fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(error: &str, status: &str) -> Failure {
        Failure {
            at: "2026-01-15T14:12:00Z".parse().unwrap(),
            direction: "CRM→Support".to_owned(),
            record: "con_01h455vb4pex5vsknk084sn02q".to_owned(),
            error: error.to_owned(),
            status: status.to_owned(),
        }
    }

    #[test]
    fn there_is_a_table_where_there_is_room() {
        let failures = [failure("Timeout", "recovered"), failure(&"x".repeat(90), "manual")];
        let table = lines(&failures, None);
        assert_eq!(table[0].split(" | ").map(str::trim).collect::<Vec<_>>(), ["Time", "Direction", "Record ID", "Error", "Status"]);
        assert!(table[2].ends_with(" | ✅ Recovered") && table[3].contains(&format!("| {}… |", "x".repeat(59))), "{table:#?}");
        assert_eq!(lines(&failures, Some(200)), table);
    }

    #[test]
    fn a_narrow_terminal_gets_two_lines_that_it_need_not_break() {
        let failures =
            [failure("the value is too long: shorten it, or let the mapping cut it to the length that the field has there", "manual")];
        let narrow = lines(&failures, Some(80));
        assert_eq!(narrow[0], "14:12 UTC | CRM→Support | con_01h455vb4pex5vsknk084sn02q");
        assert!(narrow[1].starts_with("  ⚠ Manual review pending: the value is too long") && narrow[1].ends_with('…'), "{narrow:#?}");
        assert!(narrow.iter().all(|line| INDENT + line.width() <= 80), "{narrow:#?}");
    }

    #[test]
    fn what_is_wide_in_a_terminal_counts_as_such() {
        let failures = [failure(&"値".repeat(60), "fixed")];
        assert!(lines(&failures, Some(60)).iter().all(|line| INDENT + line.width() <= 60));
    }
}
