//! Values of which a platform lets no two rows hold one, such as e-mail addresses: what somebody else has got since is not put back, and the plan
//! says who has it and what to do. Whoever is known here is found here; about everybody else the platform is asked, before the transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use entente_connect::capability::Lookup;
use entente_connect::connector::Priority;
use entente_connect::error::VendorError;
use entente_connect::look::{Existence, Look, ReadSpec};
use entente_model::id::RecordId;
use entente_model::value::{FieldKey, Fields, Value, get};
use entente_store::{LinkState, Record, RecordState, RemoteKey, Tx, Viewer};
use futures::future::join_all;

use super::Asked;
use super::judge::Judged;
use crate::catalog::{Catalog, Mapped};
use crate::engine::Engine;
use crate::records::titles;
use crate::sync::fetch::read_fields;

/// Questions of one call, at most.
const QUESTIONS_MAX: usize = 100;

/// What to do where somebody else has a value, and where a platform did not say.
const OTHER_FIRST: &str = "let the other have another value, or merge the two where they are one, then ask again";
const LATER: &str = "ask again when it answers";

/// Who at a platform holds a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question {
    connection: String,
    object: String,
    /// The platform's name of the object, and of the field that carries Entente's id there.
    remote: String,
    key: String,
    lookup: Lookup,
    value: String,
}

/// A row that holds a value.
struct Holder {
    key: RemoteKey,
    /// What people there call it, as far as it is read.
    title: String,
}

/// What the platforms answered; a platform that did not says why.
#[derive(Default)]
pub(super) struct Answers(BTreeMap<Question, Result<Vec<Holder>, VendorError>>);

/// Values that go back in one undo, by object and field, each with the record that gets it: a second one would not be taken.
#[derive(Default)]
pub(super) struct Given(Mutex<BTreeMap<(String, FieldKey, String), RecordId>>);

impl Given {
    /// Notes that a record gets a value. Answers another record that gets it already.
    fn give(&self, to: &Record, field: &FieldKey, value: &Value) -> Option<RecordId> {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = given.entry((to.object.clone(), field.clone(), value.display())).or_insert_with(|| to.id.clone());
        (*first != to.id).then(|| first.clone())
    }
}

/// A value that is to go back, with the places where no two rows may have it.
struct Claim {
    /// Which of the judged records.
    of: usize,
    field: FieldKey,
    value: Value,
    places: Vec<Place>,
}

/// A counterpart whose platform lets one row alone have a value.
struct Place {
    connection: String,
    row: RemoteKey,
    question: Option<Question>,
}

/// Whether an undo can be about values that platforms are asked for.
pub(super) fn may_ask(engine: &Engine, catalog: &Catalog, asked: &Asked) -> bool {
    let asks = |mapped: &Arc<Mapped>| {
        let of_object = asked.window.object.as_ref().is_none_or(|object| *object == mapped.mapping().object);
        let mut fields = mapped.unique.iter().filter(|(_, lookup)| lookup.is_some()).map(|(field, _)| field);
        of_object && fields.any(|field| asked.fields.is_empty() || asked.fields.contains(field))
    };
    engine.connections().keys().flat_map(|connection| catalog.mappings(connection)).any(asks)
}

/// Asks the platforms, about values of one object together.
pub(super) async fn ask(engine: &Engine, catalog: &Catalog, questions: BTreeSet<Question>) -> Answers {
    let mut groups: BTreeMap<(String, String, String), Vec<Question>> = BTreeMap::new();
    for question in questions {
        groups.entry((question.connection.clone(), question.remote.clone(), question.key.clone())).or_default().push(question);
    }
    let mut calls = Vec::new();
    for ((connection, remote, key), questions) in &groups {
        let Ok(ready) = engine.connection(connection) else { continue };
        let read = ReadSpec { object: remote.clone(), fields: read_fields(catalog, connection, remote) };
        for chunk in questions.chunks(QUESTIONS_MAX) {
            let read = read.clone();
            calls.push(async move {
                let rests = ready.pressure.paused(engine.now());
                let finds: Vec<_> = chunk.iter().map(|question| question.lookup.question(&question.value)).collect();
                let answers = match rests {
                    Some(trouble) => Err(trouble.error),
                    None => ready.connector.find(&read, &finds, key, Priority::Urgent).await,
                };
                (chunk, answers)
            });
        }
    }
    let mut answered = Answers::default();
    for (questions, answers) in join_all(calls).await {
        let all: Vec<Result<Vec<Look>, VendorError>> = match answers {
            Ok(looks) => looks.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error); questions.len()],
        };
        for (question, looks) in questions.iter().zip(all) {
            let holders = looks.map(|looks| looks.iter().filter_map(|look| holder(engine, catalog, question, look)).collect());
            answered.0.insert(question.clone(), holders);
        }
    }
    answered
}

fn holder(engine: &Engine, catalog: &Catalog, question: &Question, look: &Look) -> Option<Holder> {
    if look.existence != Existence::Present {
        return None;
    }
    let read = |mapped: &Arc<Mapped>| mapped.lens.get(&look.row, &Fields::new(), &|_, _| None, engine.now()).fields;
    let fields = catalog.mapped(&question.connection, &question.object).map(read).unwrap_or_default();
    let parts = catalog.object(&question.object).into_iter().flat_map(|object| &object.title).map(|key| get(&fields, key).display());
    let title = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    Some(Holder { key: RemoteKey::new(&question.connection, &look.object, &look.id), title })
}

/// Takes out the fields whose earlier value somebody else has by now. Answers what the platforms must be asked before that can be said. `given`
/// is what goes back in the undo so far; without it nothing is noted there.
pub(super) fn refuse_taken(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    asked: &Asked,
    judged: &mut [Judged],
    answers: &Answers,
    given: Option<&Given>,
) -> entente_store::Result<BTreeSet<Question>> {
    let claims: Vec<Claim> = judged.iter().enumerate().flat_map(|(of, one)| claims(engine, catalog, of, one)).collect();
    let mut open = BTreeSet::new();
    if claims.is_empty() {
        return Ok(open);
    }
    let known = Known::of(tx, catalog, asked, judged, &claims, answers)?;
    for claim in claims {
        let record = &judged[claim.of].record;
        let mut refusal = known.record_with(record, &claim).map(|holder| (format!("{} has it by now", known.called(holder)), OTHER_FIRST));
        for place in &claim.places {
            let Some(question) = place.question.as_ref().filter(|_| refusal.is_none()) else { continue };
            match answers.0.get(question) {
                None => drop(open.insert(question.clone())),
                Some(Ok(holders)) => {
                    let other = holders.iter().find(|holder| holder.key != place.row && known.owner(holder) != Some(&record.id));
                    refusal = other.map(|holder| (format!("{} has it by now", known.held_at(holder)), OTHER_FIRST));
                }
                Some(Err(error)) => {
                    let at = &place.connection;
                    refusal = Some((format!("{at} cannot be asked whether somebody else has it by now: {error}"), LATER));
                }
            }
        }
        if refusal.is_none()
            && let Some(other) = given.and_then(|given| given.give(record, &claim.field, &claim.value))
        {
            refusal = Some((format!("the same undo puts it back at {other}"), OTHER_FIRST));
        }
        if let Some((reason, remedy)) = refusal {
            let at = claim.places.iter().map(|place| place.connection.as_str()).collect::<Vec<_>>().join(" and ");
            judged[claim.of].refuse_field(&claim.field, format!("{reason}, and {at} lets one row alone have it"), remedy);
        }
    }
    Ok(open)
}

/// The values that are to go back at a record's counterparts and may be one row's alone.
fn claims(engine: &Engine, catalog: &Catalog, of: usize, one: &Judged) -> Vec<Claim> {
    let catalog = catalog.deciding(one.record.id.as_str(), &one.record.object).map_or(catalog, |deciding| &**deciding);
    let there = |link: &&entente_store::Link| link.state == LinkState::Present && engine.connection(&link.connection).is_ok();
    let links: Vec<_> = one.links.iter().filter(there).collect();
    let claim = |(field, inverse): (&FieldKey, &entente_model::undo::Inverse)| {
        let places = links.iter().filter_map(|link| {
            let mapped = catalog.mapped(&link.connection, &one.record.object).filter(|mapped| mapped.writable.contains(field))?;
            let lookup = *mapped.unique.get(field)?;
            let question = |(lookup, value): (Lookup, &str)| Question {
                connection: link.connection.clone(),
                object: one.record.object.clone(),
                remote: mapped.mapping().remote.clone(),
                key: mapped.mapping().key.clone(),
                lookup,
                value: value.to_owned(),
            };
            let question = lookup.zip(inverse.then.as_text()).map(question);
            Some(Place { connection: link.connection.clone(), row: link.key(), question })
        });
        Claim { of, field: field.clone(), value: inverse.then.clone(), places: places.collect() }
    };
    let back = one.restored().filter(|(_, inverse)| !inverse.then.is_blank());
    back.map(claim).filter(|claim| !claim.places.is_empty()).collect()
}

/// What the store knows of those who hold values.
struct Known {
    /// Records that hold a claimed value in its field, by object and field.
    records: BTreeMap<(String, FieldKey), Vec<Record>>,
    /// Records of the rows that the platforms told of.
    owners: BTreeMap<RemoteKey, RecordId>,
    /// Names of those that the asker may see.
    names: BTreeMap<RecordId, String>,
}

impl Known {
    fn of(
        tx: &mut Tx<'_>,
        catalog: &Catalog,
        asked: &Asked,
        judged: &[Judged],
        claims: &[Claim],
        answers: &Answers,
    ) -> entente_store::Result<Self> {
        let mut values: BTreeMap<(String, FieldKey), Vec<Value>> = BTreeMap::new();
        for claim in claims {
            let object = judged[claim.of].record.object.clone();
            values.entry((object, claim.field.clone())).or_default().push(claim.value.clone());
        }
        let mut records = BTreeMap::new();
        for (of, values) in values {
            // Whoever asks, a value is taken by whoever has it.
            let holders = tx.records_with(&Viewer::system(), &of.0, &of.1, &values)?;
            records.insert(of, holders);
        }
        let rows: Vec<RemoteKey> = answers.0.values().flatten().flatten().map(|holder| holder.key.clone()).collect();
        let mut owners = tx.records_at(&rows)?;
        let named: BTreeSet<RecordId> =
            records.values().flatten().map(|record| record.id.clone()).chain(owners.values().cloned()).collect();
        let seen = tx.records(&asked.viewer, &named.into_iter().collect::<Vec<_>>())?;
        // A row may outlive its record, which says nothing to anybody then.
        owners.retain(|_, owner| seen.get(owner).is_none_or(|record| record.state == RecordState::Active));
        Ok(Self { records, owners, names: titles(catalog, &seen) })
    }

    /// Another record that holds a claimed value.
    fn record_with(&self, own: &Record, claim: &Claim) -> Option<&RecordId> {
        let of = (own.object.clone(), claim.field.clone());
        let holders = self.records.get(&of).into_iter().flatten();
        let mut others = holders.filter(|holder| holder.id != own.id && get(&holder.data, &claim.field).agrees(&claim.value));
        others.next().map(|holder| &holder.id)
    }

    fn owner(&self, holder: &Holder) -> Option<&RecordId> {
        self.owners.get(&holder.key)
    }

    /// A record as the asker knows it.
    fn called(&self, id: &RecordId) -> String {
        self.names.get(id).filter(|name| **name != id.as_str()).map_or_else(|| id.to_string(), |name| format!("{name} ({id})"))
    }

    /// Whoever a row stands for, or the row where it stands for nobody.
    fn held_at(&self, holder: &Holder) -> String {
        let row = &holder.key;
        let row_s = if holder.title.is_empty() { String::new() } else { format!(" ({})", holder.title) };
        self.owner(holder).map_or_else(|| format!("the {} {} of {}{row_s}", row.object, row.id, row.connection), |id| self.called(id))
    }
}
