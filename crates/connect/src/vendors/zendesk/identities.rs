//! E-mail addresses of users. Writing another `email` to a user that has one only adds a secondary address; moving the primary one
//! takes an identity that is then made primary. The old address stays as a secondary one, so that nobody is locked out and replies to
//! old conversations still find their user.

use serde_json::{Value, json};

use crate::connector::Priority;
use crate::error::VendorError;
use crate::transport::call::Call;

use super::Zendesk;
use super::map::id_text;
use super::wire::send;

/// One address or account by which Zendesk knows a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    id: String,
    kind: String,
    value: String,
    primary: bool,
    verified: bool,
}

impl Identity {
    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            id: id_text(&value["id"])?,
            kind: value["type"].as_str()?.to_owned(),
            value: value["value"].as_str().unwrap_or_default().to_owned(),
            primary: value["primary"].as_bool().unwrap_or(false),
            verified: value["verified"].as_bool().unwrap_or(false),
        })
    }

    /// Whether it is this e-mail address. Zendesk keeps them in lower case.
    pub(super) fn is_email(&self, email: &str) -> bool {
        self.kind == "email" && self.value.eq_ignore_ascii_case(email.trim())
    }
}

impl Zendesk {
    /// The identities of a user.
    pub(super) async fn identities(&self, user: &str, priority: Priority) -> Result<Vec<Identity>, VendorError> {
        let call = Call::get(format!("/api/v2/users/{user}/identities")).query("page[size]", "100");
        let read = send(&self.client, "identities", priority, call).await?;
        Ok(read.body["identities"].as_array().into_iter().flatten().filter_map(Identity::read).collect())
    }

    /// Makes an address a user's primary one, or takes the primary one away.
    pub(super) async fn move_email(&self, user: &str, email: Option<&str>, priority: Priority) -> Result<(), VendorError> {
        let identities = self.identities(user, priority).await?;
        let path = |rest: &str| format!("/api/v2/users/{user}/identities{rest}");
        let Some(email) = email.map(str::trim).filter(|email| !email.is_empty()) else {
            for identity in identities.iter().filter(|identity| identity.kind == "email" && identity.primary) {
                let call = Call::delete(path(&format!("/{}", identity.id))).idempotent().accept(&[404]);
                send(&self.client, "identities", priority, call).await?;
            }
            return Ok(());
        };
        let known = identities.iter().find(|identity| identity.is_email(email)).cloned();
        let identity = match known {
            Some(identity) if identity.primary => return Ok(()),
            Some(identity) if identity.verified => identity,
            Some(identity) => {
                // Only verified addresses can be primary.
                let call = Call::put(path(&format!("/{}", identity.id)), json!({"identity": {"verified": true}})).idempotent();
                send(&self.client, "identities", priority, call).await?;
                identity
            }
            None => {
                let body = json!({"identity": {"type": "email", "value": email, "verified": true}});
                let read = send(&self.client, "identities", priority, Call::post(path(""), body)).await?;
                let Some(identity) = Identity::read(&read.body["identity"]) else { return Err(unreadable()) };
                if identity.primary {
                    return Ok(());
                }
                identity
            }
        };
        let call = Call::put(path(&format!("/{}/make_primary", identity.id)), json!({})).idempotent();
        send(&self.client, "identities", priority, call).await.map(drop)
    }
}

fn unreadable() -> VendorError {
    VendorError::new(
        crate::error::Class::Retry,
        "unreadable",
        "Zendesk took an identity but did not show it",
        "nothing: the user is looked at again",
    )
}
