//! Webhooks: verifying their signature and reading what they say.
//!
//! They come at least once and in any order, and nothing in them says whose doing a change was. Contacts and companies are shown whole;
//! conversations and tickets lack what stands beside them, and are fetched.

use entente_model::clock::Timestamp;
use ring::hmac;
use serde_json::Value;

use crate::capability::Happening;
use crate::look::Existence;
use crate::settings::Secret;
use crate::webhook::{Blanks, Delivery, Event, Incoming, WebhookError};

use super::capabilities::OBJECTS;
use super::kind::{Kind, is_id};
use super::map::{Beside, Seen, Wanted, gone, id_text, instant, is_stand_in, look, updated_at};

/// Where the secret comes from.
pub(crate) const COPY: &str = "set webhooks.signing_secret to the client secret of the app in Intercom's Developer Hub";

/// What a person sets up, because Intercom's API knows nothing of webhooks.
pub(crate) const BY_HAND: &str = "in Intercom's Developer Hub, in the app's webhooks, set this address as the endpoint and choose every topic of contact, company, \
                                  conversation, conversation_part and ticket; until then polls see every change but archived, deleted and merged contacts \
                                  and deleted companies";

fn refused(reason: &str, remedy: &'static str) -> WebhookError {
    WebhookError::Unverified { reason: reason.to_owned(), remedy }
}

fn malformed(reason: impl Into<String>) -> WebhookError {
    WebhookError::Malformed { reason: reason.into() }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|letter| letter.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Verifies the signature over the body. Nothing in it is dated: repeats are known by their id alone.
///
/// # Errors
/// When there is none, or it does not match.
pub(crate) fn verify(incoming: &Incoming, secret: &Secret) -> Result<(), WebhookError> {
    if secret.is_empty() {
        return Err(refused("no signing secret is configured", COPY));
    }
    let Some(given) = incoming.headers.get("x-hub-signature") else {
        return Err(refused(
            "the header X-Hub-Signature is missing",
            "let only Intercom send to this address, and let proxies pass X-Hub-Signature on",
        ));
    };
    // The vendor signs with SHA-1; as a MAC it is sound.
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.reveal().as_bytes());
    let given = given.trim().strip_prefix("sha1=").and_then(unhex);
    match given {
        Some(given) if hmac::verify(&key, &incoming.body, &given).is_ok() => Ok(()),
        _ => Err(refused("the signature does not match", COPY)),
    }
}

/// Takes a verified message apart, which came in at `received`. `app` is the workspace it must come from, where the settings name one; `beside`
/// gives what is known of the custom attributes of an object, without which a row is fetched.
///
/// # Errors
/// When the body is not a notification, or one of another workspace.
pub(crate) fn read<'a>(
    incoming: &Incoming,
    app: Option<&str>,
    received: Seen,
    beside: impl Fn(Kind) -> Option<Beside<'a>>,
) -> Result<Delivery, WebhookError> {
    let body: Value = serde_json::from_slice(&incoming.body).map_err(|error| malformed(format!("the body is not JSON: {error}")))?;
    if body["type"] != "notification_event" {
        return Err(malformed("`type` is not notification_event"));
    }
    if let Some(app) = app.filter(|app| body["app_id"] != **app) {
        return Err(refused(
            &format!("the message is not of workspace {app}"),
            "check webhooks.organization: it is the workspace's id in Intercom's addresses",
        ));
    }
    let id = body["id"].as_str().filter(|id| !id.is_empty()).ok_or_else(|| malformed("`id` is missing"))?.to_owned();
    let topic = body["topic"].as_str().ok_or_else(|| malformed("`topic` is missing"))?;
    let item = &body["data"]["item"];
    Ok(Delivery { id, events: events(topic, item, shown_at(&body, item, received), beside) })
}

/// When the row was as a message shows it: when the message was made, which may be minutes before it comes in. Whole seconds err to the safe
/// side. A message that does not tell shows no more than the row's last change. What is gone may lack that too, and stays gone.
fn shown_at(body: &Value, item: &Value, received: Seen) -> Seen {
    let made = instant(&body["created_at"]).or_else(|| updated_at(item)).and_then(|at| received.ours(at));
    Seen { at: made.map_or(received.at, |made| made.min(received.at)), ..received }
}

/// The object of which a topic tells something.
fn told_of(what: Happening, topic: &str) -> Option<Kind> {
    let tells = |kind: &Kind| OBJECTS.iter().any(|known| known.object == kind.singular() && known.is_told_by(what, topic));
    Kind::ALL.into_iter().find(tells)
}

fn events<'a>(topic: &str, item: &Value, seen: Seen, beside: impl Fn(Kind) -> Option<Beside<'a>>) -> Vec<Event> {
    let event = |kind: Kind, id: Option<String>, look| {
        let id = id.filter(|id| is_id(id))?;
        Some(Event { object: kind.singular().to_owned(), id, look, blanks: Blanks::Shown, created: false, kind: topic.to_owned() })
    };
    let whole = |kind: Kind, row: &Value| {
        // A list that is cut short, or a row of an unknown shape, is fetched.
        let whole = updated_at(row).is_some() && row["custom_attributes"].is_object();
        let shown = beside(kind).filter(|_| whole).and_then(|beside| look(kind, row, beside, Wanted::All, seen));
        event(kind, id_text(&row["id"]), shown)
    };
    let gone_now = |kind: Kind, row: &Value, existence| {
        let id = id_text(&row["id"])?;
        event(kind, Some(id.clone()), Some(gone(kind, id, existence, instant(&row["updated_at"]), seen)))
    };
    let mut parts = topic.split('.');
    let found: Vec<Option<Event>> = match (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) {
        _ if let Some(kind) = told_of(Happening::Deleted, topic) => vec![gone_now(kind, item, Existence::Deleted)],
        // The item is the winner; where the loser's id stands varies, and a fetch tells what became of it.
        ("contact", "merged") => {
            let winner = id_text(&item["id"]);
            let loser =
                ["merged_from", "from", "loser_id"].iter().find_map(|name| id_text(&item[*name]).or_else(|| id_text(&item[*name]["id"])));
            let merged = loser.and_then(|loser| {
                let existence = Existence::MergedInto(winner.clone()?);
                event(Kind::Contact, Some(loser.clone()), Some(gone(Kind::Contact, loser, existence, instant(&item["updated_at"]), seen)))
            });
            vec![event(Kind::Contact, winner.clone(), None), merged]
        }
        ("contact", _) if topic.contains(".tag.") => vec![event(Kind::Contact, id_text(&item["contact"]["id"]), None)],
        ("contact", _) => vec![whole(Kind::Contact, item)],
        ("company", "contact") => vec![event(Kind::Contact, id_text(&item["contact"]["id"]), None)],
        ("company", _) => vec![whole(Kind::Company, item)],
        ("conversation" | "conversation_part", _) => {
            vec![event(
                Kind::Conversation,
                id_text(&item["conversation_id"]).or_else(|| id_text(&item["conversation"]["id"])).or_else(|| id_text(&item["id"])),
                None,
            )]
        }
        ("ticket", _) => vec![event(Kind::Conversation, id_text(&item["ticket"]["id"]).or_else(|| id_text(&item["id"])), None)],
        // A test, or something that is no object of this connector.
        _ => Vec::new(),
    };
    if is_stand_in(item) { Vec::new() } else { found.into_iter().flatten().collect() }
}

/// When a message came in, by our clock.
pub(crate) fn received_at(now: Timestamp, offset_ms: Option<i64>) -> Seen {
    Seen { at: now, offset_ms: offset_ms.unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const VECTOR: &str =
        r#"{"type":"notification_event","app_id":"abc12345","topic":"contact.user.updated","id":"notif_0001","created_at":1714985266}"#;

    fn incoming(body: &str, signature: &str) -> Incoming {
        Incoming { headers: [("x-hub-signature".to_owned(), signature.to_owned())].into(), body: body.as_bytes().to_vec() }
    }

    fn told(topic: &str, item: &Value) -> Vec<(String, String, Option<Existence>)> {
        let body = json!({"type": "notification_event", "app_id": "abc12345", "id": "notif_1", "topic": topic, "data": {"item": item}})
            .to_string();
        let seen = received_at("2026-01-02T10:00:00Z".parse().expect("timestamp"), None);
        let delivery = read(&incoming(&body, ""), Some("abc12345"), seen, |_| None).expect("delivery");
        delivery.events.into_iter().map(|event| (event.object, event.id, event.look.map(|look| look.existence))).collect()
    }

    #[test]
    fn the_published_vector_is_believed_and_nothing_else() {
        let secret = Secret::new("intercom-client-secret");
        assert!(verify(&incoming(VECTOR, "sha1=ab3e92777799045a2f3ace73eeb4a854b299f23b"), &secret).is_ok());
        for forged in ["sha1=ab3e92777799045a2f3ace73eeb4a854b299f23c", "ab3e92777799045a2f3ace73eeb4a854b299f23b", "sha1=", "sha1=zz", ""]
        {
            assert!(verify(&incoming(VECTOR, forged), &secret).is_err(), "{forged}");
        }
        let bare = Incoming { headers: [].into(), body: VECTOR.as_bytes().to_vec() };
        assert!(verify(&bare, &secret).expect_err("refused").to_string().contains("X-Hub-Signature"));
        assert!(verify(&bare, &Secret::default()).expect_err("refused").to_string().contains("signing_secret"));
    }

    #[test]
    fn topics_name_the_rows_to_look_at() {
        let of = |object: &str, id: &str, existence: Option<Existence>| vec![(object.to_owned(), id.to_owned(), existence)];
        assert_eq!(told("contact.deleted", &json!({"type": "contact", "id": "p1"})), of("contact", "p1", Some(Existence::Deleted)));
        assert_eq!(told("contact.archived", &json!({"type": "contact", "id": "p1"})), of("contact", "p1", Some(Existence::Deleted)));
        for topic in ["contact.unarchive", "contact.unarchived", "contact.user.updated", "contact.lead.created"] {
            assert_eq!(told(topic, &json!({"type": "contact", "id": "p1"})), of("contact", "p1", None), "{topic}");
        }
        assert_eq!(told("contact.user.tag.created", &json!({"contact": {"id": "p1"}, "tag": {"id": "t"}})), of("contact", "p1", None));
        assert_eq!(told("contact.lead.tag.deleted", &json!({"contact": {"id": "p1"}, "tag": {"id": "t"}})), of("contact", "p1", None));
        assert_eq!(told("company.deleted", &json!({"type": "company", "id": "c1"})), of("company", "c1", Some(Existence::Deleted)));
        assert_eq!(told("company.contact.attached", &json!({"company": {"id": "c1"}, "contact": {"id": "p1"}})), of("contact", "p1", None));
        assert_eq!(told("conversation.admin.closed", &json!({"type": "conversation", "id": "2"})), of("conversation", "2", None));
        assert_eq!(told("conversation.deleted", &json!({"id": "2"})), of("conversation", "2", Some(Existence::Deleted)));
        assert_eq!(told("ticket.state.updated", &json!({"type": "ticket", "ticket": {"id": "3"}})), of("conversation", "3", None));
        assert!(told("ping", &json!({"type": "ping"})).is_empty() && told("admin.away_mode_updated", &json!({"id": "9"})).is_empty());
        let merged = told("contact.merged", &json!({"type": "contact", "id": "p1", "merged_from": "p2"}));
        assert_eq!(
            merged,
            [
                ("contact".to_owned(), "p1".to_owned(), None),
                ("contact".to_owned(), "p2".to_owned(), Some(Existence::MergedInto("p1".to_owned())))
            ]
        );
    }

    #[test]
    fn a_row_is_seen_when_its_message_was_made_and_not_when_it_came() {
        let at = |second: &str| format!("2026-01-02T10:00:{second}Z").parse::<Timestamp>().expect("timestamp");
        // Intercom's clock is five seconds ahead of ours.
        let received = received_at(at("50"), Some(5_000));
        let seen = |made: Value, updated: Value| {
            let (body, item) = (json!({"created_at": made}), json!({"updated_at": updated}));
            shown_at(&body, &item, received).at
        };
        let theirs = |second: &str| json!(at(second).as_second());
        assert_eq!(seen(theirs("15"), theirs("08")), at("10"));
        assert_eq!(seen(theirs("59"), theirs("08")), at("50"), "never later than it came");
        for untold in [json!(null), json!(0), json!("soon")] {
            assert_eq!(seen(untold, theirs("08")), at("03"), "no later than the row's last change");
        }
        assert_eq!(seen(json!(null), json!(null)), at("50"));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let seen = received_at("2026-01-02T10:00:00Z".parse().expect("timestamp"), None);
        let why = |body: &str, app| read(&incoming(body, ""), app, seen, |_| None).expect_err("refused").to_string();
        assert!(why("<xml/>", None).contains("not JSON") && why("{}", None).contains("notification_event"));
        assert!(why(r#"{"type":"notification_event","topic":"ping"}"#, None).contains("`id`"));
        assert!(why(VECTOR, Some("other")).contains("workspace other"));
    }
}
