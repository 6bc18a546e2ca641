//! Slack's Web API with the token of a bot: any channel that the bot may post to.
//!
//! Source: Slack's documentation of `chat.postMessage` and `auth.test`. Answers have status 200 also when they refuse: `ok` tells, and `error`
//! has Slack's word for why. Only the pace is refused with 429.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use serde_json::Value;

use super::slack::{DEFECT, PAUSE, TIMEOUT, gone, on_the_way, payload, retry};
use super::{Message, Refusal, retry_after};
use crate::settings::Secret;
use crate::transport::wire::Wire;

/// Where the Web API is.
pub const API: &str = "https://slack.com/api/";

/// What to do when the token is refused.
const TOKEN: &str = "set notify.slack_token to the token of a bot that is installed; it begins with xoxb-";

/// What to do when the bot may not post at all.
const SCOPE: &str = "give the app the scope chat:write and install it again";

/// What to do when the channel is not there, or not for this bot.
const CHANNEL: &str = "name a channel that there is under notify.channels, and invite the app into it";

/// A bot.
#[derive(Clone)]
pub struct SlackBot {
    wire: Arc<dyn Wire>,
    api: String,
    token: Secret,
}

impl fmt::Debug for SlackBot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlackBot([secret])")
    }
}

impl SlackBot {
    /// The bot that this token is of, at the Web API of this address.
    #[must_use]
    pub fn new(wire: Arc<dyn Wire>, api: String, token: Secret) -> Self {
        Self { wire, api, token }
    }

    /// Posts a message to a channel: `#name`, or `#` and the id of one.
    ///
    /// # Errors
    /// By what is to be done: try again, or mend what the refusal names.
    pub async fn post(&self, channel: &str, message: &Message) -> Result<(), Refusal> {
        let mut body = payload(message);
        body["channel"] = named(channel).into();
        self.call("chat.postMessage", &body).await
    }

    async fn call(&self, method: &str, body: &Value) -> Result<(), Refusal> {
        let mut request = Request::new(Bytes::from(body.to_string()));
        *request.method_mut() = Method::POST;
        let address = format!("{}/{method}", self.api.trim_end_matches('/'));
        *request.uri_mut() = address.parse().map_err(|_| gone("the address cannot be used".to_owned(), "mend notify.slack_api"))?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.token.reveal()))
            .map_err(|_| gone("the token holds characters that no header can".to_owned(), TOKEN))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        // Without the character set Slack answers with a warning.
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        let answer = self.wire.send(request, TIMEOUT).await.map_err(|error| retry(on_the_way(&error), None))?;
        judge(&answer)
    }
}

/// A channel as the API wants it: its id bare, its name with the sign.
fn named(channel: &str) -> &str {
    let bare = channel.strip_prefix('#').unwrap_or(channel);
    let is_id = bare.len() >= 9 && bare.starts_with(['C', 'G', 'D']) && bare.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if is_id { bare } else { channel }
}

fn judge(answer: &Response<Bytes>) -> Result<(), Refusal> {
    let status = answer.status().as_u16();
    let said: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    if status == 200 && said["ok"] == true {
        return Ok(());
    }
    let word = said["error"].as_str().map_or_else(|| format!("status {status}"), |word| word.chars().take(80).collect());
    // What a missing scope is called stands beside the word.
    let word = said["needed"].as_str().map_or_else(|| word.clone(), |needed| format!("{word}: {needed}"));
    let kind = said["error"].as_str().unwrap_or_default();
    Err(match (status, kind) {
        (429, _) | (_, "ratelimited" | "rate_limited") => retry(word, Some(retry_after(answer.headers()).unwrap_or(PAUSE))),
        (408 | 500..=599, _) | (_, "fatal_error" | "internal_error" | "service_unavailable" | "request_timeout") => retry(word, None),
        (401 | 403, _)
        | (_, "not_authed" | "invalid_auth" | "account_inactive" | "token_revoked" | "token_expired" | "org_login_required") => {
            gone(word, TOKEN)
        }
        (_, "missing_scope" | "no_permission" | "not_allowed_token_type" | "restricted_action" | "team_access_not_granted") => {
            gone(word, SCOPE)
        }
        (_, "channel_not_found" | "not_in_channel" | "is_archived" | "restricted_action_read_only_channel") => gone(word, CHANNEL),
        // Neither Slack's form nor an error of a gateway's: somebody else answers at this address.
        (_, "") => gone(word, "look where notify.slack_api points to"),
        _ => gone(word, DEFECT),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &'static str) -> Result<(), Refusal> {
        judge(&Response::builder().status(status).header("retry-after", "3").body(Bytes::from_static(body.as_bytes())).unwrap())
    }

    fn remedy(body: &'static str) -> String {
        match answered(200, body).unwrap_err() {
            Refusal::Gone { remedy, .. } => remedy,
            again @ Refusal::Retry { .. } => panic!("{again}"),
        }
    }

    #[test]
    fn a_refusal_with_status_200_is_a_refusal_and_says_what_to_mend() {
        assert_eq!(answered(200, r#"{"ok":true,"channel":"C1","ts":"1.2"}"#), Ok(()));
        assert_eq!(remedy(r#"{"ok":false,"error":"token_revoked"}"#), TOKEN);
        assert_eq!(remedy(r#"{"ok":false,"error":"not_in_channel"}"#), CHANNEL);
        assert_eq!(remedy(r#"{"ok":false,"error":"invalid_blocks"}"#), DEFECT);
        assert!(remedy("<html>welcome</html>").contains("notify.slack_api"));
        let scope = answered(200, r#"{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"users:read"}"#).unwrap_err();
        assert!(scope.to_string().contains("missing_scope: chat:write"), "{scope}");
    }

    #[test]
    fn pace_and_outages_pass() {
        let wait = |answer: Result<(), Refusal>| match answer {
            Err(Refusal::Retry { after, .. }) => after.map(|after| after.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(answered(429, r#"{"ok":false,"error":"ratelimited"}"#)), Some(3));
        assert_eq!(wait(answered(200, r#"{"ok":false,"error":"internal_error"}"#)), None);
        assert_eq!(wait(answered(503, "down")), None);
    }

    #[test]
    fn a_channel_goes_by_its_name_or_its_id() {
        assert_eq!(["#ops", "#C024BE91L", "#CONSULTING-x", "#COPS"].map(named), ["#ops", "C024BE91L", "#CONSULTING-x", "#COPS"]);
    }
}
