//! Ingesting: looks that came in, by webhook or poll, become hints if they tell anything new.
//!
//! A look that shows what we already believe is no news: our own writes coming back, a page of a poll that overlaps the last one.
//! It makes no hint and costs no call. The comparison is by value, never by time or by who wrote it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use entente_connect::look::{Existence, Look};
use entente_connect::webhook::Blanks;
use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::remote::{Row, reference_of};
use entente_model::value::{Fields, get};
use entente_store::{Lane, Link, LinkState, NewHint, RemoteKey, Rewrite, SeenVersion, StoreError, StoredLook, Tx, Viewer};

use super::just_told::JustTold;
use super::look::{stored, surely_after};
use super::rewrite;
use super::subject::RowKey;
use super::task::{LANE_ACTIVITY, LANE_BACKFILL, LANE_UPDATE, LANE_URGENT, Task};
use crate::catalog::{Catalog, Mapped};
use crate::engine::Engine;
use crate::privacy::blocked::Blocked;
use crate::privacy::is_person;
use crate::privacy::met::{Met, meets, note, turns};

/// Fields whose change is an event that goes first: plan changes and churn.
const URGENT_FIELDS: &[&str] = &["tier", "plan", "status", "is_won"];

/// Fields that a person is called by.
const NAME_FIELDS: &[&str] = &["first_name", "last_name", "name"];

/// Milliseconds within which the deliberately flawed echo filter drops looks after our own write.
const FLAWED_ECHO_MS: i64 = 10_000;

/// One thing that came in.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// The row.
    pub(crate) key: RemoteKey,
    /// What was seen of it, if anything.
    pub(crate) look: Option<Look>,
    /// What it means that the look leaves a field out.
    pub(crate) blanks: Blanks,
    /// Whether it tells that the row was made, and nothing that came after.
    pub(crate) created: bool,
    /// When the change happened or arrived, for the latency counters.
    pub(crate) origin_at: Option<Timestamp>,
}

impl Arrival {
    /// The look, if it is whole, or is once the fields that are known to be blank are put in.
    fn whole(&self) -> Option<Cow<'_, Look>> {
        let look = self.look.as_ref()?;
        match &self.blanks {
            _ if look.complete => Some(Cow::Borrowed(look)),
            Blanks::Known(blank) => {
                let mut look = look.clone();
                look.row.extend(blank.iter().map(|field| (field.clone(), serde_json::Value::Null)));
                look.complete = true;
                Some(Cow::Owned(look))
            }
            Blanks::Shown | Blanks::LeftOut => None,
        }
    }
}

/// How arrivals came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// A webhook: the change is live.
    Webhook,
    /// A poll after the first read: it was missed by webhooks, or the platform has none for it.
    Poll,
    /// A poll that was made because the platform's own stream of changes (Change Data Capture, a journal) had told of something.
    Told,
    /// The first complete read of an object.
    FirstRead,
    /// A later complete read of it, because somebody asked for a resync.
    Resync,
    /// A comparison of everything with everything found it.
    Reconcile,
}

impl Way {
    /// Cause as the ledger names it.
    pub(crate) fn cause(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Poll => "poll",
            Self::Told => "event",
            Self::FirstRead => "import",
            Self::Resync => "resync",
            Self::Reconcile => "reconcile",
        }
    }
}

/// What is known of the rows of arrivals.
struct Known {
    links: BTreeMap<RemoteKey, Link>,
    /// Records that wait to be converged, or are being converged.
    in_flight: BTreeSet<String>,
    /// Those of them that a worker holds.
    held: BTreeSet<String>,
    /// Looks that wait to be taken in.
    waiting: BTreeMap<RemoteKey, StoredLook>,
    references: References,
    /// Who was erased and is not taken in.
    blocked: Arc<Blocked>,
}

impl Known {
    fn load(tx: &mut Tx<'_>, engine: &Engine, catalog: &Catalog, arrivals: &[&Arrival]) -> Result<Self, StoreError> {
        let keys: Vec<RemoteKey> = arrivals.iter().map(|arrival| arrival.key.clone()).collect();
        // Looks before links: where each read sees what others have committed by then, a look that is consumed in between still counts as waiting, while
        // the link would be that of before it.
        let waiting = tx.looks_for(&keys)?;
        let links = tx.links_at(&keys)?;
        let subjects: Vec<String> = links.values().map(|link| link.record.to_string()).collect();
        let in_flight: BTreeSet<String> = tx.hinted(&subjects)?;
        let held = tx.leased(&in_flight.iter().cloned().collect::<Vec<_>>(), engine.now())?;
        let references = References::load(tx, engine, catalog, arrivals, &links)?;
        Ok(Self { links, in_flight, held, waiting, references, blocked: Blocked::of(tx, engine)? })
    }

    /// What an arrival tells of a row that is linked, with its link and mapping; `told` is what others have told just now.
    fn judge(&self, engine: &Engine, arrival: &Arrival, told: &JustTold, now: Timestamp) -> Option<(&Link, &Mapped, News)> {
        let link = self.links.get(&arrival.key)?;
        let mapped = self.references.mapped.get(&arrival.key)?;
        let waiting = self.waiting.get(&arrival.key);
        let latest = waiting.and_then(|look| look.changed_at);
        let state = Circumstances {
            in_flight: self.in_flight.contains(link.record.as_str()),
            // What a worker writes has been decided on what it saw; before, it may see something else in the end.
            is_undecided: link.pending.is_none() && self.held.contains(link.record.as_str()),
            has_look: waiting.is_some() || told.has_news(&arrival.key),
            is_late: arrival.look.as_ref().zip(waiting).is_some_and(|(arrived, waiting)| arrived.mark.at < waiting.changed_at),
            changed_at: link.changed_at.max(link.told_at).max(latest).max(told.contradicted_at(arrival)),
            is_wary: !self.blocked.is_empty(),
        };
        Some((link, mapped, judge(engine, arrival, link, mapped, &self.references, state, now)))
    }

    /// Whether an arrival tells of a change that was not told of before: a poll shows the same rows again and again.
    fn is_news(&self, arrival: &Arrival, way: Way) -> bool {
        let Some(look) = arrival.look.as_ref().filter(|_| way != Way::Webhook) else { return true };
        if let Some(waiting) = self.waiting.get(&arrival.key) {
            let arrived = stored(&arrival.key.connection, look);
            return arrived.existence != waiting.existence
                || arrived.row.iter().any(|(field, value)| waiting.row.get(field) != Some(value));
        }
        let Some(link) = self.links.get(&arrival.key).filter(|_| look.existence == Existence::Present) else { return true };
        let is_known = look.mark.at.is_some_and(|at| Some(at) <= link.changed_at.max(link.told_at));
        !is_known && (look.version.is_none() || look.version != link.version)
    }

    /// How an arrival shows that a row which stands for somebody else has come to be an erased person's, if it does.
    fn turned(&self, arrival: &Arrival, now: Timestamp) -> Option<Met> {
        if self.blocked.is_empty() {
            return None;
        }
        let (link, mapped) = (self.links.get(&arrival.key)?, self.references.mapped.get(&arrival.key)?);
        let look = arrival.look.as_ref().filter(|look| look.existence == Existence::Present)?;
        let shown = self.references.get(link, mapped, &look.row, now);
        let nothing = Fields::new();
        let record = self.references.data.get(&link.record).unwrap_or(&nothing);
        turns(&self.blocked, &mapped.mapping().object, link, record, &shown)
    }
}

/// Arrivals that tell nothing, found before the transaction that takes up the others: most of what comes is our own writes coming back, and
/// everybody who writes waits for that transaction.
#[derive(Default)]
pub(crate) struct Sifted {
    /// Places of the arrivals.
    known: BTreeSet<usize>,
    /// Versions that they showed.
    versions: Vec<SeenVersion>,
}

/// Finds the arrivals that tell nothing, in a state of the store that is later than they are. Whatever is decided about their rows after
/// that state was, in effect, decided after they were taken up.
///
/// # Errors
/// When the store fails.
pub(crate) fn sift(tx: &mut Tx<'_>, engine: &Engine, catalog: &Catalog, arrivals: &[&Arrival]) -> Result<Sifted, StoreError> {
    let now = engine.now();
    let known = Known::load(tx, engine, catalog, arrivals)?;
    let mut sifted = Sifted::default();
    let mut told = JustTold::default();
    for (at, arrival) in arrivals.iter().enumerate() {
        let is_news = !matches!(known.judge(engine, arrival, &told, now), Some((_, _, News::None)));
        told.note(arrival, is_news);
        if !is_news {
            sifted.known.insert(at);
        }
    }
    // What others tell of the same row is taken up in order with what these show.
    sifted.known.retain(|at| !told.has_news(&arrivals[*at].key));
    let seen = sifted.known.iter().filter_map(|at| seen_again(known.links.get(&arrivals[*at].key)?, arrivals[*at]));
    sifted.versions = seen.collect();
    Ok(sifted)
}

/// Keeps arrivals and hints at what is new, but for those that were [sifted](sift) out. Runs inside the caller's transaction, so that a cursor
/// or an inbox entry commits with it.
pub(crate) fn ingest(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    arrivals: &[&Arrival],
    sifted: &Sifted,
    way: Way,
) -> Result<(), StoreError> {
    let now = engine.now();
    let left: Vec<&Arrival> =
        arrivals.iter().enumerate().filter(|(at, _)| !sifted.known.contains(at)).map(|(_, arrival)| *arrival).collect();
    let known = Known::load(tx, engine, catalog, &left)?;
    let unknown = left.iter().filter(|arrival| way == Way::Webhook && !known.links.contains_key(&arrival.key));
    let named: BTreeMap<&RemoteKey, String> = unknown.filter_map(|arrival| names_record(catalog, arrival)).collect();
    let being_made = tx.leased(&named.values().cloned().collect::<Vec<_>>(), now)?;
    let (mut looks, mut hints, mut touched, mut versions) = (Vec::new(), Vec::new(), Vec::new(), sifted.versions.clone());
    let mut told = JustTold::default();
    // Whole looks at rows that no record stands for, the latest of each.
    let mut fresh: BTreeMap<&RemoteKey, StoredLook> = BTreeMap::new();
    for arrival in left {
        if !known.links.contains_key(&arrival.key) {
            if let Some(met) = meets(&known.blocked, catalog, &arrival.key, arrival.look.as_ref(), now) {
                // Somebody who was erased, or what is about them: not taken in, whatever brought it.
                let existence = arrival.look.as_ref().map_or(&Existence::Deleted, |look| &look.existence);
                note(tx, engine, &met, &arrival.key, existence, now)?;
                continue;
            }
            if named.get(&arrival.key).is_some_and(|record| being_made.contains(record)) {
                // Our own creation tells of itself before its answer has come, which shows more. Should that never come, the record is
                // looked at again, and the row is found by the id that it carries.
                continue;
            }
            if let Some(mut hint) = unlinked(engine, catalog, arrival, way, now) {
                hint.is_news = known.is_news(arrival, way);
                // A record begins with a whole look: what a partial one leaves out would count as unknown for good.
                let look = arrival.whole().map(|look| stored(&arrival.key.connection, &look));
                let before = fresh.get(&arrival.key).or_else(|| known.waiting.get(&arrival.key));
                if way == Way::Webhook && before.is_some_and(|before| !follows(look.as_ref(), before)) {
                    hint.fetch = BTreeSet::from([arrival.key.connection.clone()]);
                } else if let Some(look) = look {
                    fresh.insert(&arrival.key, look);
                }
                hints.push(hint);
            }
            continue;
        }
        if let Some(met) = known.turned(arrival, now) {
            // Not even the look is kept.
            note(tx, engine, &met, &arrival.key, &Existence::Present, now)?;
            continue;
        }
        // What came before it in this batch waits to be taken in as well: a value that was changed and changed back is as it was.
        match known.judge(engine, arrival, &told, now) {
            None => {}
            Some((link, _, News::None)) => {
                told.note(arrival, false);
                versions.extend(seen_again(link, arrival));
            }
            Some((link, mapped, News::Look { lane, fetch })) => {
                told.note(arrival, true);
                // Kept although the row is fetched: a value that a crossing write of ours replaces at the vendor is known from here alone.
                looks.extend(arrival.look.iter().map(|look| stored(&arrival.key.connection, look)));
                let gone = arrival.look.as_ref().is_some_and(|look| look.existence != Existence::Present);
                if link.state != LinkState::Present && !gone {
                    touched.push(Link { state: LinkState::Present, ..link.clone() });
                }
                let fetch = if fetch { BTreeSet::from([arrival.key.connection.clone()]) } else { BTreeSet::new() };
                let object = mapped.mapping().object.clone();
                let hint = hint(engine, link.record.to_string(), object, lane, fetch, arrival, way, now);
                hints.push(NewHint { is_news: known.is_news(arrival, way), ..hint });
            }
        }
    }
    looks.extend(fresh.into_values());
    tx.put_looks(&looks)?;
    tx.put_links(&touched)?;
    tx.note_versions(&versions)?;
    tx.hint(&hints)
}

/// Whether what a message shows of a row that no record stands for yet certainly comes after what another one has shown, or is the same. Messages
/// overtake each other, many times are in whole seconds, and one that is not whole does not tell all: else only the row itself tells.
fn follows(look: Option<&StoredLook>, before: &StoredLook) -> bool {
    look.is_some_and(|look| look.row == before.row || look.changed_at.zip(before.changed_at).is_some_and(|(now, then)| now > then))
}

enum News {
    None,
    Look { lane: Lane, fetch: bool },
}

/// What goes on with a row when something of it arrives.
#[derive(Clone, Copy)]
struct Circumstances {
    /// Its record waits to be converged, or is being converged.
    in_flight: bool,
    /// A worker holds the record and has not decided yet: it may go by a row that it read before this.
    is_undecided: bool,
    /// A look at it waits to be taken in.
    has_look: bool,
    /// A later look at it waits already: what this one shows may be gone.
    is_late: bool,
    /// The latest change of the row that is known.
    changed_at: Option<Timestamp>,
    /// Somebody was erased who must not come back.
    is_wary: bool,
}

impl Circumstances {
    /// Whether a look is certainly newer than everything that is known: events come late and overtake each other.
    fn is_behind(&self, look: &Look) -> bool {
        surely_after(look, self.changed_at)
    }
}

/// Whether an arrival tells anything that the link does not know yet, and whether the rest of the row must be fetched.
fn judge(
    engine: &Engine,
    arrival: &Arrival,
    link: &Link,
    mapped: &Mapped,
    resolve: &References,
    state: Circumstances,
    now: Timestamp,
) -> News {
    let lane = lane_of(mapped, None);
    let Some(look) = &arrival.look else { return News::Look { lane, fetch: true } };
    if engine.flaws().echo_filter_by_time && look.existence == Existence::Present && is_recent_write(link, now) {
        return News::None;
    }
    if look.existence != Existence::Present {
        // That a row which is gone was erased there is news: its person is to be forgotten everywhere. So is where it went.
        let went = link.state == LinkState::Deleted && matches!(look.existence, Existence::MergedInto(_));
        let news = link.state == LinkState::Present || look.existence == Existence::Erased || went;
        // It may be back by now. Whoever was erased does not come back.
        let fetch = link.state == LinkState::Present && look.existence != Existence::Erased && !state.is_behind(look);
        return if news { News::Look { lane, fetch } } else { News::None };
    }
    if link.state != LinkState::Present {
        // A row that was gone is back: only a fresh look tells whether it is so, or whether this one is old.
        let newer = look.mark.at.zip(link.seen_at).is_none_or(|(changed, gone)| changed > gone);
        return if newer { News::Look { lane, fetch: true } } else { News::None };
    }
    let known = Task::believed(link);
    let nothing = Fields::new();
    let pending = link.pending.as_ref().unwrap_or(&nothing);
    // Of a field that is being written, only the value on its way is no news: the old one may be somebody's who came after us.
    let expected = |field: &str| pending.get(field).unwrap_or_else(|| get(&known, field));
    let got = resolve.get(link, mapped, &look.row, now);
    let differing: Vec<&str> =
        got.iter().filter(|(field, value)| !expected(field).agrees(value)).map(|(field, _)| field.as_str()).collect();
    let hidden = if look.complete { Hidden::Nothing } else { hidden(mapped, &got, &known, &differing) };
    let cleared = arrival.blanks != Blanks::Shown && hidden != Hidden::Nothing;
    if differing.is_empty() && !cleared && !look.row.is_empty() {
        // The row is as it is believed to be; a look that waits says otherwise, and is older. So may what a worker has just read.
        let counts = state.has_look || (state.is_undecided && look.mark.at > state.changed_at);
        return if counts { News::Look { lane, fetch: false } } else { News::None };
    }
    // An event shows its row as it was: of before our own write that is on its way, or of before the latest change that is known, it would
    // undo what came after it. Only the row itself tells then.
    let may_be_old = link.pending.is_some() || !state.is_behind(look);
    // What an event leaves out has events of its own. It matters at once when the record is being changed elsewhere as well, and when
    // nothing else will tell it.
    let misses = hidden == Hidden::Derived || (hidden == Hidden::Others && state.in_flight);
    // Whose name that is, only the address tells.
    let misses = misses || (state.is_wary && !look.complete && names_another(mapped, &got, &differing));
    let fetch = cleared || state.is_late || look.row.is_empty() || may_be_old || misses;
    if fetch {
        let (connection, object, id) = (&link.connection, &link.remote_object, &link.external_id);
        let is_late = state.is_late;
        tracing::debug!(connection, object, id, ?differing, cleared, is_late, may_be_old, misses, "what arrived does not tell all");
    }
    News::Look { lane: lane_of(mapped, Some(&differing)), fetch }
}

/// Whether a look at a person shows another name and no address.
fn names_another(mapped: &Mapped, got: &Fields, differing: &[&str]) -> bool {
    let named = is_person(&mapped.mapping().object) && differing.iter().any(|field| NAME_FIELDS.contains(field));
    named && !got.contains_key("email")
}

/// What a look leaves out of what is known of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hidden {
    Nothing,
    /// Other fields.
    Others,
    /// A field of a parent row (`Owner.Name`) whose reference (`OwnerId`) has changed: no event of this row tells it.
    Derived,
}

fn hidden(mapped: &Mapped, got: &Fields, known: &Fields, differing: &[&str]) -> Hidden {
    let lines = &mapped.mapping().fields;
    let unseen = lines.iter().filter(|line| !got.contains_key(&line.field) && !get(known, &line.field).is_blank());
    let kinds = unseen.map(|line| {
        let reference = line.remote.split_once('.').map(|(parent, _)| reference_of(parent));
        match reference.and_then(|reference| lines.iter().find(|line| line.remote == reference)) {
            None => Hidden::Others,
            Some(pointer) if differing.contains(&pointer.field.as_str()) => Hidden::Derived,
            // While the reference is shown and the same, or was blank, the parent is too.
            Some(pointer) if got.contains_key(&pointer.field) || get(known, &pointer.field).is_blank() => Hidden::Nothing,
            Some(_) => Hidden::Others,
        }
    });
    kinds.max().unwrap_or(Hidden::Nothing)
}

fn is_recent_write(link: &Link, now: Timestamp) -> bool {
    link.changed_by == Actor::Us && link.changed_at.is_some_and(|at| now.as_millisecond() - at.as_millisecond() < FLAWED_ECHO_MS)
}

/// Lane of a change of an object, by what changed.
fn lane_of(mapped: &Mapped, differing: Option<&[&str]>) -> Lane {
    match mapped.mapping().object.as_str() {
        "opportunity" => LANE_URGENT,
        "activity" | "case" => LANE_ACTIVITY,
        _ if differing.is_some_and(|fields| fields.iter().any(|field| URGENT_FIELDS.contains(field))) => LANE_URGENT,
        _ => LANE_UPDATE,
    }
}

/// The record whose id a row carries that was just made, as a part of it shows. What somebody does with the row from then on is news, and may
/// be all that tells of it before the creation is tried again.
fn names_record<'a>(catalog: &Catalog, arrival: &'a Arrival) -> Option<(&'a RemoteKey, String)> {
    let look = arrival.look.as_ref().filter(|look| look.existence == Existence::Present && !look.complete)?;
    if !arrival.created && look.mark.by != Actor::Us {
        return None;
    }
    let mut mappings = catalog.mappings(&arrival.key.connection).iter().filter(|mapped| mapped.mapping().remote == arrival.key.object);
    let named = mappings.find_map(|mapped| look.row.get(mapped.lens.key())?.as_str()?.parse::<RecordId>().ok())?;
    Some((&arrival.key, named.to_string()))
}

fn unlinked(engine: &Engine, catalog: &Catalog, arrival: &Arrival, way: Way, now: Timestamp) -> Option<NewHint> {
    if arrival.look.as_ref().is_some_and(|look| look.existence != Existence::Present) {
        return None;
    }
    let empty = Row::new();
    let row = arrival.look.as_ref().map_or(&empty, |look| &look.row);
    let mapped = catalog
        .mappings(&arrival.key.connection)
        .iter()
        .find(|mapped| mapped.mapping().remote == arrival.key.object && mapped.lens.accepts(row))?;
    let key = RowKey { connection: arrival.key.connection.clone(), object: arrival.key.object.clone(), id: arrival.key.id.clone() };
    Some(hint(engine, key.to_string(), mapped.mapping().object.clone(), lane_of(mapped, None), BTreeSet::new(), arrival, way, now))
}

#[expect(clippy::too_many_arguments, reason = "a hint has that many parts, and this is the one place that fills them in")]
fn hint(
    engine: &Engine,
    subject: String,
    object: String,
    lane: Lane,
    fetch: BTreeSet<String>,
    arrival: &Arrival,
    way: Way,
    now: Timestamp,
) -> NewHint {
    let options = engine.options();
    let (lane, wait) = match (way, lane) {
        (Way::FirstRead | Way::Resync | Way::Reconcile, _) => (LANE_BACKFILL, Duration::ZERO),
        (_, LANE_URGENT) if object == "opportunity" => (lane, options.new_customer_window()),
        _ => (lane, options.window()),
    };
    NewHint {
        subject,
        object,
        lane,
        due_at: now.checked_add(wait).unwrap_or(now),
        cause: way.cause().to_owned(),
        fetch,
        origin_at: if matches!(way, Way::FirstRead | Way::Resync | Way::Reconcile) { None } else { arrival.origin_at },
        is_news: false,
        at: now,
    }
}

/// The version of a look that told nothing else, so that the next write is made on the right one; the time of its change, so that what comes late is
/// known to be old; and that all of the row was seen in it, where a part alone was known, be it because we had written it.
fn seen_again(link: &Link, arrival: &Arrival) -> Option<SeenVersion> {
    let is_later = |look: &Look| look.mark.at > link.changed_at.max(link.told_at);
    let tells = |look: &Look| look.version.is_some() && look.version != link.version || look.complete && !link.is_whole || is_later(look);
    let look = arrival.look.as_ref().filter(|look| look.existence == Existence::Present && tells(look))?;
    let is_same = look.version.is_none() || look.version == link.version;
    Some(SeenVersion {
        record: link.record.clone(),
        connection: link.connection.clone(),
        version: look.version.clone().or_else(|| link.version.clone()),
        is_whole: look.complete || (link.is_whole && is_same),
        changed_at: look.mark.at,
        seen_at: look.seen_at,
    })
}

/// What the rows of arrivals refer to, and the mapping of each linked record.
struct References {
    /// By row: a record is mapped otherwise at each connection.
    mapped: BTreeMap<RemoteKey, Arc<Mapped>>,
    records: BTreeMap<RemoteKey, RecordId>,
    data: BTreeMap<RecordId, Fields>,
    remotes: BTreeMap<(String, String), String>,
    /// Values that platforms rewrote so often that they stand for ours.
    rewritten: BTreeMap<RecordId, Vec<Rewrite>>,
}

impl References {
    fn load(
        tx: &mut Tx<'_>,
        engine: &Engine,
        catalog: &Catalog,
        arrivals: &[&Arrival],
        links: &BTreeMap<RemoteKey, Link>,
    ) -> Result<Self, StoreError> {
        let ids: Vec<_> = links.values().map(|link| link.record.clone()).collect();
        let records = tx.records(&Viewer::system(), &ids)?;
        let mut mapped = BTreeMap::new();
        let mut data = BTreeMap::new();
        let mut remotes = BTreeMap::new();
        for (key, link) in links {
            let Some(record) = records.get(&link.record) else { continue };
            let deciding = catalog.deciding(link.record.as_str(), &record.object).map_or(catalog, |other| &**other);
            if let Some(found) = deciding.mapped(&key.connection, &record.object) {
                mapped.insert(key.clone(), Arc::clone(found));
                data.insert(link.record.clone(), record.data.clone());
            }
        }
        for connection in engine.connections().keys() {
            for found in catalog.mappings(connection) {
                remotes.insert((connection.clone(), found.mapping().object.clone()), found.mapping().remote.clone());
            }
        }
        let mut wanted = BTreeSet::new();
        for arrival in arrivals {
            let Some(look) = &arrival.look else { continue };
            let Some(found) = mapped.get(&arrival.key) else { continue };
            for (_, object, id) in found.lens.references(&look.row, &Fields::new(), engine.now()).unresolved {
                if let Some(remote) = remotes.get(&(arrival.key.connection.clone(), object)) {
                    wanted.insert(RemoteKey::new(&arrival.key.connection, remote, id));
                }
            }
        }
        let rewritten = tx.rewrites_of(&ids, rewrite::STOP_AT)?;
        let records = tx.records_meant_by(&wanted.into_iter().collect::<Vec<_>>())?;
        Ok(Self { mapped, records, data, remotes, rewritten })
    }

    fn get(&self, link: &Link, mapped: &Mapped, row: &Row, now: Timestamp) -> Fields {
        let nothing = Fields::new();
        let prior = self.data.get(&link.record).unwrap_or(&nothing);
        let resolve = |object: &str, id: &str| {
            let remote = self.remotes.get(&(link.connection.clone(), object.to_owned()))?;
            self.records.get(&RemoteKey::new(&link.connection, remote, id)).cloned()
        };
        let mut fields = mapped.lens.get(row, prior, &resolve, now).fields;
        if let Some(rewritten) = self.rewritten.get(&link.record) {
            rewrite::taken_for_ours(rewritten, link, &[], &mut fields);
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use entente_model::actor::Actor;

    use super::*;

    fn look(second: i64, stage: &str) -> StoredLook {
        StoredLook {
            key: RemoteKey::new("crm", "Opportunity", "006"),
            row: Row::from_iter([("StageName".to_owned(), stage.into())]),
            complete: true,
            existence: entente_store::Existence::Present,
            version: None,
            changed_at: Timestamp::from_second(second).ok(),
            changed_by: Actor::Unknown,
            marks: BTreeMap::new(),
            seen_at: Timestamp::UNIX_EPOCH,
            earlier: Vec::new(),
            stamp: 0,
            changed_who: None,
        }
    }

    #[test]
    fn messages_of_one_second_have_no_order() {
        let before = look(7, "Negotiation");
        assert!(!follows(Some(&look(7, "Closed Won")), &before), "either may have been the last");
        assert!(!follows(Some(&look(6, "Prospecting")), &before));
        assert!(!follows(None, &before), "what is not whole does not tell all");
        assert!(follows(Some(&look(8, "Closed Won")), &before));
        assert!(follows(Some(&before.clone()), &before), "the same again");
    }
}
