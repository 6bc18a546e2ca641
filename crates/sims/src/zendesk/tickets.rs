//! Tickets as stored, and as the API shows them.

use serde_json::{Map, Value, json};

use super::attributes::TICKET;
use super::moment::iso;
use super::record::{Kind, Record, Val};
use super::state::State;

pub(crate) use super::metrics::{MetricEvent, Metrics};

/// Seconds after which a solved ticket closes by itself: 28 days.
pub(crate) const CLOSE_AFTER_SECONDS: i64 = 28 * 86_400;
/// Seconds after which a closed ticket is archived: 120 days.
pub(crate) const ARCHIVE_AFTER_SECONDS: i64 = 120 * 86_400;
/// Ids of the built-in custom statuses, by status category.
const CUSTOM_STATUSES: &[(&str, u64, &str)] = &[
    ("new", 26_155_587_000_011, "New"),
    ("open", 26_155_587_000_027, "Open"),
    ("pending", 26_155_587_000_043, "Pending"),
    ("hold", 26_155_587_000_059, "On-hold"),
    ("solved", 26_155_587_000_075, "Solved"),
];

/// A comment.
#[derive(Debug, Clone)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) author: u64,
    pub(crate) body: Box<str>,
    pub(crate) public: bool,
    pub(crate) created: i64,
    pub(crate) audit: u64,
    pub(crate) attachments: Vec<Value>,
    /// What is known of the call, in a comment about one.
    pub(crate) call: Option<Box<Value>>,
}

impl Comment {
    /// `type` in the list of comments and in audits.
    pub(crate) fn kind(&self) -> &'static str {
        if self.call.is_some() { "VoiceComment" } else { "Comment" }
    }
}

/// One write to a ticket.
#[derive(Debug, Clone)]
pub(crate) struct Audit {
    pub(crate) id: u64,
    pub(crate) created: i64,
    pub(crate) author: u64,
    /// `metadata.custom` as written.
    pub(crate) custom: Option<Box<Value>>,
    pub(crate) events: Vec<Value>,
}

/// A satisfaction rating.
#[derive(Debug, Clone)]
pub(crate) struct Rating {
    pub(crate) id: u64,
    pub(crate) ticket: u64,
    pub(crate) score: String,
    pub(crate) comment: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

/// A ticket.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) rec: Record,
    pub(crate) via: Value,
    pub(crate) comments: Vec<Comment>,
    pub(crate) audits: Vec<Audit>,
    pub(crate) metrics: Metrics,
    pub(crate) rating: Option<u64>,
    pub(crate) deleted_by: u64,
    /// Gone from the list of deleted tickets too.
    pub(crate) erased: bool,
    /// Second at which it was closed.
    pub(crate) closed: Option<i64>,
    /// Imported straight into the archive.
    pub(crate) archived: bool,
}

impl Ticket {
    pub(crate) fn status(&self) -> &str {
        self.rec.text("status").unwrap_or("new")
    }

    /// Archived tickets vanish from lists, but stay in show, search and exports.
    pub(crate) fn is_archived(&self, now: i64) -> bool {
        self.archived || self.closed.is_some_and(|at| at + ARCHIVE_AFTER_SECONDS <= now)
    }
}

/// The custom status that stands for a status.
pub(crate) fn custom_status(status: &str) -> Option<u64> {
    // Closed tickets keep the custom status of the solved category.
    let category = if status == "closed" { "solved" } else { status };
    CUSTOM_STATUSES.iter().find(|(name, _, _)| *name == category).map(|(_, id, _)| *id)
}

/// The status that a custom status stands for.
pub(crate) fn status_of(custom: u64) -> Option<&'static str> {
    CUSTOM_STATUSES.iter().find(|(_, id, _)| *id == custom).map(|(name, _, _)| *name)
}

/// `/custom_statuses`.
pub(crate) fn custom_statuses(state: &State) -> Vec<Value> {
    CUSTOM_STATUSES
        .iter()
        .map(|(category, id, label)| {
            json!({
                "url": state.url(&format!("custom_statuses/{id}")), "id": id, "status_category": category, "agent_label": label,
                "end_user_label": label, "description": "", "end_user_description": "", "active": true, "default": true,
                "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z",
            })
        })
        .collect()
}

impl State {
    /// A ticket that is not deleted.
    pub(crate) fn live_ticket(&self, id: u64) -> Option<&Ticket> {
        self.tickets.get(&id).filter(|ticket| ticket.rec.deleted.is_none())
    }

    pub(crate) fn ticket_json(&self, ticket: &Ticket) -> Value {
        let rec = &ticket.rec;
        let fields = self.ticket_fields_json(rec);
        let mut shown = Map::with_capacity(TICKET.len());
        for attr in TICKET {
            let value = match attr.name {
                "url" => json!(self.url(&format!("tickets/{}", rec.id))),
                "id" => json!(rec.id),
                "via" => ticket.via.clone(),
                "created_at" => json!(iso(rec.created)),
                "updated_at" => json!(iso(rec.updated)),
                "generated_timestamp" => json!(rec.generated),
                "raw_subject" => json!(rec.text("subject")),
                "status" if rec.deleted.is_some() => json!("deleted"),
                "has_incidents" => json!(false),
                "tags" => rec.tags_json(),
                "custom_fields" | "fields" => fields.clone(),
                "satisfaction_rating" => self.rating_brief(ticket),
                "encoded_id" => json!(encoded_id(rec.id)),
                _ => rec.shown(attr),
            };
            shown.insert(attr.name.to_owned(), value);
        }
        Value::Object(shown)
    }

    fn ticket_fields_json(&self, record: &Record) -> Value {
        Value::Array(
            self.fields_of(Kind::Ticket)
                .iter()
                .filter(|field| !field.system && field.active)
                .map(|field| json!({"id": field.id, "value": field.shown(Kind::Ticket, record.field(field.id))}))
                .collect(),
        )
    }

    fn rating_brief(&self, ticket: &Ticket) -> Value {
        match ticket.rating.and_then(|id| self.ratings.get(&id)) {
            Some(rating) => json!({"score": rating.score, "id": rating.id, "comment": rating.comment, "reason": rating.reason}),
            None => json!({"score": "unoffered"}),
        }
    }

    pub(crate) fn rating_json(&self, rating: &Rating) -> Value {
        let ticket = self.tickets.get(&rating.ticket).map(|ticket| &ticket.rec);
        let of = |name: &str| json!(ticket.and_then(|ticket| ticket.id_of(name)));
        json!({
            "url": self.url(&format!("satisfaction_ratings/{}", rating.id)), "id": rating.id, "assignee_id": of("assignee_id"),
            "group_id": of("group_id"), "requester_id": of("requester_id"), "ticket_id": rating.ticket, "score": rating.score,
            "comment": rating.comment, "reason": rating.reason, "reason_id": null, "reason_code": null,
            "created_at": iso(rating.created), "updated_at": iso(rating.updated),
        })
    }

    pub(crate) fn audit_json(&self, ticket: u64, audit: &Audit) -> Value {
        let empty = json!({});
        json!({
            "id": audit.id, "ticket_id": ticket, "created_at": iso(audit.created), "author_id": audit.author,
            "metadata": {
                "system": {"client": "", "ip_address": "127.0.0.1", "location": "", "latitude": null, "longitude": null},
                "custom": audit.custom.as_deref().unwrap_or(&empty),
            },
            "events": audit.events, "via": {"channel": "api", "source": {"from": {}, "to": {}, "rel": null}},
        })
    }

    pub(crate) fn comment_json(&self, comment: &Comment) -> Value {
        let mut shown = json!({
            "id": comment.id, "type": comment.kind(), "author_id": comment.author, "body": comment.body,
            "html_body": html(&comment.body), "plain_body": comment.body, "public": comment.public,
            "attachments": comment.attachments, "audit_id": comment.audit,
            "via": {"channel": "api", "source": {"from": {}, "to": {}, "rel": null}}, "created_at": iso(comment.created),
            "metadata": {"system": {"client": "", "ip_address": "127.0.0.1", "location": "", "latitude": null, "longitude": null}, "custom": {}},
        });
        if let Some(call) = &comment.call {
            shown["data"] = (**call).clone();
        }
        shown
    }
}

/// A comment's body as HTML.
pub(crate) fn html(body: &str) -> String {
    let escaped = body.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>");
    format!("<div class=\"zd-comment\" dir=\"auto\"><p dir=\"auto\">{escaped}</p></div>")
}

/// The text of a body given as HTML: tags dropped, breaks kept.
pub(crate) fn text_of_html(html: &str) -> String {
    let broken = html.replace("<br>", "\n").replace("<br/>", "\n").replace("<br />", "\n").replace("</p>", "\n");
    let mut out = String::new();
    let mut inside = false;
    for letter in broken.chars() {
        match letter {
            '<' => inside = true,
            '>' if inside => inside = false,
            _ if !inside => out.push(letter),
            _ => {}
        }
    }
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&amp;", "&").trim().to_owned()
}

fn encoded_id(id: u64) -> String {
    const LETTERS: &[u8; 30] = b"0123456789ABCDEGHJKLMNPQRVWXYZ";
    let mut number = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut text = String::new();
    for at in 0..11 {
        if at == 6 {
            text.push('-');
            continue;
        }
        text.push(char::from(LETTERS[usize::try_from(number % 30).unwrap_or_default()]));
        number /= 30;
    }
    text
}

/// `via` of a ticket.
pub(crate) fn via(channel: &str, from: Value, rel: Option<&str>) -> Value {
    json!({"channel": channel, "source": {"from": from, "to": {}, "rel": rel}})
}

/// Sets status and custom status together.
pub(crate) fn set_status(record: &mut Record, status: &str) {
    record.put(TICKET, "status", Val::text(status));
    record.put(TICKET, "custom_status_id", Val::id(custom_status(status)));
}
