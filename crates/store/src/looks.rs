//! Looks: remote rows that were seen and wait to be converged. One per row: a newer look is laid over an older one, and what the older one
//! showed otherwise is kept beside it.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::{Actor, ChangeMark, UserId};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row as RemoteRow;

use crate::error::Result;
use crate::links::{RemoteKey, by_object};
use crate::sql::{Row, Val, cells, vals};
use crate::tx::{BATCH_ROWS, Tx};

/// What has become of a remote row.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Existence {
    /// It is there.
    Present,
    /// It was deleted.
    Deleted,
    /// It was merged into another row, whose external id this is.
    MergedInto(String),
    /// It was erased there as the law on privacy asks: its person has to be forgotten everywhere.
    Erased,
}

impl Existence {
    fn to_text(&self) -> String {
        match self {
            Self::Present => "present".into(),
            Self::Deleted => "deleted".into(),
            Self::MergedInto(id) => format!("merged:{id}"),
            Self::Erased => "erased".into(),
        }
    }
}

impl std::str::FromStr for Existence {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.strip_prefix("merged:")) {
            ("present", _) => Ok(Self::Present),
            ("deleted", _) => Ok(Self::Deleted),
            ("erased", _) => Ok(Self::Erased),
            (_, Some(id)) => Ok(Self::MergedInto(id.to_owned())),
            _ => Err("expected present, deleted, erased or merged:<id>"),
        }
    }
}

/// Values that a row showed before, and that a newer look shows otherwise.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EarlierValues {
    /// The values; only those that differ.
    pub row: RemoteRow,
    /// When they were entered, as the vendor says.
    pub changed_at: Option<Timestamp>,
    /// By whom, as the vendor says.
    pub changed_by: Actor,
    /// The user, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_who: Option<UserId>,
}

/// When and by whom values of a remote row were changed, by name of the remote field.
pub type FieldMarks = BTreeMap<String, ChangeMark>;

/// The marks of the values of a row of which an older look showed the same: they were not changed since. Where the older look told of another hand than
/// the one that a newer, whole look names, several people have changed the row in between: what the older one did not tell of may be anybody's of them.
#[must_use]
pub fn marks_still_true(older: (&RemoteRow, ChangeMark, &FieldMarks), newer: (&RemoteRow, ChangeMark), is_whole: bool) -> FieldMarks {
    let ((was, row_was, marks), (row, now)) = (older, newer);
    let same = was.iter().filter(|(field, value)| row.get(*field) == Some(value));
    let known = same.map(|(field, _)| (field.clone(), marks.get(field).copied().unwrap_or(row_was).still_at(now)));
    let untold = of_several(now, marks.values().copied().chain([row_was]));
    let others = row.keys().filter(|field| is_whole && !was.contains_key(*field)).map(|field| (field.clone(), untold));
    known.chain(others).filter(|(_, mark)| *mark != now).collect()
}

/// The mark of what somebody entered in a row that others have changed as well: of no hand, or of no user, where they are not the same. What we did
/// ourselves, and what is nobody's whom we know, is no sign of another.
fn of_several(last: ChangeMark, others: impl Iterator<Item = ChangeMark>) -> ChangeMark {
    let is_known = |mark: &ChangeMark| !matches!(mark.by, Actor::Us | Actor::Unknown);
    if !is_known(&last) {
        return last;
    }
    others.filter(is_known).fold(last, |mark, other| match other {
        _ if other.by != last.by => ChangeMark { at: last.at, ..ChangeMark::default() },
        _ if other.who != last.who => ChangeMark { who: None, ..mark },
        _ => mark,
    })
}

/// One remote row as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLook {
    /// Which row.
    pub key: RemoteKey,
    /// Flattened values.
    pub row: RemoteRow,
    /// Whether `row` holds every field that was asked for.
    pub complete: bool,
    /// Whether it exists.
    pub existence: Existence,
    /// The remote version.
    pub version: Option<String>,
    /// When it was last changed, as the vendor says.
    pub changed_at: Option<Timestamp>,
    /// By whom, as the vendor says.
    pub changed_by: Actor,
    /// The user, if it names one.
    pub changed_who: Option<UserId>,
    /// When and by whom single values were changed that were there before the row's last change, as earlier looks tell.
    pub marks: FieldMarks,
    /// When the vendor answered, by our clock.
    pub seen_at: Timestamp,
    /// What looks since the row was last converged showed otherwise, oldest first; empty for a look that comes in.
    pub earlier: Vec<EarlierValues>,
    /// Given by the store: tells this look from a newer one of the same row. Ignored when a look is put.
    pub stamp: i64,
}

impl StoredLook {
    /// When and by whom the row was last changed, as the vendor says.
    #[must_use]
    pub fn mark(&self) -> ChangeMark {
        ChangeMark { at: self.changed_at, by: self.changed_by, who: self.changed_who }
    }

    /// Later changes come after earlier ones; between equals, what was seen later.
    fn age(&self) -> (Option<Timestamp>, Timestamp) {
        (self.changed_at, self.seen_at)
    }

    /// Lays a newer look over this one. One that does not tell all adds to what is known; what this one showed otherwise is kept.
    fn overlay(&mut self, newer: &Self) {
        let mut older = std::mem::replace(self, newer.clone());
        self.earlier = std::mem::take(&mut older.earlier);
        // The same change seen by a poll, which names nobody where the webhook named a hand.
        let same_moment = newer.changed_at.is_some() && newer.changed_at == older.changed_at;
        let says_the_same = || older.row.iter().all(|(field, value)| newer.row.get(field).is_none_or(|now| now == value));
        if newer.changed_by == Actor::Unknown && same_moment && says_the_same() {
            (self.changed_by, self.changed_who) = (older.changed_by, older.changed_who);
        }
        if newer.existence == Existence::Present && older.existence == Existence::Present {
            self.fill_from(&older, newer.complete);
        } else {
            self.learn_end(&older);
        }
    }

    /// A row that is gone does not say where it went, nor why; another word of the same end may, in any order. Answers whether it did.
    fn learn_end(&mut self, other: &Self) -> bool {
        let told = self.existence == Existence::Deleted && matches!(other.existence, Existence::Erased | Existence::MergedInto(_));
        if told {
            self.existence.clone_from(&other.existence);
        }
        told
    }

    /// Lays this look over an older one that came in late. Answers whether it told anything.
    fn underlay(&mut self, older: &Self) -> bool {
        if older.existence != Existence::Present || self.existence != Existence::Present {
            return self.learn_end(older);
        }
        let before = (self.row.len(), self.earlier.len(), self.complete, self.marks.clone());
        self.fill_from(older, false);
        before != (self.row.len(), self.earlier.len(), self.complete, self.marks.clone())
    }

    /// Takes from an older look what this one does not show, and keeps beside it what the older one showed otherwise.
    /// `is_whole`: this one came in after it, as a whole look.
    fn fill_from(&mut self, older: &Self, is_whole: bool) {
        let said = |value: &serde_json::Value| !value.is_null() && value != "";
        let differs = |(field, value): &(&String, &serde_json::Value)| said(value) && self.row.get(*field).is_some_and(|now| now != *value);
        let row: RemoteRow = older.row.iter().filter(differs).map(|(field, value)| (field.clone(), value.clone())).collect();
        if !row.is_empty() && self.earlier.iter().all(|known| known.row != row) {
            self.earlier.push(EarlierValues {
                row,
                changed_at: older.changed_at,
                changed_by: older.changed_by,
                changed_who: older.changed_who,
            });
        }
        if !self.complete {
            for (field, value) in &older.row {
                self.row.entry(field.clone()).or_insert_with(|| value.clone());
            }
            self.complete = older.complete;
        }
        // What was entered, replaced and entered again is as new as it was the last time.
        let replaced = |field: &String| self.earlier.iter().any(|one| one.changed_at > older.changed_at && one.row.contains_key(field));
        let mut same = marks_still_true((&older.row, older.mark(), &older.marks), (&self.row, self.mark()), is_whole);
        same.retain(|field, _| !replaced(field));
        self.marks.extend(same);
    }
}

/// Names of the cells of a look that is written.
const LOOK_ROW: &[&str; 13] = &[
    "connection",
    "object",
    "id",
    "fields",
    "complete",
    "existence",
    "version",
    "changed_at",
    "changed_by",
    "changed_who",
    "seen_at",
    "earlier",
    "marks",
];

const COLUMNS: &str = "connection, remote_object, external_id, fields, complete, existence, version, changed_at, changed_by, changed_who, seen_at, earlier, \
                       marks, stamp";

fn look(mut row: Row) -> Result<StoredLook> {
    Ok(StoredLook {
        key: RemoteKey { connection: row.text()?, object: row.text()?, id: row.text()? },
        row: row.json()?,
        complete: row.flag()?,
        existence: row.parse()?,
        version: row.opt_text()?,
        changed_at: row.opt_time()?,
        changed_by: crate::actor_from(&row.text()?)?,
        changed_who: row.opt_text()?.as_deref().and_then(UserId::new),
        seen_at: row.time()?,
        earlier: row.json()?,
        marks: row.json()?,
        stamp: row.int()?,
    })
}

impl Tx<'_> {
    /// Keeps looks. A newer look is laid over the one that is there, an older one that comes in late adds what that does not show.
    ///
    /// # Errors
    /// As for any write.
    pub fn put_looks(&mut self, looks: &[StoredLook]) -> Result<()> {
        let keys: BTreeSet<RemoteKey> = looks.iter().map(|look| look.key.clone()).collect();
        let mut newest = self.looks_for_update(&keys.into_iter().collect::<Vec<_>>())?;
        let mut changed: BTreeSet<RemoteKey> = BTreeSet::new();
        for look in looks {
            let news = match newest.get_mut(&look.key) {
                None => newest.insert(look.key.clone(), look.clone()).is_none(),
                Some(known) if look.age() >= known.age() => {
                    known.overlay(look);
                    true
                }
                Some(known) => known.underlay(look),
            };
            if news {
                changed.insert(look.key.clone());
            }
        }
        let newest: Vec<StoredLook> = newest.into_values().filter(|look| changed.contains(&look.key)).collect();
        for batch in newest.chunks(BATCH_ROWS) {
            let mut rows = Vec::with_capacity(batch.len());
            for look in batch {
                rows.push(cells![
                    &look.key.connection,
                    &look.key.object,
                    &look.key.id,
                    Val::json(&look.row)?,
                    look.complete,
                    look.existence.to_text(),
                    look.version.as_ref(),
                    look.changed_at,
                    crate::actor_name(look.changed_by)?,
                    look.changed_who.as_ref().map(UserId::as_str),
                    look.seen_at,
                    Val::json(&look.earlier)?,
                    Val::json(&look.marks)?,
                ]);
            }
            self.exec(
                "insert into looks (connection, remote_object, external_id, fields, complete, existence, version, changed_at, changed_by,
                        changed_who, seen_at, earlier, marks, stamp)
                 select x.value->>'connection', x.value->>'object', x.value->>'id', x.value->'fields',
                        cast(x.value->>'complete' as smallint), x.value->>'existence', x.value->>'version',
                        cast(x.value->>'changed_at' as bigint), x.value->>'changed_by', x.value->>'changed_who',
                        cast(x.value->>'seen_at' as bigint),
                        x.value->'earlier', x.value->'marks', 1
                 from EACH($1) where true
                 on conflict (connection, remote_object, external_id) do update set fields = excluded.fields,
                        complete = excluded.complete, existence = excluded.existence, version = excluded.version,
                        changed_at = excluded.changed_at, changed_by = excluded.changed_by,
                        changed_who = excluded.changed_who, seen_at = excluded.seen_at, earlier = excluded.earlier, marks = excluded.marks,
                        stamp = looks.stamp + 1
                 where coalesce(excluded.changed_at, -1) > coalesce(looks.changed_at, -1)
                    or (coalesce(excluded.changed_at, -1) = coalesce(looks.changed_at, -1) and excluded.seen_at >= looks.seen_at)",
                &[Val::rows(LOOK_ROW, rows)],
            )?;
        }
        Ok(())
    }

    fn looks_for_update(&mut self, keys: &[RemoteKey]) -> Result<BTreeMap<RemoteKey, StoredLook>> {
        self.select_looks(keys, "FOR_UPDATE")
    }

    fn select_looks(&mut self, keys: &[RemoteKey], lock: &str) -> Result<BTreeMap<RemoteKey, StoredLook>> {
        let mut found = BTreeMap::new();
        let sql = format!("select {COLUMNS} from looks where connection = $1 and remote_object = $2 and external_id IN_LIST($3) {lock}");
        for ((connection, object), ids) in by_object(keys) {
            for batch in ids.chunks(BATCH_ROWS) {
                for row in self.rows("looks", &sql, vals![connection, object, batch.to_vec()])? {
                    let look = look(row)?;
                    found.insert(look.key.clone(), look);
                }
            }
        }
        Ok(found)
    }

    /// The looks that wait for these rows. They stay until they are [consumed](Tx::consume_looks).
    ///
    /// # Errors
    /// As for any read.
    pub fn looks_for(&mut self, keys: &[RemoteKey]) -> Result<BTreeMap<RemoteKey, StoredLook>> {
        self.select_looks(keys, "")
    }

    /// The stamps of the looks that wait for these rows.
    ///
    /// # Errors
    /// As for any read.
    pub fn look_stamps(&mut self, keys: &[RemoteKey]) -> Result<BTreeMap<RemoteKey, i64>> {
        let mut found = BTreeMap::new();
        let sql = "select external_id, stamp from looks where connection = $1 and remote_object = $2 and external_id IN_LIST($3)";
        for ((connection, object), ids) in by_object(keys) {
            for batch in ids.chunks(BATCH_ROWS) {
                for mut row in self.rows("looks", sql, vals![connection, object, batch.to_vec()])? {
                    found.insert(RemoteKey::new(connection, object, row.text()?), row.int()?);
                }
            }
        }
        Ok(found)
    }

    /// Removes looks that were converged. A look that a newer one took the place of meanwhile stays. Answers how many are gone.
    ///
    /// # Errors
    /// As for any write.
    pub fn consume_looks(&mut self, looks: &[(RemoteKey, i64)]) -> Result<u64> {
        let mut sorted: Vec<&(RemoteKey, i64)> = looks.iter().collect();
        sorted.sort();
        let mut gone = 0;
        for batch in sorted.chunks(BATCH_ROWS) {
            let rows = batch.iter().map(|(key, stamp)| cells![&key.connection, &key.object, &key.id, *stamp]).collect();
            gone += self.exec(
                "delete from looks using EACH($1) where looks.connection = x.value->>'connection'
                    and looks.remote_object = x.value->>'object' and looks.external_id = x.value->>'id'
                    and looks.stamp = cast(x.value->>'stamp' as bigint)",
                &[Val::rows(&["connection", "object", "id", "stamp"], rows)],
            )?;
        }
        Ok(gone)
    }
}
