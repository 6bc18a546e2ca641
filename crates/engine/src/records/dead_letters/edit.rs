//! Correcting the record of a dead letter.

use std::collections::BTreeSet;

use entente_model::actor::Actor;
use entente_model::value::Fields;
use entente_store::{DeadLetter, DeadLetterState, LANE_URGENT, RecordState, Viewer};

use super::{DeadLetterEdit, again};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::records::overrule::{is_id, overruled, refusal};
use crate::records::{given_value, must_not_be_blank};
use crate::sync::edit::{self, Edit};
use crate::words;

/// Gives the record the values and looks at it again, in one transaction. `None` when the letter is closed by now.
pub(super) async fn edit(engine: &Engine, viewer: &Viewer, found: DeadLetter, given: &DeadLetterEdit) -> Result<Option<DeadLetter>> {
    let invalid = |field: &str, reason: String, remedy: String| EngineError::Invalid { field: field.to_owned(), reason, remedy };
    let Some(id) = found.letter.record.clone() else {
        let place = found.letter.connection.clone().unwrap_or_else(|| "its platform".to_owned());
        let reason = "no record stands for this row yet, so there is nothing to correct here".to_owned();
        return Err(invalid("id", reason, format!("correct the row at {place}, then retry")));
    };
    if given.fields.is_empty() {
        return Err(invalid("fields", "no field is given".to_owned(), "name at least one, or retry without a correction".to_owned()));
    }
    let catalog = engine.catalog();
    let mut fields = Fields::new();
    for (word, value) in &given.fields {
        let field = words::field(&catalog, &found.letter.object, word, word)?;
        let value = given_value(&catalog, &found.letter.object, &field, word, value)?;
        must_not_be_blank(engine, &catalog, &found.letter.object, &field, word, &value)?;
        if fields.insert(field.clone(), value).is_some() {
            return Err(invalid(word, format!("the field {field} is given twice"), "give it once".to_owned()));
        }
    }
    let (wanted, seer) = (id.clone(), viewer.clone());
    let read = engine.store().read(move |tx| {
        let record = tx.record(&seer, &wanted)?;
        let waiting = tx.conflicts_of(std::slice::from_ref(&wanted))?;
        Ok((record, tx.links_of(std::slice::from_ref(&wanted))?, waiting))
    });
    let (record, links, waiting) = read.await?;
    let record = record
        .filter(|record| record.state == RecordState::Active)
        .ok_or_else(|| invalid("id", "its record was deleted or merged".to_owned(), "discard the dead letter with a reason".to_owned()))?;
    for field in fields.keys() {
        if let Some(refusal) = refusal(engine, &catalog, &record, &links, field) {
            return Err(invalid(field, refusal.reason, refusal.remedy));
        }
        if is_id(field) {
            let reason = "it names the counterpart that the record is linked to".to_owned();
            return Err(invalid(field, reason, "give other fields".to_owned()));
        }
        if waiting.iter().any(|waiting| waiting.conflict.field == *field) {
            let reason = "a conflict about it waits for a person".to_owned();
            return Err(invalid(field, reason, "decide it: `entente conflicts list`".to_owned()));
        }
    }
    let (engine_, viewer, now) = (engine.clone(), viewer.clone(), engine.now());
    let connections: BTreeSet<String> = engine.connections().keys().cloned().collect();
    let closed = engine.store().write(move |tx| {
        let reason = format!("corrected and retried by {}", viewer.name);
        let Some(closed) = tx.close_dead_letters(&[found.id], DeadLetterState::Retried, &reason, now)?.pop() else { return Ok(None) };
        let links = tx.links_of(std::slice::from_ref(&id))?;
        tx.put_links(&overruled(&engine_, &catalog, &record, &links, &fields))?;
        let edit = Edit {
            record: id.clone(),
            fields: fields.clone(),
            actor: Actor::Person,
            actor_name: viewer.name.clone(),
            cause: "user".to_owned(),
            detail: format!("dead letter {} was corrected by a person", found.id),
            lane: LANE_URGENT,
            window_ms: 0,
        };
        edit::apply(tx, &catalog, &edit, now)?;
        tx.hint(&[again(&closed, &connections, now)])?;
        Ok(Some(closed))
    });
    Ok(closed.await?)
}
