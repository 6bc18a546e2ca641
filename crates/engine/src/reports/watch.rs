//! Watching: what operators should be told of becomes an alert, once when it begins, and ends once when it is over.

use entente_model::clock::Timestamp;

use crate::alerts::AlertKind;
use crate::alerts::raise::{over, raise};
use crate::alerts::signals::{LATELY_MS, gather};
use crate::engine::Engine;
use crate::error::Result;
use crate::sync::{batches, shared_rests};

/// Looks once. What is so becomes an alert; what is so no longer ends it, after a calm while where it would come and go.
///
/// # Errors
/// When the store fails; the same is found again then.
pub async fn watch(engine: &Engine) -> Result<()> {
    // A mode that is over is over though no work comes.
    batches::exchange(engine).await?;
    shared_rests::exchange(engine).await?;
    let (engine_, now) = (engine.clone(), engine.now());
    let lately = Timestamp::from_millisecond(now.as_millisecond() - LATELY_MS).unwrap_or(now);
    engine
        .store()
        .write(move |tx| {
            let known = tx.alerts_since(lately)?;
            let signals = gather(&engine_, tx, &known, now)?;
            for signal in &signals {
                raise(tx, signal, now)?;
            }
            for open in known.iter().filter(|alert| alert.ended_at.is_none()) {
                let Some(kind) = AlertKind::of(&open.alert.kind).filter(|kind| kind.is_watched()) else { continue };
                let still = signals.iter().any(|signal| signal.kind == kind && signal.subject == open.alert.subject);
                if !still && now.as_millisecond() - open.seen_at.as_millisecond() >= kind.calm_ms(engine_.options()) {
                    over(tx, open, now)?;
                }
            }
            Ok(())
        })
        .await?;
    Ok(())
}
