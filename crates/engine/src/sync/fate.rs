//! What becomes of a hint: converged, tried again, or dead; by the class of the first failure on its way.

use entente_connect::error::{Class, VendorError};
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_store::{Attempt, Hint, NewDeadLetter, NewSyncEvent, Outcome, Settled, Settlement, StoreError, SyncStatus, Tx};

use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// Milliseconds until the next look after each race that was lost: at once, and then ever later, since a row that people work on, or that an import
/// goes over, changes again within seconds. Whoever has lost more races than that has failed.
const RACES_MS: [i64; 5] = [0, 1_000, 2_000, 4_000, 8_000];

/// The end of a hint, with what is kept of it.
pub(crate) struct Fate {
    hint: Hint,
    outcome: Outcome,
    connection: Option<String>,
    direction: String,
    error: Option<VendorError>,
}

/// Decides the fate of a hint that failed, if it did, before anything was written, or by a creation.
pub(crate) fn fate(engine: &Engine, hint: &Hint, failure: Option<&(String, VendorError)>, now: Timestamp) -> Fate {
    fate_within(engine, hint, failure, 1, now)
}

/// Decides the fate of a hint that failed, if it did, by changing a row: that is what people and imports race for. What makes creations clash is
/// there to stay, so that a second look finds it or none does.
pub(crate) fn fate_of_change(engine: &Engine, hint: &Hint, failure: Option<&(String, VendorError)>, now: Timestamp) -> Fate {
    fate_within(engine, hint, failure, RACES_MS.len(), now)
}

fn fate_within(engine: &Engine, hint: &Hint, failure: Option<&(String, VendorError)>, races: usize, now: Timestamp) -> Fate {
    let Some((connection, error)) = failure else {
        return Fate { hint: hint.clone(), outcome: Outcome::Done, connection: None, direction: String::new(), error: None };
    };
    let at = |ms: i64| Timestamp::from_millisecond(now.as_millisecond() + ms).unwrap_or(now);
    let again = |attempt: u32| match engine.options().retry_wait(attempt, engine.roll()) {
        Some(wait) => Outcome::Retry { at: at(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)), error: error.to_string() },
        None => Outcome::Dead,
    };
    let rest_over = engine.connection(connection).ok().and_then(|connection| {
        connection.pressure.paused(now).map(|trouble| trouble.until).or_else(|| connection.objects.over_at(error, now))
    });
    let outcome = match error.class {
        Class::Wait { until } => Outcome::Later { at: until.max(at(1)) },
        Class::Retry => again(hint.attempts + 1),
        Class::LookAgain => match usize::try_from(hint.races).ok().and_then(|lost| RACES_MS[..races].get(lost)) {
            Some(wait) => Outcome::Raced { at: at(*wait) },
            None => again(hint.attempts + 1),
        },
        Class::Data => Outcome::Dead,
        Class::Reauthenticate | Class::Configuration => match rest_over {
            Some(until) => Outcome::Later { at: until },
            None => again(hint.attempts + 1),
        },
    };
    tracing::debug!(subject = hint.subject, connection, %error, ?outcome, races = hint.races, attempts = hint.attempts, "a look at a record failed");
    let direction = engine.connection(connection).map_or("", |connection| direction(connection.role)).to_owned();
    Fate { hint: hint.clone(), outcome, connection: Some(connection.clone()), direction, error: Some(error.clone()) }
}

/// The direction of a write to a side, as the dashboard names it.
pub(crate) fn direction(role: entente_model::mapping::Role) -> &'static str {
    match role {
        entente_model::mapping::Role::Crm => "Support→CRM",
        entente_model::mapping::Role::Support => "CRM→Support",
    }
}

/// Ends hints with their fates, and hints that come back later for another reason. Keeps what people will want to know: failures, dead
/// letters, and that a record which had failed has converged after all, whatever woke it. Answers what settling came to: hints whose
/// lease was lost are another worker's, and nothing of them has changed.
pub(crate) fn end_hints(
    tx: &mut Tx<'_>,
    owner: &str,
    fates: &[&Fate],
    later: impl IntoIterator<Item = Settled>,
    now: Timestamp,
) -> Result<Settlement, StoreError> {
    let converged: Vec<String> = fates.iter().filter(|fate| fate.error.is_none()).map(|fate| fate.hint.subject.clone()).collect();
    if !converged.is_empty() {
        tx.sync_succeeded(&converged, now)?;
        tx.close_dead_letters_of(&converged, "converged", now)?;
    }
    for fate in fates {
        fate.note_failure(tx, now)?;
    }
    let settled: Vec<Settled> = fates.iter().map(|fate| fate.settled()).chain(later).collect();
    let settlement = tx.settle(owner, now, &settled)?;
    if !settlement.lost.is_empty() {
        tracing::warn!(lost = settlement.lost.len(), "leases ran out during the work; other workers look at these records");
    }
    Ok(settlement)
}

/// Ends a hint whose work the store refused as a failed attempt: it is looked at afresh, and buried if that goes on.
pub(crate) async fn give_back(engine: &Engine, hint: &Hint, error: &EngineError) -> Result<()> {
    tracing::warn!(subject = hint.subject, %error, "what was decided about a record could not be kept; it is looked at again");
    let failure = VendorError::new(
        Class::Retry,
        "not_kept",
        format!("what was decided could not be kept: {error}"),
        "nothing to do: the record is looked at afresh; if this repeats, report it with the record's history",
    );
    let now = engine.now();
    let connection = hint.fetch.first().or_else(|| engine.connections().keys().next()).cloned().unwrap_or_default();
    let fate = fate(engine, hint, Some(&(connection, failure)), now);
    let owner = engine.owner().to_owned();
    engine.store().write(move |tx| end_hints(tx, &owner, &[&fate], [], now)).await?;
    Ok(())
}

impl Fate {
    /// Whether it is given up.
    pub(crate) fn is_dead(&self) -> bool {
        self.outcome == Outcome::Dead
    }

    fn settled(&self) -> Settled {
        Settled { subject: self.hint.subject.clone(), generation: self.hint.generation, outcome: self.outcome.clone() }
    }

    /// Keeps the failure, and the dead letter if it was the last one. A budget that is spent is no failure, nor is a lost race.
    fn note_failure(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
        let Some(error) = &self.error else { return Ok(()) };
        // What people hold at the platform is told for as long as it waits for them.
        if matches!(self.outcome, Outcome::Raced { .. }) || (matches!(self.outcome, Outcome::Later { .. }) && !error.is_held_there()) {
            return Ok(());
        }
        // The subject of a row that no record stands for is no id.
        let record: Option<RecordId> = self.hint.subject.parse().ok();
        let dead = self.outcome == Outcome::Dead;
        let status = if dead { SyncStatus::Manual } else { SyncStatus::Failing };
        tx.sync_failed(&NewSyncEvent {
            at: now,
            direction: self.direction.clone(),
            subject: self.hint.subject.clone(),
            record: record.clone(),
            object: self.hint.object.clone(),
            connection: self.connection.clone(),
            external_id: None,
            error: error.to_string(),
            status,
        })?;
        if dead {
            tx.bury(&NewDeadLetter {
                subject: self.hint.subject.clone(),
                record,
                connection: self.connection.clone(),
                object: self.hint.object.clone(),
                error_class: error.class.name().to_owned(),
                error_code: error.code.clone(),
                message: error.message.clone(),
                vendor_answer: error.answer.clone().unwrap_or_else(|| format!("{} {} {}", error.status, error.code, error.message)),
                attempts: self.attempts(error, now),
                advice: error.advice.to_owned(),
                first_at: self.hint.first_at,
                died_at: now,
            })?;
        }
        Ok(())
    }

    /// Every attempt: those that failed before, and this one.
    fn attempts(&self, error: &VendorError, now: Timestamp) -> Vec<Attempt> {
        self.hint.failures.iter().cloned().chain([Attempt { at: now, error: error.to_string() }]).collect()
    }
}
