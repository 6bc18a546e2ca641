//! Gathering: everything a worker needs of the records it holds, in a few reads and as few calls as the vendors allow.

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::connector::Priority;
use entente_connect::look::{Existence, Look};
use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::get;
use entente_store::{Hint, Link, LinkState, Record, RecordState, RemoteKey, ReviewState, StoredLook, Viewer, marks_still_true};

use super::adopt::DUPLICATE;
use super::circle::has_ended_in;
use super::fetch::{Fetched, Order};
use super::look::{earlier, surely_after, taken};
use super::task::{RowIndex, Seen, Task, priority};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::Result;
use crate::privacy::blocked::Blocked;
use crate::privacy::is_person;
use crate::privacy::met::{Met, meets};

/// External ids of records, by (record, connection).
pub(crate) type LinkIndex = BTreeMap<(RecordId, String), String>;

/// Loads the records of hints. Hints whose record does not exist come back without a task.
pub(crate) async fn load(engine: &Engine, hints: Vec<Hint>) -> Result<(Vec<Task>, Vec<Hint>)> {
    let ids: Vec<RecordId> = hints.iter().filter_map(|hint| hint.subject.parse().ok()).collect();
    let engine_ = engine.clone();
    let loaded = engine
        .store()
        .read(move |tx| {
            let blocked = Blocked::of(tx, &engine_)?;
            let records = tx.records(&Viewer::system(), &ids)?;
            let links = tx.links_of(&ids)?;
            let keys: Vec<RemoteKey> = links.iter().map(Link::key).collect();
            let looks = tx.looks_for(&keys)?;
            let frozen = tx.conflicts_of(&ids)?;
            let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let reviews = tx.reviews_of(&names)?;
            let parted = (tx.misnamed(&ids)?, tx.rewrites_of(&ids, 1)?);
            Ok((records, links, looks, frozen, reviews, parted, blocked))
        })
        .await?;
    let (mut records, links, mut looks, frozen, reviews, (mut misnamed, mut rewritten), blocked) = loaded;
    let waiting = reviews.iter().filter(|review| review.state == ReviewState::Waiting);
    // Of two rows of one platform, the one that was there before goes on.
    let both = |review: &&entente_store::Review| review.review.kind != DUPLICATE;
    let others =
        reviews.iter().filter(|review| review.state == ReviewState::Waiting).filter(both).map(|review| review.review.other.clone());
    let reviewed: BTreeSet<String> = waiting.map(|review| review.review.record.to_string()).chain(others).collect();
    let mut links_by_record: BTreeMap<RecordId, Vec<Link>> = BTreeMap::new();
    for link in links {
        links_by_record.entry(link.record.clone()).or_default().push(link);
    }
    let (mut tasks, mut orphans) = (Vec::new(), Vec::new());
    for mut hint in hints {
        // There is nothing to be done about a record of somebody who was erased, whoever still thinks of it.
        let found = hint.subject.parse::<RecordId>().ok().and_then(|id| records.remove(&id));
        let Some(record) = found.filter(|record| record.state != RecordState::Erased) else {
            orphans.push(hint);
            continue;
        };
        let links = links_by_record.remove(&record.id).unwrap_or_default();
        // A row that has shown somebody who was erased is looked at whole before anything is taken in from it or written to it: what does not
        // show the address may be theirs as well.
        let of_person = links.iter().filter(|link| is_person(&record.object) && link.state == LinkState::Present);
        let turned = of_person.filter(|link| blocked.has_turned(&link.key()));
        hint.fetch.extend(turned.map(|link| link.connection.clone()));
        let frozen = frozen
            .iter()
            .map(|waiting| &waiting.conflict)
            .filter(|conflict| conflict.record == record.id)
            .map(|conflict| conflict.field.clone())
            .collect();
        let in_review = reviewed.contains(record.id.as_str());
        let apart = super::parted::apart_from(&record.id, &reviews);
        let misnamed = misnamed.remove(&record.id).unwrap_or_default();
        let rewritten = rewritten.remove(&record.id).unwrap_or_default();
        let mut task = Task {
            hint,
            record,
            links,
            seen: BTreeMap::new(),
            noticed: Vec::new(),
            frozen,
            in_review,
            apart,
            astray: BTreeMap::new(),
            misnamed,
            rewritten,
            into_erased: BTreeMap::new(),
            told: BTreeMap::new(),
            unheard: BTreeMap::new(),
            failure: None,
        };
        go_by(&mut task, &mut looks);
        tasks.push(task);
    }
    Ok((tasks, orphans))
}

/// Makes a task go by the looks at its rows that are kept.
fn go_by(task: &mut Task, looks: &mut BTreeMap<RemoteKey, StoredLook>) {
    for link in &mut task.links {
        if let Some(stored) = looks.remove(&link.key()) {
            let stamp = Some(stored.stamp);
            let marks = stored.marks.clone();
            task.noticed.extend(earlier(&stored).into_iter().map(|look| (link.connection.clone(), look)));
            let look = taken(stored);
            if link.state == LinkState::Deleted && matches!(look.existence, Existence::MergedInto(_)) {
                // It was found gone before anybody told where it went: it departs once more, knowing that.
                link.state = LinkState::Present;
            }
            task.seen.insert(link.connection.clone(), Seen { look, marks, stamp, is_later: false });
        }
    }
}

/// Makes tasks go by the looks at some of their rows that were kept since they were loaded.
///
/// # Errors
/// When the store fails.
pub(crate) async fn look_again(engine: &Engine, tasks: &mut [Task], is_kept: impl Fn(&RemoteKey) -> bool) -> Result<()> {
    let links = tasks.iter().flat_map(|task| task.links.iter().map(Link::key));
    let keys: Vec<RemoteKey> = links.filter(is_kept).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let mut looks = engine.store().read(move |tx| tx.looks_for(&keys)).await?;
    tasks.iter_mut().for_each(|task| go_by(task, &mut looks));
    Ok(())
}

/// Asks for the sides that hints ask for, and for those never seen.
pub(crate) fn order(tasks: &[Task], order: &mut Order) {
    for task in tasks {
        for link in wanted(task) {
            order.add(link.key(), priority(task.hint.lane));
        }
    }
}

/// Whether anything is fetched before a task is decided.
pub(crate) fn lacks(task: &Task) -> bool {
    wanted(task).next().is_some()
}

/// Links whose row is fetched before a task is decided.
fn wanted(task: &Task) -> impl Iterator<Item = &Link> {
    task.links.iter().filter(|link| link.state == LinkState::Present).filter(|link| {
        let asked = task.hint.fetch.contains(&link.connection);
        let unknown = link.base.is_empty() && link.seen.is_none() && !task.seen.contains_key(&link.connection);
        let crossed = task.seen.get(&link.connection).is_some_and(|seen| !seen.is_later && crosses(link, &seen.look));
        asked || unknown || crossed
    })
}

/// Hands what was fetched to the tasks that asked for it.
pub(crate) fn take(engine: &Engine, catalog: &Catalog, tasks: &mut [Task], fetched: &Fetched) {
    for task in tasks {
        let keys: Vec<RemoteKey> = wanted(task).map(Link::key).collect();
        for key in keys {
            if let Some(error) = fetched.failed.get(&key) {
                task.failure.get_or_insert_with(|| (key.connection.clone(), error.clone()));
            }
            let Some(look) = fetched.looks.get(&key) else { continue };
            let mut look = look.clone();
            let replaced = task.seen.remove(&key.connection);
            let stamp = replaced.as_ref().and_then(|seen| seen.stamp);
            if let Some(seen) = &replaced {
                take_over(catalog, &task.record, &key.connection, &seen.look, &mut look, engine.now());
            }
            let told = replaced
                .as_ref()
                .map(|seen| marks_still_true((&seen.look.row, seen.look.mark, &seen.marks), (&look.row, look.mark), look.complete));
            let marks = told.unwrap_or_default();
            task.noticed.extend(replaced.map(|seen| (key.connection.clone(), seen.look)));
            task.seen.insert(key.connection, Seen { look, marks, stamp, is_later: true });
        }
    }
}

/// Fetches what tasks ask for.
pub(crate) async fn fetch(engine: &Engine, catalog: &Catalog, tasks: &mut [Task]) {
    let mut wanted = Order::default();
    order(tasks, &mut wanted);
    take(engine, catalog, tasks, &wanted.send(engine, catalog).await);
}

/// Looks at the rows that people's rows were merged into and that no record stands for: nobody becomes somebody who was erased. Where a platform does
/// not answer, the task fails, and is tried again later. While nobody was ever erased, nothing is asked.
pub(crate) async fn look_at_winners(engine: &Engine, catalog: &Catalog, tasks: &mut [Task]) -> Result<()> {
    let engine_ = engine.clone();
    let winners_of = |task: &Task| if is_person(&task.record.object) { task.points_to(engine, catalog).winners } else { Vec::new() };
    let merged = |task: &&Task| task.seen.values().any(|seen| matches!(seen.look.existence, Existence::MergedInto(_)));
    let keys: Vec<RemoteKey> = tasks.iter().filter(merged).flat_map(winners_of).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let asked = keys.clone();
    let (blocked, known) = engine.store().read(move |tx| Ok((Blocked::of(tx, &engine_)?, tx.records_at(&asked)?))).await?;
    let unknown: BTreeSet<RemoteKey> = keys.into_iter().filter(|key| !known.contains_key(key) && blocked.row(key).is_none()).collect();
    if blocked.is_empty() || unknown.is_empty() {
        return Ok(());
    }
    let mut order = Order::default();
    let urgency = tasks.iter().map(|task| priority(task.hint.lane)).min();
    unknown.iter().for_each(|key| order.add(key.clone(), urgency.unwrap_or(Priority::Backfill)));
    let fetched = order.send(engine, catalog).await;
    for task in tasks {
        for key in winners_of(task).into_iter().filter(|key| unknown.contains(key)) {
            if let Some(error) = fetched.failed.get(&key) {
                task.failure.get_or_insert_with(|| (key.connection.clone(), error.clone()));
            }
            let Some(look) = fetched.looks.get(&key) else { continue };
            let met = meets(&blocked, catalog, &key, Some(look), engine.now());
            if let Some(met @ (Met::Key { .. } | Met::Person { .. })) = met {
                task.into_erased.insert(key.connection, met);
            }
        }
    }
    Ok(())
}

/// Whether a look may show its row as it was before our own last write, which was on its way when the look came in.
fn crosses(link: &Link, look: &Look) -> bool {
    link.changed_by == Actor::Us && look.existence == Existence::Present && !surely_after(look, link.changed_at)
}

/// What a webhook told and a fetched row does not. The row says when it was changed and rarely by whom; the webhook that told of the same version may know. A webhook that
/// shows what the record holds anyway tells of our own write, by whatever name.
fn take_over(catalog: &Catalog, record: &Record, connection: &str, told: &Look, fetched: &mut Look, now: Timestamp) {
    if fetched.existence == Existence::Deleted && matches!(told.existence, Existence::MergedInto(_) | Existence::Erased) {
        // A row that is gone does not say where it went, nor why.
        fetched.existence.clone_from(&told.existence);
    }
    if fetched.mark.by != Actor::Unknown || told.version.is_none() || told.version != fetched.version {
        return;
    }
    let Some(mapped) = catalog.mapped(connection, &record.object) else { return };
    let shown = mapped.lens.get(&told.row, &record.data, &|_, _| None, now).fields;
    if shown.iter().any(|(field, value)| !value.agrees(get(&record.data, field))) {
        fetched.mark.by = told.mark.by;
    }
}

/// Resolves the rows that looks refer to, and the counterparts of the records referred to.
pub(crate) async fn resolve(engine: &Engine, catalog: &Catalog, tasks: &[Task]) -> Result<(RowIndex, LinkIndex)> {
    let (mut rows, mut known, mut winners) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for task in tasks {
        let pointers = task.points_to(engine, catalog);
        rows.extend(pointers.rows);
        known.extend(pointers.records);
        // Whoever a row was merged into may be somebody's counterpart already.
        winners.extend(pointers.winners.into_iter().map(|row| (row, task.record.id.clone())));
    }
    let (rows, linked) = engine
        .store()
        .read(move |tx| {
            let rows: Vec<RemoteKey> = rows.into_iter().collect();
            let mut found = tx.records_meant_by(&rows)?;
            found.extend(tx.records_at(&winners.iter().map(|(row, _)| row.clone()).collect::<Vec<_>>())?);
            for (row, record) in winners {
                // Of two that were merged the other way round elsewhere, the one that stayed there stays.
                if let Some(owner) = found.get_mut(&row).filter(|owner| **owner != record)
                    && has_ended_in(tx, owner, &record)?
                {
                    *owner = record;
                }
            }
            let mut records = known;
            records.extend(found.values().cloned());
            let linked = tx.rows_of(&records.into_iter().collect::<Vec<_>>())?;
            Ok((found, linked))
        })
        .await?;
    let rows = rows.into_iter().map(|(key, record)| ((key.connection, key.object, key.id), record)).collect();
    let present = linked.into_iter().filter(|row| row.state == LinkState::Present);
    Ok((rows, present.map(|row| ((row.record, row.key.connection), row.key.id)).collect()))
}
