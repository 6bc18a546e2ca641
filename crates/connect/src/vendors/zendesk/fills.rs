//! What Zendesk fills in by itself in users that a job makes: the account's language and time zone. No event and no job tells of it. Users of a
//! first sync are made by the hundred, and all alike, so it is learnt from those of one job and not asked for again with every job.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row;
use serde_json::Value;

/// Attributes that are the account's where a user comes without them. Others (an organization by the address's domain, tags by rules) differ from
/// user to user, and polls show them.
const FILLED: [&str; 4] = ["time_zone", "iana_time_zone", "locale", "locale_id"];

/// How long it is believed: an admin changes the account's language by the year, and polls show every user as it is anyway.
const BELIEF: Duration = Duration::from_secs(3_600);

/// Users of which all must show the same, so that it is no chance.
const ALIKE: usize = 20;

/// What was learnt, and when.
#[derive(Debug, Default)]
pub struct Fills(Mutex<Option<(Timestamp, Row)>>);

impl Fills {
    fn held(&self) -> MutexGuard<'_, Option<(Timestamp, Row)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns from users that were just made and shown: what was written of each, and what it shows.
    pub fn learn<'a>(&self, made: impl Iterator<Item = (&'a Row, &'a Row)>, now: Timestamp) {
        let mut seen: BTreeMap<&str, (usize, Option<&Value>)> = BTreeMap::new();
        for (written, shown) in made {
            for name in FILLED.into_iter().filter(|name| !gives(written, name)) {
                let value = shown.get(name);
                let entry = seen.entry(name).or_insert((0, value));
                entry.0 += 1;
                entry.1 = entry.1.filter(|known| Some(*known) == value);
            }
        }
        let alike = |name: &&str| seen.get(*name).and_then(|(many, value)| value.filter(|_| *many >= ALIKE)).cloned();
        let learnt: Option<Row> = FILLED.iter().map(|name| Some(((*name).to_owned(), alike(name)?))).collect();
        if let Some(row) = learnt {
            *self.held() = Some((now, row));
        }
    }

    /// What a user holds beside what was written of it, if it is known.
    pub fn beside(&self, written: &Row, now: Timestamp) -> Option<Row> {
        let held = self.held();
        let (_, row) = held.as_ref().filter(|(at, _)| Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < BELIEF))?;
        Some(row.iter().filter(|(name, _)| !gives(written, name)).map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

/// Whether a write sets this attribute: a time zone and a language have two names each.
fn gives(written: &Row, name: &str) -> bool {
    let twins: &[&str] = if name.ends_with("time_zone") { &["time_zone", "iana_time_zone"] } else { &["locale", "locale_id"] };
    twins.iter().any(|twin| written.get(*twin).is_some_and(|value| !value.is_null()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: Value) -> Row {
        value.as_object().cloned().unwrap_or_default()
    }

    fn shown(zone: &str) -> Row {
        row(json!({"name": "Ada", "time_zone": zone, "iana_time_zone": "Europe/Berlin", "locale": "de", "locale_id": "8"}))
    }

    #[test]
    fn what_is_the_same_in_many_is_the_account_s_and_what_was_written_is_the_user_s() {
        let fills = Fills::default();
        let bare = row(json!({"name": "Ada"}));
        let now = Timestamp::UNIX_EPOCH;
        let berlin = shown("Berlin");
        fills.learn((0..ALIKE - 1).map(|_| (&bare, &berlin)), now);
        assert_eq!(fills.beside(&bare, now), None, "too few to tell");
        fills.learn((0..ALIKE).map(|_| (&bare, &berlin)), now);
        let own = row(json!({"name": "Ada", "time_zone": "Tokyo"}));
        assert_eq!(fills.beside(&own, now), Some(row(json!({"locale": "de", "locale_id": "8"}))));
        assert_eq!(fills.beside(&bare, now).map(|row| row.len()), Some(FILLED.len()));
        let later = now.checked_add(BELIEF).expect("instant");
        assert_eq!(fills.beside(&bare, later), None, "an hour later it is looked at again");
    }

    #[test]
    fn users_that_differ_tell_nothing_of_the_next() {
        let fills = Fills::default();
        let bare = row(json!({"name": "Ada"}));
        let (berlin, paris) = (shown("Berlin"), shown("Paris"));
        let made = (0..ALIKE * 2).map(|n| (&bare, if n == 7 { &paris } else { &berlin }));
        fills.learn(made, Timestamp::UNIX_EPOCH);
        assert_eq!(fills.beside(&bare, Timestamp::UNIX_EPOCH), None);
    }
}
