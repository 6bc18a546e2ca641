//! Changes of the org's schema after it was made.

use super::cell::Val;
use super::fail::{Fail, Outcome};
use super::org::Org;
use super::schema::FieldType;

impl Org {
    /// Renames a custom field.
    pub fn rename_field(&mut self, object: &str, from: &str, to: &str) -> Outcome<()> {
        let (table, slot) = self.custom_field(object, from)?;
        if self.tables[table].slot(to).is_some() {
            return Err(Fail::bad("DUPLICATE_DEVELOPER_NAME", format!("There is already a field named {to} on {object}.")));
        }
        self.undefine_field(table, from);
        self.tables[table].rename_field(slot, to);
        self.tables[table].schema_ms = self.clock.now_ms();
        self.define_field(table, slot);
        Ok(())
    }

    /// Removes a custom field.
    pub fn remove_field(&mut self, object: &str, field: &str) -> Outcome<()> {
        let (table, slot) = self.custom_field(object, field)?;
        self.undefine_field(table, field);
        self.tables[table].remove_field(slot);
        self.tables[table].schema_ms = self.clock.now_ms();
        Ok(())
    }

    fn custom_field(&self, object: &str, field: &str) -> Outcome<(usize, u16)> {
        let table = self.table(object).ok_or_else(|| Fail::invalid_type(object))?;
        let slot = self.tables[table].named(field).filter(|(_, f)| f.spec.is_custom()).map(|(slot, _)| slot);
        let missing = || Fail::bad("INVALID_FIELD", format!("{object} has no custom field {field}"));
        Ok((table, slot.ok_or_else(missing)?))
    }

    /// Replaces a picklist's values.
    pub fn set_picklist(&mut self, object: &str, field: &str, values: &[&str], restricted: bool) -> Outcome<()> {
        let table = self.table(object).ok_or_else(|| Fail::invalid_type(object))?;
        let now = self.clock.now_ms();
        let t = &mut self.tables[table];
        let slot = t.slot(field).ok_or_else(|| Fail::bad("INVALID_FIELD", format!("{object} has no field {field}")))?;
        if let Some(found) = t.field_mut(slot) {
            found.spec.values = values.iter().map(|v| (*v).to_owned()).collect();
            found.spec.restricted = restricted;
        }
        t.schema_ms = now;
        Ok(())
    }

    /// A text value of the row of an id, or the empty string.
    pub fn text_of_row(&self, id: super::id::SfId, field: &str) -> String {
        self.locate(id).map(|(table, ord)| self.text_of(table, ord, field)).unwrap_or_default()
    }

    /// A text value of a row, or the empty string.
    pub fn text_of(&self, table: usize, ord: u32, field: &str) -> String {
        let t = &self.tables[table];
        match (t.row(ord), t.slot(field)) {
            (Some(row), Some(slot)) => match t.value(row, slot) {
                Val::Null => String::new(),
                value => value.plain(FieldType::String),
            },
            _ => String::new(),
        }
    }
}
