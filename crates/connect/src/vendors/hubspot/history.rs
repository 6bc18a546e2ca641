//! Who changed a property, and when. A record names the user who changed it last, whatever it was; of each property HubSpot keeps the latest values
//! with where they came from. That is asked for only where somebody judges by it: a call with history takes half as many rows.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::{Actor, ChangeMark};
use serde_json::{Value, json};

use super::HubSpot;
use super::kind::{self, is_id};
use super::map::{instant, read as read_text};
use super::stages;
use super::wire::{Batch, Moment, id_text};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::look::{Entered, Histories, ReadSpec};
use crate::transport::call::Call;

/// Most rows of a read with history.
const ROWS_MAX: usize = 50;

/// Sources through which customers enter something themselves: forms, chats, bots, pages on which meetings are booked, and members' pages.
const CUSTOMERS: &[&str] = &["FORM", "LEADIN", "CONVERSATIONS", "BOT", "MEETINGS", "CONTENT_MEMBERSHIP", "COMMUNICATOR"];

/// Sources behind which there is no person at the keyboard, whoever set them up or is named with them.
const MACHINES: &[&str] = &[
    "INTEGRATION",
    "API",
    "AUTOMATION_PLATFORM",
    "AUTOMATION_JOURNEY",
    "WORKFLOWS",
    "IMPORT",
    "MIGRATION",
    "BATCH_UPDATE",
    "CALCULATED",
    "ANALYTICS",
    "SALESFORCE",
    "INTEGRATIONS_PLATFORM",
    "INTEGRATIONS_SYNC",
    "PORTAL_OBJECT_SYNC",
    "DATA_ENRICHMENT",
    "COMPANY_INSIGHTS",
    "COMPANY_FAMILIES",
    "INTERNAL_PROCESSING",
];

/// The property whose history tells of a field, and whether its values are the field's own.
fn kept_as<'a>(object: &str, field: &'a str) -> Option<(&'a str, bool)> {
    if field == stages::NAME {
        return stages::property(object).map(|property| (property, false));
    }
    kind::told_by(field).map(|property| (property, property == field))
}

impl HubSpot {
    /// See [`Connector::histories`](crate::connector::Connector::histories).
    pub(super) async fn property_histories(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Histories, VendorError> {
        let kept: BTreeMap<&str, (&str, bool)> =
            read.fields.iter().filter_map(|field| Some((field.as_str(), kept_as(&read.object, field)?))).collect();
        let wanted: BTreeSet<&str> = ids.iter().map(String::as_str).filter(|id| is_id(id)).collect();
        let (wanted, mut told) = (wanted.into_iter().collect::<Vec<_>>(), Histories::new());
        if kept.is_empty() || wanted.is_empty() {
            return Ok(told);
        }
        self.know_people(priority).await;
        let (schema, app) = (self.schema(&read.object, &read.fields, priority).await?, self.our_app(priority).await?);
        let properties: BTreeSet<&str> = kept.values().map(|(property, _)| *property).collect();
        let path = self.paths.objects(&self.place(&read.object, priority).await?, "/batch/read");
        for chunk in wanted.chunks(ROWS_MAX) {
            let inputs: Vec<Value> = chunk.iter().map(|id| json!({"id": id})).collect();
            let body = json!({"inputs": inputs, "properties": ["hs_object_id"], "propertiesWithHistory": properties});
            let answer = match self.client.call("history", priority, Call::post(path.clone(), body).idempotent()).await {
                Ok(answer) => answer.json::<Batch>()?,
                // Not one of them was found.
                Err(error) if error.class == Class::LookAgain => continue,
                Err(error) => return Err(error),
            };
            for record in answer.results {
                let fields = kept.iter().filter_map(|(field, (property, own))| {
                    let moments = record.properties_with_history.get(*property)?;
                    // Of a name that is looked up by the property only the latest value is known to be the one that is shown.
                    let moments = moments.iter().take(if *own { usize::MAX } else { 1 });
                    let entered = moments.map(|moment| Entered {
                        value: own.then(|| read_text(moment.text(), schema.kind(field))),
                        mark: self.mark_of(moment, app.as_deref()),
                    });
                    Some(((*field).to_owned(), entered.collect()))
                });
                told.insert(record.id.clone(), fields.collect());
            }
        }
        Ok(told)
    }

    /// When a value was entered, and by whom.
    fn mark_of(&self, moment: &Moment, app: Option<&str>) -> ChangeMark {
        let at = id_text(&moment.timestamp).as_deref().and_then(instant).map(|at| self.client.offset().correct(at));
        match hand(moment, app) {
            Hand::User(user) => self.actors.mark(at, Some(&user), self.ours.get().map_or("", String::as_str)),
            Hand::Known(by) => ChangeMark { at, by, who: None },
        }
    }

    /// The id of the app that our token is of, where HubSpot tells; asked for once.
    async fn our_app(&self, priority: Priority) -> Result<Option<String>, VendorError> {
        if let Some(app) = self.app.get() {
            return Ok(app.clone());
        }
        let told = self.token_info(priority).await?;
        let app = told.as_ref().and_then(|told| id_text(&told["appId"]).or_else(|| id_text(&told["app_id"])));
        Ok(self.app.get_or_init(|| app).clone())
    }
}

/// Whose hand a source stands for.
#[derive(Debug, PartialEq, Eq)]
enum Hand {
    /// A user of the portal, by id.
    User(String),
    /// Nobody of them.
    Known(Actor),
}

fn hand(moment: &Moment, app: Option<&str>) -> Hand {
    let source = moment.source_type.as_deref().unwrap_or_default();
    let id = id_text(&moment.source_id).unwrap_or_default();
    if source == "INTEGRATION" && app.is_some_and(|app| app == id) {
        return Hand::Known(Actor::Us);
    }
    if MACHINES.contains(&source) {
        return Hand::Known(Actor::Automation);
    }
    let user = id_text(&moment.updated_by_user_id).or_else(|| id.strip_prefix("userId:").map(str::to_owned));
    match user {
        Some(user) => Hand::User(user),
        None if CUSTOMERS.contains(&source) => Hand::Known(Actor::Customer),
        None => Hand::Known(Actor::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(moment: Value) -> Hand {
        hand(&serde_json::from_value(moment).expect("moment"), Some("1160452"))
    }

    #[test]
    fn a_source_tells_whose_hand_it_was() {
        assert_eq!(of(json!({"sourceType": "CRM_UI", "sourceId": "userId:17", "updatedByUserId": 17})), Hand::User("17".to_owned()));
        assert_eq!(of(json!({"sourceType": "MOBILE_IOS", "sourceId": "userId:17"})), Hand::User("17".to_owned()));
        assert_eq!(of(json!({"sourceType": "FORM", "sourceId": "4a5b"})), Hand::Known(Actor::Customer));
        assert_eq!(of(json!({"sourceType": "CONVERSATIONS"})), Hand::Known(Actor::Customer));
        assert_eq!(of(json!({"sourceType": "CONVERSATIONS", "updatedByUserId": 17})), Hand::User("17".to_owned()), "an agent in the chat");
        assert_eq!(of(json!({"sourceType": "INTEGRATION", "sourceId": "1160452"})), Hand::Known(Actor::Us));
        assert_eq!(of(json!({"sourceType": "INTEGRATION", "sourceId": "7", "updatedByUserId": 17})), Hand::Known(Actor::Automation));
        assert_eq!(of(json!({"sourceType": "IMPORT", "updatedByUserId": 17})), Hand::Known(Actor::Automation));
        assert_eq!(of(json!({"sourceType": "AUTOMATION_PLATFORM"})), Hand::Known(Actor::Automation));
        assert_eq!(of(json!({"sourceType": "MERGE_OBJECTS"})), Hand::Known(Actor::Unknown));
        assert_eq!(of(json!({})), Hand::Known(Actor::Unknown));
        let stranger: Moment = serde_json::from_value(json!({"sourceType": "INTEGRATION", "sourceId": "1160452"})).expect("moment");
        assert_eq!(hand(&stranger, None), Hand::Known(Actor::Automation), "while it is not known which app is ours");
    }

    #[test]
    fn names_are_told_of_by_what_they_are_looked_up_by() {
        assert_eq!(kept_as("contacts", "phone"), Some(("phone", true)));
        assert_eq!(kept_as("contacts", "owner.email"), Some(("hubspot_owner_id", false)));
        assert_eq!(kept_as("deals", "stage.name"), Some(("dealstage", false)));
        assert_eq!((kept_as("contacts", "associations.companies"), kept_as("contacts", "stage.name")), (None, None));
    }
}
