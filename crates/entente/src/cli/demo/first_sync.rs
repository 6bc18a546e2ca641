//! Showing the first full sync: what was read of each object, and how much of it has converged.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use entente_engine::reports::headline::headline;
use entente_sims::world::CallCosts;
use entente_store::Viewer;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::super::output::{Output, say};
use super::hub::Hub;
use super::quiet::{self, Stillness};
use super::sims::Sims;
use crate::fault::Result;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// One bar for each object that is read, and one for what has converged.
struct Bars {
    all: MultiProgress,
    style: ProgressStyle,
    read: BTreeMap<(String, String), ProgressBar>,
    converged: ProgressBar,
}

impl Bars {
    fn new(output: Output) -> Self {
        let all = MultiProgress::new();
        if output.is_json() || !std::io::stderr().is_terminal() {
            all.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{msg:28} [{bar:32}] {human_pos:>8} of {human_len:>8}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        let converged = all.add(ProgressBar::new(0).with_style(style.clone()).with_message("converged"));
        Self { all, style, read: BTreeMap::new(), converged }
    }

    fn read(&mut self, key: (String, String), rows: u64, total: Option<u64>) {
        let bar = self.read.entry(key).or_insert_with_key(|(connection, object)| {
            let bar = ProgressBar::new(0).with_style(self.style.clone()).with_message(format!("{connection} {object}"));
            self.all.insert_before(&self.converged, bar)
        });
        bar.set_length(total.unwrap_or(rows).max(rows));
        bar.set_position(rows);
    }

    fn converged(&self, records: u64, in_flight: u64) {
        self.converged.set_length(records);
        self.converged.set_position(records.saturating_sub(in_flight));
    }
}

/// Follows the first full sync until everything was read and nothing is on its way. Answers when that was so for the first time, which
/// is before it was certain, and the API calls until then.
pub async fn show(hub: &Hub, sims: &Sims, output: Output) -> Result<(Instant, CallCosts)> {
    let mut bars = Bars::new(output);
    let mut stillness = Stillness::default();
    let mut first = None;
    let end = loop {
        for (key, (rows, total)) in hub.read() {
            bars.read(key, rows, total);
        }
        let counted = headline(&hub.engine, &Viewer::system()).await?;
        bars.converged(counted.records, counted.in_flight);
        let done =
            counted.in_flight == 0 && counted.records > 0 && quiet::everything_was_read(hub).await? && quiet::is_quiet(hub, sims).await?;
        let end = match (done, first) {
            (true, Some(end)) => end,
            _ => (Instant::now(), sims.control.calls().await?),
        };
        first = done.then_some(end);
        if stillness.note(done) {
            break end;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    bars.all.clear()?;
    if !output.is_json() {
        for ((connection, object), (rows, _)) in hub.read() {
            say(&format!("  {connection} {object}: {} rows read", super::status_text::number(rows)));
        }
    }
    Ok(end)
}
