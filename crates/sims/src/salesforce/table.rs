//! The rows of one object, with the indexes that keep queries from scanning.

use std::collections::{BTreeSet, HashMap};

use super::cell::{Cell, Val};
use super::id::SfId;
use super::schema::{FieldSpec, FieldType, Source};

/// One record. Cells are sorted by slot; a missing one is null.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub id: SfId,
    pub created_ms: i64,
    pub created_by: SfId,
    pub modified_ms: i64,
    pub modified_by: SfId,
    pub stamp_ms: i64,
    pub deleted_ms: Option<i64>,
    pub cells: Vec<(u16, Cell)>,
}

impl Row {
    pub fn cell(&self, slot: u16) -> Val<'_> {
        match self.cells.binary_search_by_key(&slot, |(at, _)| *at) {
            Ok(at) => self.cells[at].1.view(),
            Err(_) => Val::Null,
        }
    }

    pub fn set(&mut self, slot: u16, value: Option<Cell>) {
        match (self.cells.binary_search_by_key(&slot, |(at, _)| *at), value) {
            (Ok(at), Some(cell)) => self.cells[at].1 = cell,
            (Ok(at), None) => {
                self.cells.remove(at);
            }
            (Err(at), Some(cell)) => self.cells.insert(at, (slot, cell)),
            (Err(_), None) => {}
        }
    }

    pub fn live(&self) -> bool {
        self.deleted_ms.is_none()
    }
}

/// One field with its place.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub spec: FieldSpec,
    pub source: Source,
}

/// One object: its definition and its rows.
#[derive(Debug)]
pub(crate) struct Table {
    pub name: String,
    pub label: String,
    pub plural: String,
    pub prefix: [u8; 3],
    /// Whether describe lists it and clients may write it.
    pub open: bool,
    pub mergeable: bool,
    /// When its definition last changed, in milliseconds since 1970.
    pub schema_ms: i64,
    fields: Vec<Option<Field>>,
    by_name: HashMap<String, u16>,
    rows: Vec<Option<Row>>,
    live: usize,
    stamps: BTreeSet<(i64, u32)>,
    indexes: HashMap<u16, BTreeSet<(Box<str>, u32)>>,
    /// Last number given out per auto-number field.
    pub numbered: u64,
}

impl Table {
    pub fn new(name: &str, label: &str, plural: &str, prefix: [u8; 3], open: bool) -> Self {
        Self {
            name: name.to_owned(),
            label: label.to_owned(),
            plural: plural.to_owned(),
            prefix,
            open,
            mergeable: false,
            schema_ms: 0,
            fields: Vec::new(),
            by_name: HashMap::new(),
            rows: Vec::new(),
            live: 0,
            stamps: BTreeSet::new(),
            indexes: HashMap::new(),
            numbered: 1000,
        }
    }

    pub fn add_field(&mut self, spec: FieldSpec, source: Source) -> u16 {
        let slot = u16::try_from(self.fields.len()).unwrap_or(u16::MAX);
        if spec.indexed() && source == Source::Cell {
            self.indexes.insert(slot, BTreeSet::new());
        }
        self.by_name.insert(spec.name.to_ascii_lowercase(), slot);
        self.fields.push(Some(Field { spec, source }));
        slot
    }

    pub fn rename_field(&mut self, slot: u16, to: &str) {
        if let Some(field) = self.fields[usize::from(slot)].as_mut() {
            self.by_name.remove(&field.spec.name.to_ascii_lowercase());
            if field.spec.relationship.is_some() && to.ends_with("__c") {
                field.spec.relationship = Some(format!("{}__r", to.trim_end_matches("__c")));
            }
            to.clone_into(&mut field.spec.name);
            self.by_name.insert(to.to_ascii_lowercase(), slot);
        }
    }

    /// Drops the definition; its slot is never used again, so its cells are out of reach.
    pub fn remove_field(&mut self, slot: u16) {
        if let Some(field) = self.fields[usize::from(slot)].take() {
            self.by_name.remove(&field.spec.name.to_ascii_lowercase());
            self.indexes.remove(&slot);
        }
    }

    pub fn slot(&self, name: &str) -> Option<u16> {
        match self.by_name.get(name) {
            Some(slot) => Some(*slot),
            None => self.by_name.get(&name.to_ascii_lowercase()).copied(),
        }
    }

    pub fn field(&self, slot: u16) -> Option<&Field> {
        self.fields.get(usize::from(slot))?.as_ref()
    }

    pub fn field_mut(&mut self, slot: u16) -> Option<&mut Field> {
        self.fields.get_mut(usize::from(slot))?.as_mut()
    }

    pub fn named(&self, name: &str) -> Option<(u16, &Field)> {
        let slot = self.slot(name)?;
        Some((slot, self.field(slot)?))
    }

    pub fn fields(&self) -> impl Iterator<Item = (u16, &Field)> {
        self.fields.iter().zip(0_u16..).filter_map(|(field, slot)| Some((slot, field.as_ref()?)))
    }

    /// The reference field that queries call `name`.
    pub fn relationship(&self, name: &str) -> Option<(u16, &Field)> {
        self.fields().find(|(_, field)| field.spec.relationship.as_deref().is_some_and(|r| r.eq_ignore_ascii_case(name)))
    }

    /// Whether a row is archived: ordinary queries do not show it.
    pub fn is_archived(&self, row: &Row) -> bool {
        self.slot("IsArchived").is_some_and(|slot| row.cell(slot) == Val::Bool(true))
    }

    pub fn value<'a>(&self, row: &'a Row, slot: u16) -> Val<'a> {
        let Some(field) = self.field(slot) else { return Val::Null };
        match field.source {
            Source::Cell if field.spec.kind == FieldType::Boolean => match row.cell(slot) {
                Val::Null => Val::Bool(false),
                value => value,
            },
            Source::Cell => row.cell(slot),
            Source::Id => Val::Id(row.id),
            Source::IsDeleted => Val::Bool(!row.live()),
            Source::CreatedDate => Val::Ms(row.created_ms),
            Source::CreatedBy => Val::Id(row.created_by),
            Source::ModifiedDate => Val::Ms(row.modified_ms),
            Source::ModifiedBy => Val::Id(row.modified_by),
            Source::Stamp => Val::Ms(row.stamp_ms),
            Source::Address => Val::Null,
        }
    }

    pub fn next_serial(&self) -> u64 {
        self.rows.len() as u64
    }

    pub fn row(&self, ord: u32) -> Option<&Row> {
        self.rows.get(ord as usize)?.as_ref()
    }

    /// The place of an id, whether live or in the recycle bin.
    pub fn find(&self, id: SfId) -> Option<u32> {
        let ord = u32::try_from(id.serial()).ok()?;
        (self.row(ord)?.id == id).then_some(ord)
    }

    pub fn rows(&self) -> impl Iterator<Item = (u32, &Row)> {
        self.rows_from(0)
    }

    pub fn rows_from(&self, first: u32) -> impl Iterator<Item = (u32, &Row)> {
        let first_at = (first as usize).min(self.rows.len());
        self.rows[first_at..].iter().zip(first..).filter_map(|(row, ord)| Some((ord, row.as_ref()?)))
    }

    pub fn live(&self) -> usize {
        self.live
    }

    /// Appends a row; its id must carry `next_serial`.
    pub fn push(&mut self, row: Row) -> u32 {
        let ord = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.rows.push(None);
        self.put(ord, Some(row));
        ord
    }

    /// Replaces (or with `None` destroys) the row at `ord` and keeps the indexes true; answers the former row.
    pub fn put(&mut self, ord: u32, row: Option<Row>) -> Option<Row> {
        let before = self.rows[ord as usize].take();
        let (old_stamp, new_stamp) = (before.as_ref().map(|r| r.stamp_ms), row.as_ref().map(|r| r.stamp_ms));
        if old_stamp != new_stamp {
            if let Some(at) = old_stamp {
                self.stamps.remove(&(at, ord));
            }
            if let Some(at) = new_stamp {
                self.stamps.insert((at, ord));
            }
        }
        for (slot, index) in &mut self.indexes {
            let old = before.as_ref().map_or(Val::Null, |r| r.cell(*slot));
            let new = row.as_ref().map_or(Val::Null, |r| r.cell(*slot));
            if old != new {
                if let Some(key) = key_of(old) {
                    index.remove(&(key, ord));
                }
                if let Some(key) = key_of(new) {
                    index.insert((key, ord));
                }
            }
        }
        self.live -= usize::from(before.as_ref().is_some_and(Row::live));
        self.live += usize::from(row.as_ref().is_some_and(Row::live));
        self.rows[ord as usize] = row;
        before
    }

    pub fn is_indexed(&self, slot: u16) -> bool {
        self.indexes.contains_key(&slot)
    }

    /// Rows, live or not, whose indexed field equals `value` (without regard to case).
    pub fn lookup(&self, slot: u16, value: Val<'_>) -> Vec<u32> {
        let (Some(index), Some(key)) = (self.indexes.get(&slot), key_of(value)) else { return Vec::new() };
        let range = (key.clone(), 0)..=(key, u32::MAX);
        index.range(range).map(|(_, ord)| *ord).collect()
    }

    /// Rows by system stamp from `from` to `to` inclusive, earliest first, then by id.
    pub fn stamped(&self, from: i64, to: i64) -> impl DoubleEndedIterator<Item = u32> + '_ {
        let end = to.max(from);
        self.stamps.range((from, 0)..=(end, u32::MAX)).map(|(_, ord)| *ord)
    }
}

fn key_of(value: Val<'_>) -> Option<Box<str>> {
    match value {
        Val::Null => None,
        Val::Text(text) => Some(text.to_lowercase().into_boxed_str()),
        Val::Id(id) => Some(id.as_str().into()),
        Val::Num(n) => Some(n.to_string().into_boxed_str()),
        Val::Ms(ms) => Some(ms.to_string().into_boxed_str()),
        Val::Bool(b) => Some(b.to_string().into_boxed_str()),
    }
}
