//! Owners: the people whom records belong to.

use serde_json::{Value, json};

use super::Owner;
use super::call::Call;
use super::moment::iso;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// Most owners on a page.
const PAGE_MAX: usize = 500;
/// Owners on a page that asks for no number.
const PAGE_USUAL: usize = 100;

/// The sales people of a fresh portal, one of whom has left.
pub(crate) fn of_a_fresh_portal(now_ms: i64) -> Vec<Owner> {
    let people = [("Dana", "Fields", false), ("Eli", "Moreno", false), ("Fay", "Okafor", false), ("Gus", "Lindgren", true)];
    people
        .iter()
        .enumerate()
        .map(|(at, (first, last, archived))| Owner {
            id: (81_204_711 + at as u64 * 37).to_string(),
            user_id: 9_586_504 + at as u64,
            first_name: (*first).to_owned(),
            last_name: (*last).to_owned(),
            email: format!("{}@acme.example", first.to_lowercase()),
            archived: *archived,
            created_ms: now_ms,
        })
        .collect()
}

fn shown(owner: &Owner) -> Value {
    json!({
        "id": owner.id, "email": owner.email, "type": "PERSON", "firstName": owner.first_name, "lastName": owner.last_name,
        "userId": if owner.archived { Value::Null } else { json!(owner.user_id) }, "userIdIncludingInactive": owner.user_id,
        "createdAt": iso(owner.created_ms), "updatedAt": iso(owner.created_ms), "archived": owner.archived,
    })
}

impl State {
    /// `/owners/…`.
    pub(crate) fn owner_routes(&self, call: &Call, rest: &[&str]) -> Outcome {
        let archived = call.query("archived") == Some("true");
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let limit = call.number("limit", PAGE_USUAL)?;
                if limit > PAGE_MAX {
                    return Err(Refusal::validation(format!("Limit must be at most {PAGE_MAX}")));
                }
                let after: u64 = call.query("after").and_then(|text| text.parse().ok()).unwrap_or(0);
                let email = call.query("email");
                let fits = |owner: &&Owner| {
                    owner.archived == archived
                        && email.is_none_or(|email| owner.email.eq_ignore_ascii_case(email))
                        && owner.id.parse::<u64>().is_ok_and(|id| id > after)
                };
                let mut all = self.owners.iter().filter(fits);
                let results: Vec<&Owner> = all.by_ref().take(limit).collect();
                let mut page = json!({"results": results.iter().map(|owner| shown(owner)).collect::<Vec<_>>()});
                if all.next().is_some() {
                    page["paging"] = json!({"next": {"after": results.last().map(|owner| owner.id.clone())}});
                }
                Ok(Answer::ok(page))
            }
            ("GET", [id]) => {
                let by_user = call.query("idProperty") == Some("userId");
                let fits =
                    |owner: &&Owner| owner.archived == archived && if by_user { owner.user_id.to_string() == *id } else { owner.id == *id };
                self.owners.iter().find(fits).map(|owner| Answer::ok(shown(owner))).ok_or_else(Refusal::resource)
            }
            _ => Err(Refusal::resource()),
        }
    }
}
