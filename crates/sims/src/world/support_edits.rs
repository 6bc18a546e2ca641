//! What agents and customers do at the support desk.

use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::choice::{Direction, Kind};
use super::correspondence::Form;
use super::crm_edits::unmarked;
use super::landing::{Account, Contact, Edit, Expected, Subject};
use super::people::ZONES;
use super::seeding::{TROUBLES, map};
use super::traffic::{Traffic, of_account, of_contact};

const STATUSES: &[&str] = &["Active", "Suspended", "Churned"];

impl Traffic {
    pub(crate) fn rename_user(&mut self, pair: &Contact, name: &str, kind: Kind) -> bool {
        let edit = of_contact(pair, "name", kind, Direction::SupportToCrm, Expected::Value(Form::Name, json!(name)));
        let by = self.agent();
        self.make(edit, || self.zendesk.update_user(pair.user, &map(json!({"name": name})), by).map(drop))
    }

    pub(crate) fn user_name(&mut self) -> bool {
        let Some(pair) = self.contact("name") else { return false };
        let Some(user) = self.zendesk.user(pair.user) else { return false };
        let before = user.get("name").and_then(Value::as_str).unwrap_or_default();
        let name = format!("{}-{}", unmarked(before), self.token());
        self.rename_user(&pair, &name, Kind::UserName)
    }

    pub(crate) fn user_time_zone(&mut self) -> bool {
        let Some(pair) = self.contact("zone") else { return false };
        let Some(user) = self.zendesk.user(pair.user) else { return false };
        let before = user.get("iana_time_zone").cloned().unwrap_or_default();
        let others: Vec<(&str, &str)> = ZONES.iter().copied().filter(|(_, iana)| before != *iana).collect();
        let Some((desk, iana)) = others.choose(&mut self.rng).copied() else { return false };
        let edit = of_contact(&pair, "zone", Kind::UserTimeZone, Direction::SupportToCrm, Expected::Value(Form::Text, json!(iana)));
        let by = self.agent();
        self.make(edit, || self.zendesk.update_user(pair.user, &map(json!({"time_zone": desk})), by).map(drop))
    }

    fn organization_value(&self, pair: &Account, key: &str) -> Option<Value> {
        let organization = self.zendesk.organization(pair.organization)?;
        Some(organization.get("organization_fields").and_then(|fields| fields.get(key)).cloned().unwrap_or_default())
    }

    fn change_organization(&mut self, pair: &Account, key: &str, value: Value, edit: Edit) -> bool {
        let by = self.agent();
        let changes = map(json!({"organization_fields": {key: value}}));
        self.make(edit, || self.zendesk.update_organization(pair.organization, &changes, by).map(drop))
    }

    pub(crate) fn organization_status(&mut self) -> bool {
        let Some(pair) = self.account("status") else { return false };
        let Some(before) = self.organization_value(&pair, "account_status") else { return false };
        let others: Vec<&str> = STATUSES.iter().copied().filter(|status| before != *status).collect();
        let Some(status) = others.choose(&mut self.rng).copied() else { return false };
        let edit =
            of_account(&pair, "status", Kind::OrganizationStatus, Direction::SupportToCrm, Expected::Value(Form::Text, json!(status)));
        self.change_organization(&pair, "account_status", json!(status), edit)
    }

    pub(crate) fn organization_vip(&mut self) -> bool {
        let Some(pair) = self.account("vip") else { return false };
        let Some(before) = self.organization_value(&pair, "support_vip") else { return false };
        let vip = before != true;
        let edit = of_account(&pair, "vip", Kind::OrganizationVip, Direction::SupportToCrm, Expected::Value(Form::Flag, json!(vip)));
        self.change_organization(&pair, "support_vip", json!(vip), edit)
    }

    /// What happens to a ticket is awaited at its task.
    fn of_ticket(number: u64, field: &'static str, kind: Kind, expected: Expected) -> Edit {
        Edit { subject: Subject::Ticket(number), field, kind, direction: Direction::SupportToCrm, expected }
    }

    pub(crate) fn ticket_created(&mut self) -> bool {
        let Some(pair) = self.contact("tickets") else { return false };
        let trouble = TROUBLES.choose(&mut self.rng).copied().unwrap_or("Cannot sign in");
        let subject = format!("{trouble} {}", self.token());
        let ticket = map(json!({
            "subject": subject, "comment": {"body": format!("Hello, {}. Can you help?", trouble.to_lowercase())},
            "requester_id": pair.user, "priority": (["low", "normal", "high", "urgent"].choose(&mut self.rng).copied()),
        }));
        // A ticket's number is known once it is made. It cannot have landed by then: whoever syncs has yet to hear of it.
        match self.zendesk.create_ticket(&ticket, pair.user) {
            Ok(number) => self.make(Self::of_ticket(number, "subject", Kind::TicketCreated, Expected::Text(subject)), || {
                Ok::<(), crate::zendesk::Refusal>(())
            }),
            Err(refusal) => {
                tracing::debug!(%refusal, "a ticket was refused");
                false
            }
        }
    }

    pub(crate) fn ticket_updated(&mut self) -> bool {
        let Some(number) = self.ticket(|status| !matches!(status, "closed" | "deleted")) else { return false };
        let trouble = TROUBLES.choose(&mut self.rng).copied().unwrap_or("Cannot sign in");
        let subject = format!("{trouble} {}", self.token());
        let edit = Self::of_ticket(number, "subject", Kind::TicketUpdated, Expected::Text(subject.clone()));
        let by = self.agent();
        self.make(edit, || self.zendesk.update_ticket(number, &map(json!({"subject": subject})), by).map(drop))
    }

    pub(crate) fn ticket_solved(&mut self) -> bool {
        let Some(number) = self.ticket(|status| matches!(status, "new" | "open" | "pending" | "hold")) else { return false };
        let edit = Self::of_ticket(number, "status", Kind::TicketSolved, Expected::Value(Form::Text, json!("Completed")));
        let by = self.agent();
        let answer = map(json!({"status": "solved", "assignee_id": by, "comment": {"body": "This works again now.", "public": true}}));
        let made = self.make(edit, || self.zendesk.update_ticket(number, &answer, by).map(drop));
        if made {
            self.solved.push(number);
        }
        made
    }

    pub(crate) fn ticket_rated(&mut self) -> bool {
        if self.solved.is_empty() {
            return false;
        }
        let at = self.rng.random_range(0..self.solved.len());
        let number = self.solved.swap_remove(at);
        let score = if self.rng.random_range(0..10) == 0 { "bad" } else { "good" };
        let edit = Self::of_ticket(number, "csat", Kind::TicketRated, Expected::Value(Form::Text, json!(score)));
        self.make(edit, || self.zendesk.rate(number, score, None).map(drop))
    }
}
