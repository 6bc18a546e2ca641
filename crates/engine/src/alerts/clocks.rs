//! Clocks of platforms that jump. Their offset is measured with every answer and taken out of every time that they give, so that a clock which
//! is wrong is harmless; one that moves makes times of before and after it hard to compare, for as long as rows of both are about.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use super::kind::AlertKind;
use super::raise::Signal;
use crate::engine::Engine;

/// Setting that keeps the offsets that clocks have had for a while.
const CLOCKS: &str = "watch/clocks";

/// Milliseconds that a clock must move to count as a jump: more than the few seconds within which two changes count as simultaneous, and than
/// what the measurement may be off.
const JUMP_MS: i64 = 10_000;

/// How long a clock must stay where it jumped to before that is its offset, in milliseconds.
const SETTLED_MS: i64 = 60 * 60 * 1000;

/// The offset of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    /// As it has been for a while, in milliseconds ahead of ours.
    offset_ms: i64,
    /// Where it has jumped to, and when.
    jumped: Option<(i64, i64)>,
}

impl Known {
    /// What is known after one more measurement, with the jump that is not settled yet.
    fn after(self, offset_ms: i64, now_ms: i64) -> Self {
        if (offset_ms - self.offset_ms).abs() < JUMP_MS {
            // It is where it was, and may creep.
            return Self { offset_ms, jumped: None };
        }
        let since = self.jumped.filter(|(to, _)| (to - offset_ms).abs() < JUMP_MS).map_or(now_ms, |(_, since)| since);
        if now_ms - since >= SETTLED_MS {
            return Self { offset_ms, jumped: None };
        }
        Self { offset_ms: self.offset_ms, jumped: Some((offset_ms, since)) }
    }
}

/// Clocks that have jumped and not settled yet.
pub(super) fn clocks(engine: &Engine, tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<Signal>, StoreError> {
    let known: BTreeMap<String, Known> = tx.setting(CLOCKS)?.unwrap_or_default();
    let mut seen = known.clone();
    for (name, connection) in engine.connections() {
        let Some(offset_ms) = connection.connector.clock_offset_ms() else { continue };
        let before = known.get(name).copied().unwrap_or(Known { offset_ms, jumped: None });
        seen.insert(name.clone(), before.after(offset_ms, now.as_millisecond()));
    }
    seen.retain(|name, _| engine.connections().contains_key(name));
    if seen != known {
        tx.put_setting(CLOCKS, &seen)?;
    }
    let jumped = seen.into_iter().filter_map(|(name, clock)| Some((name, clock.offset_ms, clock.jumped?.0)));
    let signals = jumped.map(|(name, from, to)| {
        let title = format!("{name}: its clock has jumped by {} seconds", (to - from) / 1_000);
        let body = format!(
            "It was {} seconds ahead of ours and is {} seconds ahead now. Times that it gives are corrected by what is measured; changes from \
             around the jump may be told apart wrongly where the latest wins. See `entente doctor`.",
            from / 1_000,
            to / 1_000
        );
        Signal::warning(AlertKind::Clock, name, title, body)
    });
    Ok(signals.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_creeps_is_followed_and_one_that_jumps_is_told_until_it_settles() {
        let mut clock = Known { offset_ms: 0, jumped: None };
        for minute in 0..60 {
            clock = clock.after(minute * 500, minute * 60_000);
            assert_eq!(clock.jumped, None, "half a second a minute is no jump");
        }
        let hour = 60 * 60 * 1000;
        clock = clock.after(-240_000, hour);
        assert_eq!(clock.jumped, Some((-240_000, hour)));
        assert_eq!(clock.after(29_500, hour + 60_000).jumped, None, "it is back");
        clock = clock.after(-241_000, hour + 60_000);
        assert_eq!(clock.jumped.map(|(_, since)| since), Some(hour), "the same jump");
        assert_eq!(clock.after(-241_000, 2 * hour), Known { offset_ms: -241_000, jumped: None });
    }
}
