//! The one place where rows change: every write goes through here and is told to webhooks and listeners.

use serde_json::{Map, Value, json};

use super::hooks::Told;
use super::refusal::Refusal;
use super::schema::{Table, Ty};
use super::state::{Record, State, link};
use super::{Action, Hand, WriteNotice};

/// Longest chain of parents that is followed.
const PARENTS_MAX: usize = 100;

impl State {
    /// The id of the user whose hand it is.
    pub(crate) fn user_of(&self, by: &Hand) -> String {
        match by {
            Hand::Person(id) => id.clone(),
            Hand::Integration => self.options.user_id.clone(),
        }
    }

    /// Makes a row of a body; its id.
    ///
    /// # Errors
    /// When a value does not fit, a key is taken, or a case has no customer.
    pub(crate) fn create(&mut self, set: &str, body: &Map<String, Value>, by: &Hand) -> Result<String, Refusal> {
        let table = self.table_of_set(set)?.clone();
        let (mut values, id) = self.check(&table, body)?;
        self.check_state(&table, &mut values, None, false)?;
        if table.name == "incident" && values.get("customerid").is_none_or(Value::is_null) {
            return Err(Refusal::new(400, "0x80040203", "You should specify a parent contact or account."));
        }
        let id = id.unwrap_or_else(|| self.uuid());
        if self.row(&table.name, &id).is_some() {
            return Err(Refusal::new(412, "0x80040237", "Cannot insert duplicate key."));
        }
        let user = self.user_of(by);
        if table.column("ownerid").is_some() {
            values.entry("ownerid").or_insert_with(|| link("systemuser", &user));
        }
        if table.name == "incident" {
            self.next_case += 1;
            let letters = self.letters_of_case();
            values.insert("ticketnumber".to_owned(), json!(format!("CAS-{:05}-{letters}", self.next_case)));
        }
        if table.activity {
            values.insert("activitytypecode".to_owned(), json!(table.name));
        }
        if table.column("merged").is_some() {
            values.insert("merged".to_owned(), json!(false));
        }
        let (version, now) = (self.next_version(), self.now_ms);
        let mut record =
            Record { id: id.clone(), version, created_ms: now, modified_ms: now, created_by: user.clone(), modified_by: user, values };
        self.derive(&table, &mut record);
        self.refuse_twin(&table, &record)?;
        let told = Told { message: "Create", changed: record.values.keys().cloned().collect(), subordinate: None };
        self.put(&table.name, record);
        self.notify(&table, &id, Action::Created, by, told);
        Ok(id)
    }

    /// Changes a row by a body.
    ///
    /// # Errors
    /// As [`State::create`], and when the row is not there.
    pub(crate) fn update(&mut self, table: &str, id: &str, body: &Map<String, Value>, by: &Hand) -> Result<(), Refusal> {
        let table = self.table(table)?.clone();
        let (values, _) = self.check(&table, body)?;
        self.change(&table, id, values, by, false)
    }

    /// Changes a row by checked values.
    pub(crate) fn change(
        &mut self,
        table: &Table,
        id: &str,
        mut values: Map<String, Value>,
        by: &Hand,
        by_action: bool,
    ) -> Result<(), Refusal> {
        let before = self.row(&table.name, id).cloned().ok_or_else(|| Refusal::absent(&table.name, id))?;
        self.check_state(table, &mut values, Some(before.get("statecode")), by_action)?;
        let mut record = before.clone();
        record.values.extend(values.clone());
        self.refuse_circle(table, &record)?;
        record.version = self.next_version();
        record.modified_ms = self.now_ms;
        record.modified_by = self.user_of(by);
        self.derive(table, &mut record);
        self.refuse_twin(table, &record)?;
        // The platform tells of columns that were sent, whether or not they differ.
        let told = Told { message: "Update", changed: values.keys().cloned().collect(), subordinate: None };
        self.put(&table.name, record);
        self.notify(table, id, Action::Updated, by, told);
        Ok(())
    }

    /// Deletes a row with the cases it is the customer of; whatever else refers to it is let go.
    pub(crate) fn delete(&mut self, table: &str, id: &str, by: &Hand) -> Result<(), Refusal> {
        let table = self.table(table)?.clone();
        if self.row(&table.name, id).is_none() {
            return Err(Refusal::absent(&table.name, id));
        }
        let told = Told { message: "Delete", changed: Vec::new(), subordinate: None };
        self.notify(&table, id, Action::Deleted, by, told);
        self.take(&table.name, id);
        for (other, row, column) in self.referring(&table.name, id) {
            if other == "incident" && column == "customerid" {
                self.delete("incident", &row, by)?;
            } else if let Some(mut record) = self.row(&other, &row).cloned() {
                record.values.insert(column, Value::Null);
                record.version = self.next_version();
                self.put(&other, record);
            }
        }
        Ok(())
    }

    /// Every lookup that leads to a row: table, row and column.
    fn referring(&self, table: &str, id: &str) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        for other in self.tables.iter().filter(|other| other.tracked) {
            let lookups: Vec<&str> = other
                .columns
                .iter()
                .filter(|column| {
                    matches!(&column.ty, Ty::Lookup(targets) if targets.iter().any(|target| target == table)) && column.name != "masterid"
                })
                .map(|column| column.name.as_str())
                .collect();
            for row in self.rows.get(&other.name).into_iter().flat_map(|rows| rows.values()) {
                let held = lookups.iter().filter(|column| row.link(column) == Some((table, id)));
                found.extend(held.map(|column| (other.name.clone(), row.id.clone(), (*column).to_owned())));
            }
        }
        found
    }

    /// Merges `loser` into `winner`: everything that refers to it goes over, and it stays behind, inactive.
    pub(crate) fn merge(&mut self, table: &str, loser: &str, winner: &str, content: &Map<String, Value>, by: &Hand) -> Result<(), Refusal> {
        let table = self.table(table)?.clone();
        if table.column("masterid").is_none() || loser == winner {
            return Err(Refusal::new(400, "0x80040203", "These records cannot be merged."));
        }
        if self.row(&table.name, winner).is_none() {
            return Err(Refusal::absent(&table.name, winner));
        }
        let lost = self.row(&table.name, loser).ok_or_else(|| Refusal::absent(&table.name, loser))?;
        if lost.get("merged") == &json!(true) {
            return Err(Refusal::new(400, "0x80040203", "The record has been merged already."));
        }
        for (other, row, column) in self.referring(&table.name, loser) {
            if let Some(mut record) = self.row(&other, &row).cloned() {
                record.values.insert(column, link(&table.name, winner));
                record.version = self.next_version();
                record.modified_ms = self.now_ms;
                let held = self.table(&other)?.clone();
                self.derive(&held, &mut record);
                self.put(&other, record);
            }
        }
        let (state, status) = match table.name.as_str() {
            "incident" => (2, 2000),
            "lead" => (2, 4),
            _ => (1, 2),
        };
        let mut gone = Map::new();
        gone.insert("statecode".to_owned(), json!(state));
        gone.insert("statuscode".to_owned(), json!(status));
        gone.insert("merged".to_owned(), json!(true));
        gone.insert("masterid".to_owned(), link(&table.name, winner));
        self.change(&table, loser, gone, by, true)?;
        let (values, _) = self.check(&table, content)?;
        self.change(&table, winner, values, by, false)?;
        let told = Told { message: "Merge", changed: Vec::new(), subordinate: Some(loser.to_owned()) };
        self.notify(&table, winner, Action::Merged, by, told);
        Ok(())
    }

    fn refuse_twin(&self, table: &Table, record: &Record) -> Result<(), Refusal> {
        match self.twin(table, record) {
            Some((key, other)) => Err(Refusal::taken(&table.name, &key, &other)),
            None => Ok(()),
        }
    }

    fn refuse_circle(&self, table: &Table, record: &Record) -> Result<(), Refusal> {
        let mut next = record.link("parentaccountid").filter(|_| table.name == "account").map(|(_, id)| id.to_owned());
        for _ in 0..PARENTS_MAX {
            let Some(id) = next else { return Ok(()) };
            if id == record.id {
                return Err(Refusal::new(
                    400,
                    "0x80048005",
                    "Creating this parental association would create a loop in the hierarchy (circular reference).",
                ));
            }
            next = self.row("account", &id).and_then(|row| row.link("parentaccountid")).map(|(_, id)| id.to_owned());
        }
        Ok(())
    }

    /// What follows from other values of a row.
    fn derive(&self, table: &Table, record: &mut Record) {
        if table.column("fullname").is_some() && table.column("lastname").is_some() {
            let part = |name: &str| record.get(name).as_str().unwrap_or_default().trim().to_owned();
            let whole = format!("{} {}", part("firstname"), part("lastname")).trim().to_owned();
            record.values.insert("fullname".to_owned(), if whole.is_empty() { Value::Null } else { json!(whole) });
        }
        if table.name == "contact" {
            let held = record.link("parentcustomerid").filter(|(table, _)| *table == "account").map(|(_, id)| link("account", id));
            record.values.insert("accountid".to_owned(), held.unwrap_or(Value::Null));
        }
        let money = table.columns.iter().any(|column| column.ty == Ty::Money && !record.get(&column.name).is_null());
        if money
            && record.link("transactioncurrencyid").is_none()
            && let Some(usual) = self.base_currency()
        {
            record.values.insert("transactioncurrencyid".to_owned(), link("transactioncurrency", &usual));
        }
    }

    /// The currency that amounts have which name none.
    fn base_currency(&self) -> Option<String> {
        self.rows.get("transactioncurrency")?.values().find(|row| row.get("isocurrencycode") == "USD").map(|row| row.id.clone())
    }

    fn notify(&mut self, table: &Table, id: &str, action: Action, by: &Hand, told: Told) {
        self.tell(table, id, by, &told);
        if self.listening {
            self.notices.push(WriteNotice { set: table.set.clone(), id: id.to_owned(), action, by: by.clone(), at_ms: self.now_ms });
        }
    }
}
