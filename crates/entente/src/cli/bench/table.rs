//! The table of measured numbers, and where they were measured.

use std::fmt::Write;

use jiff::Timestamp;
use serde::Serialize;

/// One measured number.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What was measured.
    pub measure: String,
    /// What people have today: the dashboard of a company of this size, or the best other tool that says so.
    pub now: String,
    /// What is to be reached.
    pub to_reach: String,
    /// What was measured.
    pub measured: String,
    /// Numbers for programs.
    pub numbers: serde_json::Value,
    /// How a bound was worked out, if one stands beside the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained: Option<String>,
}

/// A table of its own below the first one.
#[derive(Debug, Clone, Serialize)]
pub struct Sheet {
    /// What it is about.
    pub title: &'static str,
    /// How it was measured, and what is to be reached.
    pub said: String,
    /// Heads of its columns.
    pub heads: Vec<String>,
    /// Its lines, a text for each column.
    pub lines: Vec<Vec<String>>,
    /// Numbers of each line, for programs.
    pub numbers: Vec<serde_json::Value>,
}

impl Sheet {
    fn markdown(&self) -> String {
        let line =
            |cells: &[String]| format!("| {} |\n", cells.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>().join(" | "));
        let rule = format!("|{}\n", "---|".repeat(self.heads.len()));
        let lines: String = self.lines.iter().map(|cells| line(cells)).collect();
        format!("\n## {}\n\n{}\n\n{}{rule}{lines}", self.title, self.said, line(&self.heads))
    }
}

/// When and where.
#[derive(Debug, Clone, Serialize)]
pub struct Place {
    /// When the first measure began.
    at: Timestamp,
    /// Cores that this process may use.
    cores: usize,
    /// Name of the processor, where the system tells.
    processor: Option<String>,
    /// Operating system and architecture.
    system: String,
}

impl Place {
    /// This machine.
    pub fn here(at: Timestamp) -> Self {
        let processor = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?.to_owned();
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        Self {
            at,
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            processor,
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }

    fn short(&self) -> String {
        format!("{}, {} cores", self.at.strftime("%Y-%m-%d"), self.cores)
    }
}

/// Everything that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// When and where.
    pub place: Place,
    /// The numbers.
    pub rows: Vec<Row>,
    /// Further tables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sheets: Vec<Sheet>,
}

impl Report {
    /// The page `docs/benchmarks.md`.
    pub fn markdown(&self) -> String {
        let mut page = String::from(
            "# Benchmarks\n\n<!-- Made by `cargo xtask bench`. -->\n\n\
             Measured against simulated platforms in a process of their own, with the latencies and quotas that the platforms have in \
             production (Salesforce: 230 ms a call, 100,000 calls a day; Zendesk: 180 ms a call, 700 calls a minute; 45 ms of network), \
             unless a line says otherwise. Each measure has a fresh store. An edit has landed when the other platform has committed its \
             value, as that platform says. The simulators run on the same cores.\n\n\
             | measure | now | to reach | measured | when, where |\n|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            let cells = [&row.measure, &row.now, &row.to_reach, &row.measured, &self.place.short()].map(|cell| cell.replace('|', "\\|"));
            let _infallible = writeln!(page, "| {} |", cells.join(" | "));
        }
        let processor = self.place.processor.as_deref().unwrap_or("unknown processor");
        let _infallible = write!(page, "\n{processor}, {}.\n", self.place.system);
        for (row, explained) in self.rows.iter().filter_map(|row| Some((row, row.explained.as_ref()?))) {
            let _infallible = write!(page, "\n## {}\n\n{explained}\n", row.measure);
        }
        self.sheets.iter().for_each(|sheet| page.push_str(&sheet.markdown()));
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_line_for_each_measure_and_explains_bounds_below() {
        let row = Row {
            measure: "First full sync".to_owned(),
            now: "4.2 minutes".to_owned(),
            to_reach: "1 | 2".to_owned(),
            measured: "80 s".to_owned(),
            numbers: serde_json::json!({}),
            explained: Some("Because.".to_owned()),
        };
        let place = Place { at: Timestamp::UNIX_EPOCH, cores: 2, processor: None, system: "linux".to_owned() };
        let sheet = Sheet {
            title: "Each by itself",
            said: "Measured so.".to_owned(),
            heads: vec!["who".to_owned(), "what".to_owned()],
            lines: vec![vec!["A|B".to_owned(), "7".to_owned()]],
            numbers: Vec::new(),
        };
        let page = Report { place, rows: vec![row], sheets: vec![sheet] }.markdown();
        assert!(page.contains("| First full sync | 4.2 minutes | 1 \\| 2 | 80 s | 1970-01-01, 2 cores |"), "{page}");
        assert!(page.contains("## First full sync\n\nBecause.\n"), "{page}");
        assert!(page.ends_with("\n## Each by itself\n\nMeasured so.\n\n| who | what |\n|---|---|\n| A\\|B | 7 |\n"), "{page}");
    }
}
