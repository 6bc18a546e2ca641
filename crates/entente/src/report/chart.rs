//! Syncs by day as bars: the geometry, for whatever draws them.

use entente_engine::reports::quality::Slice;
use jiff::tz::TimeZone;
use serde::Serialize;

/// A bar. Places and sizes are shares of the chart's width and height.
#[derive(Debug, Clone, Serialize)]
pub struct Bar {
    /// Left edge.
    pub x: f32,
    /// Width.
    pub width: f32,
    /// Height of what landed.
    pub landed: f32,
    /// Height of what failed, on top of it; never so low that it is not seen.
    pub failed: f32,
    /// The day of the month.
    pub day: String,
    /// What it says in words.
    pub words: String,
}

/// The bars, and the number that the full height stands for.
#[derive(Debug, Clone, Serialize)]
pub struct Chart {
    /// One bar a day.
    pub bars: Vec<Bar>,
    /// Syncs of the highest bar, rounded up.
    pub top: u64,
}

/// Share of a day's place that its bar takes.
const FILL: f32 = 0.72;

/// The least height of failures that there are: a line that is still seen.
const SEEN: f32 = 0.012;

/// The chart of some days.
pub fn of(days: &[Slice], zone: &TimeZone) -> Chart {
    let highest = days.iter().map(|day| day.landed + day.failed).max().unwrap_or(0);
    let top = round_up(highest);
    let place = 1.0 / days.len().max(1) as f32;
    let share = |many: u64| if top == 0 { 0.0 } else { many as f32 / top as f32 };
    let bars = days.iter().enumerate().map(|(index, day)| {
        let at = day.from.to_zoned(zone.clone());
        let p95 = day.p95_ms.map(|ms| format!(", P95 {:.1}s", ms as f64 / 1_000.0)).unwrap_or_default();
        Bar {
            x: place * (index as f32 + (1.0 - FILL) / 2.0),
            width: place * FILL,
            landed: share(day.landed),
            failed: if day.failed > 0 { share(day.failed).max(SEEN) } else { 0.0 },
            day: at.day().to_string(),
            words: format!(
                "{}: {} landed, {} failed{p95}",
                at.strftime("%a %-d %b"),
                super::words::number(day.landed),
                super::words::number(day.failed)
            ),
        }
    });
    Chart { bars: bars.collect(), top }
}

/// The next number with one leading digit and zeros behind it that reads well on an axis.
fn round_up(many: u64) -> u64 {
    if many <= 10 {
        return many;
    }
    let magnitude = 10_u64.saturating_pow(many.ilog10());
    many.div_ceil(magnitude / 2) * (magnitude / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_number_that_reads_well() {
        assert_eq!([0, 7, 10, 11, 234, 251, 9_800, 26_275].map(round_up), [0, 7, 10, 15, 250, 300, 10_000, 30_000]);
    }
}
