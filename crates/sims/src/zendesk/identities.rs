//! Identities of users: e-mails, phone numbers and other addresses.

use serde_json::{Value, json};

use super::attributes::USER;
use super::call::{Call, id};
use super::moment::iso;
use super::page::{Listing, listing};
use super::record::Val;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{State, Touch};
use super::users::{Identity, User};

const TYPES: &[&str] =
    &["email", "phone_number", "twitter", "facebook", "google", "agent_forwarding", "any_channel", "foreign", "sdk", "messaging"];

/// An identity as the API shows it.
pub(crate) fn shown(state: &State, user: u64, identity: &Identity) -> Value {
    json!({
        "url": state.url(&format!("users/{user}/identities/{}", identity.id)), "id": identity.id, "user_id": user, "type": identity.ty,
        "value": identity.value, "verified": identity.verified, "primary": identity.primary, "created_at": iso(identity.created),
        "updated_at": iso(identity.updated), "undeliverable_count": 0,
        "deliverable_state": if &*identity.ty == "email" { json!("deliverable") } else { Value::Null },
    })
}

/// Routes below `/users/{id}/identities`.
pub(crate) fn routes(state: &mut State, call: &Call) -> Outcome {
    let path = call.path();
    let user_id = id(path.get(1).copied().unwrap_or_default())?;
    let mut user = state.live_user(user_id).cloned().ok_or_else(Refusal::missing)?;
    let now = state.now();
    let place = |user: &User, which: &str| -> Result<usize, Refusal> {
        let which = id(which)?;
        user.identities.iter().position(|identity| identity.id == which).ok_or_else(Refusal::missing)
    };
    match (call.method.as_str(), &path[3..]) {
        ("GET", []) => {
            let ids = user.identities.iter().map(|identity| identity.id).collect();
            listing(call, Listing::as_is("identities", ids), |id| {
                user.identities.iter().find(|identity| identity.id == id).map(|identity| shown(state, user_id, identity))
            })
        }
        ("POST", []) => {
            let given = call.object("identity")?;
            let (Some(ty), Some(value)) = (given.get("type").and_then(Value::as_str), given.get("value").and_then(Value::as_str)) else {
                return Err(Refusal::invalid("value", "Value: cannot be blank", "BlankValue"));
            };
            if !TYPES.contains(&ty) {
                return Err(Refusal::invalid("type", "Type: is not included in the list", "InvalidValue"));
            }
            state.check_identity(&user, ty, value)?;
            let flag = |name: &str| given.get(name) == Some(&Value::Bool(true));
            let made = state.next_id();
            user.add_identity(made, ty, value.trim(), flag("verified"), now);
            if flag("primary") {
                promote(&mut user, made, now);
            }
            let identity = user.identities.iter().find(|identity| identity.id == made).map(|identity| shown(state, user_id, identity));
            state.commit_user(user, Touch::Person, call.actor);
            let location = call.at(&format!("users/{user_id}/identities/{made}.json"));
            Ok(Answer::created(json!({"identity": identity}), location))
        }
        ("GET", [which]) => {
            let at = place(&user, which)?;
            Ok(Answer::ok(json!({"identity": shown(state, user_id, &user.identities[at])})))
        }
        ("PUT", [which]) => {
            let at = place(&user, which)?;
            let given = call.object("identity")?;
            if let Some(value) = given.get("value").and_then(Value::as_str) {
                let ty = user.identities[at].ty.to_string();
                let value = if ty == "email" { value.trim().to_lowercase() } else { value.to_owned() };
                if *user.identities[at].value != *value {
                    state.check_identity(&user, &ty, &value)?;
                    user.identities[at].value = value.into();
                }
            }
            if let Some(verified) = given.get("verified").and_then(Value::as_bool) {
                user.identities[at].verified = verified;
            }
            user.identities[at].updated = now;
            let answer = json!({"identity": shown(state, user_id, &user.identities[at])});
            state.commit_user(user, Touch::Person, call.actor);
            Ok(Answer::ok(answer))
        }
        ("PUT", [which, "make_primary"]) => {
            let at = place(&user, which)?;
            let chosen = user.identities[at].id;
            promote(&mut user, chosen, now);
            let list: Vec<Value> = user.identities.iter().map(|identity| shown(state, user_id, identity)).collect();
            state.commit_user(user, Touch::Person, call.actor);
            Ok(super::page::whole("identities", list))
        }
        ("PUT", [which, "verify"]) => {
            let at = place(&user, which)?;
            user.identities[at].verified = true;
            user.identities[at].updated = now;
            user.rec.put(USER, "verified", Val::Bool(true));
            let answer = json!({"identity": shown(state, user_id, &user.identities[at])});
            state.commit_user(user, Touch::Person, call.actor);
            Ok(Answer::ok(answer))
        }
        ("PUT", [which, "request_verification"]) => {
            place(&user, which)?;
            Ok(Answer { status: 200, body: None, headers: Vec::new() })
        }
        ("DELETE", [which]) => {
            let at = place(&user, which)?;
            let gone = user.identities.remove(at);
            if gone.primary
                && let Some(next) = user.identities.iter().find(|identity| identity.ty == gone.ty).map(|identity| identity.id)
            {
                promote(&mut user, next, now);
            }
            state.commit_user(user, Touch::Person, call.actor);
            Ok(Answer::empty())
        }
        _ => Err(Refusal::no_route()),
    }
}

/// Makes one identity the primary of its type, and the first of the list.
pub(crate) fn promote(user: &mut User, id: u64, now: i64) {
    let Some(at) = user.identities.iter().position(|identity| identity.id == id) else { return };
    let chosen = user.identities.remove(at);
    for identity in user.identities.iter_mut().filter(|identity| identity.ty == chosen.ty && identity.primary) {
        identity.primary = false;
        identity.updated = now;
    }
    let mut chosen = chosen;
    if !chosen.primary {
        chosen.primary = true;
        chosen.updated = now;
    }
    user.identities.insert(0, chosen);
}
