//! The Web API of a bot: `auth.test`, `conversations.list`, `chat.postMessage`, `chat.update`. Source: Slack's reference of these methods. Requests
//! are JSON or forms, whose structured arguments are JSON in text; answers have status 200 also when they refuse.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::super::Desk;
use super::flaw;

/// The bot's token.
pub(super) const TOKEN: &str = "xoxb-1000000000-2000000000-simulated";

/// Channels: id, name, and why a message is refused there.
const CHANNELS: &[(&str, &str, Option<&str>)] = &[
    ("C0000000GEN", "general", None),
    ("C0000000OPS", "ops", None),
    ("C0000000OLD", "old", Some("is_archived")),
    ("C0000000BRD", "board", Some("not_in_channel")),
];

/// Arguments whose value is a structure.
const STRUCTURED: &[&str] = &["blocks", "attachments", "metadata"];

/// Characters of a text from which on it is refused.
const TEXT_CHARS: usize = 40_000;

/// The time of the first message; each later one is a second after it.
const FIRST_TS: usize = 1_700_000_000;

/// The methods.
pub(super) fn router() -> Router<Desk> {
    Router::new().route("/api/{method}", post(call))
}

async fn call(State(desk): State<Desk>, Path(method): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some((status, word)) = desk.refusal() {
        let status = if status < 429 { StatusCode::OK } else { StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY) };
        return (status, [("retry-after", "1")], Json(json!({ "ok": false, "error": word }))).into_response();
    }
    let answer = match arguments(&headers, &body) {
        Err(word) => Err(refusal(word)),
        Ok((arguments, token)) => match token.as_deref() {
            None => Err(refusal("not_authed")),
            Some(TOKEN) => answer(&desk, &method, arguments),
            Some(_) => Err(refusal("invalid_auth")),
        },
    };
    Json(answer.unwrap_or_else(|refusal| refusal)).into_response()
}

fn refusal(word: &str) -> Value {
    json!({ "ok": false, "error": word })
}

/// The arguments of a call, and the token, which may stand among them.
fn arguments(headers: &HeaderMap, body: &[u8]) -> Result<(Map<String, Value>, Option<String>), &'static str> {
    let of = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut arguments: Map<String, Value> = if of("content-type").starts_with("application/json") {
        serde_json::from_slice(body).map_err(|_| "json_not_object")?
    } else {
        let mut form = Map::new();
        for (name, text) in url::form_urlencoded::parse(body) {
            let structured = STRUCTURED.contains(&name.as_ref()).then(|| serde_json::from_str(&text).map_err(|_| "invalid_arguments"));
            form.insert(name.into_owned(), structured.transpose()?.unwrap_or_else(|| Value::String(text.into_owned())));
        }
        form
    };
    let bearer = of("authorization").strip_prefix("Bearer ").map(str::to_owned);
    let token = arguments.remove("token").and_then(|token| token.as_str().map(str::to_owned));
    Ok((arguments, bearer.or(token)))
}

fn answer(desk: &Desk, method: &str, mut arguments: Map<String, Value>) -> Result<Value, Value> {
    match method {
        "auth.test" => Ok(json!({
            "ok": true, "url": "https://acme.slack.com/", "team": "Acme", "user": "entente", "team_id": "T00000001", "user_id": "U00000001",
            "bot_id": "B00000001", "is_enterprise_install": false,
        })),
        "conversations.list" => {
            let channels = CHANNELS.iter().map(|(id, name, refused)| {
                json!({
                    "id": id, "name": name, "is_channel": true, "is_archived": *refused == Some("is_archived"),
                    "is_member": refused.is_none(),
                })
            });
            Ok(json!({ "ok": true, "channels": channels.collect::<Vec<_>>(), "response_metadata": { "next_cursor": "" } }))
        }
        "chat.postMessage" => {
            let channel = channel(&arguments)?;
            shown(desk, &arguments)?;
            let ts = format!("{}.000100", FIRST_TS + desk.taken().len());
            arguments.insert("channel".to_owned(), channel.into());
            arguments.insert("ts".to_owned(), ts.clone().into());
            let message = spoken(&arguments);
            desk.take(Value::Object(arguments));
            Ok(json!({ "ok": true, "channel": channel, "ts": ts, "message": message }))
        }
        "chat.update" => {
            let channel = channel(&arguments)?;
            let ts = arguments.get("ts").cloned().unwrap_or_default();
            shown(desk, &arguments)?;
            arguments.insert("channel".to_owned(), channel.into());
            let (text, message) = (arguments["text"].clone(), spoken(&arguments));
            if !desk.replace(&ts, Value::Object(arguments)) {
                return Err(refusal("message_not_found"));
            }
            Ok(json!({ "ok": true, "channel": channel, "ts": ts, "text": text, "message": message }))
        }
        _ => Err(refusal("unknown_method")),
    }
}

/// The id of the channel that is meant, by id or name, if the bot may post there.
fn channel(arguments: &Map<String, Value>) -> Result<&'static str, Value> {
    let wanted = arguments.get("channel").and_then(Value::as_str).unwrap_or_default();
    let found = CHANNELS.iter().find(|(id, name, _)| wanted == *id || wanted.strip_prefix('#').unwrap_or(wanted) == *name);
    match found {
        None => Err(refusal("channel_not_found")),
        Some((_, _, Some(word))) => Err(refusal(word)),
        Some((id, _, None)) => Ok(id),
    }
}

/// Whether Slack shows a message.
fn shown(desk: &Desk, arguments: &Map<String, Value>) -> Result<(), Value> {
    let text = arguments.get("text").and_then(Value::as_str).unwrap_or_default();
    if text.chars().count() > TEXT_CHARS {
        desk.complain("a text of more than 40,000 characters");
        return Err(refusal("msg_too_long"));
    }
    match flaw(&Value::Object(arguments.clone())) {
        None => Ok(()),
        Some((word, what)) => {
            desk.complain(what);
            Err(refusal(word))
        }
    }
}

/// The message as it stands in the channel.
fn spoken(arguments: &Map<String, Value>) -> Value {
    json!({
        "type": "message", "subtype": "bot_message", "bot_id": "B00000001", "text": arguments["text"], "ts": arguments.get("ts"),
        "blocks": arguments.get("blocks"),
    })
}
