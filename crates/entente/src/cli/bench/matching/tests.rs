//! How well people are found, measured on files whose truth is known: what is promised of the automatic threshold holds, and less than what is
//! reached today is noticed. A labelled file of one's own is measured by the same test: `ENTENTE_MATCHING_DATA=people.csv` (or a folder of them).

use std::path::{Path, PathBuf};

use super::{AUTO_LINK, Args, Report, labelled, measure};

/// What is promised of a labelled file of a thousand people, at the automatic threshold.
const PRECISION: f64 = 0.999;
const F1: f64 = 0.88;

fn measured(data: Option<PathBuf>, generate: Option<usize>, seed: u64) -> Report {
    let args = Args { data, against: None, labels: None, generate, save: None, seed, threads: Some(1), explain: 0 };
    measure(&args).unwrap()
}

/// Checks a report at the automatic threshold: pairs, and groups where they are asked for.
#[track_caller]
fn holds(what: &str, report: &Report, f1: f64) {
    let line = |what: &str| report.thresholds.iter().find(|line| line.what == what).unwrap();
    let auto = line("pairs, automatic");
    assert!((auto.probability - AUTO_LINK).abs() < f64::EPSILON);
    let score = auto.score.as_ref().unwrap();
    assert!(score.precision >= PRECISION, "{what}: precision {:.4} at the automatic threshold, {} wrong", score.precision, score.wrong);
    assert!(score.f1 >= f1, "{what}: F1 {:.4} at the automatic threshold, and {f1} was reached", score.f1);
    println!("{what}: precision {:.4}, recall {:.4}, F1 {:.4}, {} wrong", score.precision, score.recall, score.f1, score.wrong);
}

fn file(folder: &Path, make: fn(&Path, usize, u64), seed: u64) -> PathBuf {
    let path = folder.join(format!("{seed}.csv"));
    make(&path, 1_000, seed);
    path
}

#[test]
fn of_a_thousand_people_with_homes_and_numbers_the_automatic_threshold_finds_nearly_all_and_no_stranger() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 1..=5 {
        let report = measured(Some(file(folder.path(), labelled::febrl, seed)), None, 1);
        assert_eq!((report.records, report.matches_known), (1_000, Some(500)));
        holds(&format!("like FEBRL, seed {seed}"), &report, 0.97);
    }
}

#[test]
fn of_a_thousand_records_of_whom_little_is_known_the_automatic_threshold_finds_most_and_no_stranger() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 1..=5 {
        let report = measured(Some(file(folder.path(), labelled::splink, seed)), None, 1);
        assert_eq!(report.records, 1_000);
        holds(&format!("like Splink, seed {seed}"), &report, F1);
    }
}

#[test]
fn a_file_without_what_tells_people_apart_does_not_reach_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), labelled::splink, 1);
    // Nobody's date of birth or address.
    let text = std::fs::read_to_string(&path).unwrap();
    let poor: String = text
        .lines()
        .map(|line| {
            line.split(',').enumerate().filter(|(at, _)| !matches!(at, 3 | 5)).map(|(_, value)| value).collect::<Vec<_>>().join(",") + "\n"
        })
        .collect();
    std::fs::write(&path, poor).unwrap();
    let report = measured(Some(path), None, 1);
    let score = report.thresholds[0].score.as_ref().unwrap();
    assert!(score.f1 < F1, "the measure can fail: F1 {:.4}", score.f1);
}

#[test]
fn labelled_files_that_are_given_keep_what_is_promised() {
    let Some(given) = crate::config::Environment::of_process().get("ENTENTE_MATCHING_DATA").map(PathBuf::from) else { return };
    let files: Vec<PathBuf> = if given.is_dir() {
        let all = std::fs::read_dir(&given).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|end| end == "csv")).collect()
    } else {
        vec![given]
    };
    let mut measured_any = false;
    for path in files {
        let report = measured(Some(path.clone()), None, 1);
        // A file of labels alone, or one without them, says nothing.
        if report.matches_known.is_some_and(|known| known > 0) {
            holds(&path.display().to_string(), &report, F1);
            measured_any = true;
        }
    }
    assert!(measured_any, "ENTENTE_MATCHING_DATA names no labelled file: give a column `cluster`, or the ids of the FEBRL generator");
}
