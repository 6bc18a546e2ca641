//! Everything a simulated account holds, with its indexes, and the one place where records change.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};

use super::attributes::USER;
use super::auth::Tokens;
use super::fields::Field;
use super::jobs::Job;
use super::limits::Limits;
use super::memberships::Membership;
use super::organizations::OrganizationMerge;
use super::record::{Kind, Record, Val};
use super::tickets::{MetricEvent, Rating, Ticket};
use super::users::User;
use super::webhooks::{Trigger, Webhook};
use super::{WriteNotice, ZendeskOptions};
use crate::calls::CallCounts;

/// What a search still sees of a record that changed a moment ago.
#[derive(Debug, Clone)]
pub(crate) enum Snapshot {
    User(User),
    Other(Record),
}

/// Replaced versions of one record, each with the instant (milliseconds) at which it was replaced; none before it existed.
pub(crate) type Versions = VecDeque<(i64, Option<Snapshot>)>;

/// Whether a change has an author or only moves `generated_timestamp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touch {
    /// Somebody's write; without a difference it is no change.
    Person,
    /// Somebody's comment: a change even when no attribute differs.
    Comment,
    System,
}

/// What a committed write was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A new record.
    Created,
    /// Changed attributes.
    Updated,
    /// Softly deleted (users, tickets) or gone (organizations).
    Deleted,
    /// Deleted by being merged into another record.
    Merged,
}

/// The account.
pub(crate) struct State {
    pub(crate) options: ZendeskOptions,
    pub(crate) rng: ChaCha8Rng,
    /// The instant of the present operation, milliseconds.
    pub(crate) now_ms: i64,
    next_id: u64,
    next_ticket: u64,
    commits: u64,
    pub(crate) users: BTreeMap<u64, User>,
    pub(crate) organizations: BTreeMap<u64, Record>,
    pub(crate) tickets: BTreeMap<u64, Ticket>,
    pub(crate) user_by_external: HashMap<Box<str>, u64>,
    pub(crate) user_by_email: HashMap<Box<str>, u64>,
    pub(crate) users_by_domain: HashMap<Box<str>, BTreeSet<u64>>,
    pub(crate) organization_by_external: HashMap<Box<str>, u64>,
    pub(crate) organization_by_name: HashMap<Box<str>, u64>,
    pub(crate) organization_by_domain: HashMap<Box<str>, u64>,
    pub(crate) tickets_by_requester: HashMap<u64, BTreeSet<u64>>,
    pub(crate) tickets_by_external: HashMap<Box<str>, BTreeSet<u64>>,
    /// Records in export order: (generated second, tie) to id.
    pub(crate) feeds: [BTreeMap<(i64, u64), u64>; 3],
    /// Audits of all tickets in time order.
    pub(crate) audit_feed: BTreeMap<(i64, u64), u64>,
    pub(crate) metric_feed: BTreeMap<(i64, u64), MetricEvent>,
    pub(crate) comment_home: HashMap<u64, u64>,
    pub(crate) memberships: BTreeMap<u64, Membership>,
    pub(crate) memberships_by_user: HashMap<u64, Vec<u64>>,
    pub(crate) memberships_by_organization: HashMap<u64, BTreeSet<u64>>,
    pub(crate) organization_merges: BTreeMap<String, OrganizationMerge>,
    pub(crate) ratings: BTreeMap<u64, Rating>,
    pub(crate) fields: [Vec<Field>; 3],
    pub(crate) jobs: Vec<Job>,
    pub(crate) webhooks: Vec<Webhook>,
    pub(crate) triggers: Vec<Trigger>,
    /// Creations of tickets by their idempotency key: when, with which parameters, and what was answered.
    pub(crate) keyed: HashMap<String, (i64, Value, super::refusal::Answer)>,
    pub(crate) limits: Limits,
    pub(crate) tokens: Tokens,
    pub(crate) calls: CallCounts,
    /// Older versions that search still shows, by record, each with the instant at which it was replaced.
    pub(crate) shadows: HashMap<(Kind, u64), Versions>,
    shadow_order: VecDeque<(i64, Kind, u64)>,
    /// Solved tickets by the second at which they close by themselves.
    pub(crate) closing: BTreeSet<(i64, u64)>,
    pub(crate) listening: bool,
    pub(crate) notices: Vec<WriteNotice>,
    /// The seeded group, brand and form.
    pub(crate) group: u64,
    pub(crate) brand: u64,
    pub(crate) form: u64,
    pub(crate) admin: u64,
    pub(crate) groups: BTreeMap<u64, (String, i64)>,
    /// Uploads by token.
    pub(crate) uploads: HashMap<String, Value>,
    /// Users ever erased for good, with the second and who asked.
    pub(crate) erased: BTreeMap<u64, (i64, u64)>,
}

/// First id of the account's long ids: 14 digits, as real accounts have.
const FIRST_ID: u64 = 26_155_588_000_000;

impl State {
    pub(crate) fn new(options: ZendeskOptions) -> Self {
        let now_ms = options.clock.now_ms();
        let mut state = Self {
            rng: ChaCha8Rng::seed_from_u64(options.seed),
            now_ms,
            next_id: FIRST_ID + (options.seed % 1_000) * 1_000_000,
            next_ticket: 0,
            commits: 0,
            users: BTreeMap::new(),
            organizations: BTreeMap::new(),
            tickets: BTreeMap::new(),
            user_by_external: HashMap::new(),
            user_by_email: HashMap::new(),
            users_by_domain: HashMap::new(),
            organization_by_external: HashMap::new(),
            organization_by_name: HashMap::new(),
            organization_by_domain: HashMap::new(),
            tickets_by_requester: HashMap::new(),
            tickets_by_external: HashMap::new(),
            feeds: Default::default(),
            audit_feed: BTreeMap::new(),
            metric_feed: BTreeMap::new(),
            comment_home: HashMap::new(),
            memberships: BTreeMap::new(),
            memberships_by_user: HashMap::new(),
            memberships_by_organization: HashMap::new(),
            organization_merges: BTreeMap::new(),
            ratings: BTreeMap::new(),
            fields: Default::default(),
            jobs: Vec::new(),
            webhooks: Vec::new(),
            triggers: Vec::new(),
            limits: Limits::default(),
            tokens: Tokens::default(),
            calls: CallCounts::default(),
            shadows: HashMap::new(),
            keyed: HashMap::new(),
            shadow_order: VecDeque::new(),
            closing: BTreeSet::new(),
            listening: false,
            notices: Vec::new(),
            group: 0,
            brand: 0,
            form: 0,
            admin: 0,
            groups: BTreeMap::new(),
            uploads: HashMap::new(),
            erased: BTreeMap::new(),
            options,
        };
        state.seed_account();
        state
    }

    pub(crate) fn now(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.next_id += 1 + self.rng.random_range(0..32);
        self.next_id
    }

    pub(crate) fn next_ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    /// The canonical address of a resource; its host is the account's, whatever host was asked.
    pub(crate) fn url(&self, tail: &str) -> String {
        format!("https://{}.zendesk.com/api/v2/{tail}.json", self.options.subdomain)
    }

    /// 26 characters, sortable by time.
    pub(crate) fn ulid(&mut self) -> String {
        const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let mut number = (u128::try_from(self.now_ms.max(0)).unwrap_or_default() << 80) | (self.rng.random::<u128>() >> 48);
        let mut text = [0_u8; 26];
        for slot in text.iter_mut().rev() {
            *slot = LETTERS[usize::try_from(number & 31).unwrap_or_default()];
            number >>= 5;
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// A random lower-case version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let number = (self.rng.random::<u128>() & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        let hex = format!("{number:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// `length` random hexadecimal digits.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from_digit(self.rng.random_range(0..16), 16).unwrap_or('0')).collect()
    }

    pub(crate) fn fields_of(&self, kind: Kind) -> &[Field] {
        &self.fields[kind.index()]
    }

    pub(crate) fn live_user(&self, id: u64) -> Option<&User> {
        self.users.get(&id).filter(|user| user.rec.deleted.is_none())
    }

    /// Whether somebody wants to hear of changes, so that differences are worth computing.
    pub(crate) fn watched(&self) -> bool {
        self.listening || !self.webhooks.is_empty()
    }

    /// Puts a changed record into export order and stamps it.
    fn stamp(&mut self, kind: Kind, record: &mut Record, before: Option<(i64, u64)>, touch: Touch) {
        self.commits += 1;
        let now = self.now();
        if touch != Touch::System {
            record.updated = now;
        }
        record.generated = now;
        // With the newest minute withheld, ids order a second for good. Without, a record written later in a second that was
        // already read must still come after the cursor: the order of commits sees to that.
        record.tie = if self.options.profile.export_lag_ms > 0 { record.id } else { self.commits };
        let feed = &mut self.feeds[kind.index()];
        if let Some(before) = before {
            feed.remove(&before);
        }
        feed.insert((record.generated, record.tie), record.id);
    }

    /// Keeps the old version for searches whose index lags behind.
    fn shade(&mut self, kind: Kind, id: u64, before: impl FnOnce() -> Option<Snapshot>) {
        let lag = i64::try_from(self.options.profile.index_lag_ms).unwrap_or(i64::MAX);
        if lag == 0 {
            return;
        }
        let seen = self.now_ms - lag;
        while let Some((at, kind, id)) = self.shadow_order.front().copied() {
            if at > seen {
                break;
            }
            self.shadow_order.pop_front();
            if let Some(versions) = self.shadows.get_mut(&(kind, id)) {
                versions.retain(|(replaced, _)| *replaced > seen);
                if versions.is_empty() {
                    self.shadows.remove(&(kind, id));
                }
            }
        }
        self.shadows.entry((kind, id)).or_default().push_back((self.now_ms, before()));
        self.shadow_order.push_back((self.now_ms, kind, id));
    }

    fn notify(&mut self, kind: Kind, id: u64, action: Action, changed: Map<String, Value>, by: u64) {
        if self.listening {
            self.notices.push(WriteNotice { kind, id, action, changed, by, at_ms: self.now_ms });
        }
    }

    /// Commits a user. Nothing happens when nothing differs, unless the system touches it.
    pub(crate) fn commit_user(&mut self, mut after: User, touch: Touch, by: u64) {
        let id = after.rec.id;
        let before = self.users.remove(&id);
        if touch == Touch::Person && before.as_ref() == Some(&after) {
            self.users.insert(id, after);
            return;
        }
        self.shade(Kind::User, id, || before.clone().map(Snapshot::User));
        self.stamp(Kind::User, &mut after.rec, before.as_ref().map(|user| (user.rec.generated, user.rec.tie)), touch);
        if let Some(before) = &before {
            self.unindex_user(before);
        }
        self.index_user(&after);
        let action = match &before {
            None => Action::Created,
            Some(old) if old.rec.deleted.is_none() && after.rec.deleted.is_some() => {
                if after.merged_into.is_some() {
                    Action::Merged
                } else {
                    Action::Deleted
                }
            }
            Some(_) => Action::Updated,
        };
        let quiet = touch == Touch::System && before.is_some();
        if self.watched() && !quiet {
            let changes = self.user_changes(before.as_ref(), &after);
            self.user_events(before.as_ref(), &after, &changes, action);
            self.notify(Kind::User, id, action, super::changes::named(&changes), by);
        }
        self.users.insert(id, after);
    }

    fn index_user(&mut self, user: &User) {
        if user.rec.deleted.is_some() {
            return;
        }
        let id = user.rec.id;
        if let Some(external) = user.rec.text("external_id") {
            self.user_by_external.insert(external.to_lowercase().into(), id);
        }
        for identity in user.identities.iter().filter(|identity| &*identity.ty == "email") {
            self.user_by_email.insert(identity.value.clone(), id);
            if let Some((_, domain)) = identity.value.split_once('@') {
                self.users_by_domain.entry(domain.into()).or_default().insert(id);
            }
        }
    }

    fn unindex_user(&mut self, user: &User) {
        if user.rec.deleted.is_some() {
            return;
        }
        if let Some(external) = user.rec.text("external_id") {
            self.user_by_external.remove(external.to_lowercase().as_str());
        }
        for identity in user.identities.iter().filter(|identity| &*identity.ty == "email") {
            self.user_by_email.remove(&identity.value);
            if let Some((_, domain)) = identity.value.split_once('@')
                && let Some(ids) = self.users_by_domain.get_mut(domain)
            {
                ids.remove(&user.rec.id);
            }
        }
    }

    /// Commits an organization.
    pub(crate) fn commit_organization(&mut self, mut after: Record, touch: Touch, by: u64) {
        let id = after.id;
        let before = self.organizations.remove(&id);
        if touch == Touch::Person && before.as_ref() == Some(&after) {
            self.organizations.insert(id, after);
            return;
        }
        self.shade(Kind::Organization, id, || before.clone().map(Snapshot::Other));
        self.stamp(Kind::Organization, &mut after, before.as_ref().map(|old| (old.generated, old.tie)), touch);
        if let Some(before) = &before {
            self.unindex_organization(before);
        }
        if let Some(external) = after.text("external_id") {
            self.organization_by_external.insert(external.to_lowercase().into(), id);
        }
        if let Some(name) = after.text("name") {
            self.organization_by_name.insert(name.to_lowercase().into(), id);
        }
        for domain in super::organizations::domains(&after) {
            self.organization_by_domain.entry(domain.into()).or_insert(id);
        }
        let quiet = touch == Touch::System && before.is_some();
        if self.watched() && !quiet {
            let action = if before.is_some() { Action::Updated } else { Action::Created };
            let changes = self.organization_changes(before.as_ref(), &after);
            self.organization_events(&after, &changes, action);
            self.notify(Kind::Organization, id, action, super::changes::named(&changes), by);
        }
        self.organizations.insert(id, after);
    }

    fn unindex_organization(&mut self, organization: &Record) {
        if let Some(external) = organization.text("external_id") {
            self.organization_by_external.remove(external.to_lowercase().as_str());
        }
        if let Some(name) = organization.text("name") {
            self.organization_by_name.remove(name.to_lowercase().as_str());
        }
        for domain in super::organizations::domains(organization) {
            if self.organization_by_domain.get(domain.as_str()) == Some(&organization.id) {
                self.organization_by_domain.remove(domain.as_str());
            }
        }
    }

    /// Removes an organization: it leaves lists and exports at once.
    pub(crate) fn remove_organization(&mut self, id: u64, action: Action, by: u64) {
        let Some(before) = self.organizations.remove(&id) else { return };
        self.shade(Kind::Organization, id, || Some(Snapshot::Other(before.clone())));
        self.feeds[Kind::Organization.index()].remove(&(before.generated, before.tie));
        self.unindex_organization(&before);
        if self.watched() {
            self.organization_events(&before, &[], action);
            self.notify(Kind::Organization, id, action, Map::new(), by);
        }
    }

    /// Commits the stored part of a ticket that is already in the map, or is given new. Returns what changed.
    pub(crate) fn commit_ticket(&mut self, mut after: Record, touch: Touch, by: u64) -> bool {
        let id = after.id;
        let before = self.tickets.get(&id).map(|ticket| ticket.rec.clone());
        let fresh = before.as_ref().is_some_and(|old| old.generated == 0);
        if touch == Touch::Person && !fresh && before.as_ref() == Some(&after) {
            return false;
        }
        self.shade(Kind::Ticket, id, || if fresh { None } else { before.clone().map(Snapshot::Other) });
        self.stamp(Kind::Ticket, &mut after, before.as_ref().map(|old| (old.generated, old.tie)), touch);
        let stale = |name: &str| before.as_ref().filter(|_| !fresh).map(|old| old.get(name).clone()).unwrap_or_default();
        let (old_requester, old_external) = (stale("requester_id").as_id(), stale("external_id"));
        if let Some(old) = old_requester
            && let Some(ids) = self.tickets_by_requester.get_mut(&old)
        {
            ids.remove(&id);
        }
        if let Some(requester) = after.id_of("requester_id") {
            self.tickets_by_requester.entry(requester).or_default().insert(id);
        }
        if let Some(old) = old_external.as_str()
            && let Some(ids) = self.tickets_by_external.get_mut(old.to_lowercase().as_str())
        {
            ids.remove(&id);
        }
        if let Some(external) = after.text("external_id") {
            self.tickets_by_external.entry(external.to_lowercase().into()).or_default().insert(id);
        }
        if self.watched() && touch != Touch::System {
            let old = before.as_ref().filter(|_| !fresh);
            let action = match old {
                None => Action::Created,
                Some(old) if old.deleted.is_none() && after.deleted.is_some() => Action::Deleted,
                Some(_) => Action::Updated,
            };
            let changes = self.ticket_changes(old, &after);
            self.ticket_events(old, &after, &changes, action, by);
            self.notify(Kind::Ticket, id, action, super::changes::named(&changes), by);
        }
        if let Some(ticket) = self.tickets.get_mut(&id) {
            ticket.rec = after;
        }
        true
    }

    /// Raises `generated_timestamp` alone, as renames, moves and archiving do.
    pub(crate) fn system_touch(&mut self, kind: Kind, id: u64) -> bool {
        match kind {
            Kind::User => match self.users.get(&id).cloned() {
                Some(user) => self.commit_user(user, Touch::System, 0),
                None => return false,
            },
            Kind::Organization => match self.organizations.get(&id).cloned() {
                Some(record) => self.commit_organization(record, Touch::System, 0),
                None => return false,
            },
            Kind::Ticket => match self.tickets.get(&id).map(|ticket| ticket.rec.clone()) {
                Some(record) => drop(self.commit_ticket(record, Touch::System, 0)),
                None => return false,
            },
        }
        true
    }

    /// Does what became due: jobs, organization merges, automatic closing.
    pub(crate) fn settle(&mut self) {
        self.run_due_jobs();
        self.run_due_merges();
        self.close_long_solved();
    }

    fn seed_account(&mut self) {
        self.group = self.next_id();
        self.brand = self.next_id();
        self.form = self.next_id();
        let now = self.now();
        self.groups.insert(self.group, ("Support".to_owned(), now));
        self.seed_fields();
        let email = self.options.agent_email.clone();
        self.admin = self.seed_agent("Sync Administrator", &email, "admin");
        for (name, local) in [("Ada Agent", "ada"), ("Ben Agent", "ben"), ("Cleo Agent", "cleo")] {
            let email = format!("{local}@{}.example", self.options.subdomain);
            self.seed_agent(name, &email, "agent");
        }
    }

    fn seed_agent(&mut self, name: &str, email: &str, role: &str) -> u64 {
        let id = self.next_id();
        let now = self.now();
        let mut user = User::new(id, now);
        user.rec.put(USER, "name", Val::text(name));
        user.rec.put(USER, "role", Val::text(role));
        user.rec.put(USER, "role_type", if role == "admin" { Val::Int(4) } else { Val::Null });
        user.rec.put(USER, "verified", Val::Bool(true));
        user.rec.put(USER, "ticket_restriction", Val::Null);
        user.rec.put(USER, "restricted_agent", Val::Bool(false));
        user.rec.put(USER, "default_group_id", Val::id(Some(self.group)));
        let identity = self.next_id();
        user.add_identity(identity, "email", email, true, now);
        self.commit_user(user, Touch::System, 0);
        id
    }
}
