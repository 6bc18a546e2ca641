//! Object types that a portal defines itself: known by their short name, by `p<portal>_<name>`, or by their type id `2-…`.
//!
//! Paths take the type id. Only accounts of HubSpot's Enterprise tier have such types; others are told so when a mapping names one.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_model::mapping::remote::RemoteField;
use serde_json::{Value, json};

use super::HubSpot;
use super::kind::{self, ASSOCIATION, is_property, object_name};
use super::provision::property;
use super::refusal::misfit;
use super::wire::{Listed, id_text};
use crate::connector::{NO_OBJECT, NewObject, Priority};
use crate::error::{Class, VendorError};
use crate::transport::call::Call;

/// How long the list is believed.
const BELIEF: Duration = Duration::from_secs(600);
/// How long it is believed when it lacks what is asked for: somebody may have made it just now.
const BELIEF_IN_DOUBT: Duration = Duration::from_secs(30);
/// How long an account that may not have any is not asked again.
const WITHOUT: Duration = Duration::from_secs(3_600);

const ADVICE_TIER: &str = "custom objects need HubSpot Enterprise and the scopes crm.schemas.custom.read, crm.objects.custom.read and \
                           crm.objects.custom.write: upgrade the account or grant them, or take the mapping out";

/// One object type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Custom {
    /// `2-3465404`.
    pub type_id: String,
    /// Short name.
    pub name: String,
    /// `p62515_name`.
    pub full_name: String,
    /// Properties without which no row can be made.
    pub required: Vec<String>,
    /// Type id of the other object, and the id of the association with it.
    pub links: Vec<(String, u32)>,
}

impl Custom {
    /// Whether a mapping means this one.
    pub fn is(&self, name: &str) -> bool {
        self.type_id == name || self.full_name == name || self.name == name
    }

    /// Every name that a mapping may know it by.
    pub fn names(&self) -> [&str; 3] {
        [&self.name, &self.full_name, &self.type_id]
    }

    fn read(schema: &Value) -> Option<Self> {
        let text = |name: &str| schema[name].as_str().map(str::to_owned);
        let type_id = text("objectTypeId").or_else(|| id_text(&schema["id"]).map(|id| format!("2-{id}")))?;
        let links = schema["associations"].as_array().into_iter().flatten().filter_map(|link| {
            let id = id_text(&link["id"])?.parse().ok()?;
            // Each way has an id of its own; ours is the one that begins here.
            (link["fromObjectTypeId"].as_str() == Some(&type_id)).then(|| Some((link["toObjectTypeId"].as_str()?.to_owned(), id)))?
        });
        let links = links.collect();
        let required = schema["requiredProperties"].as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned));
        Some(Self {
            required: required.collect(),
            links,
            name: text("name")?,
            full_name: text("fullyQualifiedName").unwrap_or_default(),
            type_id,
        })
    }
}

/// What is known of them.
#[derive(Debug, Clone)]
enum Known {
    /// These.
    All(Arc<Vec<Custom>>),
    /// The account may have none.
    Refused(VendorError),
}

/// The list as it was last read.
#[derive(Debug, Default)]
pub(crate) struct Customs {
    held: Mutex<Option<(Timestamp, Known)>>,
    reading: tokio::sync::Mutex<()>,
}

impl Customs {
    fn held(&self, now: Timestamp, belief: Duration) -> Option<Known> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, known) = held.as_ref()?;
        let age = Duration::try_from(now.duration_since(*at)).unwrap_or(Duration::ZERO);
        (age < if matches!(known, Known::Refused(_)) { WITHOUT } else { belief }).then(|| known.clone())
    }

    /// Names that mappings may know a type id by, as far as that was read.
    pub fn names(&self, type_id: &str) -> Vec<String> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, Known::All(all))) = held.as_ref() else { return vec![type_id.to_owned()] };
        match all.iter().find(|custom| custom.type_id == type_id) {
            Some(custom) => custom.names().into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            None => vec![type_id.to_owned()],
        }
    }

    /// Forgets the list, because it has changed.
    pub fn forget(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Whether a refusal says that the account may not have object types of its own.
fn is_a_matter_of_the_tier(error: &VendorError) -> bool {
    error.status == 403
}

impl HubSpot {
    /// The portal's own object types, read again when `belief` has passed.
    async fn customs(&self, belief: Duration, priority: Priority) -> Result<Arc<Vec<Custom>>, VendorError> {
        // One at a time asks, and the others take over what it read.
        let _reading = self.customs.reading.lock().await;
        let known = match self.customs.held(self.client.now(), belief) {
            Some(known) => known,
            None => {
                let known = match self.client.call("schemas", priority, Call::get(self.paths.schemas(""))).await {
                    Ok(answer) => Known::All(Arc::new(answer.json::<Listed>()?.results.iter().filter_map(Custom::read).collect())),
                    Err(error) if is_a_matter_of_the_tier(&error) => Known::Refused(VendorError { advice: ADVICE_TIER, ..error }),
                    Err(error) => return Err(error),
                };
                *self.customs.held.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.client.now(), known.clone()));
                known
            }
        };
        match known {
            Known::All(all) => Ok(all),
            Known::Refused(error) => Err(error),
        }
    }

    /// The portal's own object types, none where the account may have none.
    pub(super) async fn customs_if_any(&self, priority: Priority) -> Result<Arc<Vec<Custom>>, VendorError> {
        match self.customs(BELIEF, priority).await {
            Err(error) if is_a_matter_of_the_tier(&error) => Ok(Arc::default()),
            other => other,
        }
    }

    /// One of the portal's own object types by any of its names.
    ///
    /// # Errors
    /// [`NO_OBJECT`] when there is none, and what the account's tier lacks.
    pub(super) async fn custom(&self, object: &str, priority: Priority) -> Result<Custom, VendorError> {
        let all = self.customs(BELIEF, priority).await.map_err(|error| refused(object, error))?;
        if let Some(custom) = all.iter().find(|custom| custom.is(object)) {
            return Ok(custom.clone());
        }
        let all = self.customs(BELIEF_IN_DOUBT, priority).await.map_err(|error| refused(object, error))?;
        all.iter().find(|custom| custom.is(object)).cloned().ok_or_else(|| no_object(object, &all))
    }

    /// The name of an object in paths.
    ///
    /// # Errors
    /// When it cannot be one, or the portal has no such object.
    pub(super) async fn place<'a>(&self, object: &'a str, priority: Priority) -> Result<Cow<'a, str>, VendorError> {
        let name = object_name(object)?;
        if kind::is_standard(name) || kind::is_type_id(name) {
            return Ok(Cow::Borrowed(name));
        }
        Ok(Cow::Owned(self.custom(name, priority).await?.type_id))
    }

    /// The type id of an object.
    pub(super) async fn type_id(&self, object: &str, priority: Priority) -> Result<String, VendorError> {
        match kind::type_id(object) {
            Some(id) => Ok(id.to_owned()),
            None => Ok(self.place(object, priority).await?.into_owned()),
        }
    }

    /// The type id to associate by, its category, and whether it marks the primary one.
    ///
    /// # Errors
    /// When the two objects do not go together.
    pub(super) async fn association(&self, from: &str, to: &str, priority: Priority) -> Result<(u32, &'static str, bool), VendorError> {
        if kind::is_standard(from) && kind::is_standard(to) {
            return kind::association(from, to).map(|(ty, primary)| (ty, "HUBSPOT_DEFINED", primary));
        }
        // The portal's own object knows; towards it, HubSpot is asked for the labels of the pair.
        if !kind::is_standard(from) {
            let home = self.custom(from, priority).await?;
            let other = self.type_id(to, priority).await?;
            if let Some((_, ty)) = home.links.iter().find(|(known, _)| *known == other) {
                return Ok((*ty, "USER_DEFINED", false));
            }
            return Err(apart(from, to));
        }
        let (a, b) = (self.place(from, priority).await?, self.place(to, priority).await?);
        let call = Call::get(self.paths.labels(&a, &b)).accept(&[404]);
        let answer = self.client.call("association_labels", priority, call).await?;
        if answer.status == 404 {
            return Err(apart(from, to));
        }
        let labels: Listed = answer.json()?;
        let plain = labels.results.iter().find(|label| label["label"].is_null()).or(labels.results.first());
        let id = plain.and_then(|label| label["typeId"].as_u64()).and_then(|id| u32::try_from(id).ok());
        id.map(|id| (id, "USER_DEFINED", false)).ok_or_else(|| apart(from, to))
    }

    /// See [`Connector::create_object`](crate::connector::Connector::create_object).
    pub(super) async fn define(&self, new: &NewObject) -> Result<(), VendorError> {
        let name = object_name(&new.object)?;
        if kind::is_standard(name) || kind::is_type_id(name) || is_full_name(name) {
            return Err(misfit(
                "object_name",
                format!("HubSpot gives an object the name `{name}` by itself; an object that is made here goes by a short name of its own"),
                "name the object in the mapping by its short name, such as `car`",
            ));
        }
        let fields: Vec<&RemoteField> =
            new.fields.iter().filter(|field| is_property(&field.name) && !field.name.starts_with("hs_")).collect();
        let properties = fields.iter().map(|field| property(field)).collect::<Result<Vec<_>, _>>()?;
        let display = fields.iter().find(|field| !field.unique).or(fields.first()).map(|field| field.name.as_str());
        let partners = new.fields.iter().filter_map(|field| field.name.strip_prefix(ASSOCIATION));
        let mut associated = Vec::new();
        for partner in partners {
            associated.push(self.type_id(partner, Priority::Update).await?);
        }
        let body = json!({
            "name": name, "labels": {"singular": new.label, "plural": format!("{}s", new.label)}, "properties": properties,
            "requiredProperties": [], "searchableProperties": display.into_iter().collect::<Vec<_>>(), "primaryDisplayProperty": display,
            "associatedObjects": associated,
        });
        let made = self.client.call("schemas", Priority::Update, Call::post(self.paths.schemas(""), body)).await;
        match made {
            Ok(_) => {
                self.customs.forget();
                Ok(())
            }
            // Somebody else was faster.
            Err(error) if error.status == 409 => {
                self.customs.forget();
                Ok(())
            }
            Err(error) if is_a_matter_of_the_tier(&error) => Err(refused(name, VendorError { advice: ADVICE_TIER, ..error })),
            Err(error) => Err(error),
        }
    }

    /// Properties without which no row of an object of the portal's own can be made.
    pub(super) async fn required(&self, object: &str, priority: Priority) -> Result<Vec<String>, VendorError> {
        let all = self.customs_if_any(priority).await?;
        Ok(all.iter().find(|custom| custom.is(object)).map(|custom| custom.required.clone()).unwrap_or_default())
    }

    /// Names of the objects that an object's rows can point at, beside HubSpot's own pairs.
    pub(super) async fn partners(&self, object: &str, priority: Priority) -> Result<Vec<String>, VendorError> {
        let all = self.customs_if_any(priority).await?;
        let Some(own) = kind::type_id(object) else {
            let home = all.iter().find(|custom| custom.is(object));
            let named = |id: &String| match kind::named(id) {
                Some(name) => Some(name.to_owned()),
                None => all.iter().find(|custom| custom.type_id == *id).map(|custom| custom.name.clone()),
            };
            return Ok(home.into_iter().flat_map(|home| &home.links).filter_map(|(id, _)| named(id)).collect());
        };
        let with = all.iter().filter(|custom| custom.links.iter().any(|(id, _)| id == own));
        Ok(with.map(|custom| custom.name.clone()).collect())
    }
}

fn is_full_name(name: &str) -> bool {
    let number = name.strip_prefix('p').and_then(|rest| rest.split_once('_')).map(|(number, _)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn refused(object: &str, error: VendorError) -> VendorError {
    if !is_a_matter_of_the_tier(&error) {
        return error;
    }
    let message =
        format!("`{object}` is not one of HubSpot's own objects, and this account gives no access to custom ones ({})", error.message);
    VendorError { code: "custom_objects".to_owned(), class: Class::Configuration, message, ..error }
}

fn no_object(object: &str, all: &[Custom]) -> VendorError {
    let known: Vec<&str> = all.iter().map(|custom| custom.name.as_str()).collect();
    let known = if known.is_empty() { "it has none of its own".to_owned() } else { format!("its own are {}", known.join(", ")) };
    misfit(
        NO_OBJECT,
        format!("HubSpot has no object `{object}`; {known}"),
        "make it with `entente provision --apply`, or correct the object's name in the mapping",
    )
}

fn apart(from: &str, to: &str) -> VendorError {
    misfit(
        "association",
        format!("HubSpot's {from} have no association with `{to}`"),
        "let the two go together in HubSpot's settings of the object, or take the line out of the mapping",
    )
    .about(format!("{ASSOCIATION}{to}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_known_by_three_names_and_its_own_way_to_others() {
        let schema = json!({
            "id": "7", "objectTypeId": "2-7", "name": "car", "fullyQualifiedName": "p62515_car", "requiredProperties": ["vin"],
            "associations": [
                {"id": "101", "fromObjectTypeId": "2-7", "toObjectTypeId": "0-1"},
                {"id": "102", "fromObjectTypeId": "0-1", "toObjectTypeId": "2-7"},
            ],
        });
        let car = Custom::read(&schema).expect("a definition");
        assert!(["car", "p62515_car", "2-7"].iter().all(|name| car.is(name)) && !car.is("cars"));
        assert_eq!((car.links, car.required), (vec![("0-1".to_owned(), 101)], vec!["vin".to_owned()]));
    }

    #[test]
    fn a_full_name_has_the_portal_in_it() {
        assert!(is_full_name("p62515_car") && !is_full_name("parking_lot") && !is_full_name("car"));
    }
}
