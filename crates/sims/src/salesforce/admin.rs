//! What an admin sets up in the org: objects and fields, messages, flows, rules, currencies and record types.

use super::actions;
use super::id::SfId;
use super::lists;
use super::{DuplicateRule, FieldSpec, OutboundRule, Salesforce, SimError, Validation};

impl Salesforce {
    /// Adds a custom object (named `X__c`) with a `Name` and an owner.
    ///
    /// # Errors
    /// When there is one of this name.
    pub fn add_object(&self, name: &str, label: &str) -> Result<(), SimError> {
        self.with(|state| Ok(state.org.add_object(name, label).map(|_| ())?))
    }

    /// Adds a field to an object, visible to all unless the spec asks for a grant.
    ///
    /// # Errors
    /// When the object is unknown or has a field of this name.
    pub fn add_field(&self, object: &str, spec: FieldSpec) -> Result<(), SimError> {
        self.with(|state| {
            let table = state.org.object(object)?;
            Ok(state.org.add_field(table, spec).map(|_| ())?)
        })
    }

    /// Takes away, or gives back, every client's access to an object.
    pub fn hide_object(&self, object: &str, hidden: bool) {
        self.with(|state| {
            let name = object.to_ascii_lowercase();
            let _changed = if hidden { state.org.hidden_objects.insert(name) } else { state.org.hidden_objects.remove(&name) };
        });
    }

    /// Renames a custom field; its values stay.
    ///
    /// # Errors
    /// When the object or field is unknown, or the new name is taken.
    pub fn rename_field(&self, object: &str, from: &str, to: &str) -> Result<(), SimError> {
        self.with(|state| Ok(state.org.rename_field(object, from, to)?))
    }

    /// Removes a custom field with its values.
    ///
    /// # Errors
    /// When the object or field is unknown, or the field is a standard one.
    pub fn remove_field(&self, object: &str, field: &str) -> Result<(), SimError> {
        self.with(|state| Ok(state.org.remove_field(object, field)?))
    }

    /// Replaces the values of a picklist, and whether others are refused.
    ///
    /// # Errors
    /// When the object or field is unknown.
    pub fn set_picklist(&self, object: &str, field: &str, values: &[&str], restricted: bool) -> Result<(), SimError> {
        self.with(|state| Ok(state.org.set_picklist(object, field, values, restricted)?))
    }

    /// Sends an outbound message with these fields on every create and update of an object; deletes send none, as at the vendor.
    pub fn subscribe_outbound(&self, object: &str, url: &str, fields: &[&str]) {
        self.add_outbound(OutboundRule::new(object, url, fields));
    }

    /// Adds an outbound message with conditions.
    pub fn add_outbound(&self, rule: OutboundRule) {
        self.with(|state| state.org.add_outbound(rule));
    }

    /// An admin switches every record-triggered flow off.
    pub fn switch_flows_off(&self) {
        self.with(|state| state.org.switch_flows_off());
    }

    /// Adds a duplicate rule.
    pub fn add_duplicate_rule(&self, rule: DuplicateRule) {
        self.with(|state| state.org.duplicate_rules.push(rule));
    }

    /// Adds a validation rule: saves for which it says something fail with `FIELD_CUSTOM_VALIDATION_EXCEPTION`.
    pub fn add_validation(&self, object: &str, rule: Validation) {
        self.with(|state| state.org.validations.push((object.to_owned(), rule)));
    }

    /// Adds an autolaunched flow, run by `POST /actions/custom/flow/{name}`: from the inputs to the outputs, or a message.
    pub fn add_flow(&self, name: &str, run: actions::FlowBody) {
        self.add_flow_with(name, &[], run);
    }

    /// Adds an autolaunched flow that describes these inputs.
    pub fn add_flow_with(&self, name: &str, inputs: &[&str], run: actions::FlowBody) {
        let inputs = inputs.iter().map(|input| (*input).to_owned()).collect();
        self.with(|state| state.actions.flows.push(actions::Flow { name: name.to_owned(), inputs, run }));
    }

    /// Adds a flow that runs on every save of an object: saves for which it says something fail with `CANNOT_EXECUTE_FLOW_TRIGGER`.
    pub fn add_flow_guard(&self, object: &str, flow: &str, minds: Validation) {
        self.with(|state| state.org.flow_guards.push((object.to_owned(), flow.to_owned(), minds)));
    }

    /// Turns multiple currencies on. The first one is the corporate currency; rows of clients that name none get `of_users`.
    ///
    /// # Errors
    /// When they are on already, or there is none.
    pub fn activate_currencies(&self, rates: &[(&str, f64)], of_users: &str) -> Result<(), SimError> {
        self.with(|state| {
            let actor = state.org.person("")?;
            Ok(state.org.activate_currencies(rates, of_users, &actor)?)
        })
    }

    /// Takes a currency out of use.
    ///
    /// # Errors
    /// When there is no such currency.
    pub fn deactivate_currency(&self, code: &str) -> Result<(), SimError> {
        self.with(|state| {
            let actor = state.org.person("")?;
            Ok(state.org.deactivate_currency(code, &actor)?)
        })
    }

    /// Says what a record type has of a picklist. Restricted lists take nothing else for its rows.
    ///
    /// # Errors
    /// When it is no id.
    pub fn set_record_type_picklist(&self, object: &str, record_type: &str, field: &str, values: &[&str]) -> Result<(), SimError> {
        let malformed = || SimError { code: "MALFORMED_ID".to_owned(), message: format!("{record_type} is no id") };
        let id = SfId::parse(record_type).ok_or_else(malformed)?;
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        self.with(|state| state.org.record_type_values.push((object.to_owned(), id, field.to_owned(), values)));
        Ok(())
    }

    /// Makes a record type the one of rows that clients make without one.
    pub fn set_usual_record_type(&self, record_type: &str) {
        self.with(|state| state.org.usual_record_type = SfId::parse(record_type));
    }

    /// Lets a picklist hang on another field: for each of its values, those that go with it.
    pub fn set_dependency(&self, object: &str, field: &str, controller: &str, valid: &[(&str, &[&str])]) {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let valid = valid.iter().map(|(is, values)| ((*is).to_owned(), owned(values))).collect();
        let dependency = lists::Dependency { object: object.to_owned(), field: field.to_owned(), controller: controller.to_owned(), valid };
        self.with(|state| state.org.dependencies.push(dependency));
    }

    /// Adds an approval process for an object.
    pub fn add_approval_process(&self, object: &str, name: &str) {
        self.with(|state| match state.org.define_process(object, name) {
            Ok(id) => state.actions.processes.push((object.to_owned(), name.to_owned(), id)),
            Err(fail) => tracing::error!(code = %fail.code, "the simulated org could not keep an approval process"),
        });
    }
}
