//! What ran, how long it took and how it ended.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

enum Outcome {
    Passed,
    Failed(String),
    Skipped(&'static str),
}

/// The report of a test run.
pub struct Report {
    since: Instant,
    checks: Vec<(&'static str, Duration, Outcome)>,
}

impl Report {
    /// An empty report; time starts now.
    pub fn new() -> Self {
        Self { since: Instant::now(), checks: Vec::new() }
    }

    /// Runs a check and notes how it ended. Returns whether it passed.
    pub fn check(&mut self, name: &'static str, check: impl FnOnce() -> Result<()>) -> bool {
        println!("\n== {name}");
        let since = Instant::now();
        let outcome = match check() {
            Ok(()) => Outcome::Passed,
            Err(error) => {
                eprintln!("failed: {error:#}");
                Outcome::Failed(format!("{error:#}"))
            }
        };
        let passed = matches!(outcome, Outcome::Passed);
        self.checks.push((name, since.elapsed(), outcome));
        passed
    }

    /// Notes a check that cannot run because of an earlier failure.
    pub fn skip(&mut self, name: &'static str, why: &'static str) {
        self.checks.push((name, Duration::ZERO, Outcome::Skipped(why)));
    }

    /// Prints one line per check and a closing line.
    ///
    /// # Errors
    /// When a check failed or could not run.
    pub fn close(self) -> Result<()> {
        println!("\n== summary");
        let mut bad = 0;
        for (name, took, outcome) in &self.checks {
            match outcome {
                Outcome::Passed => println!("  ok      {:>7}  {name}", seconds(*took)),
                Outcome::Failed(why) => {
                    bad += 1;
                    println!("  FAILED  {:>7}  {name}: {}", seconds(*took), why.lines().next().unwrap_or_default());
                }
                Outcome::Skipped(why) => {
                    bad += 1;
                    println!("  NOT RUN          {name}: {why}");
                }
            }
        }
        let total = seconds(self.since.elapsed());
        if bad > 0 {
            bail!("{bad} of {} checks did not pass, in {total}", self.checks.len());
        }
        println!("\nall {} checks passed in {total}", self.checks.len());
        Ok(())
    }
}

fn seconds(took: Duration) -> String {
    let all = took.as_secs_f64();
    if all < 60.0 { format!("{all:.1} s") } else { format!("{} min {:02} s", took.as_secs() / 60, took.as_secs() % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_passes_when_every_check_did() {
        let mut report = Report::new();
        assert!(report.check("sums add up", || Ok(())));
        report.close().unwrap();
    }

    #[test]
    fn one_failure_fails_the_run_but_not_the_checks_after_it() {
        let mut report = Report::new();
        assert!(!report.check("breaks", || bail!("on purpose")));
        assert!(report.check("still runs", || Ok(())));
        assert!(report.close().unwrap_err().to_string().starts_with("1 of 2 checks"));
    }

    #[test]
    fn a_check_that_could_not_run_fails_the_run() {
        let mut report = Report::new();
        report.skip("needs the binary", "the binary was not built");
        assert!(report.close().is_err());
    }
}
