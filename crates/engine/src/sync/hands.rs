//! By whose hand: a row says when and by whom it was last changed, whatever was changed in it. Where a platform keeps that by field, it is asked before
//! rules judge by it, for all rows of a batch in as few calls as it allows. Conflicts are rare, so it is asked of nothing else.

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::connector::Priority;
use entente_connect::error::{Class, VendorError};
use entente_connect::look::{Entered, Histories, ReadSpec};
use entente_model::actor::{Actor, ChangeMark};
use entente_model::mapping::remote::Row;
use entente_model::plan::Side;
use entente_model::value::{FieldKey, Value, get};
use futures::future::join_all;

use super::converge::decide_all;
use super::decide::Decision;
use super::task::{Task, priority};
use crate::catalog::{Catalog, Mapped};
use crate::engine::Engine;
use crate::error::Result;

/// When and by whom values of a record's counterparts were changed, by connection and our field, as their platforms tell of each.
pub(crate) type Told = BTreeMap<String, BTreeMap<FieldKey, ChangeMark>>;

/// A remote object at a connection.
type Object = (String, String);

/// A value of a counterpart that competes.
struct Question {
    connection: String,
    remote: String,
    id: String,
    field: FieldKey,
    value: Value,
}

/// Contested fields that nobody can judge for the moment, each with the connections that have not answered whose hand it was there.
pub(crate) type Unheard = BTreeMap<FieldKey, BTreeSet<String>>;

/// Judges once more what rules judged, or left to people, by the hand that a row has as a whole, where its platform knows better. While a platform
/// does not answer, the fields in question are left alone and asked about again; everything else of the record goes on.
///
/// # Errors
/// When the store fails.
pub(super) async fn judge(engine: &Engine, catalog: &Catalog, decisions: Vec<Decision>) -> Result<Vec<Decision>> {
    let asks = |decision: &Decision| !questions(engine, catalog, decision).is_empty();
    let (contested, mut decided): (Vec<Decision>, Vec<Decision>) = decisions.into_iter().partition(asks);
    if contested.is_empty() {
        return Ok(decided);
    }
    let answers = ask(engine, catalog, &contested).await;
    let mut tasks = Vec::with_capacity(contested.len());
    for decision in contested {
        let questions = questions(engine, catalog, &decision);
        let mut task = decision.task;
        // What failed so far is found again, or is not there any more.
        task.failure = None;
        let mut silence: Option<(String, VendorError)> = None;
        for question in questions {
            let Some(mapped) = catalog.mapped(&question.connection, &task.record.object) else { continue };
            let mark = match answers.get(&(question.connection.clone(), question.remote.clone())) {
                Some(Ok(histories)) => match histories.get(&question.id) {
                    Some(past) => entered(engine, mapped, &task, &question, past),
                    // It is gone, or goes by another id: its next look tells.
                    None => None,
                },
                Some(Err(error)) if matches!(error.class, Class::Retry | Class::Wait { .. } | Class::Reauthenticate) => {
                    silence.get_or_insert_with(|| (question.connection.clone(), error.clone()));
                    task.unheard.entry(question.field.clone()).or_default().insert(question.connection.clone());
                    None
                }
                // It never tells: nobody's hand is known then.
                Some(Err(_)) => Some(nobody_s(&task, &question)),
                None => None,
            };
            if let Some(mark) = mark {
                task.told.entry(question.connection).or_default().insert(question.field, mark);
            }
        }
        task.failure = silence.map(|(connection, error)| unanswered(&task.unheard, connection, error));
        tasks.push(task);
    }
    decided.extend(decide_all(engine, catalog, tasks).await?);
    Ok(decided)
}

/// Why the contested fields of a record wait: that is what is tried again, and told of it, while the others flow.
fn unanswered(unheard: &Unheard, connection: String, error: VendorError) -> (String, VendorError) {
    let fields = unheard.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let message = format!(
        "whose change of {fields} counts is not decided: {connection} did not tell who made it there ({}); all other fields flow",
        error.message
    );
    (connection, VendorError { message, ..error })
}

/// When a value that competes was entered, as far as its row tells, by nobody who is known.
fn nobody_s(task: &Task, question: &Question) -> ChangeMark {
    let link = task.link(&question.connection).filter(|link| get(&Task::believed(link), &question.field).agrees(&question.value));
    let kept = link.and_then(|link| link.waiting.get(&question.field));
    ChangeMark { at: kept.map_or_else(|| task.changed_at(&question.connection), |kept| kept.at), ..ChangeMark::default() }
}

/// The values of a decision's conflicts about which a platform is to be asked. What waits for a person and was judged before is not asked again.
fn questions(engine: &Engine, catalog: &Catalog, decision: &Decision) -> Vec<Question> {
    let task = &decision.task;
    let candidates = decision.plan.conflicts.iter().flat_map(|conflict| conflict.candidates.iter().map(|one| (&conflict.field, one)));
    let asked = candidates.filter_map(|(field, candidate)| {
        let (link, ready) = (task.link(&candidate.side)?, engine.connection(&candidate.side).ok()?);
        catalog.mapped(&link.connection, &task.record.object)?;
        let is_told = task.told.get(&link.connection).is_some_and(|told| told.contains_key(field));
        let is_known =
            task.frozen.contains(field) && link.waiting.contains_key(field) && get(&Task::believed(link), field).agrees(&candidate.value);
        (ready.connector.tells_hands(&link.remote_object) && !is_told && !is_known).then(|| Question {
            connection: link.connection.clone(),
            remote: link.remote_object.clone(),
            id: link.external_id.clone(),
            field: field.clone(),
            value: candidate.value.clone(),
        })
    });
    asked.collect()
}

/// Asks, with one call for many rows of an object.
async fn ask(engine: &Engine, catalog: &Catalog, contested: &[Decision]) -> BTreeMap<Object, std::result::Result<Histories, VendorError>> {
    let mut wanted: BTreeMap<Object, (Priority, BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for decision in contested {
        let urgency = priority(decision.task.hint.lane);
        for question in questions(engine, catalog, decision) {
            let Some(mapped) = catalog.mapped(&question.connection, &decision.task.record.object) else { continue };
            let (most_urgent, ids, fields) =
                wanted.entry((question.connection, question.remote)).or_insert_with(|| (urgency, BTreeSet::new(), BTreeSet::new()));
            *most_urgent = (*most_urgent).min(urgency);
            ids.insert(question.id);
            fields.extend(mapped.lens.inputs(&question.field).map(str::to_owned));
        }
    }
    let calls = wanted.into_iter().filter_map(|((connection, object), (urgency, ids, fields))| {
        let connector = std::sync::Arc::clone(&engine.connection(&connection).ok()?.connector);
        let read = ReadSpec { object: object.clone(), fields: fields.into_iter().collect() };
        let ids: Vec<String> = ids.into_iter().collect();
        Some(async move {
            let answer = connector.histories(&read, &ids, urgency).await;
            if let Err(error) = &answer {
                tracing::warn!(connection, object, %error, "who changed contested values could not be asked for");
            }
            ((connection, object), answer)
        })
    });
    join_all(calls).await.into_iter().collect()
}

/// When and by whom the value that competes was entered. `None` where the platform keeps nothing of the field.
fn entered(
    engine: &Engine,
    mapped: &Mapped,
    task: &Task,
    question: &Question,
    past: &BTreeMap<String, Vec<Entered>>,
) -> Option<ChangeMark> {
    let inputs: Vec<&str> = mapped.lens.inputs(&question.field).collect();
    // Of a value that is made of several of theirs, the latest of each is what is shown.
    let is_one = inputs.len() == 1;
    let is_it = |remote: &str, one: &Entered| match &one.value {
        Some(value) if is_one => {
            let row = Row::from_iter([(remote.to_owned(), value.clone())]);
            let shown = mapped.lens.get(&row, &task.record.data, &|_, _| None, engine.now()).fields;
            get(&shown, &question.field).agrees(&question.value)
        }
        _ => true,
    };
    let kept = inputs.into_iter().filter_map(|remote| {
        let past = past.get(remote).filter(|past| !past.is_empty())?;
        Some(past.iter().find(|one| is_it(remote, one)).map(|one| one.mark))
    });
    let marks: Option<Vec<ChangeMark>> = kept.collect();
    match marks {
        // Somebody has entered what nobody remembers.
        None => Some(nobody_s(task, question)),
        Some(marks) => marks.into_iter().max_by_key(|mark| mark.at),
    }
}

/// What platforms told of values that the record holds from them, in place of what their rows did. What we wrote there ourselves came from elsewhere.
pub(super) fn correct(told: &Told, record: &entente_store::Record, sides: &[Side], marks: &mut BTreeMap<FieldKey, ChangeMark>) {
    for side in sides {
        for (field, mark) in told.get(&side.name).into_iter().flatten().filter(|(_, mark)| mark.by != Actor::Us) {
            let came_from_there = get(&side.values, field).agrees(get(&record.data, field));
            let known = marks.get_mut(field).filter(|known| came_from_there && !matches!(known.by, Actor::Person | Actor::Us));
            if let Some(known) = known {
                *known = *mark;
            }
        }
    }
}
