//! The simulated org: its tables, who may see what, and the small machinery of transactions.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::catalog;
use super::cell::{Cell, Val};
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::outbound::OutboundRule;
use super::schema::{FieldSpec, Source};
use super::table::{Field, Row, Table};
use crate::clock::SimClock;

/// Days that deleted records stay in the recycle bin.
pub(crate) const BIN_DAYS: i64 = 15;
/// One day in milliseconds.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Who performs a write, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Actor {
    pub user: SfId,
    /// Saves in spite of duplicate rules that only alert.
    pub allow_duplicates: bool,
    /// A direct edit: field-level security and read-only marks do not apply.
    pub trusted: bool,
}

/// What happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteKind {
    /// Created.
    Create,
    /// Changed, or saved without a change.
    Update,
    /// Put into the recycle bin, by a delete or as the loser of a merge.
    Delete,
    /// Taken out of the recycle bin.
    Undelete,
}

/// One committed write of one record.
#[derive(Debug, Clone)]
pub struct WriteNotice {
    /// What happened.
    pub kind: WriteKind,
    /// Object, such as `Contact`.
    pub object: String,
    /// Record id, 18 characters.
    pub id: String,
    /// Fields that changed, with their new values.
    pub changed: Vec<(String, Value)>,
    /// Id of the user who did it.
    pub by: String,
    /// When, in milliseconds since 1970 on the simulator's clock.
    pub at_ms: i64,
}

pub(crate) enum Undo {
    Inserted(usize, u32),
    Replaced(usize, u32, Box<Row>),
}

/// A rule that refuses or questions records too much like others.
#[derive(Debug, Clone)]
pub struct DuplicateRule {
    /// Developer name of the rule.
    pub name: String,
    /// Object it watches.
    pub object: String,
    /// Fields that must all be equal, and set, to match.
    pub fields: Vec<String>,
    /// `true`: alert only, the client may repeat the call with `allowSave=true`; `false`: block.
    pub allow_save: bool,
}

/// Says what is wrong with a record about to be saved: the message, and the field it belongs to.
pub type Validation = Box<dyn Fn(&Map<String, Value>) -> Option<(String, Option<String>)> + Send + Sync>;

/// Ids of the users that a fresh org has.
#[derive(Debug, Clone)]
pub struct Users {
    /// The user that API clients sign in as.
    pub integration: String,
    /// Sales people.
    pub sales: Vec<String>,
    /// The site's user: changes that customers make themselves carry this id.
    pub site: String,
    /// The automated process: changes made by flows and rules of the org.
    pub automation: String,
}

pub(crate) struct Org {
    pub clock: SimClock,
    pub pod: [u8; 3],
    pub org_id: SfId,
    pub tables: Vec<Table>,
    by_name: HashMap<String, usize>,
    by_prefix: HashMap<[u8; 3], usize>,
    pub users: Users,
    pub whole_second_stamps: bool,
    pub fields_visible_by_default: bool,
    pub made_ms: i64,
    /// Whether anybody wants notices.
    pub watched: bool,
    pub notices: Vec<WriteNotice>,
    /// Which program makes the changes of the call at hand, as change events name it; empty for people.
    pub origin: String,
    journal: Option<Vec<Undo>>,
    grants: Option<HashMap<(SfId, String), (bool, bool)>>,
    pub duplicate_rules: Vec<DuplicateRule>,
    pub validations: Vec<(String, Validation)>,
    pub outbound: Vec<OutboundRule>,
    /// Record-triggered flows that the Tooling API made.
    pub automations: Vec<super::automations::Automation>,
    /// Rows that are locked while somebody decides on them, and who that is.
    pub locks: HashMap<SfId, SfId>,
    /// Flows that run on saves and refuse some: object, name, what they mind.
    pub flow_guards: Vec<(String, String, Validation)>,
    /// What a record type has of a list: object, record type, field, values.
    pub record_type_values: Vec<(String, SfId, String, Vec<String>)>,
    /// The record type of rows that clients make without one.
    pub usual_record_type: Option<SfId>,
    /// Lists that hang on another field.
    pub dependencies: Vec<super::lists::Dependency>,
    /// The corporate currency and the user's, where the org has several.
    pub currencies: Option<(String, String)>,
    /// Rows that the recycle bin has no more: table, id, when they were deleted.
    pub destroyed: Vec<(usize, SfId, i64)>,
    /// Outbound notifications sent so far.
    pub notified: u64,
    /// Objects that no profile gives clients access to, in lower case.
    pub hidden_objects: HashSet<String>,
}

impl Org {
    pub fn new(clock: SimClock, seed: u64, username: &str) -> Self {
        let mark = SfId::new(*b"000", *b"000", seed.wrapping_mul(2_654_435_761) % 3844);
        let tail = &mark.as_str().as_bytes()[13..15];
        let pod = [b'x', tail[0], tail[1]];
        let tables = catalog::tables();
        let by_name = tables.iter().zip(0..).map(|(t, at)| (t.name.to_ascii_lowercase(), at)).collect();
        let by_prefix = tables.iter().zip(0..).map(|(t, at)| (t.prefix, at)).collect();
        let now = clock.now_ms();
        let users = Users { integration: String::new(), sales: Vec::new(), site: String::new(), automation: String::new() };
        let mut org = Self {
            clock,
            pod,
            org_id: SfId::new(*b"00D", pod, 0),
            tables,
            by_name,
            by_prefix,
            users,
            whole_second_stamps: true,
            fields_visible_by_default: false,
            made_ms: now,
            watched: false,
            notices: Vec::new(),
            origin: String::new(),
            journal: None,
            grants: None,
            duplicate_rules: Vec::new(),
            validations: Vec::new(),
            outbound: Vec::new(),
            automations: Vec::new(),
            locks: HashMap::new(),
            flow_guards: Vec::new(),
            record_type_values: Vec::new(),
            usual_record_type: None,
            dependencies: Vec::new(),
            currencies: None,
            destroyed: Vec::new(),
            notified: 0,
            hidden_objects: HashSet::new(),
        };
        org.seed(username);
        org
    }

    fn seed(&mut self, username: &str) {
        let user_id = SfId::new(*b"005", self.pod, 0);
        let actor = Actor { user: user_id, allow_duplicates: true, trusted: true };
        let host = username.split_once('@').map_or("example.com", |(_, host)| host).to_owned();
        let mut put = |object: &str, fields: Value| -> String {
            let fields = fields.as_object().cloned().unwrap_or_default();
            // A fresh org accepts its own seeds; a refusal would show at once as a missing user or stage.
            self.insert_named(object, &fields, &actor).map(|id| id.to_string()).unwrap_or_default()
        };
        let user = |first: &str, last: &str, name: &str, kind: &str| {
            json!({"FirstName": first, "LastName": last, "Username": name, "Email": name, "Alias": last.chars().take(8).collect::<String>(),
                "IsActive": true, "UserType": kind, "TimeZoneSidKey": "Europe/London", "LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US"})
        };
        let mut users = Users {
            integration: put("User", user("Integration", "User", username, "Standard")),
            sales: Vec::new(),
            site: String::new(),
            automation: String::new(),
        };
        for (first, last) in [("Sam", "Seller"), ("Rita", "Rep"), ("Clara", "Closer")] {
            let name = format!("{}.{}@{host}", first.to_ascii_lowercase(), last.to_ascii_lowercase());
            users.sales.push(put("User", user(first, last, &name, "Standard")));
        }
        users.site = put("User", user("", "Site Guest User", &format!("site.guest@{host}"), "Guest"));
        users.automation = put("User", user("Automated", "Process", &format!("autoproc@{host}"), "AutomatedProcess"));
        let org = json!({"Name": "Simulated Org", "OrganizationType": "Enterprise Edition", "InstanceName": "SIM1", "IsSandbox": false});
        put("Organization", org);
        let profile = put("Profile", json!({"Name": "System Administrator", "UserType": "Standard"}));
        let set = put(
            "PermissionSet",
            json!({"Name": "X00eAdministrator", "Label": "System Administrator", "IsOwnedByProfile": true, "ProfileId": profile}),
        );
        put("PermissionSetAssignment", json!({"PermissionSetId": set, "AssigneeId": users.integration}));
        for ((name, chance, closed, won, forecast), order) in catalog::STAGES.iter().zip(1..) {
            put(
                "OpportunityStage",
                json!({"MasterLabel": name, "ApiName": name, "IsActive": true, "SortOrder": order, "IsClosed": closed, "IsWon": won,
                    "ForecastCategory": forecast, "ForecastCategoryName": forecast, "DefaultProbability": chance}),
            );
        }
        for (name, order) in ["New", "Working", "Escalated", "On Hold", "Closed"].iter().zip(1..) {
            let row =
                json!({"MasterLabel": name, "ApiName": name, "SortOrder": order, "IsDefault": order == 1, "IsClosed": *name == "Closed"});
            put("CaseStatus", row);
        }
        let integration = json!({"ProfileId": profile});
        if let (Some(id), Some(fields)) = (SfId::parse(&users.integration), integration.as_object())
            && let Err(fail) = self.update_id(id, fields, &actor)
        {
            tracing::error!(code = %fail.code, "the simulated org could not give its user a profile");
        }
        self.users = users;
        for table in 0..self.tables.len() {
            self.define_entity(table);
        }
    }

    /// Writes the `EntityDefinition` row of a table and the `FieldDefinition` rows of its fields.
    pub fn define_entity(&mut self, table: usize) {
        let now = self.clock.now_ms();
        let (name, label, plural, prefix) = {
            let t = &mut self.tables[table];
            t.schema_ms = now;
            (t.name.clone(), t.label.clone(), t.plural.clone(), String::from_utf8_lossy(&t.prefix).into_owned())
        };
        self.silent_row(
            "EntityDefinition",
            &[("QualifiedApiName", &name), ("DeveloperName", &name), ("Label", &label), ("PluralLabel", &plural), ("KeyPrefix", &prefix)],
            None,
        );
        let slots: Vec<u16> = self.tables[table].fields().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.define_field(table, slot);
        }
    }

    /// Writes the `FieldDefinition` row of a field.
    pub fn define_field(&mut self, table: usize, slot: u16) {
        let Some(field) = self.tables[table].field(slot) else { return };
        let spec = field.spec.clone();
        let entity = self.entity_of(table);
        let data_type = match spec.kind {
            super::schema::FieldType::Reference => format!("Lookup({})", spec.reference_to.join(",")),
            kind if kind.is_text() && spec.length > 0 => format!("{}({})", kind.name(), spec.length),
            kind => kind.name().to_owned(),
        };
        let developer = spec.name.trim_end_matches("__c").to_owned();
        self.silent_row(
            "FieldDefinition",
            &[("QualifiedApiName", &spec.name), ("DeveloperName", &developer), ("Label", &spec.label), ("DataType", &data_type)],
            entity.map(|id| ("EntityDefinitionId", id)),
        );
    }

    /// Removes the `FieldDefinition` row of a field.
    pub fn undefine_field(&mut self, table: usize, name: &str) {
        let entity = self.entity_of(table);
        let Some(at) = self.table("FieldDefinition") else { return };
        let t = &self.tables[at];
        let (Some(owner), Some(api)) = (t.slot("EntityDefinitionId"), t.slot("QualifiedApiName")) else { return };
        let found = t.rows().find(|(_, row)| row.cell(owner).id() == entity && row.cell(api) == Val::Text(name)).map(|(ord, _)| ord);
        if let Some(ord) = found {
            self.tables[at].put(ord, None);
        }
    }

    pub(crate) fn entity_of(&self, table: usize) -> Option<SfId> {
        let t = &self.tables[self.table("EntityDefinition")?];
        let slot = t.slot("QualifiedApiName")?;
        let ord = *t.lookup(slot, Val::Text(&self.tables[table].name)).first()?;
        t.row(ord).map(|row| row.id)
    }

    /// Appends a row of the platform's own catalogue, without notices.
    pub fn silent_row(&mut self, object: &str, cells: &[(&str, &str)], reference: Option<(&str, SfId)>) -> Option<SfId> {
        let at = self.table(object)?;
        let now = self.stamp(self.clock.now_ms());
        let by = SfId::new(*b"005", self.pod, 0);
        let t = &mut self.tables[at];
        let id = SfId::new(t.prefix, self.pod, t.next_serial());
        let mut row = Row {
            id,
            created_ms: now,
            created_by: by,
            modified_ms: now,
            modified_by: by,
            stamp_ms: now,
            deleted_ms: None,
            cells: Vec::new(),
        };
        for (name, value) in cells {
            if let Some(slot) = t.slot(name) {
                row.set(slot, Some(Cell::text(value)));
            }
        }
        if let Some((name, id)) = reference
            && let Some(slot) = t.slot(name)
        {
            row.set(slot, Some(Cell::Id(id)));
        }
        t.push(row);
        Some(id)
    }

    pub fn table(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).or_else(|| self.by_name.get(&name.to_ascii_lowercase())).copied()
    }

    /// The table of an object that clients may see.
    pub fn reachable(&self, name: &str) -> Option<usize> {
        self.table(name).filter(|_| !self.hidden_objects.contains(&name.to_ascii_lowercase()))
    }

    /// The table of a name that a client gave.
    pub fn named(&self, name: &str) -> Outcome<usize> {
        self.table(name).ok_or_else(|| Fail::new(404, "NOT_FOUND", "The requested resource does not exist"))
    }

    pub fn table_of(&self, id: SfId) -> Option<usize> {
        self.by_prefix.get(&id.prefix()).copied()
    }

    /// Finds a record, live or in the bin, by its id alone.
    pub fn locate(&self, id: SfId) -> Option<(usize, u32)> {
        let table = self.table_of(id)?;
        Some((table, self.tables[table].find(id)?))
    }

    /// The live record of an id, or the vendor's refusal.
    pub fn live(&self, table: usize, id: SfId) -> Outcome<u32> {
        let t = &self.tables[table];
        match t.find(id).and_then(|ord| Some((ord, t.row(ord)?))) {
            Some((ord, row)) if row.live() => Ok(ord),
            Some(_) => Err(Fail::deleted()),
            None => Err(Fail::new(
                404,
                "NOT_FOUND",
                "Provided external ID field does not exist or is not accessible: ".to_owned() + id.as_str(),
            )),
        }
    }

    /// A system stamp as stored.
    pub fn stamp(&self, ms: i64) -> i64 {
        if self.whole_second_stamps { ms.div_euclid(1000) * 1000 } else { ms }
    }

    /// Whether `user` sees (or with `edit`, may set) a field.
    pub fn permits(&mut self, user: SfId, table: usize, field: &Field, edit: bool) -> bool {
        if !field.spec.needs_grant || self.fields_visible_by_default {
            return true;
        }
        if self.grants.is_none() {
            self.grants = Some(self.read_grants());
        }
        let key = (user, format!("{}.{}", self.tables[table].name, field.spec.name).to_ascii_lowercase());
        let (read, write) = self.grants.as_ref().and_then(|g| g.get(&key)).copied().unwrap_or((false, false));
        if edit { write } else { read }
    }

    /// Names of a table's fields hidden from `user`, lower case.
    pub fn hidden(&mut self, user: SfId, table: usize) -> Vec<u16> {
        let guarded: Vec<(u16, Field)> =
            self.tables[table].fields().filter(|(_, f)| f.spec.needs_grant).map(|(slot, f)| (slot, f.clone())).collect();
        guarded.into_iter().filter(|(_, field)| !self.permits(user, table, field, false)).map(|(slot, _)| slot).collect()
    }

    fn read_grants(&self) -> HashMap<(SfId, String), (bool, bool)> {
        let mut members: HashMap<SfId, Vec<SfId>> = HashMap::new();
        let mut grants = HashMap::new();
        self.each_live("PermissionSetAssignment", |t, row| {
            let id = |name: &str| t.slot(name).and_then(|slot| row.cell(slot).id());
            if let (Some(set), Some(user)) = (id("PermissionSetId"), id("AssigneeId")) {
                members.entry(set).or_default().push(user);
            }
        });
        self.each_live("FieldPermissions", |t, row| {
            let value = |name: &str| t.slot(name).map_or(Val::Null, |slot| t.value(row, slot));
            let (Some(set), Val::Text(name)) = (value("ParentId").id(), value("Field")) else { return };
            let edit = value("PermissionsEdit") == Val::Bool(true);
            let read = edit || value("PermissionsRead") == Val::Bool(true);
            for user in members.get(&set).into_iter().flatten() {
                let entry = grants.entry((*user, name.to_ascii_lowercase())).or_insert((false, false));
                *entry = (entry.0 || read, entry.1 || edit);
            }
        });
        grants
    }

    pub fn each_live(&self, object: &str, mut f: impl FnMut(&Table, &Row)) {
        if let Some(at) = self.table(object) {
            let t = &self.tables[at];
            t.rows().filter(|(_, row)| row.live()).for_each(|(_, row)| f(t, row));
        }
    }

    /// Forgets cached permissions; after every write of permission rows.
    pub fn forget_grants(&mut self, object: &str) {
        if matches!(object, "FieldPermissions" | "PermissionSetAssignment" | "PermissionSet") {
            self.grants = None;
        }
    }

    /// Adds an object without rows.
    pub fn add_object(&mut self, name: &str, label: &str) -> Outcome<usize> {
        if self.table(name).is_some() {
            return Err(Fail::bad("DUPLICATE_DEVELOPER_NAME", format!("{name} is already defined")));
        }
        let custom = self.tables.iter().filter(|t| t.prefix[0] == b'a').count() as u64;
        let serial = SfId::new(*b"000", *b"000", custom);
        let digits = &serial.as_str().as_bytes()[13..15];
        let prefix = [b'a', digits[0], digits[1]];
        let mut table = catalog::with_system_fields(Table::new(name, label, &format!("{label}s"), prefix, true), true);
        let mut title = FieldSpec::new("Name", super::schema::FieldType::String);
        title.length = 80;
        title.id_lookup = true;
        table.add_field(title, Source::Cell);
        let at = self.tables.len();
        self.by_name.insert(name.to_ascii_lowercase(), at);
        self.by_prefix.insert(prefix, at);
        self.tables.push(table);
        self.define_entity(at);
        Ok(at)
    }

    /// Adds a table of the platform's own.
    pub fn add_table(&mut self, table: Table) -> usize {
        let at = self.tables.len();
        self.by_name.insert(table.name.to_ascii_lowercase(), at);
        self.by_prefix.insert(table.prefix, at);
        self.tables.push(table);
        self.define_entity(at);
        at
    }

    /// Adds a field to an object.
    pub fn add_field(&mut self, table: usize, spec: FieldSpec) -> Outcome<u16> {
        if self.tables[table].slot(&spec.name).is_some() {
            let message = format!("There is already a field named {} on {}.", spec.name.trim_end_matches("__c"), self.tables[table].name);
            return Err(Fail::bad("DUPLICATE_DEVELOPER_NAME", message));
        }
        if let Some(unknown) = spec.reference_to.iter().find(|to| self.table(to).is_none()) {
            return Err(Fail::on("FIELD_INTEGRITY_EXCEPTION", "referenceTo", format!("There is no object {unknown}")));
        }
        let now = self.clock.now_ms();
        let slot = self.tables[table].add_field(spec, Source::Cell);
        self.tables[table].schema_ms = now;
        self.define_field(table, slot);
        Ok(slot)
    }

    /// Starts to remember writes, for a later [`Org::rollback`]; answers the mark to go back to.
    pub fn begin(&mut self) -> (usize, usize) {
        let undo = self.journal.get_or_insert_with(Vec::new).len();
        (undo, self.notices.len())
    }

    /// Takes back every write since `mark`.
    pub fn rollback(&mut self, mark: (usize, usize)) {
        let Some(journal) = self.journal.as_mut() else { return };
        for undo in journal.split_off(mark.0).into_iter().rev() {
            let table = match undo {
                Undo::Inserted(table, ord) => {
                    self.tables[table].put(ord, None);
                    table
                }
                Undo::Replaced(table, ord, row) => {
                    self.tables[table].put(ord, Some(*row));
                    table
                }
            };
            if matches!(self.tables[table].name.as_str(), "FieldPermissions" | "PermissionSetAssignment" | "PermissionSet") {
                self.grants = None;
            }
        }
        self.notices.truncate(mark.1);
    }

    /// Ends the transaction: nothing can be taken back any more.
    pub fn commit(&mut self) {
        self.journal = None;
    }

    /// Stores a row and remembers how to take it back.
    pub fn store(&mut self, table: usize, ord: Option<u32>, row: Row) -> u32 {
        let undo;
        let ord = match ord {
            None => {
                let ord = self.tables[table].push(row);
                undo = Some(Undo::Inserted(table, ord));
                ord
            }
            Some(ord) => {
                let before = self.tables[table].put(ord, Some(row));
                undo = before.map(|row| Undo::Replaced(table, ord, Box::new(row)));
                ord
            }
        };
        if let (Some(journal), Some(undo)) = (self.journal.as_mut(), undo) {
            journal.push(undo);
        }
        let name = std::mem::take(&mut self.tables[table].name);
        self.forget_grants(&name);
        self.tables[table].name = name;
        ord
    }

    /// A record as a JSON object of every field that has a value, `Id` first.
    pub fn map(&self, table: usize, row: &Row) -> Map<String, Value> {
        let t = &self.tables[table];
        let mut map = Map::new();
        for (slot, field) in t.fields() {
            let value = t.value(row, slot);
            if !value.is_null() {
                map.insert(field.spec.name.clone(), value.json(field.spec.kind));
            }
        }
        map
    }

    /// Tells the watchers about a write.
    pub fn notify(&mut self, kind: WriteKind, table: usize, old: Option<&Row>, new: &Row, by: SfId) {
        if !self.watched {
            return;
        }
        let t = &self.tables[table];
        let mut changed = Vec::new();
        for (slot, field) in t.fields() {
            if !matches!(field.source, Source::Cell | Source::IsDeleted) {
                continue;
            }
            let before = old.map_or(Val::Null, |row| t.value(row, slot));
            let after = t.value(new, slot);
            if before != after {
                changed.push((field.spec.name.clone(), after.json(field.spec.kind)));
            }
        }
        let notice =
            WriteNotice { kind, object: t.name.clone(), id: new.id.to_string(), changed, by: by.to_string(), at_ms: self.clock.now_ms() };
        self.notices.push(notice);
    }
}
