//! `entente bench matching`: how well, and how fast, records of one customer are found. The truth is looked at when all is done.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args as ClapArgs;
use entente_model::matching::AUTO_LINK;
use entente_model::matching::linkage::{Blocks, Clusters, Edge, Effort, Judge, Lesson, Model, clusters, learn};
use serde::Serialize;

use super::super::context::Context;
use super::super::demo::Memory;
use super::super::output::table;
use super::super::status_text::number;
use crate::fault::Result;

mod columns;
mod input;
#[cfg(test)]
mod labelled;
mod names;
mod pairs;
mod people;
mod slips;
#[cfg(test)]
mod tests;
mod truth;

use input::Input;
use truth::Score;

/// Probability from which a match is likelier than not.
const EVEN: f64 = 0.5;

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// CSV file of records; a column `cluster` (or the ids of the FEBRL generator) says who is who
    #[arg(long, value_name = "FILE", required_unless_present = "generate", conflicts_with = "generate")]
    data: Option<PathBuf>,
    /// Second CSV file: its records are compared with those of the first, not among themselves
    #[arg(long, value_name = "FILE", requires = "data")]
    against: Option<PathBuf>,
    /// CSV file of pairs that are known: id_l, id_r, and score (0.5 and more is a match)
    #[arg(long, value_name = "FILE", requires = "data")]
    labels: Option<PathBuf>,
    /// Make up this many records instead
    #[arg(long, value_name = "N")]
    generate: Option<usize>,
    /// Save the records that were made up
    #[arg(long, value_name = "FILE", requires = "generate")]
    save: Option<PathBuf>,
    /// Seed of the records that are made up, and of the samples that are learned from
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Threads that compare [default: as many as cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Explain this many of the pairs that a person would be asked about, the likeliest first
    #[arg(long, default_value_t = 0, value_name = "N")]
    explain: usize,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Report {
    records: usize,
    pairs_possible: f64,
    pairs_compared: u64,
    /// Keys that too many records share.
    keys_left_out: usize,
    matches_known: Option<u64>,
    /// Pairs and groups by threshold; scores where the truth is known.
    thresholds: Vec<Threshold>,
    links_refused: usize,
    seconds: Seconds,
    rss_peak_mb: Option<f64>,
    explained: Vec<String>,
    model: Model,
}

#[derive(Debug, Serialize)]
struct Threshold {
    what: &'static str,
    probability: f64,
    found: usize,
    score: Option<Score>,
}

#[derive(Debug, Serialize)]
struct Seconds {
    read: f64,
    block: f64,
    learn: f64,
    compare: f64,
    group: f64,
    total: f64,
}

/// Time since the last look.
struct Lap(Instant);

impl Lap {
    fn seconds(&mut self) -> f64 {
        let lap = self.0.elapsed().as_secs_f64();
        self.0 = Instant::now();
        lap
    }
}

pub fn run(args: &Args, context: &Context) -> Result<ExitCode> {
    let spinner = context.output.spinner("comparing records");
    let report = measure(args)?;
    spinner.finish_and_clear();
    context.output.show(&report, Report::text)?;
    Ok(ExitCode::SUCCESS)
}

fn measure(args: &Args) -> Result<Report> {
    let began = Instant::now();
    let mut lap = Lap(began);
    let input = read(args)?;
    let read = lap.seconds();
    let table = &input.table;
    let blocks = Blocks::of(table, Effort::default());
    let block = lap.seconds();
    let model = learn(table, &blocks, Lesson { seed: args.seed, ..Lesson::default() });
    let learn = lap.seconds();
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)).max(1);
    let judge = Judge::new(table, &model);
    let found = pairs::judge(table, &blocks, &judge, threads)?;
    let compare = lap.seconds();
    let groups = clusters(&found.edges, AUTO_LINK, |one, two| judge.verdict(one, two).probability);
    let group = lap.seconds();
    let asked = found.edges.iter().filter(|edge| edge.probability < AUTO_LINK);
    let explained = asked.take(args.explain).map(|edge| explain(&input, &judge, *edge)).collect();
    Ok(Report {
        records: table.rows(),
        pairs_possible: table.pairs(),
        pairs_compared: found.compared,
        keys_left_out: blocks.left_out(),
        matches_known: input.truth.as_ref().map(truth::Truth::matches),
        thresholds: thresholds(&input, &found.edges, &groups),
        links_refused: groups.refused.len(),
        seconds: Seconds { read, block, learn, compare, group, total: began.elapsed().as_secs_f64() },
        rss_peak_mb: Memory::now().peak_mb,
        explained,
        model,
    })
}

fn read(args: &Args) -> Result<Input> {
    if let Some(records) = args.generate {
        return input::made_up(records, args.seed, args.save.as_deref());
    }
    let mut input = input::from_files(args.data.as_deref().unwrap_or(std::path::Path::new("")), args.against.as_deref())?;
    if let Some(labels) = &args.labels {
        input::label(&mut input, labels)?;
    }
    Ok(input)
}

fn explain(input: &Input, judge: &Judge<'_>, edge: Edge) -> String {
    let name = |row: u32| input.ids.get(row as usize).cloned().unwrap_or_else(|| row.to_string());
    format!("{} and {}\n{}", name(edge.one), name(edge.two), judge.explain(edge.one, edge.two))
}

fn thresholds(input: &Input, edges: &[Edge], groups: &Clusters) -> Vec<Threshold> {
    let truth = input.truth.as_ref();
    let at = |what, probability: f64| Threshold {
        what,
        probability,
        found: edges.iter().filter(|edge| edge.probability >= probability).count(),
        score: truth.map(|truth| Score::from(edges, truth, probability)),
    };
    let mut thresholds = vec![at("pairs, automatic", AUTO_LINK), at("pairs, likelier than not", EVEN)];
    if let Some(truth) = truth {
        thresholds.push(at("pairs, best F1", Score::best(edges, truth).0));
    }
    thresholds.push(Threshold {
        what: "groups, automatic",
        probability: AUTO_LINK,
        found: groups.groups.len(),
        score: truth.map(|truth| Score::of_clusters(groups, truth)),
    });
    thresholds
}

impl Report {
    fn text(&self) -> String {
        let score = |threshold: &Threshold, of: fn(&Score) -> String| threshold.score.as_ref().map(of).unwrap_or_default();
        let rows = self.thresholds.iter().map(|threshold| {
            [
                threshold.what.to_owned(),
                format!("{:.4}", threshold.probability),
                number(threshold.found as u64),
                score(threshold, |score| format!("{:.4}", score.precision)),
                score(threshold, |score| format!("{:.4}", score.recall)),
                score(threshold, |score| format!("{:.4}", score.f1)),
                score(threshold, |score| number(score.wrong)),
            ]
        });
        let known = self.matches_known.map_or_else(|| "unknown".to_owned(), number);
        let memory = self.rss_peak_mb.map_or_else(|| "unknown".to_owned(), |mb| format!("{mb:.0} MB"));
        let Seconds { read, block, learn, compare, group, total } = self.seconds;
        let mut text = format!(
            "{} records, {} matches known\n{} pairs compared, {} keys left out that too many share\n\n{}\n\n\
             {} links refused that would have chained groups\n\
             {total:.1} s: {read:.1} reading, {block:.1} blocking, {learn:.1} learning, {compare:.1} comparing, {group:.1} grouping\n\
             peak memory {memory}",
            number(self.records as u64),
            known,
            number(self.pairs_compared),
            number(self.keys_left_out as u64),
            table(["", "from", "found", "precision", "recall", "F1", "wrong"], rows),
            number(self.links_refused as u64),
        );
        for explained in &self.explained {
            text.push_str("\n\n");
            text.push_str(explained);
        }
        text
    }
}
