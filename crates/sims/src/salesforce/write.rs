//! Creating, changing, deleting, undeleting and merging records.

use serde_json::{Map, Value};

use super::cell::Val;
use super::coerce::Change;
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::org::{Actor, BIN_DAYS, DAY_MS, Org, WriteKind};
use super::schema::FieldType;
use super::table::Row;

/// Outcome of an upsert.
pub(crate) enum Upserted {
    Created(SfId),
    Updated(SfId),
    /// Several records have the key.
    Many(Vec<SfId>),
}

impl Org {
    pub fn insert_named(&mut self, object: &str, fields: &Map<String, Value>, actor: &Actor) -> Outcome<SfId> {
        let table = self.table(object).ok_or_else(|| Fail::invalid_type(object))?;
        self.insert(table, fields, actor)
    }

    pub fn insert(&mut self, table: usize, fields: &Map<String, Value>, actor: &Actor) -> Outcome<SfId> {
        let changes = self.coerce(table, fields, actor, true)?;
        self.insert_cells(table, changes, actor)
    }

    fn insert_cells(&mut self, table: usize, changes: Vec<Change>, actor: &Actor) -> Outcome<SfId> {
        let now = self.clock.now_ms();
        let stamp = self.stamp(now);
        let t = &self.tables[table];
        let id = SfId::new(t.prefix, self.pod, t.next_serial());
        let mut row = Row {
            id,
            created_ms: stamp,
            created_by: actor.user,
            modified_ms: stamp,
            modified_by: actor.user,
            stamp_ms: stamp,
            deleted_ms: None,
            cells: Vec::with_capacity(changes.len() + 4),
        };
        let defaults: Vec<(u16, Value)> = t
            .fields()
            .filter(|(_, f)| f.spec.kind != FieldType::Boolean)
            .filter_map(|(slot, f)| Some((slot, f.spec.default.clone()?)))
            .collect();
        for (slot, cell) in changes {
            row.set(slot, cell);
        }
        for (slot, value) in defaults {
            if row.cell(slot).is_null()
                && let Some(text) = value.as_str()
            {
                row.set(slot, Some(super::cell::Cell::text(text)));
            }
        }
        if let (Some(kind), Some(usual)) = (t.slot("RecordTypeId"), self.usual_record_type)
            && row.cell(kind).is_null()
            && self.text_of_row(usual, "SobjectType") == t.name
        {
            row.set(kind, Some(super::cell::Cell::Id(usual)));
        }
        if let Some(owner) = t.slot("OwnerId")
            && row.cell(owner).is_null()
        {
            row.set(owner, Some(super::cell::Cell::Id(actor.user)));
        }
        self.derive(table, None, &mut row);
        self.check(table, None, &row, actor)?;
        row.cells.shrink_to_fit();
        let kept = self.watched.then(|| row.clone());
        let campaign = self.campaign_of(table, &row);
        self.store(table, None, row);
        self.count_members(table, campaign);
        if let Some(row) = kept {
            self.notify(WriteKind::Create, table, None, &row, actor.user);
        }
        Ok(id)
    }

    pub fn update_id(&mut self, id: SfId, fields: &Map<String, Value>, actor: &Actor) -> Outcome<()> {
        let table = self.table_of(id).ok_or_else(Fail::not_found)?;
        self.update(table, id, fields, actor)
    }

    pub fn update(&mut self, table: usize, id: SfId, fields: &Map<String, Value>, actor: &Actor) -> Outcome<()> {
        let ord = self.live(table, id)?;
        let changes = self.coerce(table, fields, actor, false)?;
        self.update_cells(table, ord, changes, actor)
    }

    fn update_cells(&mut self, table: usize, ord: u32, changes: Vec<Change>, actor: &Actor) -> Outcome<()> {
        let Some(old) = self.tables[table].row(ord).cloned() else { return Err(Fail::not_found()) };
        self.refuse_locked(old.id, actor)?;
        let mut row = old.clone();
        for (slot, cell) in changes {
            row.set(slot, cell);
        }
        let t = &self.tables[table];
        if t.name == "Lead" && !actor.trusted && t.slot("IsConverted").is_some_and(|slot| t.value(&old, slot) == Val::Bool(true)) {
            return Err(Fail::bad("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"));
        }
        let stamp = self.stamp(self.clock.now_ms());
        row.modified_ms = stamp;
        row.modified_by = actor.user;
        row.stamp_ms = stamp;
        self.derive(table, Some(&old), &mut row);
        self.check(table, Some(&old), &row, actor)?;
        let kept = self.watched.then(|| row.clone());
        let campaign = self.campaign_of(table, &row);
        self.store(table, Some(ord), row);
        self.count_members(table, campaign);
        if let Some(row) = kept {
            self.notify(WriteKind::Update, table, Some(&old), &row, actor.user);
        }
        Ok(())
    }

    /// Creates or updates by the value of a key field (`Id` included).
    pub fn upsert(
        &mut self,
        table: usize,
        key: &str,
        value: &str,
        fields: &Map<String, Value>,
        update_only: bool,
        actor: &Actor,
    ) -> Outcome<Upserted> {
        if key.eq_ignore_ascii_case("Id") {
            let id =
                SfId::parse(value).ok_or_else(|| Fail::on("MALFORMED_ID", "Id", format!("Id: id value of incorrect type: {value}")))?;
            self.update(table, id, fields, actor)?;
            return Ok(Upserted::Updated(id));
        }
        let slot = self.key_slot(table, key, actor)?;
        if value.trim().is_empty() {
            return Err(Fail::on("MISSING_ARGUMENT", key, format!("{key} not specified")));
        }
        let found = self.keyed(table, slot, value);
        let ids: Vec<SfId> = found.iter().filter_map(|ord| Some(self.tables[table].row(*ord)?.id)).collect();
        match ids.as_slice() {
            [] if update_only => Err(Fail::not_found()),
            [] => {
                let mut whole = fields.clone();
                whole.insert(key.to_owned(), Value::String(value.to_owned()));
                self.insert(table, &whole, actor).map(Upserted::Created)
            }
            [id] => {
                self.update(table, *id, fields, actor)?;
                Ok(Upserted::Updated(*id))
            }
            _ => Ok(Upserted::Many(ids)),
        }
    }

    /// The slot of a field that can be a look-up key for this actor.
    pub fn key_slot(&mut self, table: usize, key: &str, actor: &Actor) -> Outcome<u16> {
        let unknown = || Fail::new(404, "NOT_FOUND", format!("Provided external ID field does not exist or is not accessible: {key}"));
        let (slot, field) = self.tables[table].named(key).map(|(slot, field)| (slot, field.clone())).ok_or_else(unknown)?;
        let usable = (field.spec.external_id || field.spec.id_lookup) && self.permits(actor.user, table, &field, false);
        if usable { Ok(slot) } else { Err(unknown()) }
    }

    pub fn delete(&mut self, table: usize, id: SfId, actor: &Actor) -> Outcome<()> {
        let ord = self.live(table, id)?;
        self.refuse_locked(id, actor)?;
        let now = self.clock.now_ms();
        self.bin(table, ord, now, actor);
        Ok(())
    }

    /// Puts a row and the children that go with it into the recycle bin.
    fn bin(&mut self, table: usize, ord: u32, now: i64, actor: &Actor) {
        for (child, slot) in self.child_fields(table, true) {
            let Some(id) = self.tables[table].row(ord).map(|row| row.id) else { return };
            for ord in self.children(child, slot, id) {
                self.bin(child, ord, now, actor);
            }
        }
        let stamp = self.stamp(now);
        let Some(old) = self.tables[table].row(ord).cloned() else { return };
        let mut row = old.clone();
        row.deleted_ms = Some(now);
        row.stamp_ms = stamp;
        row.modified_ms = stamp;
        row.modified_by = actor.user;
        self.store(table, Some(ord), row.clone());
        self.count_members(table, self.campaign_of(table, &row));
        self.notify(WriteKind::Delete, table, Some(&old), &row, actor.user);
    }

    /// Removes a row for good; `hardDelete` of the bulk API.
    pub fn destroy(&mut self, table: usize, id: SfId, actor: &Actor) -> Outcome<()> {
        self.delete(table, id, actor)?;
        if let Some(ord) = self.tables[table].find(id) {
            self.destroyed.push((table, id, self.clock.now_ms()));
            self.tables[table].put(ord, None);
        }
        Ok(())
    }

    /// Takes a row that lies in the recycle bin out of it for good.
    pub fn purge(&mut self, id: SfId) -> Outcome<()> {
        let (table, ord) = self.locate(id).ok_or_else(|| Fail::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"))?;
        let deleted = self.tables[table].row(ord).and_then(|row| row.deleted_ms);
        let deleted = deleted.ok_or_else(|| Fail::bad("INVALID_CROSS_REFERENCE_KEY", "Entity is not in the recycle bin"))?;
        self.destroyed.push((table, id, deleted));
        self.tables[table].put(ord, None);
        Ok(())
    }

    pub fn undelete(&mut self, id: SfId, actor: &Actor) -> Outcome<()> {
        let (table, ord) = self.locate(id).ok_or_else(|| Fail::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"))?;
        let now = self.clock.now_ms();
        let Some(old) = self.tables[table].row(ord).cloned() else { return Err(Fail::not_found()) };
        let Some(deleted) = old.deleted_ms else {
            return Err(Fail::bad("UNDELETE_FAILED", "Entity is not in the recycle bin"));
        };
        if now - deleted > BIN_DAYS * DAY_MS {
            return Err(Fail::bad("UNDELETE_FAILED", "Entity is not in the recycle bin"));
        }
        let stamp = self.stamp(now);
        let mut row = old.clone();
        row.deleted_ms = None;
        row.stamp_ms = stamp;
        row.modified_ms = stamp;
        row.modified_by = actor.user;
        if let Some(slot) = self.tables[table].slot("MasterRecordId") {
            row.set(slot, None);
        }
        self.check_unique(table, &row)?;
        self.store(table, Some(ord), row.clone());
        self.notify(WriteKind::Undelete, table, Some(&old), &row, actor.user);
        for (child, slot) in self.child_fields(table, true) {
            for child_ord in self.all_children(child, slot, id) {
                let together = self.tables[child].row(child_ord).filter(|row| row.deleted_ms == Some(deleted)).map(|row| row.id);
                if let Some(child_id) = together {
                    self.undelete(child_id, actor)?;
                }
            }
        }
        Ok(())
    }

    /// Merges `losers` into `winner`; answers the re-parented children.
    pub fn merge(&mut self, winner: SfId, losers: &[SfId], fields: &Map<String, Value>, actor: &Actor) -> Outcome<Vec<SfId>> {
        let table = self.table_of(winner).ok_or_else(|| Fail::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"))?;
        if !self.tables[table].mergeable {
            return Err(Fail::bad("INVALID_TYPE", format!("{} cannot be merged", self.tables[table].name)));
        }
        self.live(table, winner)?;
        for loser in losers {
            if *loser == winner || self.table_of(*loser) != Some(table) {
                return Err(Fail::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"));
            }
            self.live(table, *loser)?;
        }
        let now = self.clock.now_ms();
        let stamp = self.stamp(now);
        let mut moved = Vec::new();
        for loser in losers {
            for (child, slot) in self.child_fields(table, false) {
                for ord in self.children(child, slot, *loser) {
                    let Some(old) = self.tables[child].row(ord).cloned() else { continue };
                    let mut row = old.clone();
                    row.set(slot, (row.id != winner).then_some(super::cell::Cell::Id(winner)));
                    row.stamp_ms = stamp;
                    row.modified_ms = stamp;
                    row.modified_by = actor.user;
                    moved.push(row.id);
                    self.store(child, Some(ord), row.clone());
                    self.notify(WriteKind::Update, child, Some(&old), &row, actor.user);
                }
            }
            let ord = self.live(table, *loser)?;
            let Some(old) = self.tables[table].row(ord).cloned() else { continue };
            let mut row = old.clone();
            if let Some(slot) = self.tables[table].slot("MasterRecordId") {
                row.set(slot, Some(super::cell::Cell::Id(winner)));
            }
            row.deleted_ms = Some(now);
            row.stamp_ms = stamp;
            row.modified_ms = stamp;
            row.modified_by = actor.user;
            self.store(table, Some(ord), row.clone());
            self.notify(WriteKind::Delete, table, Some(&old), &row, actor.user);
        }
        self.update(table, winner, fields, actor)?;
        Ok(moved)
    }

    /// Reference fields of any object that point to `table`; with `cascade`, only those whose rows go with their parent.
    fn child_fields(&self, table: usize, cascade: bool) -> Vec<(usize, u16)> {
        let name = &self.tables[table].name;
        let mut found = Vec::new();
        for (t, at) in self.tables.iter().zip(0..) {
            for (slot, field) in t.fields() {
                let business = field.spec.name != "MasterRecordId" && t.is_indexed(slot);
                if business && field.spec.reference_to.contains(name) && (field.spec.cascade || !cascade) {
                    found.push((at, slot));
                }
            }
        }
        found
    }

    /// Live rows whose reference field holds `parent`.
    pub fn children(&self, table: usize, slot: u16, parent: SfId) -> Vec<u32> {
        let mut rows = self.all_children(table, slot, parent);
        rows.retain(|ord| self.tables[table].row(*ord).is_some_and(Row::live));
        rows
    }

    fn all_children(&self, table: usize, slot: u16, parent: SfId) -> Vec<u32> {
        let t = &self.tables[table];
        if t.is_indexed(slot) {
            return t.lookup(slot, Val::Id(parent));
        }
        t.rows().filter(|(_, row)| t.value(row, slot) == Val::Id(parent)).map(|(ord, _)| ord).collect()
    }
}
