//! Outbound messages: the org's workflow posts SOAP to a URL when a record is created or changed.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::envelope::escape;
use super::id::SfId;
use super::org::{Org, WriteKind, WriteNotice};
use crate::mailroom::Delivery;

/// Notifications in one message, at most.
const NOTIFICATIONS_MAX: usize = 100;

/// A condition on the record as saved.
type Condition = Arc<dyn Fn(&Map<String, Value>) -> bool + Send + Sync>;

/// One workflow rule with its outbound message.
#[derive(Clone)]
pub struct OutboundRule {
    /// Object it watches.
    pub object: String,
    /// Where the message goes.
    pub url: String,
    /// Fields in the message, beside `Id`.
    pub fields: Vec<String>,
    /// Users whose writes send nothing, such as the integration user (ids).
    pub except: Vec<String>,
    /// Fields of which one must have changed; empty for any save.
    pub when_changed: Vec<String>,
    condition: Option<Condition>,
    /// The message that it sends.
    pub(crate) action: Option<SfId>,
    /// User under whose name a message of the Tooling API is sent; empty for a rule that sends by itself.
    pub(crate) sender: String,
    /// Whether nothing sends the message.
    pub(crate) dormant: bool,
}

impl OutboundRule {
    /// A message on every create and update.
    #[must_use]
    pub fn new(object: &str, url: &str, fields: &[&str]) -> Self {
        Self {
            object: object.to_owned(),
            url: url.to_owned(),
            fields: fields.iter().map(|f| (*f).to_owned()).collect(),
            except: Vec::new(),
            when_changed: Vec::new(),
            condition: None,
            action: None,
            sender: String::new(),
            dormant: false,
        }
    }

    /// Sends only for records for which `holds` says so.
    #[must_use]
    pub fn when(mut self, holds: impl Fn(&Map<String, Value>) -> bool + Send + Sync + 'static) -> Self {
        self.condition = Some(Arc::new(holds));
        self
    }

    fn fires(&self, org: &Org, notice: &WriteNotice) -> bool {
        if self.dormant
            || !self.object.eq_ignore_ascii_case(&notice.object)
            || !matches!(notice.kind, WriteKind::Create | WriteKind::Update)
        {
            return false;
        }
        if self.except.contains(&notice.by) {
            return false;
        }
        let touched = self.when_changed.is_empty()
            || notice.changed.iter().any(|(name, _)| self.when_changed.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)));
        touched
            && self.condition.as_ref().is_none_or(|holds| {
                found(org, &notice.id).is_some_and(|(table, ord)| org.tables[table].row(ord).is_some_and(|row| holds(&org.map(table, row))))
            })
    }
}

impl std::fmt::Debug for OutboundRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboundRule")
            .field("object", &self.object)
            .field("url", &self.url)
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

fn found(org: &Org, id: &str) -> Option<(usize, u32)> {
    org.locate(SfId::parse(id)?)
}

/// The messages that one transaction's writes cause.
pub(crate) fn letters(org: &mut Org, notices: &[WriteNotice]) -> Vec<Delivery> {
    let mut letters = Vec::new();
    if notices.is_empty() {
        return letters;
    }
    for at in 0..org.outbound.len() {
        let rule = org.outbound[at].clone();
        let mut ids: Vec<&str> = notices.iter().filter(|notice| rule.fires(org, notice)).map(|notice| notice.id.as_str()).collect();
        // A record saved twice in a transaction is told once, with its last values.
        let mut seen = std::collections::HashSet::new();
        ids.retain(|id| seen.insert(*id));
        if ids.is_empty() {
            continue;
        }
        let Some(action) = rule.action else { continue };
        for chunk in ids.chunks(NOTIFICATIONS_MAX) {
            let body = message(org, &rule, action, chunk);
            letters.push(Delivery {
                platform: "salesforce",
                method: http::Method::POST,
                url: rule.url.clone(),
                headers: vec![
                    ("Content-Type".to_owned(), "text/xml; charset=utf-8".to_owned()),
                    ("SOAPAction".to_owned(), "\"\"".to_owned()),
                    ("User-Agent".to_owned(), "SFDC".to_owned()),
                ],
                body: body.into_bytes(),
                attempt: 0,
            });
        }
    }
    letters
}

fn message(org: &mut Org, rule: &OutboundRule, action: SfId, ids: &[&str]) -> String {
    let org_id = org.org_id;
    let mut xml = String::from(
        r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">"#,
    );
    let host = format!("https://sim-{}.my.salesforce.com", org_id.short().to_lowercase());
    xml.push_str(&format!(
        r#"<OrganizationId>{org_id}</OrganizationId><ActionId>{action}</ActionId><SessionId xsi:nil="true"/><EnterpriseUrl>{host}/services/Soap/c/62.0/{short}</EnterpriseUrl><PartnerUrl>{host}/services/Soap/u/62.0/{short}</PartnerUrl>"#,
        short = org_id.short()
    ));
    for id in ids {
        let Some((table, ord)) = found(org, id) else { continue };
        let notification = org.next_notification();
        let t = &org.tables[table];
        let Some(row) = t.row(ord) else { continue };
        xml.push_str(&format!(
            r#"<Notification><Id>{notification}</Id><sObject xsi:type="sf:{name}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>{id}</sf:Id>"#,
            name = t.name
        ));
        for field in rule.fields.iter().filter(|f| !f.eq_ignore_ascii_case("Id")) {
            let Some((slot, found)) = t.named(field) else { continue };
            let value = t.value(row, slot);
            if !value.is_null() {
                xml.push_str(&format!("<sf:{0}>{1}</sf:{0}>", found.spec.name, escape(&value.plain(found.spec.kind))));
            }
        }
        xml.push_str("</sObject></Notification>");
    }
    xml.push_str("</notifications></soapenv:Body></soapenv:Envelope>");
    xml
}

impl Org {
    /// Puts a rule in force, with the message that it sends as the Tooling API shows it.
    pub(crate) fn add_outbound(&mut self, rule: OutboundRule) {
        let name = format!("{} {}", rule.object, self.outbound.len() + 1);
        let full = format!("{}.{name}", rule.object);
        self.keep_message(rule, &name, &full);
    }

    /// Keeps a message and what is known of its sending; gives its id.
    pub(crate) fn keep_message(&mut self, mut rule: OutboundRule, name: &str, full: &str) -> Option<SfId> {
        let entity = self.table(&rule.object).and_then(|table| self.entity_of(table));
        let shown = [("Name", name), ("FullName", full)];
        rule.action = self.silent_row("WorkflowOutboundMessage", &shown, entity.map(|id| ("EntityDefinitionId", id)));
        let action = rule.action;
        self.outbound.push(rule);
        self.watched = true;
        action
    }

    fn next_notification(&mut self) -> SfId {
        self.notified += 1;
        SfId::new(*b"04l", self.pod, self.notified)
    }
}
