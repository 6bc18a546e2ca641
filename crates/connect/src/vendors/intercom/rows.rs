//! Rows by id, and rows whose id is not known.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entente_model::clock::Timestamp;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};

use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Existence, Find, Look, ReadSpec};
use crate::phone;
use crate::transport::call::Call;

use super::kind::{Kind, TICKET, is_id};
use super::map::{Beside, Seen, Wanted, company_of, contact_of, first_company, gone, id_text, is_stand_in, look};
use super::refusal::{misfit, of_no_row};
use super::wire::{Read, seen, send};
use super::{Intercom, SPEC};

/// How far what a search shows may be behind the rows: up to minutes, which is also why polls overlap.
pub(super) const INDEX_LAG: Duration = SPEC.overlap;
/// From so many contacts on, their companies are asked for together: a search costs one call, and is a minute or so behind.
const TOGETHER: usize = 4;
/// Rows of a page of search at most.
const ROWS: usize = 150;

/// A look at what a search shows, dated back by the index's lag. An index that shows a change has caught up with it, however far it is behind.
pub(super) fn indexed(look: Look) -> Look {
    let surely = look.seen_at.checked_sub(INDEX_LAG).unwrap_or(Timestamp::MIN);
    let surely = look.mark.at.map_or(surely, |at| at.max(surely));
    Look { seen_at: surely.min(look.seen_at), ..look }
}

/// What a view of a row shows.
#[derive(Debug)]
pub(crate) enum View {
    Row(Box<Value>),
    MergedInto(String),
    Gone,
}

impl Intercom {
    /// A row as its own view shows it.
    pub(super) async fn view(&self, kind: Kind, id: &str, priority: Priority) -> Result<View, VendorError> {
        if !is_id(id) {
            return Ok(View::Gone);
        }
        let read = self.get(format!("/{}/{id}", kind.plural()), priority).await?;
        let ticket = kind == Kind::Conversation && (read.status >= 400 || !read.body["ticket"].is_null());
        let read = if ticket {
            let mut shown = self.get(format!("/tickets/{id}"), priority).await?;
            // What was said in the conversation that it was stands in the conversation's own view alone.
            if let Some(said) = read.body.get("conversation_parts").filter(|_| shown.body.is_object()) {
                shown.body["conversation_parts"] = said.clone();
            }
            shown
        } else {
            read
        };
        Ok(match read.winner {
            _ if read.status < 300 => View::Row(Box::new(read.body)),
            Some(winner) if winner != id => View::MergedInto(winner),
            _ => View::Gone,
        })
    }

    async fn get(&self, path: String, priority: Priority) -> Result<Read, VendorError> {
        // An answer of another kind than an error list comes from somewhere else than Intercom.
        let read = send(&self.client, "view", priority, Call::get(path).accept(&[404, 410])).await?;
        if read.status >= 400 && !read.body["errors"].is_array() {
            return Err(misfit(
                "endpoint",
                format!("the address answers with status {} and without Intercom's words", read.status),
                "check base_url: it must be https://api.intercom.io (or the one of your region), or a gateway that passes its paths on",
            ));
        }
        Ok(read)
    }

    /// Rows by id, in the order of the ids. Those that Intercom does not show are deleted, or merged into another.
    pub(super) async fn fetch_rows(&self, spec: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        let kind = Kind::named(&spec.object)?;
        let views: Vec<View> = stream::iter(ids.to_vec())
            .map(|id| async move { self.view(kind, &id, priority).await })
            .buffered(SPEC.concurrency)
            .try_collect()
            .await?;
        let seen = seen(&self.client);
        let present: Vec<Value> =
            views.iter().filter_map(|view| if let View::Row(row) = view { Some((**row).clone()) } else { None }).collect();
        let shown = self.looks(kind, &present, &spec.fields, seen, priority).await?;
        let mut shown: BTreeMap<String, Look> = shown.into_iter().map(|look| (look.id.clone(), look)).collect();
        Ok(ids
            .iter()
            .zip(views)
            .map(|(id, view)| {
                let existence = match view {
                    View::MergedInto(winner) => Existence::MergedInto(winner),
                    View::Gone | View::Row(_) => Existence::Deleted,
                };
                shown.remove(id).unwrap_or_else(|| gone(kind, id.clone(), existence, None, seen))
            })
            .collect())
    }

    /// Flattens rows with what stands beside them. The contact that stands in for colleagues is nobody.
    pub(super) async fn looks(
        &self,
        kind: Kind,
        rows: &[Value],
        fields: &[String],
        seen: Seen,
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        let custom = self.fields_for(kind, fields, priority).await?;
        let names = self.names_for(fields, rows, priority).await;
        let asked = kind == Kind::Conversation && fields.iter().any(|name| name == "company_id");
        let companies = if asked { self.companies_of(rows, priority).await? } else { BTreeMap::new() };
        let beside = Beside { names: Some(&names), fields: Some(&custom), companies: Some(&companies) };
        let rows = rows.iter().filter(|row| !is_stand_in(row));
        Ok(rows.filter_map(|row| look(kind, row, beside, Wanted::Fields(fields), seen)).collect())
    }

    /// The companies of the contacts that conversations are with, where those do not name one themselves.
    async fn companies_of(&self, rows: &[Value], priority: Priority) -> Result<BTreeMap<String, Option<String>>, VendorError> {
        let contacts: BTreeSet<String> = rows.iter().filter(|row| company_of(row).is_none()).filter_map(contact_of).collect();
        let mut found = BTreeMap::new();
        if contacts.len() >= TOGETHER {
            let contacts: Vec<&String> = contacts.iter().collect();
            for some in contacts.chunks(ROWS) {
                let query = json!({"field": "id", "operator": "IN", "value": some});
                let body = json!({"query": query, "pagination": {"per_page": ROWS}});
                let call = Call::post("/contacts/search", body).idempotent();
                let read = send(&self.client, "search", priority, call).await.map_err(of_no_row)?;
                found.extend(read.rows()?.iter().filter_map(|row| Some((id_text(&row["id"])?, first_company(row)))));
            }
        }
        let rest: Vec<String> = contacts.into_iter().filter(|contact| !found.contains_key(contact)).collect();
        let views: Vec<(String, View)> = stream::iter(rest)
            .map(|id| async move {
                let view = self.view(Kind::Contact, &id, priority).await?;
                Ok::<_, VendorError>((id, view))
            })
            .buffered(SPEC.concurrency)
            .try_collect()
            .await?;
        // Whoever is gone has no company; the conversation stays.
        found.extend(views.into_iter().map(|(id, view)| (id, if let View::Row(row) = view { first_company(&row) } else { None })));
        Ok(found)
    }

    /// Answers questions, keys of tickets together and the others one by one.
    pub(super) async fn find_rows(
        &self,
        spec: &ReadSpec,
        questions: &[Find],
        key_field: &str,
        priority: Priority,
    ) -> Result<Vec<Vec<Look>>, VendorError> {
        let kind = Kind::named(&spec.object)?;
        let asks_keys = questions.iter().any(|question| matches!(question, Find::Key(_)));
        if asks_keys {
            self.key_must_fit(kind, key_field)?;
        }
        stream::iter(questions.to_vec())
            .map(|question| async move {
                let rows = match (&question, kind) {
                    (Find::Key(key), Kind::Contact) => self.contact_by_key(key, priority).await?.into_iter().collect(),
                    (Find::Key(key), Kind::Company) => self.companies_by("company_id", key, priority).await?,
                    (Find::Key(key), Kind::Conversation) => self.tickets_by_key(key, key_field, priority).await?,
                    (Find::Email(email), Kind::Contact) => {
                        let email = email.trim().to_lowercase();
                        self.contacts_by("email", &email, priority, |row| {
                            row["email"].as_str().is_some_and(|held| held.eq_ignore_ascii_case(&email))
                        })
                        .await?
                    }
                    (Find::Phone(number), Kind::Contact) => {
                        self.contacts_by("phone", number, priority, |row| {
                            row["phone"].as_str().is_some_and(|held| phone::same(held, number))
                        })
                        .await?
                    }
                    (Find::Name(name), Kind::Contact) => self.contacts_by("name", name, priority, |row| is_named(row, name)).await?,
                    (Find::Name(name), Kind::Company) => self.companies_by("name", name, priority).await?,
                    // Companies have no address of their own, and conversations nothing to be known by.
                    _ => Vec::new(),
                };
                let looks = self.looks(kind, &rows, &spec.fields, seen(&self.client), priority).await?;
                // Companies, and contacts by key, are no search.
                let searched = !matches!((&question, kind), (_, Kind::Company) | (Find::Key(_), Kind::Contact));
                Ok(if searched { looks.into_iter().map(indexed).collect() } else { looks })
            })
            .buffered(SPEC.concurrency)
            .try_collect()
            .await
    }

    /// Contacts whose field is a value, as far as the index knows; a filter that a gateway drops must not hand us strangers.
    async fn contacts_by(
        &self,
        field: &str,
        value: &str,
        priority: Priority,
        same: impl Fn(&Value) -> bool,
    ) -> Result<Vec<Value>, VendorError> {
        let body = json!({"query": {"field": field, "operator": "=", "value": value}, "pagination": {"per_page": 50}});
        let read = send(&self.client, "search", priority, Call::post("/contacts/search", body).idempotent()).await.map_err(of_no_row)?;
        Ok(read.rows()?.iter().filter(|row| same(row)).cloned().collect())
    }

    /// The contact with a key. This is no search, and never behind.
    pub(super) async fn contact_by_key(&self, key: &str, priority: Priority) -> Result<Option<Value>, VendorError> {
        let path =
            format!("/contacts/find_by_external_id/{}", percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC));
        let read = self.get(path, priority).await?;
        Ok(Some(read.body).filter(|row| read.status < 300 && row["external_id"] == key))
    }

    /// The one company that Intercom gives for an id or a name.
    async fn companies_by(&self, filter: &str, value: &str, priority: Priority) -> Result<Vec<Value>, VendorError> {
        let read = send(&self.client, "view", priority, Call::get("/companies").query(filter, value).accept(&[404])).await?;
        let found = if read.status < 300 && read.body["type"] == "company" { vec![read.body] } else { Vec::new() };
        Ok(found.into_iter().filter(|row| if filter == "name" { is_named(row, value) } else { row[filter] == value }).collect())
    }

    /// Tickets whose attribute holds a key, as far as the index knows.
    pub(super) async fn tickets_by_key(&self, key: &str, key_field: &str, priority: Priority) -> Result<Vec<Value>, VendorError> {
        let Some(name) = key_field.strip_prefix(TICKET) else { return Ok(Vec::new()) };
        let attributes = self.ticket_types(priority).await?.into_iter().filter_map(|ty| ty.attributes.get(name).map(|(id, _)| id.clone()));
        let terms: Vec<Value> =
            attributes.map(|id| json!({"field": format!("ticket_attribute.{id}"), "operator": "=", "value": key})).collect();
        if terms.is_empty() {
            return Err(super::schema::unknown(Kind::Conversation, key_field));
        }
        let body = json!({"query": {"operator": "OR", "value": terms}, "pagination": {"per_page": 20}});
        let read = send(&self.client, "search", priority, Call::post("/tickets/search", body).idempotent()).await.map_err(of_no_row)?;
        Ok(read.rows()?.iter().filter(|row| row["ticket_attributes"][name] == key).cloned().collect())
    }

    /// Rows are found by one attribute; another key could make twins.
    pub(super) fn key_must_fit(&self, kind: Kind, key_field: &str) -> Result<(), VendorError> {
        let (fits, advice) = match kind {
            Kind::Contact => (key_field == "external_id", "set the mapping's key to external_id, by which Intercom finds contacts"),
            Kind::Company => (key_field == "company_id", "set the mapping's key to company_id, by which Intercom knows companies"),
            Kind::Conversation => {
                (key_field.starts_with(TICKET), "set the mapping's key to an attribute of tickets: ticket_attributes.entente_id")
            }
        };
        if fits {
            return Ok(());
        }
        let reason = format!("`{key_field}` cannot carry Entente's record id at Intercom's {}", kind.plural());
        Err(misfit("key_field", reason, advice).about(key_field))
    }
}

fn is_named(row: &Value, name: &str) -> bool {
    let held = row["name"].as_str().map(entente_model::normalise::html::decode);
    held.is_some_and(|held| held.trim().to_lowercase() == name.trim().to_lowercase())
}
