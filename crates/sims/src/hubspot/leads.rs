//! Leads: items of a pipeline that are made together with the contact whom they are about.

use serde_json::{Map, Value};

use super::HubSpot;
use super::kinds::{CONTACTS, LEADS, association};
use super::record::Hand;
use super::refusal::Refusal;
use super::state::State;

impl HubSpot {
    /// Makes a lead about a contact.
    ///
    /// # Errors
    /// As HubSpot refuses it.
    pub fn create_lead(&self, contact: &str, properties: &Map<String, Value>, by: Hand) -> Result<String, Refusal> {
        self.with(|state| {
            let values = state.check(LEADS, properties, None)?;
            let contact = state.find(CONTACTS, contact, None).ok_or_else(|| Refusal::missing(&[contact.to_owned()]))?;
            let id = state.create(LEADS, values, by);
            let (_, primary) = state.association(LEADS, CONTACTS).unwrap_or_default();
            state.associate((LEADS, id), (CONTACTS, contact), primary, by)?;
            Ok(id.to_string())
        })
    }
}

impl State {
    /// Makes sure that a new record comes with the association that it cannot be without: a lead with that to its primary contact.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn bound(&self, kind: usize, ends: &[((usize, u64), Vec<u32>)]) -> Result<(), Refusal> {
        let Some(primary) = association(LEADS, CONTACTS).and_then(|(_, primary)| primary).filter(|_| kind == LEADS) else { return Ok(()) };
        if ends.iter().any(|((to, _), types)| *to == CONTACTS && types.contains(&primary)) {
            return Ok(());
        }
        Err(Refusal::validation("A lead cannot be created without an association to its primary contact"))
    }
}
