//! Several currencies in one org: which are active and at what rate, and the currency that each row is in.

use serde_json::{Map, Value, json};

use super::catalog::with_system_fields;
use super::fail::{Fail, Outcome};
use super::org::{Actor, Org};
use super::schema::{FieldSpec, FieldType, Source};
use super::table::Table;

/// Objects whose rows are in a currency, beside custom ones.
const PRICED: [&str; 8] = ["Account", "Contact", "Lead", "Opportunity", "Case", "Campaign", "Task", "Event"];

impl Org {
    /// Turns multiple currencies on, which cannot be undone. The first one is the corporate currency; rows that name none get the user's.
    pub fn activate_currencies(&mut self, rates: &[(&str, f64)], of_users: &str, actor: &Actor) -> Outcome<()> {
        let Some((corporate, _)) = rates.first() else { return Err(Fail::bad("MISSING_ARGUMENT", "name the corporate currency")) };
        let codes: Vec<String> = rates.iter().map(|(code, _)| (*code).to_owned()).collect();
        let mut table = with_system_fields(Table::new("CurrencyType", "Currency Type", "Currency Types", *b"01L", true), false);
        let mut plain = |name: &str, kind: FieldType, scale: u32| {
            let mut field = FieldSpec::new(name, kind);
            field.scale = scale;
            table.add_field(field, Source::Cell);
        };
        plain("IsoCode", FieldType::String, 0);
        plain("ConversionRate", FieldType::Double, 6);
        plain("DecimalPlaces", FieldType::Int, 0);
        plain("IsActive", FieldType::Boolean, 0);
        plain("IsCorporate", FieldType::Boolean, 0);
        self.add_table(table);
        for (code, rate) in rates {
            let row =
                json!({"IsoCode": code, "ConversionRate": rate, "DecimalPlaces": 2, "IsActive": true, "IsCorporate": code == corporate});
            self.insert_named("CurrencyType", row.as_object().unwrap_or(&Map::new()), actor)?;
        }
        for at in 0..self.tables.len() {
            let t = &self.tables[at];
            if !PRICED.contains(&t.name.as_str()) && !t.name.ends_with("__c") {
                continue;
            }
            let mut field = FieldSpec::new("CurrencyIsoCode", FieldType::Picklist);
            field.label = "Currency ISO Code".to_owned();
            field.length = 3;
            field.values.clone_from(&codes);
            field.restricted = true;
            field.default = Some(Value::from(of_users));
            self.add_field(at, field)?;
        }
        self.currencies = Some(((*corporate).to_owned(), of_users.to_owned()));
        Ok(())
    }

    /// Takes a currency out of use.
    pub fn deactivate_currency(&mut self, code: &str, actor: &Actor) -> Outcome<()> {
        let now = self.clock.now_ms();
        for t in &mut self.tables {
            if let Some(field) = t.slot("CurrencyIsoCode").and_then(|slot| t.field_mut(slot)) {
                field.spec.values.retain(|known| known != code);
                t.schema_ms = now;
            }
        }
        let table = self.table("CurrencyType").ok_or_else(|| Fail::invalid_type("CurrencyType"))?;
        let t = &self.tables[table];
        let slot = t.slot("IsoCode");
        let found =
            t.rows().find(|(_, row)| slot.is_some_and(|slot| row.cell(slot) == super::cell::Val::Text(code))).map(|(_, row)| row.id);
        let id = found.ok_or_else(Fail::not_found)?;
        self.update(table, id, &Map::from_iter([("IsActive".to_owned(), Value::Bool(false))]), actor)
    }
}
