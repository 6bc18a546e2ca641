//! Lists and searches. Contacts' dates are compared by calendar day in the workspace's time zone, while sorting knows the second; what the
//! index has not seen yet is not found; archived contacts never are.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::call::{Call, read_token, token};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{Kind, Record, State};
use super::text::{plain, seconds};

/// Filters of one group.
const FILTERS_MAX: usize = 15;
/// Groups within groups.
const DEPTH_MAX: usize = 2;
/// Rows of a page at most.
const PAGE_MAX: usize = 150;
/// Fields of contacts that are dates.
const CONTACT_DATES: &[&str] = &["created_at", "updated_at", "signed_up_at", "last_seen_at", "last_contacted_at", "last_replied_at"];

/// A condition of a search.
#[derive(Debug)]
enum Term {
    All(Vec<Term>),
    Any(Vec<Term>),
    Is { field: String, operator: String, value: Value },
}

fn parse(query: &Value, depth: usize) -> Result<Term, Refusal> {
    let wrong = |message: &str| Refusal::parameter("query", message);
    let operator = query["operator"].as_str().ok_or_else(|| wrong("operator not specified"))?;
    if let Some(field) = query["field"].as_str() {
        let value = query.get("value").cloned().ok_or_else(|| wrong("value not specified"))?;
        return Ok(Term::Is { field: field.to_owned(), operator: operator.to_owned(), value });
    }
    let terms = query["value"].as_array().ok_or_else(|| wrong("value must be an array of filters"))?;
    if depth > DEPTH_MAX || terms.len() > FILTERS_MAX {
        return Err(wrong("The query is too complex: at most 15 filters in a group and 2 levels of nesting"));
    }
    let terms = terms.iter().map(|term| parse(term, depth + 1)).collect::<Result<Vec<_>, _>>()?;
    match operator {
        "AND" => Ok(Term::All(terms)),
        "OR" => Ok(Term::Any(terms)),
        _ => Err(wrong("operator must be AND or OR")),
    }
}

/// The day that a second falls into, as days since 1970 in the workspace's time zone.
fn day(at: i64, zone: &TimeZone) -> i64 {
    let local = Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone());
    i64::from(jiff::civil::date(1970, 1, 1).until(local.date()).map_or(0, |span| span.get_days()))
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn same(held: &Value, wanted: &Value) -> bool {
    match (text_of(held), text_of(wanted)) {
        (Some(held), Some(wanted)) => held.eq_ignore_ascii_case(&wanted),
        (held, wanted) => held.is_none() && wanted.is_none(),
    }
}

/// A page of a list.
struct Leaf {
    /// Rows of it at most.
    size: usize,
    /// Rows of the whole list.
    total: usize,
    /// Whether the list is in order of changes or of creations; none for one in order of ids.
    by_update: Option<bool>,
}

/// What a list is in order of.
fn stamp(record: &Record, by_update: bool) -> i64 {
    if by_update { record.updated_ms } else { record.created_ms }
}

impl State {
    /// What a record has in a field; several values where it has several. `None` for a field that cannot be searched.
    fn searched(&self, kind: Kind, record: &Record, field: &str) -> Option<Vec<Value>> {
        let value = |name: &str| vec![record.values.get(name).cloned().unwrap_or(Value::Null)];
        let at = |ms: Option<i64>| vec![ms.map_or(Value::Null, |ms| json!(seconds(ms)))];
        let tags = || record.tags.iter().map(|(tag, ..)| json!(tag)).collect();
        let custom = |name: &str| vec![record.custom.get(name).cloned().unwrap_or(Value::Null)];
        Some(match (kind, field) {
            (_, "id") => vec![json!(record.id)],
            (_, "created_at") => at(Some(record.created_ms)),
            (_, "updated_at") => at(Some(record.updated_ms)),
            (
                Kind::Contact,
                "role" | "name" | "owner_id" | "email" | "phone" | "external_id" | "signed_up_at" | "last_seen_at" | "language_override",
            ) => value(field),
            (Kind::Contact, "formatted_phone") => value("phone"),
            (Kind::Contact, "email_domain") => {
                vec![record.text("email").and_then(|email| email.split_once('@')).map_or(Value::Null, |(_, domain)| json!(domain))]
            }
            (Kind::Contact, "last_replied_at") => at(record.stats.last_contact_reply),
            (Kind::Contact, "last_contacted_at") => at(record.stats.last_admin_reply),
            (Kind::Contact, "tag_id") | (Kind::Conversation | Kind::Ticket, "tag_ids") => tags(),
            (Kind::Contact, "segment_id") => Vec::new(),
            (Kind::Conversation | Kind::Ticket, "contact_ids") => record.contacts.iter().map(|contact| json!(contact)).collect(),
            (Kind::Conversation | Kind::Ticket, "admin_assignee_id" | "team_assignee_id" | "snoozed_until") => value(field),
            (Kind::Conversation, "open") => vec![json!(record.text("state") != Some("closed"))],
            (Kind::Conversation, "state" | "title" | "read" | "priority") => value(field),
            (Kind::Conversation, "source.body") => vec![json!(plain(record.text("body").unwrap_or_default()))],
            (Kind::Conversation, "source.subject") => value("subject"),
            (Kind::Conversation, "source.author.id") => value("author"),
            (Kind::Conversation, "conversation_rating.rating") => {
                vec![record.values.get("rating").map_or(Value::Null, |rating| rating["rating"].clone())]
            }
            (Kind::Conversation, "statistics.last_close_at") => at(record.stats.last_close),
            (Kind::Ticket, "open" | "ticket_type_id") => value(field),
            (Kind::Ticket, "state") => value("ticket_state"),
            (Kind::Ticket, "title") => custom("_default_title_"),
            (Kind::Ticket, "description") => custom("_default_description_"),
            (Kind::Ticket, "category") => {
                let ty = self.ticket_types.iter().find(|ty| Some(ty.id.as_str()) == record.text("ticket_type_id"))?;
                vec![json!(match ty.category.as_str() {
                    "Customer" => "request",
                    "Back-office" => "task",
                    _ => "tracker",
                })]
            }
            (Kind::Ticket, _) => {
                let wanted = field.strip_prefix("ticket_attribute.")?;
                let attribute = self.ticket_types.iter().flat_map(|ty| &ty.attributes).find(|attribute| attribute.id == wanted)?;
                custom(&attribute.name)
            }
            (_, _) => {
                let name = field.strip_prefix("custom_attributes.")?;
                self.attributes.iter().find(|known| known.kind == kind && known.name == name)?;
                custom(name)
            }
        })
    }

    fn holds(&self, kind: Kind, record: &Record, term: &Term, zone: &TimeZone) -> Result<bool, Refusal> {
        let (field, operator, value) = match term {
            Term::All(terms) => {
                return terms.iter().try_fold(true, |so_far, term| Ok(so_far && self.holds(kind, record, term, zone)?));
            }
            Term::Any(terms) => {
                return terms.iter().try_fold(false, |so_far, term| Ok(so_far || self.holds(kind, record, term, zone)?));
            }
            Term::Is { field, operator, value } => (field.as_str(), operator.as_str(), value),
        };
        let unknown = || Refusal::parameter(field, format!("Invalid search field: {field}"));
        let held = self.searched(kind, record, field).ok_or_else(unknown)?;
        let wrong = || Refusal::parameter(field, format!("The operator {operator} is not valid for {field}"));
        let dates = kind == Kind::Contact && CONTACT_DATES.contains(&field);
        let number = |value: &Value| value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        let list = || value.as_array().ok_or_else(|| Refusal::parameter(field, "value must be an array"));
        if dates {
            // `>` begins with the next midnight, `<` ends before the day's own.
            let wanted = number(value).ok_or_else(|| Refusal::parameter(field, "value must be a UNIX timestamp"))? as i64;
            let wanted = day(wanted, zone);
            let held = held.first().and_then(Value::as_i64).map(|at| day(at, zone));
            return match operator {
                "=" => Ok(held == Some(wanted)),
                ">" => Ok(held.is_some_and(|held| held > wanted)),
                "<" => Ok(held.is_some_and(|held| held < wanted)),
                _ => Err(wrong()),
            };
        }
        let any = |test: &dyn Fn(&Value) -> bool| if held.is_empty() { test(&Value::Null) } else { held.iter().any(test) };
        let compare = |accept: &[Ordering]| {
            let wanted = number(value);
            any(&|held| {
                number(held).zip(wanted).and_then(|(held, wanted)| held.partial_cmp(&wanted)).is_some_and(|order| accept.contains(&order))
            })
        };
        let text = |test: &dyn Fn(&str, &str) -> bool| {
            let wanted = text_of(value).unwrap_or_default().to_lowercase();
            any(&|held| text_of(held).is_some_and(|held| test(&held.to_lowercase(), &wanted)))
        };
        let set = field == "tag_id";
        match operator {
            "=" => Ok(any(&|held| same(held, value))),
            "!=" => Ok(!any(&|held| same(held, value))),
            "IN" if !set => Ok(list()?.iter().any(|wanted| any(&|held| same(held, wanted)))),
            "NIN" if !set => Ok(!list()?.iter().any(|wanted| any(&|held| same(held, wanted)))),
            // For conversations and tickets both mean "or equal".
            ">" if kind != Kind::Contact => Ok(compare(&[Ordering::Greater, Ordering::Equal])),
            "<" if kind != Kind::Contact => Ok(compare(&[Ordering::Less, Ordering::Equal])),
            ">" => Ok(compare(&[Ordering::Greater])),
            "<" => Ok(compare(&[Ordering::Less])),
            ">=" => Ok(compare(&[Ordering::Greater, Ordering::Equal])),
            "<=" => Ok(compare(&[Ordering::Less, Ordering::Equal])),
            "~" if field == "source.body" => Ok(text(&|held, wanted| held.split_whitespace().any(|word| word == wanted))),
            "~" => Ok(text(&|held, wanted| held.contains(wanted))),
            "!~" => Ok(!text(&|held, wanted| held.contains(wanted))),
            "^" => Ok(text(&|held, wanted| held.starts_with(wanted))),
            "$" => Ok(text(&|held, wanted| held.ends_with(wanted))),
            _ => Err(wrong()),
        }
    }

    /// A row of a list or a search: parts are in views alone.
    fn row_shown(&self, kind: Kind, record: &Record, version: u16) -> Value {
        match kind {
            Kind::Contact => self.contact_shown(record),
            Kind::Company => self.company_shown(record),
            Kind::Conversation => self.conversation_shown(record, version, false, false),
            Kind::Ticket => self.ticket_shown(record, version, true),
        }
    }

    /// The answer with one page out of what is left of a list.
    fn answered_list(&self, kind: Kind, call: &Call, left: &[&Record], leaf: &Leaf) -> Answer {
        let rows = &left[..left.len().min(leaf.size)];
        let shown: Vec<Value> = rows.iter().map(|record| self.row_shown(kind, record, call.version)).collect();
        let page = (leaf.total - left.len()) / leaf.size + 1;
        let mut pages = json!({"type": "pages", "page": page, "per_page": leaf.size, "total_pages": leaf.total.div_ceil(leaf.size)});
        if let Some(last) = rows.last().filter(|_| left.len() > leaf.size) {
            let next = token(&json!(leaf.by_update.map(|by_update| stamp(last, by_update))), &last.id);
            pages["next"] = json!({"per_page": leaf.size, "starting_after": next});
        }
        let (ty, list) = match kind {
            Kind::Conversation => ("conversation.list", "conversations"),
            Kind::Ticket => ("ticket.list", "tickets"),
            Kind::Contact | Kind::Company => ("list", "data"),
        };
        Answer::ok(json!({"type": ty, list: shown, "total_count": leaf.total, "pages": pages}))
    }

    /// `GET /contacts` and `GET /conversations`: newest first, without a filter, and never behind.
    pub(crate) fn list(&self, call: &Call, kind: Kind) -> Outcome {
        let size = call.size(if kind == Kind::Contact { 50 } else { 20 }, PAGE_MAX)?;
        let after = call.query("starting_after").map(read_token).transpose()?.map(|(_, id)| id);
        let all: Vec<&Record> = self.records[kind.index()].values().rev().filter(|record| !record.archived).collect();
        let total = all.len();
        let left: Vec<&Record> = all.into_iter().filter(|record| after.as_ref().is_none_or(|after| record.id < *after)).collect();
        Ok(self.answered_list(kind, call, &left, &Leaf { size, total, by_update: None }))
    }

    /// `POST /{contacts,conversations,tickets}/search`.
    pub(crate) fn search(&self, call: &Call, kind: Kind) -> Outcome {
        let query = call.body.get("query").ok_or_else(|| Refusal::absent("query"))?;
        let term = parse(query, 1)?;
        let zone = TimeZone::get(&self.options.timezone).unwrap_or(TimeZone::UTC);
        let empty = Map::new();
        let pagination = call.body.get("pagination").and_then(Value::as_object).unwrap_or(&empty);
        let usual = if kind == Kind::Contact { 50 } else { 20 };
        let asked = pagination.get("per_page").and_then(Value::as_u64).map_or(usual, |size| size as usize);
        if asked == 0 || asked > PAGE_MAX {
            return Err(Refusal::parameter("per_page", format!("per_page must be between 1 and {PAGE_MAX}")));
        }
        let size = if call.half_page && asked > 1 { asked.div_ceil(2) } else { asked };
        let sort = call.body.get("sort").cloned().unwrap_or_default();
        let by_update = match sort["field"].as_str() {
            None | Some("created_at") => false,
            Some("updated_at") => true,
            Some(_) => return Err(Refusal::new(400, "invalid_sort_order", "Sorting by this field is not supported")),
        };
        let descending = match sort["order"].as_str() {
            None | Some("descending" | "desc") => true,
            Some("ascending" | "asc") => false,
            Some(_) => return Err(Refusal::new(400, "invalid_sort_order", "order must be ascending or descending")),
        };
        let mut found: Vec<&Record> = Vec::new();
        for record in self.records[kind.index()].values() {
            let Some(seen) = record.indexed(self.now_ms, self.lag_ms()) else { continue };
            if !seen.archived && self.holds(kind, seen, &term, &zone)? {
                found.push(seen);
            }
        }
        let place = |record: &Record| (stamp(record, by_update), record.id.clone());
        found.sort_by_key(|record| place(record));
        if descending {
            found.reverse();
        }
        let total = found.len();
        let after = pagination.get("starting_after").and_then(Value::as_str).map(read_token).transpose()?;
        let after = after.map(|(stamp, id)| (stamp.as_i64().unwrap_or_default(), id));
        let beyond =
            |record: &&Record| after.as_ref().is_none_or(|after| if descending { place(record) < *after } else { place(record) > *after });
        let left: Vec<&Record> = found.into_iter().filter(beyond).collect();
        Ok(self.answered_list(kind, call, &left, &Leaf { size, total, by_update: Some(by_update) }))
    }
}
