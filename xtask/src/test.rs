//! `cargo xtask test`: every check there is, on a machine that may be fresh. A check that fails does not stop the others.

mod parts;
mod report;

use anyhow::{Result, bail};

pub use parts::Part;

/// Runs all checks, or those of the parts named by `--only`.
///
/// # Errors
/// When a check failed; the closing lines say which.
pub fn test(args: &[String]) -> Result<()> {
    let parts = chosen(args)?;
    let mut report = report::Report::new();
    parts::run(&parts, &mut report);
    report.close()
}

fn chosen(args: &[String]) -> Result<Vec<Part>> {
    match args.split_first() {
        None => Ok(Part::ALL.to_vec()),
        Some((flag, names)) if flag == "--only" && !names.is_empty() => names.iter().map(|name| Part::named(name)).collect(),
        Some(_) => bail!("`test` takes --only <part>…, not `{}`", args.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn without_arguments_everything_runs() {
        assert_eq!(chosen(&[]).unwrap(), Part::ALL);
    }

    #[test]
    fn only_the_named_parts_run() {
        assert_eq!(chosen(&args("--only web browser")).unwrap(), [Part::Web, Part::Browser]);
    }

    #[test]
    fn an_unknown_part_is_refused_with_the_known_ones() {
        let refusal = chosen(&args("--only wbe")).unwrap_err().to_string();
        assert!(refusal.contains("wbe") && refusal.contains("browser"), "{refusal}");
    }
}
