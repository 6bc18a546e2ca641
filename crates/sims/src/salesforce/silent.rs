//! Changes that nothing tells of: no message, no event, and, if so wanted, no stamp.

use serde_json::Value;

use super::Salesforce;
use super::cell::Cell;
use super::coerce::read_cell;
use super::schema::{FieldType, Source};

impl Salesforce {
    /// Puts a value straight into a row, past every rule, and tells nobody. `stamped` moves the row's stamps on, as an edit does whose message
    /// gets lost; without, they stay, as where an integration restores values with their old stamps. Answers the value before, or `None` when
    /// there is no such row, the field holds no value of its own, or the value does not fit its type.
    pub fn change_silently(&self, object: &str, id: &str, field: &str, to: &Value, stamped: bool) -> Option<Value> {
        let mut state = self.state();
        let (table, id) = state.org.target(object, id).ok()?;
        let stamp = state.org.stamp(state.org.clock.now_ms());
        let t = &mut state.org.tables[table];
        let (slot, of) = t.named(field).filter(|(_, of)| of.source == Source::Cell)?;
        let kind = of.spec.kind;
        let cell = match to {
            Value::String(text) if matches!(kind, FieldType::String | FieldType::Picklist | FieldType::Email) => Some(Cell::text(text)),
            other => read_cell(&of.spec, other).ok()?,
        };
        let ord = t.find(id)?;
        let mut row = t.row(ord)?.clone();
        let before = t.value(&row, slot).json(kind);
        row.set(slot, cell);
        if stamped {
            (row.modified_ms, row.stamp_ms) = (stamp, stamp);
        }
        t.put(ord, Some(row));
        Some(before)
    }
}
