//! Making Dataverse send webhooks: one service endpoint with our secret, and one asynchronous step for each table and message.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Dynamics;
use super::kind::{Kind, Object};
use super::refusal::{misfit, of_no_row};
use super::webhook::{HEADER, endpoint_name, secret};
use super::wire::{PAGE_ROWS, ROOT, quoted};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::settings::Secret;
use crate::transport::call::Call;

/// The contract of an endpoint that is a webhook.
const WEBHOOK: u8 = 8;
/// The kind of authentication that sends headers.
const HTTP_HEADER: u8 = 5;
/// The stage after the change.
const AFTER: u8 = 40;

/// The messages of a table that are listened to.
fn messages(kind: Kind) -> impl Iterator<Item = &'static str> {
    let known = super::SPEC.capabilities(Object::Table(kind).name());
    known.into_iter().flat_map(|known| known.told).flat_map(|told| told.by).copied()
}

/// The tables behind some objects.
fn watched(objects: &[String]) -> Result<BTreeSet<Kind>, VendorError> {
    let mut kinds = BTreeSet::new();
    for object in objects {
        kinds.extend(Object::named(object)?.kinds());
    }
    Ok(kinds)
}

fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}

/// The steps that are there and those that are missing.
struct Steps {
    /// Message filters without a step, each with its message and a name.
    missing: Vec<(String, String, String)>,
}

impl Dynamics {
    async fn list(&self, set: &str, select: &str, filter: String) -> Result<Vec<Value>, VendorError> {
        let call = Call::get(format!("{ROOT}/{set}")).query("$select", select).query("$filter", filter).header("prefer", PAGE_ROWS);
        self.all_of("webhooks", Priority::Urgent, call).await.map_err(of_no_row)
    }

    /// Our endpoint at an address, with whether it sends our present secret.
    async fn endpoint(&self, url: &str) -> Result<Option<(String, bool)>, VendorError> {
        let rows = self.list("serviceendpoints", "name,url", format!("url eq {} and contract eq {WEBHOOK}", quoted(url))).await?;
        let name = endpoint_name(&secret(self.client.settings()));
        let ours =
            rows.iter().find(|row| text(row, "name") == name).or_else(|| rows.iter().find(|row| text(row, "name").starts_with("Entente ")));
        Ok(ours.map(|row| (text(row, "serviceendpointid"), text(row, "name") == name)))
    }

    async fn steps(&self, endpoint: Option<&str>, kinds: &BTreeSet<Kind>) -> Result<Steps, VendorError> {
        let wanted: BTreeSet<&str> = kinds.iter().flat_map(|kind| messages(*kind)).collect();
        let named: Vec<String> = wanted.iter().map(|name| quoted(name)).collect();
        let filter = format!("Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=[{}])", named.join(","));
        let all: BTreeMap<String, String> =
            self.list("sdkmessages", "name", filter).await?.iter().map(|row| (text(row, "sdkmessageid"), text(row, "name"))).collect();
        let tables: Vec<String> = kinds.iter().map(|kind| quoted(kind.table())).collect();
        let filter = format!("Microsoft.Dynamics.CRM.In(PropertyName='primaryobjecttypecode',PropertyValues=[{}])", tables.join(","));
        let filters = self.list("sdkmessagefilters", "primaryobjecttypecode,_sdkmessageid_value", filter).await?;
        let held: BTreeSet<String> = match endpoint {
            None => BTreeSet::new(),
            Some(endpoint) => {
                let filter = format!("_eventhandler_value eq {endpoint} and statecode eq 0");
                let rows = self.list("sdkmessageprocessingsteps", "_sdkmessagefilterid_value", filter).await?;
                rows.iter().map(|row| text(row, "_sdkmessagefilterid_value")).collect()
            }
        };
        let mut missing = Vec::new();
        for kind in kinds {
            for message in messages(*kind) {
                let found = filters.iter().find(|row| {
                    text(row, "primaryobjecttypecode") == kind.table()
                        && all.get(&text(row, "_sdkmessageid_value")).is_some_and(|name| name == message)
                });
                let found = found.ok_or_else(|| {
                    misfit(
                        "no_message",
                        format!("the environment knows no message {message} of {}, or our user may not see it", kind.table()),
                        "give Entente's application user a role that reads messages, such as System Customizer",
                    )
                })?;
                let id = text(found, "sdkmessagefilterid");
                if !held.contains(&id) {
                    missing.push((id, text(found, "_sdkmessageid_value"), format!("Entente: {message} of {}", kind.table())));
                }
            }
        }
        Ok(Steps { missing })
    }

    /// See [`Connector::subscribed`](crate::connector::Connector::subscribed).
    pub(super) async fn is_subscribed(&self, url: &str, objects: &[String]) -> Result<bool, VendorError> {
        match self.endpoint(url).await? {
            Some((endpoint, true)) => Ok(self.steps(Some(&endpoint), &watched(objects)?).await?.missing.is_empty()),
            _ => Ok(false),
        }
    }

    /// See [`Connector::subscribe`](crate::connector::Connector::subscribe).
    pub(super) async fn make_subscriptions(&self, url: &str, objects: &[String]) -> Result<Secret, VendorError> {
        let held = secret(self.client.settings());
        let settings = format!("<settings><setting name=\"{HEADER}\" value=\"{}\" /></settings>", held.reveal());
        let name = endpoint_name(&held);
        let endpoint = match self.endpoint(url).await? {
            Some((id, true)) => id,
            Some((id, false)) => {
                let body = json!({"name": name, "authtype": HTTP_HEADER, "authvalue": settings});
                let call = Call::patch(format!("{ROOT}/serviceendpoints({id})"), body).header("if-match", "*");
                self.ask("webhooks", Priority::Urgent, call).await.map_err(of_no_row)?;
                id
            }
            None => {
                let body = json!({"name": name, "contract": WEBHOOK, "authtype": HTTP_HEADER, "authvalue": settings, "url": url});
                let call =
                    Call::post(format!("{ROOT}/serviceendpoints"), body).query("$select", "name").header("prefer", "return=representation");
                text(&self.ask("webhooks", Priority::Urgent, call).await.map_err(of_no_row)?, "serviceendpointid")
            }
        };
        for (filter, message, name) in self.steps(Some(&endpoint), &watched(objects)?).await?.missing {
            let body = json!({
                "name": name, "stage": AFTER, "mode": 1, "rank": 1, "supporteddeployment": 0, "asyncautodelete": true,
                "sdkmessageid@odata.bind": format!("/sdkmessages({message})"), "sdkmessagefilterid@odata.bind": format!("/sdkmessagefilters({filter})"),
                "eventhandler_serviceendpoint@odata.bind": format!("/serviceendpoints({endpoint})"),
            });
            self.ask("webhooks", Priority::Urgent, Call::post(format!("{ROOT}/sdkmessageprocessingsteps"), body))
                .await
                .map_err(of_no_row)?;
        }
        Ok(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activities_are_watched_table_by_table_and_merges_where_there_are_any() {
        let kinds = watched(&["accounts".to_owned(), "activities".to_owned(), "tasks".to_owned()]).expect("kinds");
        assert_eq!(kinds.len(), 6);
        assert!(messages(Kind::Account).any(|name| name == "Merge") && messages(Kind::Task).all(|name| name != "Merge"));
    }
}
