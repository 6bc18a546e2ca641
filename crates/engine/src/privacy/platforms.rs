//! Erasing at the platforms: rows that nobody knew of are searched for by the person's addresses, and every row is erased by its
//! connection's policy, what points to the person before the person. A system that does not answer is asked again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_connect::connector::Priority;
use entente_connect::erase::{Erase, Erased};
use entente_connect::error::{Class, VendorError};
use entente_connect::look::{Existence, Find, ReadSpec};
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::Direction;
use entente_model::mapping::remote::Row;
use entente_model::object::{Field, FieldType, Object};
use entente_model::value::{Fields, Value};
use entente_store::{Erasure, ErasureState, RecordState, RemoteKey, StoreError, Tx, Viewer};

use super::ask::Errand;
use super::blocked::Hasher;
use super::person::policy_at;
use super::work::{RowKey, RowState, RowWork, Work};
use super::{LEAD, PEOPLE, PERSON, is_person, notice};
use crate::alerts::AlertKind;
use crate::alerts::raise::end;
use crate::catalog::{Catalog, rank};
use crate::engine::Engine;
use crate::error::Result;
use crate::sync::fetch::read_fields;

/// What stands where a name has to.
const NOBODY: &str = "Erased person";

/// What stands where a subject has to.
const NOTHING: &str = "Erased";

/// Fields of a person that tell nothing of who they are.
const TELLING_NOTHING: &[&str] = &["timezone", "language", "company"];

/// Waits before a system that failed is asked again, in milliseconds: as for any write, and then by the hour, for good.
const AGAIN_MS: &[i64] = &[60_000, 5 * 60_000, 15 * 60_000, 60 * 60_000];

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn later(now: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millisecond(now.as_millisecond().saturating_add(ms)).unwrap_or(now)
}

fn again(attempts: u32) -> i64 {
    let at = usize::try_from(attempts).unwrap_or(usize::MAX).min(AGAIN_MS.len()) - usize::from(attempts as usize >= AGAIN_MS.len());
    AGAIN_MS.get(at).copied().unwrap_or(60 * 60_000)
}

/// Connections at which people are.
pub(super) fn of_people(engine: &Engine, catalog: &Catalog) -> Vec<String> {
    engine.connections().keys().filter(|name| PEOPLE.iter().any(|object| catalog.mapped(name, object).is_some())).cloned().collect()
}

/// Changes the work of a request, and notes when something is to be done next.
async fn update<F>(engine: &Engine, id: i64, change: F) -> Result<()>
where
    F: Fn(&mut Tx<'_>, &mut Erasure, &mut Work) -> std::result::Result<(), StoreError> + Send + 'static,
{
    engine
        .store()
        .write(move |tx| {
            let Some(mut erasure) = tx.erasure_for_update(id)? else { return Ok(()) };
            let mut work = Work::of(&erasure)?;
            change(tx, &mut erasure, &mut work)?;
            erasure.work = work.document()?;
            tx.put_erasure(&erasure)
        })
        .await?;
    Ok(())
}

/// Does what a request has to do at the platforms now, and notes what they answered.
pub(super) async fn work_off(engine: &Engine, erasure: &Erasure) -> Result<()> {
    let id = erasure.id;
    let mut work = Work::of(erasure)?;
    let catalog = engine.catalog();
    let mut wait: Option<Timestamp> = None;
    let errand = engine.store().read(move |tx| tx.errand(id)).await?;
    let errand: Option<Errand> = errand.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some(errand) = &errand {
        for connection in of_people(engine, &catalog).into_iter().filter(|name| !work.searched.contains(name)) {
            if let Err(error) = search(engine, &catalog, erasure, errand, &connection).await {
                wait = wait.into_iter().chain([put_off(engine, id, &connection, work.attempts, &error?).await?]).min();
            }
        }
        let seen = engine.store().read(move |tx| tx.erasure(&Viewer::system(), id)).await?;
        work = seen.as_ref().map(Work::of).transpose()?.unwrap_or(work);
    }
    let mut rows: Vec<RowWork> = work.rows.iter().filter(|row| row.state == RowState::Open).cloned().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(rank(&row.kind)));
    let mut waiting: BTreeSet<RowKey> = BTreeSet::new();
    let mut blocked: BTreeSet<String> = BTreeSet::new();
    for row in rows {
        if blocked.contains(&row.connection) {
            waiting.insert(row.key());
            continue;
        }
        match erase(engine, &catalog, &row).await {
            Ok(erased) => answered(engine, id, &row, erased).await?,
            Err(error) => {
                let until = failed(engine, id, &row, &error).await?;
                waiting.insert(row.key());
                wait = wait.into_iter().chain(until).min();
                if matches!(error.class, Class::Wait { .. } | Class::Reauthenticate) {
                    blocked.insert(row.connection.clone());
                }
            }
        }
    }
    conclude(engine, id, waiting, wait).await
}

/// Why a search did not happen: the vendor, or our own store.
type Unsearched = Result<VendorError>;

/// Looks for rows of the person that no record stood for: by address, number, and by the key of a creation whose answer was lost.
async fn search(
    engine: &Engine,
    catalog: &Catalog,
    erasure: &Erasure,
    errand: &Errand,
    connection: &str,
) -> std::result::Result<(), Unsearched> {
    let Ok(ready) = engine.connection(connection) else { return Ok(()) };
    let mut questions: Vec<Find> = errand.emails.iter().cloned().map(Find::Email).collect();
    questions.extend(errand.phones.iter().cloned().map(Find::Phone));
    questions.extend(erasure.record.iter().map(|record| Find::Key(record.to_string())));
    // The rows by their remote object and id, with the object whose records they would be.
    let mut found: BTreeMap<(String, String), &'static str> = BTreeMap::new();
    for kind in PEOPLE {
        let Some(mapped) = catalog.mapped(connection, kind) else { continue };
        let remote = mapped.mapping().remote.clone();
        let read = ReadSpec { object: remote.clone(), fields: read_fields(catalog, connection, &remote) };
        for question in &questions {
            // A lead's row is known by its own id, and nothing of ours is in it.
            if matches!(question, Find::Key(_)) && *kind == LEAD {
                continue;
            }
            // Some platforms' leads have no address or number of their own: they go with the person whom they are about.
            let asked = match question {
                Find::Email(_) => "email",
                Find::Phone(_) => "phone",
                _ => "",
            };
            if *kind == LEAD && !mapped.mapping().fields.iter().any(|line| line.field == asked) {
                continue;
            }
            // A number is a weak key: it finds colleagues. Who has an address of their own is somebody else.
            let by_number = matches!(question, Find::Phone(_));
            let answers = ready.connector.find(&read, std::slice::from_ref(question), &mapped.mapping().key, Priority::Urgent).await;
            for look in answers.map_err(Ok)?.into_iter().flatten().filter(|look| look.existence == Existence::Present) {
                let got = mapped.lens.get(&look.row, &Fields::new(), &|_, _| None, engine.now()).fields;
                let named = entente_model::value::get(&got, "email").is_blank();
                if mapped.lens.accepts(&look.row) && (!by_number || named) {
                    found.insert((remote.clone(), look.id), *kind);
                }
            }
        }
    }
    let (name, policy) = (connection.to_owned(), policy_at(engine, connection));
    update(engine, erasure.id, move |tx, erasure, work| {
        let keys: Vec<RemoteKey> = found.keys().map(|(remote, id)| RemoteKey::new(&name, remote, id)).collect();
        let links = tx.links_at(&keys)?;
        let owners: Vec<RecordId> = links.values().map(|link| link.record.clone()).collect();
        let owners = tx.records(&Viewer::system(), &owners)?;
        let hasher = Hasher::of(tx)?;
        let mut prints = Vec::new();
        for key in keys {
            let owner = links.get(&key).and_then(|link| owners.get(&link.record));
            if let Some(owner) = owner.filter(|owner| owner.state == RecordState::Active) {
                let what = format!(
                    "{} {} has an address or number of the person, and is {}: decide whether they are one",
                    key.object, key.id, owner.id
                );
                work.flag(Some(&name), what);
                continue;
            }
            prints.push(hasher.row(&key));
            let kind = found.get(&(key.object.clone(), key.id.clone())).copied().unwrap_or(PERSON);
            work.add(RowWork::open(&name, &key.object, &key.id, kind, policy));
        }
        work.searched.insert(name.clone());
        work.attempts = 0;
        tx.block(erasure.id, &prints)
    })
    .await
    .map_err(Err)
}

/// A search that a vendor refused. Answers when to try again.
async fn put_off(engine: &Engine, id: i64, connection: &str, attempts: u32, error: &VendorError) -> Result<Timestamp> {
    let now = engine.now();
    tracing::warn!(erasure = id, connection, class = error.class.name(), code = error.code, "a person could not be searched for");
    let (name, code) = (connection.to_owned(), error.code.clone());
    let never = matches!(error.class, Class::Data | Class::Configuration);
    update(engine, id, move |_, _, work| {
        work.attempts += 1;
        if never {
            work.searched.insert(name.clone());
            work.flag(Some(&name), format!("it refuses to be searched by address ({code}): look for the person there by hand"));
        }
        Ok(())
    })
    .await?;
    Ok(if let Class::Wait { until } = error.class { until } else { later(now, again(attempts)) })
}

/// Fields of an object in which a person's values are.
fn personal(object: &Object) -> impl Iterator<Item = &Field> {
    let person = is_person(&object.key);
    object.fields.iter().filter(move |field| match field.kind {
        FieldType::LongText => true,
        FieldType::Email | FieldType::Phone | FieldType::Url | FieldType::MultiPicklist { .. } | FieldType::Json if !person => false,
        FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Url | FieldType::MultiPicklist { .. } | FieldType::Json => {
            if person {
                !TELLING_NOTHING.contains(&field.key.as_str())
            } else {
                object.title.contains(&field.key)
            }
        }
        _ => false,
    })
}

/// What is written in place of the person's values at a connection.
fn blank(catalog: &Catalog, connection: &str, kind: &str, now: Timestamp) -> Row {
    let (Some(object), Some(mapped)) = (catalog.object(kind), catalog.mapped(connection, kind)) else { return Row::new() };
    let mut after = Fields::new();
    for field in personal(object) {
        after.insert(field.key.clone(), Value::Null);
    }
    // Of the names that make a title, the last that the platform has can stand alone everywhere.
    let is_mapped = |field: &&String| mapped.mapping().fields.iter().any(|line| line.field == **field);
    if let Some(title) = object.title.iter().rev().find(is_mapped).or(object.title.last()) {
        after.insert(title.clone(), Value::text(if is_person(kind) { NOBODY } else { NOTHING }));
    }
    let changed = after.keys().cloned().collect();
    let mut row = mapped.lens.put(&after, &changed, &|_| None, now).row;
    // What is only read from there holds values as well.
    for line in mapped.mapping().fields.iter().filter(|line| line.direction == Direction::In && after.contains_key(&line.field)) {
        let plain = line.get.is_none() && line.values.is_empty();
        let set = object.field(&line.field).is_some_and(|field| matches!(field.kind, FieldType::MultiPicklist { .. }));
        if plain && !row.contains_key(&line.remote) {
            row.insert(line.remote.clone(), if set { serde_json::json!([]) } else { serde_json::Value::Null });
        }
    }
    row
}

async fn erase(engine: &Engine, catalog: &Catalog, row: &RowWork) -> std::result::Result<Erased, VendorError> {
    let Ok(ready) = engine.connection(&row.connection) else {
        return Err(VendorError::new(
            Class::Data,
            "no_connection",
            "the connection is not configured any more",
            "erase the row there by hand, or configure the connection again",
        ));
    };
    let erase = Erase {
        object: row.object.clone(),
        id: row.id.clone(),
        manner: row.manner(),
        blank: blank(catalog, &row.connection, &row.kind, engine.now()),
    };
    ready.connector.erase(&erase, Priority::Urgent).await
}

async fn answered(engine: &Engine, id: i64, row: &RowWork, erased: Erased) -> Result<()> {
    let (row, now) = (row.clone(), engine.now());
    tracing::info!(erasure = id, connection = row.connection, object = row.object, answer = erased.done, "a row was erased");
    update(engine, id, move |_, _, work| {
        if let Some(known) = work.row(&row.connection, &row.object, &row.id) {
            known.state = RowState::Erased;
            known.answer = Some(erased.done.clone());
            known.at = Some(now);
        }
        for what in &erased.left {
            work.flag(Some(&row.connection), format!("{} {}: {what}", row.object, row.id));
        }
        Ok(())
    })
    .await
}

/// A refusal or a failure. The vendor's words may quote the person, so its code alone is kept. Answers when to try again, if that can help.
async fn failed(engine: &Engine, id: i64, row: &RowWork, error: &VendorError) -> Result<Option<Timestamp>> {
    let (row, now) = (row.clone(), engine.now());
    tracing::warn!(
        erasure = id,
        connection = row.connection,
        object = row.object,
        class = error.class.name(),
        code = error.code,
        "a row could not be erased"
    );
    let again_at = match error.class {
        Class::Wait { until } => Some(until.max(later(now, 1))),
        Class::Data => None,
        _ => Some(later(now, again(row.attempts))),
    };
    let counted = !matches!(error.class, Class::Wait { .. });
    let gone = error.class == Class::LookAgain;
    let (class, code, advice, status) = (error.class, error.code.clone(), error.advice, error.status);
    update(engine, id, move |_, _, work| {
        let Some(known) = work.row(&row.connection, &row.object, &row.id) else { return Ok(()) };
        known.attempts += u32::from(counted);
        known.at = Some(now);
        known.answer = Some(if status == 0 { code.clone() } else { format!("{code} (status {status})") });
        // A row that has moved away again and again is not there.
        if gone && known.attempts as usize >= AGAIN_MS.len() {
            known.state = RowState::Erased;
            known.answer = Some("is not there any more".to_owned());
        }
        if class == Class::Data {
            known.state = RowState::Refused;
            work.flag(Some(&row.connection), format!("{} {} is refused ({code}): {advice}", row.object, row.id));
        }
        Ok(())
    })
    .await?;
    Ok(again_at)
}

/// Where the request stands now, and what comes next. A row that is open and was not put off was met, or met again, while others were erased:
/// it is next at once.
async fn conclude(engine: &Engine, id: i64, put_off: BTreeSet<RowKey>, wait: Option<Timestamp>) -> Result<()> {
    let now = engine.now();
    let people: Arc<Vec<String>> = Arc::new(of_people(engine, &engine.catalog()));
    let days = i64::try_from(engine.options().erase_recheck_days).unwrap_or(i64::MAX);
    update(engine, id, move |tx, erasure, work| {
        let has_errand = tx.errand(id)?.is_some();
        let searched = people.iter().filter(|_| has_errand).cloned();
        if work.is_open(searched) {
            erasure.state = ErasureState::Working;
            let met = work.rows.iter().any(|row| row.state == RowState::Open && !put_off.contains(&row.key()));
            erasure.due_at = Some(if met { now } else { wait.unwrap_or(later(now, AGAIN_MS[0])) });
            return Ok(());
        }
        let fresh = erasure.ended_at.is_none();
        erasure.state = if work.waiting() > 0 { ErasureState::People } else { ErasureState::Done };
        erasure.ended_at = Some(now);
        tx.end_errand(id, now)?;
        // What the errand knew of the person is among what has to leave the files.
        if has_errand {
            erasure.scrubbed_at = None;
        }
        if work.rechecked_at.is_none() {
            work.recheck_at = Some(work.recheck_at.unwrap_or(later(now, days.saturating_mul(DAY_MS))));
        }
        erasure.due_at = work.recheck_at.filter(|_| work.rechecked_at.is_none());
        // The end of its alert tells of one that is done; nobody is told twice.
        if erasure.state == ErasureState::Done {
            end(tx, AlertKind::Erasure, &id.to_string(), now)?;
        } else if fresh {
            tx.notify(&waits_for_people(id, work, now))?;
        }
        Ok(())
    })
    .await
}

fn waits_for_people(id: i64, work: &Work, now: Timestamp) -> entente_store::NewNotice {
    let done = work.rows.iter().filter(|row| row.state == RowState::Erased).count();
    let mut lines = vec![format!("{done} of {} rows at platforms are erased.", work.rows.len())];
    let waiting = work.flags.iter().filter(|flag| flag.done_at.is_none());
    lines.extend(waiting.map(|flag| {
        let place = flag.connection.as_ref().map_or_else(String::new, |connection| format!("{connection}: "));
        format!("For a person ({}): {place}{}", flag.number, flag.what)
    }));
    lines.push(format!(
        "`entente privacy certificate {id}` certifies it, `entente privacy confirm {id} NUMBER` says that a person has done their part."
    ));
    notice(now, format!("Erasure {id} waits for people"), lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{shipped_mappings, shipped_objects};
    use entente_model::normalise::Locale;

    #[test]
    fn a_system_that_fails_is_asked_again_by_the_hour_at_last() {
        let waits: Vec<i64> = [0, 1, 2, 3, 4, 400].into_iter().map(|attempts| again(attempts) / 60_000).collect();
        assert_eq!(waits, [1, 5, 15, 60, 60, 60]);
    }

    #[test]
    fn what_tells_of_a_person_is_blanked_at_every_platform() {
        for (platform, name, cleared) in [
            ("salesforce", "LastName", "Email"),
            ("hubspot", "lastname", "email"),
            ("zendesk", "name", "phone"),
            ("freshdesk", "name", "email"),
            ("pipedrive", "name", "email"),
            ("dynamics", "lastname", "emailaddress1"),
            ("intercom", "name", "email"),
        ] {
            let mappings = [(platform.to_owned(), shipped_mappings(platform).unwrap())];
            let catalog = Catalog::build(shipped_objects().unwrap(), mappings.into(), &Locale::default()).unwrap();
            let row = blank(&catalog, platform, PERSON, Timestamp::UNIX_EPOCH);
            assert_eq!((row[name].as_str(), row[cleared].as_str()), (Some(NOBODY), None), "{platform}: {row:?}");
            let case = blank(&catalog, platform, "case", Timestamp::UNIX_EPOCH);
            assert!(
                case.values().any(|value| value.as_str().is_some_and(|text| text.ends_with(NOTHING)))
                    && !case.values().any(|value| value == NOBODY),
                "{platform}: {case:?}"
            );
        }
    }

    #[test]
    fn every_shipped_mapping_of_people_has_consent_its_basis_and_the_mark_of_a_request() {
        // Of a platform that was only begun and says that it can do nothing, nobody is mapped.
        let able = |spec: &&entente_connect::spec::Spec| {
            spec.objects.iter().any(|object| object.changes != entente_connect::capability::Found::NEVER)
        };
        let specs = entente_connect::registry::ALL.iter().map(|platform| platform.spec).filter(able);
        for platform in specs.map(|spec| spec.key).filter(|key| !["rest", "native"].contains(key)) {
            let mappings = shipped_mappings(platform).unwrap();
            let person = mappings.iter().find(|mapping| mapping.object == PERSON).unwrap_or_else(|| panic!("{platform} has no people"));
            for field in
                ["marketing_consent", "marketing_basis", "analytics_consent", "analytics_basis", "service_basis", "erasure_requested"]
            {
                assert!(person.fields.iter().any(|line| line.field == field), "{platform} does not map {field}");
            }
        }
    }
}
