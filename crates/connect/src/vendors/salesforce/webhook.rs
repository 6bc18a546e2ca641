//! Outbound messages: SOAP that Salesforce sends when a flow says so. They are not signed, so the path holds a secret; they leave
//! empty fields out, so they are partial looks; and they repeat, in any order, with the row's latest values.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event as Xml};
use quick_xml::reader::Reader;
use ring::digest;
use serde_json::Value;

use super::capabilities::MESSAGE;
use super::map::{Seeing, convert, version};
use super::wire::{Record, text};
use super::{Salesforce, ids};
use crate::look::{Existence, Look};
use crate::settings::Secret;
use crate::webhook::{Blanks, Delivery, Event, Incoming, Receipt, WebhookError};
use entente_model::mapping::remote::{RemoteKind, Row};

/// The envelope that tells Salesforce not to send again.
pub(super) const RECEIPT: Receipt = Receipt {
    content_type: "text/xml; charset=utf-8",
    body: "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\">\
           <soapenv:Body><notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>true</Ack></notificationsResponse>\
           </soapenv:Body></soapenv:Envelope>",
};

/// One notification: its id, its object, and the fields it carries.
#[derive(Debug, PartialEq)]
pub(super) struct Notification {
    pub id: String,
    pub object: String,
    pub fields: BTreeMap<String, Option<String>>,
}

/// A message as it is written.
#[derive(Debug, PartialEq)]
pub(super) struct Message {
    pub organization: String,
    pub notifications: Vec<Notification>,
}

impl Salesforce {
    /// See [`Connector::open`](crate::connector::Connector::open).
    pub(super) fn open_message(&self, incoming: &Incoming, path_secret: &str, now: Timestamp) -> Result<Delivery, WebhookError> {
        let settings = &self.client.settings().webhooks;
        if settings.path_secret.is_empty() {
            return Err(unverified(
                "no path secret is configured",
                "run `entente provision --apply`, which makes one and shows what to set up, or set `webhooks.path_secret` and put it at the \
                 end of the endpoint URL in Salesforce",
            ));
        }
        if !settings.path_secret.is(path_secret) {
            return Err(unverified(
                "the secret in the path does not match",
                "compare the endpoint URL in Salesforce with `webhooks.path_secret`",
            ));
        }
        let message = parse(&incoming.body)?;
        if let Some(organization) = &settings.organization
            && !Secret::new(ids::to_18(organization)).is(&ids::to_18(&message.organization))
        {
            return Err(unverified(
                "the message comes from another organisation",
                "set `webhooks.organization` to the OrganizationId of this org",
            ));
        }
        self.note_message();
        let id = delivery_id(&message);
        let events = message.notifications.into_iter().flat_map(|notification| self.events(notification, now)).collect();
        Ok(Delivery { id, events })
    }

    /// The events of a notification: of its object, and where that is a task or an event of the calendar, of the activity that it is as well; what
    /// no mapping names is passed over. They show the row only if the object's schema is known and the message says how new it is.
    fn events(&self, notification: Notification, now: Timestamp) -> Vec<Event> {
        let id = ids::to_18(notification.fields.get("Id").cloned().flatten().as_deref().unwrap_or_default());
        let partial = self.partial(&id, &notification, now);
        let mut look = partial.clone();
        let asked = self.asked_of(&notification.object);
        let blank = look.as_mut().zip(asked).and_then(|(look, asked)| self.blank_in(&notification.object, &asked, &mut look.row));
        let blanks = blank.map_or(Blanks::LeftOut, Blanks::Known);
        let event = Event { object: notification.object, id, look, kind: MESSAGE.to_owned(), blanks, created: false };
        let among = self.among_activities(&event, partial);
        std::iter::once(event).chain(among).collect()
    }

    fn partial(&self, id: &str, notification: &Notification, now: Timestamp) -> Option<Look> {
        let described = self.cached(&notification.object)?;
        let ours = &self.identity.get()?.user_id;
        let mut record = Record::new();
        let mut row = Row::new();
        for (name, value) in &notification.fields {
            if described.stands_for_the_currency(name) {
                continue;
            }
            let kind = described.kind(name)?;
            let value = value.as_ref().map_or(Value::Null, |text| typed(text, kind));
            record.insert(name.clone(), value.clone());
            row.insert(name.clone(), value);
        }
        // Who changed it is known once the row was fetched; a look that does not say would decide conflicts without it.
        if !self.strangers(text(&record, "LastModifiedById").into_iter()).is_empty() {
            return None;
        }
        let version = version(&record)?;
        let seeing = Seeing {
            object: &notification.object,
            described: &described,
            actors: &self.actors,
            ours,
            offset: self.client.offset(),
            seen_at: now,
        };
        let mark = seeing.mark(&record);
        Some(Look {
            object: notification.object.clone(),
            id: id.to_owned(),
            existence: Existence::Present,
            row,
            complete: false,
            version: Some(version),
            mark,
            seen_at: now,
        })
    }
}

fn unverified(reason: &str, remedy: &'static str) -> WebhookError {
    WebhookError::Unverified { reason: reason.to_owned(), remedy }
}

fn malformed(reason: impl Into<String>) -> WebhookError {
    WebhookError::Malformed { reason: reason.into() }
}

/// The id that repeats with a delivery: the notification's own, or a digest of several.
fn delivery_id(message: &Message) -> String {
    match message.notifications.as_slice() {
        [one] => one.id.clone(),
        many => {
            let all: Vec<&str> = many.iter().map(|notification| notification.id.as_str()).collect();
            let digest = digest::digest(&digest::SHA256, all.join(",").as_bytes());
            digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
        }
    }
}

/// A text of XML as the JSON value that the REST API would give.
fn typed(text: &str, kind: RemoteKind) -> Value {
    match kind {
        RemoteKind::Boolean => Value::from(text == "true" || text == "1"),
        RemoteKind::Number => serde_json::from_str::<serde_json::Number>(text).map_or_else(|_| Value::from(text), Value::Number),
        _ => convert(Value::from(text), Some(kind)),
    }
}

/// Takes an outbound message apart.
///
/// # Errors
/// When it is not XML, brings a document type (entities are never resolved), or lacks the organisation, or an object or id.
pub(super) fn parse(body: &[u8]) -> Result<Message, WebhookError> {
    let text = std::str::from_utf8(body).map_err(|error| malformed(format!("the body is not UTF-8: {error}")))?;
    let mut reader = Reader::from_str(text);
    let mut organization = None;
    let mut notifications = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut content = String::new();
    let mut nil = false;
    let mut open: Option<Notification> = None;
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event().map_err(|error| malformed(format!("XML error at byte {at}: {error}")))?;
        match event {
            Xml::Start(start) => {
                nil = is_nil(&start)?;
                content.clear();
                enter(&start, &mut open)?;
                path.push(local(&start));
            }
            Xml::Empty(start) => {
                let nil = is_nil(&start)?;
                enter(&start, &mut open)?;
                path.push(local(&start));
                leave(&path, if nil { None } else { Some(String::new()) }, &mut organization, &mut open);
                path.pop();
            }
            Xml::Text(text) => content.push_str(&text.xml_content(XmlVersion::Explicit1_0)),
            Xml::CData(data) => content.push_str(&data.xml_content(XmlVersion::Explicit1_0)),
            Xml::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(c)) => content.push(c),
                _ => match reference.xml_content(XmlVersion::Explicit1_0).as_ref() {
                    "lt" => content.push('<'),
                    "gt" => content.push('>'),
                    "amp" => content.push('&'),
                    "apos" => content.push('\''),
                    "quot" => content.push('"'),
                    other => return Err(malformed(format!("unknown entity `{other}` at byte {at}"))),
                },
            },
            Xml::End(_) => {
                let value = if nil { None } else { Some(std::mem::take(&mut content)) };
                nil = false;
                leave(&path, value, &mut organization, &mut open);
                if path.pop().as_deref() == Some("Notification")
                    && let Some(done) = open.take()
                {
                    if done.id.is_empty()
                        || done.object.is_empty()
                        || !done.fields.get("Id").is_some_and(|id| id.as_deref().is_some_and(ids::is_id))
                    {
                        return Err(malformed(format!(
                            "the notification that ends at byte {at} lacks its id, its object or the record's Id"
                        )));
                    }
                    notifications.push(done);
                }
                content.clear();
            }
            Xml::DocType(_) => return Err(malformed("a document type is not allowed")),
            Xml::Eof => break,
            Xml::Comment(_) | Xml::Decl(_) | Xml::PI(_) => {}
        }
    }
    if !path.is_empty() {
        return Err(malformed("the XML ends too early"));
    }
    let organization = organization.ok_or_else(|| malformed("there is no OrganizationId: this is not an outbound message"))?;
    Ok(Message { organization, notifications })
}

fn local(start: &BytesStart<'_>) -> String {
    start.local_name().as_ref().to_owned()
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, WebhookError> {
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| malformed(format!("attribute error: {error}")))?;
        if attribute.key.local_name().as_ref() == name {
            return Ok(Some(attribute.value.into_owned()));
        }
    }
    Ok(None)
}

fn is_nil(start: &BytesStart<'_>) -> Result<bool, WebhookError> {
    Ok(attribute(start, "nil")?.is_some_and(|value| value == "true" || value == "1"))
}

/// Notes the beginning of a notification, and the type of its record.
fn enter(start: &BytesStart<'_>, open: &mut Option<Notification>) -> Result<(), WebhookError> {
    match (start.local_name().as_ref(), open) {
        ("Notification", open) => *open = Some(Notification { id: String::new(), object: String::new(), fields: BTreeMap::new() }),
        ("sObject", Some(notification)) if notification.object.is_empty() => {
            let name = attribute(start, "type")?.unwrap_or_default();
            name.rsplit(':').next().unwrap_or_default().clone_into(&mut notification.object);
        }
        _ => {}
    }
    Ok(())
}

/// Takes in the value of an element that ends.
fn leave(path: &[String], value: Option<String>, organization: &mut Option<String>, open: &mut Option<Notification>) {
    let name = |back: usize| path.len().checked_sub(back).and_then(|at| path.get(at)).map_or("", String::as_str);
    match (name(2), name(1), open) {
        ("notifications", "OrganizationId", None) => *organization = value.map(|text| text.trim().to_owned()),
        ("Notification", "Id", Some(notification)) => notification.id = value.unwrap_or_default().trim().to_owned(),
        ("sObject", field, Some(notification)) => {
            notification.fields.insert(field.to_owned(), value);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(inner: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>
<notifications xmlns="http://soap.sforce.com/2005/09/outbound">
 <OrganizationId>00D000000000001AAA</OrganizationId><ActionId>04k000000000001AAA</ActionId><SessionId xsi:nil="true"/>
 {inner}
</notifications></soapenv:Body></soapenv:Envelope>"#
        )
    }

    const ONE: &str = r#"<Notification><Id>04l000000000001AAA</Id><sObject xsi:type="sf:Contact" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>003R0000005hDFYIA2</sf:Id><sf:Name>Ada &amp; &#67;harles</sf:Name><sf:Phone xsi:nil="true"/><sf:HasOptedOutOfEmail>true</sf:HasOptedOutOfEmail></sObject></Notification>"#;

    #[test]
    fn a_message_is_taken_apart() {
        let parsed = parse(message(ONE).as_bytes()).expect("message");
        assert_eq!(parsed.organization, "00D000000000001AAA");
        let [one] = parsed.notifications.as_slice() else { panic!("one notification") };
        assert_eq!((one.id.as_str(), one.object.as_str()), ("04l000000000001AAA", "Contact"));
        assert_eq!(one.fields["Id"].as_deref(), Some("003R0000005hDFYIA2"));
        assert_eq!(one.fields["Name"].as_deref(), Some("Ada & Charles"));
        assert_eq!(one.fields["Phone"], None);
        assert_eq!(delivery_id(&parsed), "04l000000000001AAA");
    }

    #[test]
    fn several_notifications_repeat_under_one_id() {
        let two = format!("{ONE}{}", ONE.replace("04l000000000001AAA", "04l000000000002AAA"));
        let id = |text: &str| delivery_id(&parse(message(text).as_bytes()).expect("message"));
        assert_eq!(id(&two), id(&two));
        assert_ne!(id(&two), id(ONE));
    }

    #[test]
    fn what_is_not_a_message_is_refused_with_a_reason() {
        let cases = [
            ("not xml at all", "OrganizationId"),
            ("<a><b></a>", "XML error"),
            (&message(ONE)[..200], ""),
            ("<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>", "document type"),
            (&message(&ONE.replace("&amp;", "&e;")), "unknown entity"),
            (&message(&ONE.replace("003R0000005hDFYIA2", "nothing")), "lacks"),
            (&message(&ONE.replace("xsi:type=\"sf:Contact\"", "")), "lacks"),
        ];
        for (text, expected) in cases {
            let error = parse(text.as_bytes()).expect_err(text);
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
        assert!(parse(&[0xff, 0xfe]).is_err());
    }
}
