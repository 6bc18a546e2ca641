//! E-mail addresses of users. Writing another `email` to a user that has one only adds a secondary address; moving the primary one
//! takes an identity that is then made primary. The old address stays as a secondary one, so that nobody is locked out and replies to
//! old conversations still find their user.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::Call;

use super::Zendesk;
use super::map::id_text;
use super::wire::send;

/// Users whose secondary addresses are remembered, at most.
const REMEMBERED_USERS: usize = 10_000;

/// Secondary addresses of users, as exports have shown them beside the rows. One of them is made primary without asking first; that one
/// which was not seen here is looked for.
#[derive(Debug, Default)]
pub(super) struct Secondary(Mutex<BTreeMap<String, Vec<Identity>>>);

impl Secondary {
    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Identity>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the identities that an answer carries beside its users.
    pub(super) fn notice(&self, body: &Value) {
        let mut known = self.known();
        for value in body["identities"].as_array().into_iter().flatten() {
            let Some(identity) = Identity::read(value).filter(|identity| identity.kind == "email" && !identity.primary) else { continue };
            let Some(user) = id_text(&value["user_id"]) else { continue };
            if known.len() >= REMEMBERED_USERS && !known.contains_key(&user) {
                continue;
            }
            let of_user = known.entry(user).or_default();
            of_user.retain(|one| one.id != identity.id);
            of_user.push(identity);
        }
    }

    /// The secondary identity of a user with this address, if it was seen. It is forgotten: what becomes of it is not known here.
    fn take(&self, user: &str, email: &str) -> Option<Identity> {
        let mut known = self.known();
        let of_user = known.get_mut(user)?;
        let at = of_user.iter().position(|identity| identity.is_email(email))?;
        let taken = of_user.swap_remove(at);
        if of_user.is_empty() {
            known.remove(user);
        }
        Some(taken)
    }
}

/// One address or account by which Zendesk knows a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: String,
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
    ///
    /// A new address takes one call: `primary` can be set when an identity is created, though never afterwards (Zendesk's reference of
    /// user identities). An address that an export has shown as a secondary one takes one call as well; another one that is there already
    /// is looked up and made primary.
    pub(super) async fn move_email(&self, user: &str, email: Option<&str>, priority: Priority) -> Result<(), VendorError> {
        let Some(email) = email.map(str::trim).filter(|email| !email.is_empty()) else {
            for identity in self.identities(user, priority).await?.iter().filter(|identity| identity.kind == "email" && identity.primary) {
                let call = Call::delete(identity_path(user, &format!("/{}", identity.id))).idempotent().accept(&[404]);
                send(&self.client, "identities", priority, call).await?;
            }
            return Ok(());
        };
        if let Some(shown) = self.secondary.take(user, email) {
            match self.promote(user, &shown, priority).await {
                // It is gone since, or was never as it was shown: then as if it had not been.
                Err(error) if matches!(error.class, Class::LookAgain | Class::Data) => {}
                done => return done,
            }
        }
        let body = json!({"identity": {"type": "email", "value": email, "verified": true, "primary": true}});
        let made = match send(&self.client, "identities", priority, Call::post(identity_path(user, ""), body)).await {
            Ok(read) => Identity::read(&read.body["identity"]).ok_or_else(unreadable)?,
            // Refused: mostly because the address is there already, this user's or another one's. Its own it may have.
            Err(error) if error.status == 422 => {
                let known = self.identities(user, priority).await?;
                known.into_iter().find(|identity| identity.is_email(email)).ok_or(error)?
            }
            Err(error) => return Err(error),
        };
        self.promote(user, &made, priority).await
    }

    async fn promote(&self, user: &str, identity: &Identity, priority: Priority) -> Result<(), VendorError> {
        if identity.primary {
            return Ok(());
        }
        if !identity.verified {
            // Only verified addresses can be primary.
            let path = identity_path(user, &format!("/{}", identity.id));
            let call = Call::put(path, json!({"identity": {"verified": true}})).idempotent();
            send(&self.client, "identities", priority, call).await?;
        }
        let call = Call::put(identity_path(user, &format!("/{}/make_primary", identity.id)), json!({})).idempotent();
        send(&self.client, "identities", priority, call).await.map(drop)
    }
}

fn identity_path(user: &str, rest: &str) -> String {
    format!("/api/v2/users/{user}/identities{rest}")
}

fn unreadable() -> VendorError {
    VendorError::new(Class::Retry, "unreadable", "Zendesk took an identity but did not show it", "nothing: the user is looked at again")
}
