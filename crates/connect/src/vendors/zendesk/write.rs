//! Writes: one row at once through the direct calls, several through jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use entente_model::actor::{Actor, ChangeMark};
use entente_model::id::RecordId;
use entente_model::mapping::remote::Row;
use futures::stream::{self, StreamExt};
use serde_json::{Map, Value, json};

use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::look::{Existence, Look};
use crate::transport::call::Call;
use crate::write::{Write, WriteKind, WriteOutcome, WriteTarget, Written};

use super::errors::{IDEMPOTENT, misfit, refuse_item};
use super::jobs::{Trace, sort};
use super::kind::Kind;
use super::map::{Beside, Seen, Wanted, gone, id_text, look};
use super::put::{Purpose, body};
use super::read::{MANY, key_must_be_external_id};
use super::schema::dropped;
use super::wire::{TICKET_UPDATES, seen, send};
use super::{SPEC, Zendesk};

/// Creations of organizations that go one by one: a look-up and a job cost as much.
const ORGANIZATIONS_SINGLY: usize = 3;
/// Creations of users that go one by one: a job and the question how it went cost as much, and take longer.
const USERS_SINGLY: usize = 2;

/// Time for which Zendesk certainly remembers the key of a ticket's creation, in milliseconds: it says two hours
/// (<https://developer.zendesk.com/api-reference/ticketing/introduction/#idempotency>), and clocks differ.
const REMEMBERED_MS: u64 = 100 * 60 * 1000;

/// What is asked of Zendesk for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    /// Create, or update the row with the same external id (users: or e-mail).
    Upsert,
    Create,
    Update,
    Delete,
}

/// One write on its way.
#[derive(Debug, Clone)]
struct Item {
    /// Its place among the writes.
    at: usize,
    id: Option<String>,
    key: String,
    body: Map<String, Value>,
}

impl Item {
    fn trace(&self) -> Trace {
        let text = |name: &str| self.body.get(name).and_then(Value::as_str).map(str::to_owned);
        Trace { id: self.id.clone(), external_id: text("external_id"), email: text("email") }
    }

    /// Whether sending it twice does no harm: comments would appear twice.
    fn repeatable(&self, op: Op) -> bool {
        op != Op::Create && !self.body.contains_key("comment")
    }
}

type Outcomes = Vec<(usize, WriteOutcome)>;

/// Whether a row that came back holds every text that was written to its custom fields.
fn kept(write: &Write, written: Written) -> WriteOutcome {
    let Some(look) = &written.look else { return Ok(written) };
    let gone = write.row.iter().find(|(name, value)| {
        name.contains('.') && value.as_str().is_some_and(|text| !text.is_empty()) && look.row.get(*name).is_some_and(Value::is_null)
    });
    match gone {
        Some((name, _)) => Err(dropped(name)),
        None => Ok(written),
    }
}

impl Zendesk {
    /// Writes rows of one kind of write.
    pub(super) async fn write_rows(
        &self,
        target: &WriteTarget,
        writes: &[Write],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        let kind = Kind::named(&target.object)?;
        let Some(what) = writes.first().map(|write| write.kind) else { return Ok(Vec::new()) };
        if writes.iter().any(|write| write.kind != what) {
            return Err(misfit("mixed_writes", "one call must carry one kind of write", "report this: it is a mistake in Entente"));
        }
        if what == WriteKind::Create {
            key_must_be_external_id(&target.key_field)?;
        }
        let mut outcomes: Vec<Option<WriteOutcome>> = vec![None; writes.len()];
        let mut items = Vec::new();
        for (at, write) in writes.iter().enumerate() {
            let prepared = match self.known.refuses(&self.client, kind, &write.row, priority).await? {
                Some(refusal) => Err(refusal),
                None => prepare(kind, at, write),
            };
            match prepared {
                Ok(mut item) => {
                    self.name_requester(&mut item, priority).await;
                    items.push(item);
                }
                Err(error) => outcomes[at] = Some(Err(error)),
            }
        }
        for chunk in items.chunks(MANY) {
            let chunk = chunk.to_vec();
            let done = match what {
                WriteKind::Create => self.create(kind, chunk, priority).await?,
                WriteKind::Update => self.update(kind, chunk, priority).await?,
                WriteKind::Delete => self.batch(kind, Op::Delete, chunk, priority).await?,
            };
            for (at, outcome) in done {
                outcomes[at] = Some(outcome.and_then(|written| kept(&writes[at], written)));
            }
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(untold()))).collect())
    }

    /// Makes the agent with the given address the requester. Without such an agent Zendesk takes our own user: nobody is created, and no
    /// customer hears of the ticket.
    async fn name_requester(&self, item: &mut Item, priority: Priority) {
        let Some(email) = item.body.remove("requester_agent_email") else { return };
        let Some(email) = email.as_str().filter(|email| !email.is_empty() && !item.body.contains_key("requester_id")) else { return };
        if let Some(id) = self.staff_now(priority).await.agent(email).and_then(|id| id.parse::<u64>().ok()) {
            item.body.insert("requester_id".to_owned(), json!(id));
        }
    }

    async fn create(&self, kind: Kind, items: Vec<Item>, priority: Priority) -> Result<Outcomes, VendorError> {
        match kind {
            Kind::User if items.len() <= USERS_SINGLY => Ok(self.singly(kind, Op::Upsert, items, priority).await),
            Kind::User => {
                let written: BTreeMap<usize, (String, Row)> =
                    items.iter().map(|item| (item.at, (item.key.clone(), item.body.clone()))).collect();
                let mut outcomes = self.batch(kind, Op::Upsert, items, priority).await?;
                // Whoever is new is looked at whole; of the crowd of a first sync, polls show what differs from user to user.
                if priority == Priority::Backfill {
                    self.fill_in(&written, &mut outcomes);
                }
                self.show_created(&written, &mut outcomes, priority).await;
                Ok(outcomes)
            }
            Kind::Organization if items.len() <= ORGANIZATIONS_SINGLY => Ok(self.singly(kind, Op::Upsert, items, priority).await),
            Kind::Organization | Kind::Ticket => self.create_after_look(kind, items, priority).await,
        }
    }

    /// Tells of users that a job has made what Zendesk fills in in every one, as far as it is known.
    fn fill_in(&self, written: &BTreeMap<usize, (String, Row)>, outcomes: &mut Outcomes) {
        let now = seen(&self.client);
        for (at, outcome) in outcomes.iter_mut() {
            let Some((_, row)) = written.get(at).filter(|_| is_unseen(outcome)) else { continue };
            if let (Ok(made), Some(row)) = (outcome, self.fills.beside(row, now.at)) {
                made.look = Some(Look {
                    object: Kind::User.singular().to_owned(),
                    id: made.id.clone(),
                    row,
                    existence: Existence::Present,
                    complete: false,
                    version: None,
                    mark: ChangeMark { at: None, by: Actor::Us, who: None },
                    seen_at: now.at,
                });
            }
        }
    }

    /// Shows users that a job has made as Zendesk filled them in: with a language and a time zone, of which no event tells. `written` has the
    /// external ids, and what was sent, by place among the writes.
    async fn show_created(&self, written: &BTreeMap<usize, (String, Row)>, outcomes: &mut Outcomes, priority: Priority) {
        let unseen: Vec<&str> = outcomes
            .iter()
            .filter(|(_, outcome)| is_unseen(outcome))
            .filter_map(|(at, _)| written.get(at).map(|(key, _)| key.as_str()))
            .collect();
        if unseen.is_empty() {
            return;
        }
        let rows = match self.rows_by_external_id(Kind::User, &unseen, &[], priority).await {
            Ok(rows) => rows,
            Err(error) => {
                // They are there, and the next poll shows them.
                tracing::debug!(connection = %self.client.settings().name, %error, users = unseen.len(), "users that were just made cannot be shown");
                return;
            }
        };
        let mut missing = BTreeSet::new();
        for (answer, beside, seen) in rows {
            for row in &answer {
                let Some(shown) = look(Kind::User, row, &beside, Wanted::All, seen, &mut missing) else { continue };
                let of_row = outcomes.iter_mut().filter_map(|(_, outcome)| outcome.as_mut().ok()).find(|written| written.id == shown.id);
                if let Some(written) = of_row {
                    written.version.clone_from(&shown.version);
                    written.look = Some(shown);
                }
            }
        }
        let shown = outcomes.iter().filter_map(|(at, outcome)| {
            let made = outcome.as_ref().ok()?.look.as_ref().filter(|look| look.complete)?;
            Some((&written.get(at)?.1, &made.row))
        });
        self.fills.learn(shown, self.client.now());
    }

    /// Creates rows for which Zendesk has no bulk upsert: those whose external id is there already are updated instead. Tickets of records so
    /// young that Zendesk remembers every earlier attempt by its key are created one by one without a look, which would be a call for each.
    async fn create_after_look(&self, kind: Kind, items: Vec<Item>, priority: Priority) -> Result<Outcomes, VendorError> {
        let (young, items): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(|item| kind == Kind::Ticket && self.is_remembered(&item.key));
        let mut tried = self.singly(kind, Op::Create, young.clone(), priority).await;
        // An earlier attempt was made, with other values.
        let differs = |outcome: &WriteOutcome| outcome.as_ref().is_err_and(|error| error.code == IDEMPOTENT);
        let again: BTreeSet<usize> = tried.iter().filter(|(_, outcome)| differs(outcome)).map(|(at, _)| *at).collect();
        tried.retain(|(at, _)| !again.contains(at));
        let items: Vec<Item> = items.into_iter().chain(young.into_iter().filter(|item| again.contains(&item.at))).collect();
        if items.is_empty() {
            return Ok(tried);
        }
        match self.create_known(kind, items.clone(), priority).await {
            Ok(outcomes) => tried.extend(outcomes),
            Err(error) if tried.is_empty() => return Err(error),
            // What was created has landed: the failure is that of the others alone.
            Err(error) => tried.extend(items.iter().map(|item| (item.at, Err(error.clone())))),
        }
        Ok(tried)
    }

    /// Looks for rows by their external ids, creates those that are not there and updates the others.
    async fn create_known(&self, kind: Kind, items: Vec<Item>, priority: Priority) -> Result<Outcomes, VendorError> {
        let keys: Vec<&str> = items.iter().map(|item| item.key.as_str()).collect();
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        for (rows, _, _) in self.rows_by_external_id(kind, &keys, &[], priority).await? {
            for row in rows {
                if let (Some(key), Some(id)) = (row["external_id"].as_str(), id_text(&row["id"])) {
                    known.insert(key.to_lowercase(), id);
                }
            }
        }
        let (mut new, mut old) = (Vec::new(), Vec::new());
        for mut item in items {
            match known.get(&item.key.to_lowercase()) {
                None => new.push(item),
                Some(id) => {
                    item.id = Some(id.clone());
                    // The first comment is there since the first attempt.
                    item.body.remove("comment");
                    old.push(item);
                }
            }
        }
        let mut outcomes = self.batch(kind, Op::Create, new, priority).await?;
        let updated = match self.batch(kind, Op::Update, old.clone(), priority).await {
            Ok(updated) => updated,
            // The new rows have landed: the failure is that of the old ones alone.
            Err(error) => old.iter().map(|item| (item.at, Err(error.clone()))).collect(),
        };
        outcomes.extend(updated.into_iter().map(|(at, outcome)| (at, outcome.map(|written| Written { created: Some(false), ..written }))));
        Ok(outcomes)
    }

    /// Whether every attempt to create a record's ticket is younger than Zendesk's memory for keys: none is older than the record.
    fn is_remembered(&self, key: &str) -> bool {
        let age = |id: RecordId| u64::try_from(self.client.now().as_millisecond()).unwrap_or(0).checked_sub(id.made_at_ms());
        key.parse().ok().and_then(age).is_some_and(|ms| ms < REMEMBERED_MS)
    }

    async fn update(&self, kind: Kind, mut items: Vec<Item>, priority: Priority) -> Result<Outcomes, VendorError> {
        if kind != Kind::User {
            return self.batch(kind, Op::Update, items, priority).await;
        }
        let mut moves = Vec::new();
        for item in &mut items {
            if let (Some(email), Some(id)) = (item.body.remove("email"), item.id.clone()) {
                moves.push((item.at, id, email.as_str().map(str::to_owned)));
            }
        }
        let moved: Vec<(usize, Result<(), VendorError>)> = stream::iter(moves)
            .map(|(at, id, email)| async move { (at, self.move_email(&id, email.as_deref(), priority).await) })
            .buffer_unordered(SPEC.concurrency)
            .collect()
            .await;
        let mut outcomes = Outcomes::new();
        let mut rest = Vec::new();
        for item in items {
            match moved.iter().find(|(at, _)| *at == item.at) {
                Some((at, Err(error))) => outcomes.push((*at, Err(error.clone()))),
                Some((at, Ok(()))) if item.body.is_empty() => outcomes.push((*at, Ok(bare(item.id.unwrap_or_default(), None)))),
                _ => rest.push(item),
            }
        }
        let done = match self.batch(kind, Op::Update, rest.clone(), priority).await {
            Ok(done) => done,
            Err(error) if outcomes.is_empty() && moved.is_empty() => return Err(error),
            Err(error) => rest.iter().map(|item| (item.at, Err(error.clone()))).collect(),
        };
        outcomes.extend(done);
        Ok(outcomes)
    }

    /// One row directly, several through a job. Where Zendesk refuses the job as a whole, the rows go one by one: then only the culprit
    /// fails, and accounts without bulk import of users work too.
    async fn batch(&self, kind: Kind, op: Op, items: Vec<Item>, priority: Priority) -> Result<Outcomes, VendorError> {
        let upserts_users = kind == Kind::User && op == Op::Upsert;
        if items.len() <= 1 || (upserts_users && !self.bulk_users.load(Ordering::Relaxed)) {
            return Ok(self.singly(kind, op, items, priority).await);
        }
        let results = match self.jobs.run(&self.client, op.kind(), priority, items.len(), many(kind, op, &items)).await {
            Ok(results) => results,
            Err(error) if upserts_users && error.status == 403 => {
                tracing::info!(connection = %self.client.settings().name, "Zendesk does not allow bulk import of users for this account: creating them one by one; Zendesk's support can enable it");
                let outcomes = self.singly(kind, op, items, priority).await;
                // Without any success it may be our user's rights rather than the account.
                if outcomes.iter().any(|(_, outcome)| outcome.is_ok()) {
                    self.bulk_users.store(false, Ordering::Relaxed);
                }
                return Ok(outcomes);
            }
            Err(error) if error.class == Class::Data => return Ok(self.singly(kind, op, items, priority).await),
            Err(error) => return Err(error),
        };
        let traces: Vec<Trace> = items.iter().map(Item::trace).collect();
        let now = seen(&self.client);
        let sorted = sort(&results, &traces);
        Ok(items
            .iter()
            .zip(sorted)
            .map(|(item, result)| (item.at, result.map_or_else(|| Err(untold()), |result| landed(kind, op, item, result, now))))
            .collect())
    }

    async fn singly(&self, kind: Kind, op: Op, items: Vec<Item>, priority: Priority) -> Outcomes {
        stream::iter(items)
            .map(|item| async move { (item.at, self.single(kind, op, &item, priority).await) })
            .buffer_unordered(SPEC.concurrency)
            .collect()
            .await
    }

    async fn single(&self, kind: Kind, op: Op, item: &Item, priority: Priority) -> WriteOutcome {
        let id = item.id.clone().unwrap_or_default();
        let path = match op {
            Op::Upsert => format!("/api/v2/{}/create_or_update", kind.plural()),
            Op::Create => format!("/api/v2/{}", kind.plural()),
            Op::Update | Op::Delete => format!("/api/v2/{}/{id}", kind.plural()),
        };
        let content = json!({kind.singular(): item.body});
        let mut call = match op {
            Op::Upsert | Op::Create => Call::post(path, content),
            Op::Update => Call::put(path, content),
            Op::Delete => Call::delete(path),
        };
        let is_keyed = kind == Kind::Ticket && op == Op::Create;
        if is_keyed {
            call = call.header("idempotency-key", &item.key);
        }
        if item.repeatable(op) || is_keyed {
            call = call.idempotent();
        }
        if kind == Kind::Ticket && op == Op::Update {
            call = call.bucket(TICKET_UPDATES);
        }
        let read = match send(&self.client, op.single_kind(), priority, call).await {
            Ok(read) => read,
            Err(error) if op == Op::Delete && error.class == Class::LookAgain => return Ok(deleted(kind, id, seen(&self.client))),
            Err(error) => return Err(error),
        };
        if op == Op::Delete {
            return Ok(deleted(kind, id, read.seen));
        }
        let row = &read.body[kind.singular()];
        let Some(id) = id_text(&row["id"]) else { return Err(untold()) };
        let mut missing = BTreeSet::new();
        let mut look = look(kind, row, &Beside::default(), Wanted::All, read.seen, &mut missing);
        if let Some(look) = &mut look {
            look.mark.by = Actor::Us;
        }
        let created = match op {
            Op::Upsert => Some(read.status == 201),
            Op::Create => Some(true),
            Op::Update | Op::Delete => None,
        };
        Ok(Written { id, created, version: row["updated_at"].as_str().map(str::to_owned), look })
    }
}

impl Op {
    /// Name of the bulk call in the counts.
    fn kind(self) -> &'static str {
        match self {
            Self::Upsert => "create_or_update_many",
            Self::Create => "create_many",
            Self::Update => "update_many",
            Self::Delete => "destroy_many",
        }
    }

    /// Name of the single call in the counts.
    fn single_kind(self) -> &'static str {
        match self {
            Self::Upsert => "create_or_update",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// Builds what Zendesk shall get of one write.
fn prepare(kind: Kind, at: usize, write: &Write) -> Result<Item, VendorError> {
    let id = write.id.clone().filter(|_| write.kind != WriteKind::Create);
    if write.kind != WriteKind::Create && !id.as_deref().is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(VendorError::new(
            Class::Data,
            "bad_id",
            "the record's link to Zendesk carries no numeric id",
            "unlink the record from Zendesk and link it again",
        ));
    }
    let mut content = match write.kind {
        WriteKind::Create => body(kind, &write.row, Purpose::Create)?,
        WriteKind::Update => body(kind, &write.row, Purpose::Update)?,
        WriteKind::Delete => Map::new(),
    };
    match (write.kind, kind) {
        (WriteKind::Create, _) => {
            content.insert("external_id".to_owned(), json!(write.key));
            if kind == Kind::User {
                // Customers must not get a mail from Zendesk because a sales person met them.
                content.insert("skip_verify_email".to_owned(), json!(true));
            }
        }
        (WriteKind::Update, Kind::Ticket) => {
            if let Some(expect) = &write.expect {
                content.insert("safe_update".to_owned(), json!(true));
                content.insert("updated_stamp".to_owned(), json!(expect));
            }
        }
        _ => {}
    }
    Ok(Item { at, id, key: write.key.clone(), body: content })
}

/// The bulk call for several rows.
fn many(kind: Kind, op: Op, items: &[Item]) -> Call {
    let path = format!("/api/v2/{}/{}", kind.plural(), op.kind());
    let number = |item: &Item| item.id.as_deref().and_then(|id| id.parse::<u64>().ok());
    let rows = || -> Value {
        let with_id = |item: &Item| {
            let mut row = Map::new();
            row.extend(number(item).map(|id| ("id".to_owned(), json!(id))));
            row.extend(item.body.clone());
            Value::Object(row)
        };
        json!({kind.plural(): items.iter().map(with_id).collect::<Vec<_>>()})
    };
    let call = match op {
        Op::Upsert | Op::Create => Call::post(path, rows()),
        Op::Update => Call::put(path, rows()),
        Op::Delete => Call::delete(path).query("ids", items.iter().filter_map(|item| item.id.clone()).collect::<Vec<_>>().join(",")),
    };
    if items.iter().all(|item| item.repeatable(op)) { call.idempotent() } else { call }
}

/// What a job's result says about its row.
fn landed(kind: Kind, op: Op, item: &Item, result: &Value, now: Seen) -> WriteOutcome {
    let failed = result.get("error").is_some_and(|error| !error.is_null())
        || result["success"].as_bool() == Some(false)
        || result["status"].as_str() == Some("Failed");
    if failed {
        let error = refuse_item(result, now.at);
        let vanished = op == Op::Delete && error.class == Class::LookAgain;
        return if vanished { Ok(deleted(kind, item.id.clone().unwrap_or_default(), now)) } else { Err(error) };
    }
    let Some(id) = item.id.clone().or_else(|| id_text(&result["id"])) else { return Err(untold()) };
    Ok(match op {
        Op::Delete => deleted(kind, id, now),
        Op::Update => bare(id, None),
        Op::Create => bare(id, Some(true)),
        Op::Upsert => bare(id, result["status"].as_str().map(|status| status == "Created")),
    })
}

/// Whether a row was made of which nothing is known but its id.
fn is_unseen(outcome: &WriteOutcome) -> bool {
    outcome.as_ref().is_ok_and(|written| written.created == Some(true) && written.look.is_none())
}

fn bare(id: String, created: Option<bool>) -> Written {
    Written { id, created, version: None, look: None }
}

fn deleted(kind: Kind, id: String, seen: Seen) -> Written {
    let mut look = gone(kind, id.clone(), Existence::Deleted, None, seen);
    look.mark.by = Actor::Us;
    Written { id, created: None, version: None, look: Some(look) }
}

/// A row that a job or an answer does not speak of.
fn untold() -> VendorError {
    VendorError::new(
        Class::Retry,
        "no_result",
        "Zendesk's answer does not say what became of this row",
        "nothing: the row is looked at again",
    )
}
