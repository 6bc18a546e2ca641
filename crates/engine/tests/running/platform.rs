//! A platform in memory: rows by object, pages of two rows, a log of changes, and a hand on every call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use entente_connect::action::{Acted, Action, Target};
use entente_connect::capability::{Capabilities, Concurrency, Detection, EVERY, Found, Happening, Key, Lookup, Told, Unique};
use entente_connect::connector::{Budget, CallCounts, Connector, Identity, NewField, Priority};
use entente_connect::error::{Class, VendorError};
use entente_connect::look::{Cursor, Entered, Existence, Find, Histories, Look, Page, ReadSpec};
use entente_connect::settings::Secret;
use entente_connect::spec::Spec;
use entente_connect::transport::offset::Offset;
use entente_connect::webhook::{Delivery, Event, Incoming, Receipt, Subscribed, WebhookError};
use entente_connect::write::{Write, WriteKind, WriteOutcome, WriteTarget, Written};
use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::mapping::Role;
use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject, Row};
use serde_json::Value;
use tokio::sync::{Notify, Semaphore};

/// Rows of one page.
pub const PAGE: usize = 2;

static SPEC: Spec = Spec {
    key: "memory",
    label: "Memory",
    role: Role::Crm,
    write_max: 100,
    fetch_max: 100,
    concurrency: 4,
    timeout: Duration::from_secs(30),
    overlap: Duration::ZERO,
    shares_calls: false,
    renews_access: false,
    objects: &[Capabilities {
        object: EVERY,
        page_rows: 2,
        page_extra: 0,
        parts: 1,
        key: Some(Key::Upsert),
        concurrency: Some(Concurrency::Precondition),
        told: &[
            Told { what: Happening::Created, by: &[EVERY] },
            Told { what: Happening::Changed, by: &[EVERY] },
            Told { what: Happening::Deleted, by: &[EVERY] },
            Told { what: Happening::Merged, by: &[EVERY] },
            Told { what: Happening::Restored, by: &[EVERY] },
        ],
        changes: Found::POLL,
        deletions: Found::POLL,
        merges: Found::POLL,
        restorations: Some(Found::POLL),
        exceptions: &[],
        notes: &[],
        fields: &[],
        derived: Detection::RECONCILIATION,
        creates_fields: true,
        never_blank: &[],
        // As at a desk; a CRM has `Name`, which many rows may share.
        unique: &[Unique { field: "name", asked: Some(Lookup::Name) }],
    }],
    limits: &[],
};

type Rewriting = Box<dyn Fn(&str) -> String + Send>;
type Refusal = Box<dyn FnMut(&str) -> Option<VendorError> + Send>;

#[derive(Default)]
struct State {
    rows: BTreeMap<String, BTreeMap<String, (Row, u64)>>,
    log: Vec<(String, String)>,
    hidden: Vec<String>,
    merged: BTreeMap<String, String>,
    calls: Vec<String>,
    refusal: Option<Refusal>,
    held_up: BTreeMap<String, Arc<Semaphore>>,
    endless: bool,
    secret: String,
    next: u64,
    described: BTreeMap<String, RemoteObject>,
    blank: BTreeSet<String>,
    columns: Vec<(String, Vec<String>)>,
    bulk: Option<usize>,
    sizes: Vec<(String, usize)>,
    told: BTreeSet<String>,
    bell: Arc<Notify>,
    rewriting: Option<(String, Rewriting)>,
    acted: Vec<(Option<Target>, Action)>,
    answers_lost: usize,
    has_index: bool,
    histories: Option<Histories>,
}

/// One platform. Cloning shares it.
#[derive(Clone, Default)]
pub struct Platform(Arc<Mutex<State>>);

impl Platform {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Somebody writes a row. Returns its id.
    pub fn put(&self, object: &str, id: Option<&str>, fields: &[(&str, &str)]) -> String {
        let mut state = self.state();
        state.next += 1;
        let (version, fresh) = (state.next, format!("{object}-{:04}", state.next));
        let id = id.map_or(fresh, str::to_owned);
        let (row, known) = state.rows.entry(object.to_owned()).or_default().entry(id.clone()).or_default();
        row.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
        *known = version;
        state.log.push((object.to_owned(), id.clone()));
        id
    }

    /// Loses the answers to that many writes, which land all the same.
    pub fn lose_answers(&self, many: usize) {
        self.state().answers_lost = many;
    }

    /// First reads may lean on an index: `page Account after row 0`.
    pub fn has_an_index(&self) {
        self.state().has_index = true;
    }

    /// It keeps a history by field from now on: a row's field had this value last, entered then and by that hand.
    pub fn remembers(&self, id: &str, field: &str, value: &str, mark: ChangeMark) {
        let entered = Entered { value: Some(Value::from(value)), mark };
        let mut state = self.state();
        let past = state.histories.get_or_insert_default().entry(id.to_owned()).or_default();
        past.entry(field.to_owned()).or_default().insert(0, entered);
    }

    /// What it was asked to do beside writing rows.
    pub fn acted(&self) -> Vec<(Option<Target>, Action)> {
        self.state().acted.clone()
    }

    /// Somebody writes a row, and no poll of changes will ever tell.
    pub fn put_silently(&self, object: &str, id: &str, fields: &[(&str, &str)]) {
        self.put(object, Some(id), fields);
        self.state().log.pop();
    }

    /// Somebody deletes a row, and no poll tells.
    pub fn delete_silently(&self, object: &str, id: &str) {
        self.state().rows.get_mut(object).unwrap().remove(id);
    }

    /// Somebody merges a row into another one, which stays as it is.
    pub fn merge(&self, object: &str, loser: &str, winner: &str) {
        let mut state = self.state();
        state.rows.get_mut(object).unwrap().remove(loser);
        state.merged.insert(loser.to_owned(), winner.to_owned());
        state.log.push((object.to_owned(), loser.to_owned()));
    }

    /// Pages leave a row out that is there all the same.
    pub fn hide(&self, id: &str) {
        self.state().hidden.push(id.to_owned());
    }

    pub fn row(&self, object: &str, id: &str) -> Option<Row> {
        self.state().rows.get(object)?.get(id).map(|(row, _)| row.clone())
    }

    pub fn ids(&self, object: &str) -> Vec<String> {
        self.state().rows.get(object).map(|rows| rows.keys().cloned().collect()).unwrap_or_default()
    }

    /// Calls so far that begin with the text: `page Account from the start`, `page Account`, `fetch Account`, `write Account`.
    pub fn calls(&self, beginning: &str) -> usize {
        self.state().calls.iter().filter(|call| call.starts_with(beginning)).count()
    }

    /// Decides about every call from now on.
    pub fn refuse(&self, refusal: impl FnMut(&str) -> Option<VendorError> + Send + 'static) {
        self.state().refusal = Some(Box::new(refusal));
    }

    pub fn relent(&self) {
        self.state().refusal = None;
    }

    /// Calls that begin with the text wait until the answer is added permits.
    pub fn hold_up(&self, beginning: &str) -> Arc<Semaphore> {
        let hand = Arc::new(Semaphore::new(0));
        self.state().held_up.insert(beginning.to_owned(), Arc::clone(&hand));
        hand
    }

    /// Every page has another one after it, and takes a moment.
    pub fn never_ends(&self) {
        self.state().endless = true;
    }

    /// Describes an object from now on: texts of these names.
    pub fn describe_as(&self, object: &str, names: &BTreeSet<String>) {
        let fields =
            names.iter().map(|name| RemoteField { writable: true, ..RemoteField::new(name.clone(), name.clone(), RemoteKind::Text) });
        let described = RemoteObject { name: object.to_owned(), fields: fields.collect(), lists: Vec::new() };
        self.state().described.insert(object.to_owned(), described);
    }

    /// Rows have these columns, also where they hold nothing.
    pub fn has_columns(&self, names: &[&str]) {
        self.state().blank.extend(names.iter().map(|name| (*name).to_owned()));
    }

    /// The same object needs a value there for each new row.
    pub fn requires(&self, object: &str, name: &str) {
        let mut state = self.state();
        let fields = &mut state.described.get_mut(object).unwrap().fields;
        fields.iter_mut().find(|field| field.name == name).unwrap().required = true;
    }

    /// Columns that pages of an object were asked for, call by call.
    pub fn columns(&self, object: &str) -> Vec<Vec<String>> {
        self.state().columns.iter().filter(|(of, _)| of == object).map(|(_, columns)| columns.clone()).collect()
    }

    /// The secret that webhooks are signed with.
    pub fn sign_with(&self, secret: &str) {
        secret.clone_into(&mut self.state().secret);
    }

    /// It takes that many rows as one job.
    pub fn has_jobs(&self, rows: usize) {
        self.state().bulk = Some(rows);
    }

    /// Rows of each write of an object, call by call.
    pub fn sizes(&self, object: &str) -> Vec<usize> {
        self.state().sizes.iter().filter(|(of, _)| of == object).map(|(_, rows)| *rows).collect()
    }

    /// It tells by itself that something of an object changed; the next page of it shows what.
    pub fn tell(&self, object: &str) {
        let mut state = self.state();
        state.told.insert(object.to_owned());
        state.bell.notify_one();
    }

    /// Whatever we write into a field is brought into another form.
    pub fn rewrites(&self, field: &str, form: impl Fn(&str) -> String + Send + 'static) {
        self.state().rewriting = Some((field.to_owned(), Box::new(form)));
    }

    /// What becomes of a value that we write.
    fn kept(&self, field: &str, value: &str) -> String {
        match &self.state().rewriting {
            Some((rewritten, form)) if rewritten == field => form(value),
            _ => value.to_owned(),
        }
    }

    /// Waits until a call that begins with the text was made so many times.
    pub async fn called(&self, beginning: &str, times: usize) {
        let seen = async {
            while self.calls(beginning) < times {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(20), seen).await.is_ok(), "{beginning}: {:?}", self.state().calls);
    }

    async fn turn(&self, call: String) -> Result<(), VendorError> {
        let (hand, refused) = {
            let mut state = self.state();
            state.calls.push(call.clone());
            let hand = state.held_up.iter().find(|(beginning, _)| call.starts_with(*beginning)).map(|(_, hand)| Arc::clone(hand));
            (hand, state.refusal.as_mut().and_then(|refusal| refusal(&call)))
        };
        if let Some(hand) = hand {
            hand.acquire().await.unwrap().forget();
        }
        refused.map_or(Ok(()), Err)
    }

    /// A look with the fields that were asked for.
    fn shown(&self, object: &str, id: &str, read: &ReadSpec) -> Look {
        let mut look = self.look(object, id);
        look.row.retain(|name, _| read.fields.contains(name));
        if look.existence == Existence::Present {
            let blank = self.state().blank.clone();
            for name in read.fields.iter().filter(|name| blank.contains(*name)) {
                look.row.entry(name.clone()).or_insert(Value::Null);
            }
        }
        look
    }

    fn look(&self, object: &str, id: &str) -> Look {
        let found = self.state().rows.get(object).and_then(|rows| rows.get(id)).cloned();
        let winner = self.state().merged.get(id).cloned();
        let (existence, row, version) = match found {
            Some((row, version)) => (Existence::Present, row, Some(version.to_string())),
            None => (winner.map_or(Existence::Deleted, Existence::MergedInto), Row::new(), None),
        };
        Look {
            object: object.to_owned(),
            id: id.to_owned(),
            existence,
            row,
            complete: true,
            version,
            mark: ChangeMark { at: None, by: Actor::Unknown, who: None },
            seen_at: Timestamp::now(),
        }
    }
}

/// A call that fails with a class and a code.
pub fn failing(class: Class, code: &str) -> VendorError {
    VendorError::new(class, code, "refused by the test", "nothing to do")
}

#[async_trait]
impl Connector for Platform {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    async fn check(&self) -> Result<Identity, VendorError> {
        self.turn("check".to_owned()).await?;
        Ok(Identity { user_id: "us".to_owned(), user: "us".to_owned(), organization: "here".to_owned() })
    }

    async fn act(&self, target: Option<&Target>, action: &Action) -> Result<Acted, VendorError> {
        self.turn("act".to_owned()).await?;
        self.state().acted.push((target.cloned(), action.clone()));
        Ok(Acted { status: "Pending".to_owned(), ..Acted::default() })
    }

    async fn describe(&self, object: &str) -> Result<RemoteObject, VendorError> {
        self.state().described.get(object).cloned().ok_or_else(|| failing(Class::Configuration, object))
    }

    async fn page(&self, read: &ReadSpec, cursor: Option<&Cursor>, _: Priority) -> Result<Page, VendorError> {
        let from = cursor.map_or_else(|| "from the start".to_owned(), |cursor| format!("after {cursor}"));
        self.turn(format!("page {} {from}", read.object)).await?;
        self.state().told.remove(&read.object);
        self.state().columns.push((read.object.clone(), read.fields.clone()));
        let endless = self.state().endless;
        if endless {
            tokio::time::sleep(Duration::from_millis(20)).await;
            return Ok(Page { looks: Vec::new(), next: "row ".to_owned(), more: true, total: None });
        }
        let (kind, place) = cursor.map_or(("row", ""), |cursor| cursor.split_once(' ').unwrap());
        let present = format!("change {}", self.state().log.len());
        if kind == "change" {
            let log = self.state().log.clone();
            let changed = log[place.parse::<usize>().unwrap()..].iter().filter(|(object, _)| *object == read.object);
            let looks = changed.map(|(object, id)| self.shown(object, id, read)).collect();
            return Ok(Page { looks, next: present, more: false, total: None });
        }
        let hidden = self.state().hidden.clone();
        let ids: Vec<String> = self.ids(&read.object).into_iter().filter(|id| id.as_str() > place && !hidden.contains(id)).collect();
        let shown = &ids[..ids.len().min(PAGE)];
        let more = ids.len() > PAGE;
        let next = if more { format!("row {}", shown[PAGE - 1]) } else { present };
        Ok(Page { looks: shown.iter().map(|id| self.shown(&read.object, id, read)).collect(), next, more, total: None })
    }

    fn first_read_from(&self, _: &ReadSpec) -> Option<Cursor> {
        self.state().has_index.then(|| "row 0".to_owned())
    }

    async fn present(&self, _: &ReadSpec) -> Result<Cursor, VendorError> {
        Ok(format!("change {}", self.state().log.len()))
    }

    async fn fetch(&self, read: &ReadSpec, ids: &[String], _: Priority) -> Result<Vec<Look>, VendorError> {
        self.turn(format!("fetch {} {}", read.object, ids.join(" "))).await?;
        Ok(ids.iter().map(|id| self.shown(&read.object, id, read)).collect())
    }

    async fn find(&self, read: &ReadSpec, questions: &[Find], key: &str, _: Priority) -> Result<Vec<Vec<Look>>, VendorError> {
        self.turn(format!("find {}", read.object)).await?;
        let carries = |id: &String, wanted: &str| {
            self.row(&read.object, id).and_then(|row| row.get(key)?.as_str().map(str::to_owned)).as_deref() == Some(wanted)
        };
        let answer = |question: &Find| match question {
            Find::Key(wanted) => {
                let ids = self.ids(&read.object).into_iter().filter(|id| carries(id, wanted));
                ids.map(|id| self.shown(&read.object, &id, read)).collect()
            }
            Find::Name(wanted) => {
                let named = |id: &String| self.row(&read.object, id).is_some_and(|row| row.get("name").is_some_and(|name| name == wanted));
                self.ids(&read.object).into_iter().filter(named).map(|id| self.shown(&read.object, &id, read)).collect()
            }
            Find::Email(_) | Find::Phone(_) => Vec::new(),
        };
        Ok(questions.iter().map(answer).collect())
    }

    async fn write(&self, target: &WriteTarget, writes: &[Write], _: Priority) -> Result<Vec<WriteOutcome>, VendorError> {
        self.turn(format!("write {}", target.object)).await?;
        self.state().sizes.push((target.object.clone(), writes.len()));
        let outcomes = writes.iter().map(|write| {
            if let Some(error) = self.state().refusal.as_mut().and_then(|refusal| refusal("row")) {
                return Err(error);
            }
            let kept: Vec<(&str, String)> =
                write.row.iter().map(|(name, value)| (name.as_str(), self.kept(name, value.as_str().unwrap_or_default()))).collect();
            let mut fields: Vec<(&str, &str)> = kept.iter().map(|(name, value)| (*name, value.as_str())).collect();
            if write.kind == WriteKind::Create {
                fields.push((&target.key_field, &write.key));
            }
            let id = self.put(&target.object, write.id.as_deref(), &fields);
            let version = self.look(&target.object, &id).version;
            Ok(Written { id, created: Some(write.kind == WriteKind::Create), version, look: None })
        });
        let outcomes = outcomes.collect();
        let mut state = self.state();
        if state.answers_lost > 0 {
            state.answers_lost -= 1;
            return Err(failing(Class::Retry, "no_answer"));
        }
        Ok(outcomes)
    }

    fn open(&self, incoming: &Incoming, _: &str, _: Timestamp) -> Result<Delivery, WebhookError> {
        if incoming.headers.get("x-signature") != Some(&self.state().secret) {
            return Err(WebhookError::Unverified { reason: "the signature does not match".to_owned(), remedy: "sign it" });
        }
        let body: Value = serde_json::from_slice(&incoming.body).map_err(|error| WebhookError::Malformed { reason: error.to_string() })?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let shown = || Look { complete: body["shows"] != "a part", ..self.look(&text("object"), &text("id")) };
        let look = (body["shows"] != false).then(shown);
        let blanks = serde_json::from_value(body["blanks"].clone()).unwrap_or_default();
        let event =
            Event { object: text("object"), id: text("id"), look, blanks, created: body["created"] == true, kind: "changed".to_owned() };
        Ok(Delivery { id: text("delivery"), events: vec![event] })
    }

    fn receipt(&self) -> Receipt {
        Receipt { content_type: "text/plain", body: "thanks" }
    }

    async fn create_field(&self, field: &NewField) -> Result<(), VendorError> {
        Err(failing(Class::Configuration, &field.object))
    }

    async fn subscribe(&self, _: &str, _: &[String]) -> Result<Option<Secret>, VendorError> {
        Ok(None)
    }

    async fn subscribed(&self, _: &str, _: &[String]) -> Result<Subscribed, VendorError> {
        Ok(Subscribed::Yes)
    }

    fn tells_hands(&self, _: &str) -> bool {
        self.state().histories.is_some()
    }

    async fn histories(&self, read: &ReadSpec, ids: &[String], _: Priority) -> Result<Histories, VendorError> {
        self.turn(format!("histories {} {}", read.object, ids.join(" "))).await?;
        let kept = self.state().histories.clone().unwrap_or_default();
        Ok(kept.into_iter().filter(|(id, _)| ids.contains(id)).collect())
    }

    fn bulk_rows(&self) -> Option<usize> {
        self.state().bulk
    }

    fn stirred(&self) -> Vec<String> {
        self.state().told.iter().cloned().collect()
    }

    async fn stir(&self) {
        let bell = Arc::clone(&self.state().bell);
        bell.notified().await;
    }

    fn budget(&self) -> Budget {
        Budget::default()
    }

    fn counts(&self) -> CallCounts {
        CallCounts { calls: self.state().calls.len() as u64, ..CallCounts::default() }
    }

    fn clock(&self) -> Option<&Offset> {
        None
    }
}
