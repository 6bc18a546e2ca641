//! The catalog: objects, and for each connection and object the compiled mapping, with the policy of every field.
//!
//! Shipped packs (`packs/*.toml`) are the first version; what an admin saves replaces them, version by version, in the store.

mod candidates;
mod needs;
mod packs;
mod policies;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_connect::capability::Lookup;
use entente_model::mapping::convert::{Lens, MappingError};
use entente_model::mapping::{Direction, Mapping, Owner};
use entente_model::normalise::Locale;
use entente_model::object::{FieldType, Object};
use entente_model::plan::policy::{Adopted, FieldPolicy, Kind, SIMULTANEOUS_MS};

pub(crate) use self::candidates::Candidate;
pub use self::candidates::{Alternate, share_of};
pub(crate) use self::needs::Needs;
pub use self::packs::{shipped_mappings, shipped_objects};
use self::policies::Policies;
use crate::schema::{Standstill, Still};

/// The object of those who work at a platform.
const USER: &str = "user";

/// Field of accounts that holds a group of agents, by its id at the desk.
const GROUP: &str = "support_group";

/// Why a catalog cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A pack or a saved document is not readable.
    #[error("{what} is not readable: {reason}")]
    Unreadable {
        /// Which document.
        what: String,
        /// Where and why.
        reason: String,
    },
    /// A mapping does not fit its object.
    #[error("mapping of {object} at {connection}: {}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Mapping {
        /// Connection.
        connection: String,
        /// Object.
        object: String,
        /// Every error found.
        errors: Vec<MappingError>,
    },
    /// Two mappings name different owners for one field.
    #[error(
        "field {object}.{field}: {first} says its owner is {first_owner:?}, {second} says {second_owner:?}; let both name the same owner"
    )]
    Owners {
        /// Object.
        object: String,
        /// Field.
        field: String,
        /// Connection.
        first: String,
        /// Its owner.
        first_owner: Owner,
        /// Other connection.
        second: String,
        /// Its owner.
        second_owner: Owner,
    },
    /// Two mappings say differently how conflicts of one field are decided.
    #[error(
        "field {object}.{field}: {first} and {second} differ in `conflicts.{part}`; let both say the same, or let one of them say nothing of it"
    )]
    Conflicts {
        /// Object.
        object: String,
        /// Field.
        field: String,
        /// What they differ in.
        part: &'static str,
        /// Connection.
        first: String,
        /// Other connection.
        second: String,
    },
    /// A mapping names an object that does not exist.
    #[error("mapping at {connection} names the object `{object}`, which does not exist; known are {known}")]
    UnknownObject {
        /// Connection.
        connection: String,
        /// Object.
        object: String,
        /// Known objects.
        known: String,
    },
}

/// A mapping in force.
#[derive(Clone)]
pub struct Mapped {
    /// Compiled.
    pub lens: Lens,
    /// Our fields that may be written through it.
    pub writable: BTreeSet<String>,
    /// Remote fields read with each row.
    pub reads: Vec<String>,
    /// The mapping as it is saved: [`Self::mapping`] has the lines in use alone.
    pub saved: Mapping,
    /// What of it is not used meanwhile, because the platform's schema has changed.
    pub still: Still,
    /// Remote fields without which the platform, as it was last described, refuses a new row; the key is not among them.
    pub required: Vec<String>,
    /// Our fields that stand for themselves there, and from which the platform never takes the value away again: it refuses to, or puts one
    /// of its own in its place.
    pub never_blank: BTreeSet<String>,
    /// Our fields that stand for themselves there, and of which the platform lets no two rows hold one value; each with how it is asked who
    /// holds a value, where it can be.
    pub unique: BTreeMap<String, Option<Lookup>>,
    /// Our fields that are read of what says whose a row is there, as the platform was last described.
    pub of_owner: BTreeSet<String>,
}

impl Mapped {
    /// The mapping in use.
    #[must_use]
    pub fn mapping(&self) -> &Mapping {
        self.lens.mapping()
    }
}

/// Objects, mappings and policies in force.
pub struct Catalog {
    objects: BTreeMap<String, Object>,
    by_connection: BTreeMap<String, Vec<Arc<Mapped>>>,
    policies: Policies,
    /// What is simultaneous where no mapping says it, in milliseconds.
    window_ms: i64,
    standstill: Standstill,
    /// Rules that people adopted, by object and field.
    adopted: Vec<(String, String, Adopted)>,
    /// Catalogs with a version of one mapping that is on its way into force, by our object.
    alternates: BTreeMap<String, Alternate>,
    stamp: i64,
}

/// Objects in the order in which a first sync reads them: what is pointed at comes before what points.
pub const ORDER: &[&str] = &["account", "contact", "opportunity", "case", "activity"];

impl Catalog {
    /// Compiles mappings, given by connection, against objects.
    ///
    /// # Errors
    /// When a mapping does not fit its object or another mapping.
    pub fn build(objects: Vec<Object>, mappings: BTreeMap<String, Vec<Mapping>>, locale: &Locale) -> Result<Self, CatalogError> {
        Self::build_around(objects, mappings, Standstill::default(), locale)
    }

    /// The same, without what is not used of the mappings meanwhile.
    ///
    /// # Errors
    /// When a mapping does not fit its object or another mapping.
    pub fn build_around(
        objects: Vec<Object>,
        mappings: BTreeMap<String, Vec<Mapping>>,
        standstill: Standstill,
        locale: &Locale,
    ) -> Result<Self, CatalogError> {
        let objects: BTreeMap<String, Object> = objects.into_iter().map(|object| (object.key.clone(), object)).collect();
        let mut by_connection = BTreeMap::new();
        for (connection, mappings) in mappings {
            let mut mapped = Vec::new();
            for mapping in mappings {
                let still = standstill.at(&connection, &mapping);
                mapped.push(Arc::new(compile(&objects, &connection, mapping, still, locale)?));
            }
            by_connection.insert(connection, mapped);
        }
        let policies = Policies::of(&objects, &by_connection)?;
        for mapped in by_connection.values_mut().flatten() {
            let consents: BTreeSet<String> = policies.consents(&mapped.saved.object);
            if !consents.is_empty() {
                Arc::make_mut(mapped).lens.tell_no_from_none(&consents);
            }
        }
        routed_at_one_desk(&mut by_connection);
        Ok(Self {
            objects,
            by_connection,
            policies,
            window_ms: SIMULTANEOUS_MS,
            standstill,
            adopted: Vec::new(),
            alternates: BTreeMap::new(),
            stamp: 0,
        })
    }

    /// The same, with how close to each other changes are simultaneous where no mapping says it.
    #[must_use]
    pub(crate) fn windowed(mut self, window_ms: i64) -> Self {
        self.policies.windowed(window_ms);
        self.window_ms = window_ms;
        self
    }

    /// The same, marked with the stamp that the saved metadata had when it was read.
    #[must_use]
    pub(crate) fn stamped(self, stamp: i64) -> Self {
        Self { stamp, ..self }
    }

    /// The same, with rules that people adopted for what goes to a person otherwise: by object and field.
    #[must_use]
    pub(crate) fn ruled(mut self, adopted: &[(String, String, Adopted)]) -> Self {
        for (object, field, rule) in adopted {
            let policy = self.policies.by_object.get_mut(object).into_iter().flatten().find(|policy| policy.field == *field);
            if let Some(policy) = policy {
                policy.adopted.push(rule.clone());
            }
        }
        self.adopted = adopted.to_vec();
        self
    }

    /// Has further columns read with the rows of an object.
    pub(crate) fn extend_reads(&mut self, connection: &str, object: &str, more: &[String]) {
        let mapped = self.by_connection.get_mut(connection).into_iter().flatten().find(|mapped| mapped.saved.object == object);
        if let Some(mapped) = mapped.map(Arc::make_mut) {
            let all: BTreeSet<String> = mapped.reads.iter().chain(more).cloned().collect();
            mapped.reads = all.into_iter().collect();
        }
    }

    /// The stamp that the saved metadata had when this was built from it: another one there means that this is old.
    #[must_use]
    pub(crate) fn stamp(&self) -> i64 {
        self.stamp
    }

    /// What is not used of the mappings meanwhile.
    #[must_use]
    pub fn standstill(&self) -> &Standstill {
        &self.standstill
    }

    /// All objects.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.values()
    }

    /// An object by name.
    #[must_use]
    pub fn object(&self, key: &str) -> Option<&Object> {
        self.objects.get(key)
    }

    /// The object whose records' ids have this prefix.
    #[must_use]
    pub fn object_of_prefix(&self, prefix: &str) -> Option<&Object> {
        self.objects.values().find(|object| object.prefix == prefix)
    }

    /// Mappings of a connection, parents first.
    #[must_use]
    pub fn mappings(&self, connection: &str) -> &[Arc<Mapped>] {
        self.by_connection.get(connection).map_or(&[], Vec::as_slice)
    }

    /// The mapping of an object at a connection.
    #[must_use]
    pub fn mapped(&self, connection: &str, object: &str) -> Option<&Arc<Mapped>> {
        self.mappings(connection).iter().find(|mapped| mapped.mapping().object == object)
    }

    /// Policies of an object's mapped fields.
    #[must_use]
    pub fn policy(&self, object: &str) -> &[FieldPolicy] {
        self.policies.by_object.get(object).map_or(&[], Vec::as_slice)
    }

    /// The policy of a mapped field.
    #[must_use]
    pub fn policy_of(&self, object: &str, field: &str) -> Option<&FieldPolicy> {
        self.policy(object).iter().find(|policy| policy.field == field)
    }

    /// Whether a field says who looks after a record: because it is meant to, refers to a user, or is read of what says so at any platform.
    #[must_use]
    pub fn is_of_owner(&self, object: &str, field: &str) -> bool {
        let definition = self.object(object).and_then(|object| object.field(field));
        let meant = definition
            .is_some_and(|field| field.data == Kind::Owner || matches!(&field.kind, FieldType::Reference { object } if object == USER));
        let said = || self.policy_of(object, field).is_some_and(|policy| policy.kind == Kind::Owner);
        let shown = || {
            let mut mapped = self.by_connection.values().flatten().filter(|mapped| mapped.saved.object == object);
            mapped.any(|mapped| mapped.of_owner.contains(field))
        };
        meant || said() || shown()
    }

    /// Rules that people adopted, by object and field.
    pub(crate) fn adopted(&self) -> &[(String, String, Adopted)] {
        &self.adopted
    }

    /// Remote objects of a connection in the order of a first read, with every remote field that any of their mappings reads.
    #[must_use]
    pub fn reads(&self, connection: &str) -> Vec<(String, Vec<String>)> {
        let mut reads: Vec<(String, BTreeSet<String>)> = Vec::new();
        let mut mappings: Vec<&Arc<Mapped>> = self.mappings(connection).iter().collect();
        mappings.sort_by_key(|mapped| rank(&mapped.mapping().object));
        for mapped in mappings {
            let remote = &mapped.mapping().remote;
            match reads.iter_mut().find(|(name, _)| name == remote) {
                Some((_, fields)) => fields.extend(mapped.reads.iter().cloned()),
                None => reads.push((remote.clone(), mapped.reads.iter().cloned().collect())),
            }
        }
        reads.into_iter().map(|(name, fields)| (name, fields.into_iter().collect())).collect()
    }
}

/// Place of an object in [`ORDER`]; custom objects come last.
#[must_use]
pub fn rank(object: &str) -> usize {
    ORDER.iter().position(|known| *known == object).unwrap_or(ORDER.len())
}

/// The group of a tier is an id of one desk and means nothing at another: of several desks the first by name gets it, as routing resolves it
/// there.
fn routed_at_one_desk(by_connection: &mut BTreeMap<String, Vec<Arc<Mapped>>>) {
    let mut routes = by_connection.values_mut().flatten().filter(|mapped| mapped.writable.contains(GROUP));
    let _first = routes.next();
    for other in routes {
        Arc::make_mut(other).writable.remove(GROUP);
    }
}

fn compile(
    objects: &BTreeMap<String, Object>,
    connection: &str,
    saved: Mapping,
    still: Still,
    locale: &Locale,
) -> Result<Mapped, CatalogError> {
    let mut mapping = saved.in_use(&still.fields);
    mapping.also_read.retain(|name| !still.gone.contains(name));
    let Some(object) = objects.get(&mapping.object) else {
        return Err(CatalogError::UnknownObject {
            connection: connection.to_owned(),
            object: mapping.object,
            known: objects.keys().cloned().collect::<Vec<_>>().join(", "),
        });
    };
    let name = mapping.object.clone();
    let lens = Lens::compile(mapping, object, None, locale.clone()).map_err(|errors| CatalogError::Mapping {
        connection: connection.to_owned(),
        object: name,
        errors,
    })?;
    let writable = lens.mapping().fields.iter().filter(|line| line.direction != Direction::In).map(|line| line.field.clone()).collect();
    let reads = lens.reads();
    Ok(Mapped {
        lens,
        writable,
        reads,
        saved,
        still,
        required: Vec::new(),
        never_blank: BTreeSet::new(),
        unique: BTreeMap::new(),
        of_owner: BTreeSet::new(),
    })
}

#[cfg(test)]
mod tests {
    use entente_model::mapping::FieldMap;
    use entente_model::mapping::remote::RemoteObject;
    use entente_model::mapping::remote::{RemoteField, RemoteKind};
    use entente_model::object::Field;
    use entente_model::plan::policy::{DEFAULT_RULES, Rule};

    use super::*;

    #[test]
    fn the_shipped_packs_fit_the_shipped_objects() {
        let mut mappings = ["salesforce", "zendesk"].map(|platform| (platform.to_owned(), shipped_mappings(platform).unwrap()));
        // As the mapping of activities was before it read events as well.
        let activities = mappings[0].1.iter_mut().find(|mapping| mapping.object == "activity").unwrap();
        assert_eq!(activities.remote, "Activity");
        "Task".clone_into(&mut activities.remote);
        let catalog = Catalog::build(shipped_objects().unwrap(), mappings.into(), &Locale::default()).unwrap();
        assert!(catalog.policy("contact").iter().any(|policy| policy.field == "email" && policy.kind == Kind::Contact));
        assert_eq!(catalog.reads("zendesk")[0].0, "organization");
        let tasks = catalog.reads("salesforce").into_iter().filter(|(name, _)| name == "Task").count();
        assert_eq!(tasks, 1, "both mappings of Task share one read");
    }

    #[test]
    fn what_everybody_only_reads_may_have_its_source_at_either_side() {
        let build = |written: bool| {
            let mut mappings = ["salesforce", "zendesk"].map(|platform| (platform.to_owned(), shipped_mappings(platform).unwrap()));
            if written {
                let lines = mappings[0].1.iter_mut().filter(|mapping| mapping.object == "activity").flat_map(|mapping| &mut mapping.fields);
                lines.for_each(|line| line.direction = Direction::Both);
            }
            Catalog::build(shipped_objects().unwrap(), mappings.into(), &Locale::default())
        };
        let catalog = build(false).unwrap();
        assert_eq!(catalog.policy_of("activity", "body").unwrap().owner, Owner::Shared);
        assert_eq!(catalog.policy_of("activity", "case").unwrap().owner, Owner::Support);
        let told = build(true).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.contains("field activity.") && told.contains("let both name the same owner"), "{told}");
    }

    #[test]
    fn an_owner_s_field_is_known_by_what_it_holds_and_by_what_its_platform_says() {
        let mut objects = shipped_objects().unwrap();
        let account = objects.iter_mut().find(|object| object.key == "account").unwrap();
        let like = account.field("ae_name").unwrap().clone();
        for (key, data) in [("partner", Kind::Other), ("sponsor", Kind::Owner), ("nickname", Kind::Other)] {
            account.fields.push(Field { key: key.to_owned(), custom: true, data, ..like.clone() });
        }
        let mut mappings = shipped_mappings("salesforce").unwrap();
        let accounts = mappings.iter_mut().find(|mapping| mapping.object == "account").unwrap();
        let like = accounts.fields.iter().find(|line| line.field == "ae_name").unwrap().clone();
        for (field, remote) in [("partner", "Partner__c"), ("nickname", "Nickname__c")] {
            accounts.fields.push(FieldMap { field: field.to_owned(), remote: remote.to_owned(), ..like.clone() });
        }
        let text = |name: &str| RemoteField::new(name, name, RemoteKind::Text);
        let fields = vec![RemoteField { of_owner: true, ..text("Partner__c") }, text("Nickname__c")];
        let schemas = [("salesforce".to_owned(), RemoteObject { name: accounts.remote.clone(), fields, lists: Vec::new() })];
        let catalog = Catalog::build(objects, [("salesforce".to_owned(), mappings)].into(), &Locale::default()).unwrap();
        let catalog = catalog.requiring(&Needs { schemas: &schemas, documented: &|_, _| None });
        let found = ["partner", "sponsor", "nickname", "ae_name", "name"].map(|field| catalog.is_of_owner("account", field));
        assert_eq!(found, [true, true, false, true, false]);
    }

    #[test]
    fn of_several_desks_one_gets_the_groups_of_the_tiers() {
        let mappings = [("crm", "salesforce"), ("desk", "zendesk"), ("other", "zendesk"), ("third", "freshdesk")];
        let mappings = mappings.map(|(name, platform)| (name.to_owned(), shipped_mappings(platform).unwrap()));
        let catalog = Catalog::build(shipped_objects().unwrap(), mappings.into(), &Locale::default()).unwrap();
        let gets = |desk: &str| catalog.mapped(desk, "account").unwrap().writable.contains(GROUP);
        assert_eq!((gets("desk"), gets("other"), gets("third")), (true, false, false));
    }

    #[test]
    fn every_crm_fits_every_desk() {
        let desks = ["zendesk", "freshdesk", "intercom"];
        for (crm, desk) in ["salesforce", "hubspot", "pipedrive", "dynamics"].into_iter().flat_map(|crm| desks.map(|desk| (crm, desk))) {
            let mappings = [crm, desk].map(|platform| (platform.to_owned(), shipped_mappings(platform).unwrap()));
            let catalog = Catalog::build(shipped_objects().unwrap(), mappings.into(), &Locale::default()).unwrap();
            for side in [crm, desk] {
                assert!(catalog.mapped(side, "account").is_some() && catalog.mapped(side, "case").is_some(), "{crm} and {desk}");
            }
        }
    }

    /// Salesforce's and Zendesk's mappings, with what they say of conflicts: of contacts, and of their phone numbers.
    fn built(crm: [&str; 2], desk: [&str; 2]) -> Result<Catalog, CatalogError> {
        let mappings = [("crm", "salesforce", crm), ("desk", "zendesk", desk)].map(|(name, platform, [object, line])| {
            let said = |text: &str| (!text.is_empty()).then(|| serde_json::from_str(text).unwrap());
            let mut mappings = shipped_mappings(platform).unwrap();
            let contacts = mappings.iter_mut().find(|mapping| mapping.object == "contact").unwrap();
            contacts.conflicts = said(object);
            contacts.fields.iter_mut().find(|line| line.field == "phone").unwrap().conflicts = said(line);
            (name.to_owned(), mappings)
        });
        Catalog::build(shipped_objects().unwrap(), mappings.into(), &Locale::default())
    }

    #[test]
    fn a_line_goes_before_its_object_and_who_says_nothing_follows() {
        let usual = built(["", ""], ["", ""]).unwrap();
        let phone = usual.policy_of("contact", "phone").unwrap();
        assert_eq!((phone.rules.as_slice(), phone.kind, phone.simultaneous_ms), (DEFAULT_RULES, Kind::Contact, SIMULTANEOUS_MS));
        assert_eq!(usual.policy_of("account", "status").unwrap().kind, Kind::Status);
        assert_eq!(usual.policy_of("contact", "marketing_consent").unwrap().kind, Kind::Consent);
        assert_eq!(usual.windowed(9_000).policy_of("contact", "phone").unwrap().simultaneous_ms, 9_000, "where no mapping says it");

        let desk = [r#"{"rules": ["simultaneous", "latest"], "window": "1s", "without": ["self_service"]}"#, r#"{"kind": "other"}"#];
        let catalog = built(["", r#"{"rules": [], "without": []}"#], desk).unwrap().windowed(9_000);
        let phone = catalog.policy_of("contact", "phone").unwrap();
        assert_eq!((phone.rules.as_slice(), phone.kind, phone.simultaneous_ms), (&[][..], Kind::Other, 1_000), "part by part");
        let email = catalog.policy_of("contact", "email").unwrap();
        let rules = [Rule::Simultaneous, Rule::Latest];
        assert_eq!((email.rules.as_slice(), email.kind, email.simultaneous_ms), (&rules[..], Kind::Contact, 1_000));
        assert_eq!(email.without, BTreeMap::from([("desk".to_owned(), vec![Rule::SelfService])]), "its own affair");
        assert_eq!(catalog.policy_of("account", "status").unwrap().rules, DEFAULT_RULES, "another object");
    }

    #[test]
    fn connections_that_say_different_things_of_one_field_are_named() {
        let wrong = |crm, desk| built(crm, desk).err().map(|error| error.to_string()).unwrap_or_default();
        let told = wrong(["", r#"{"rules": []}"#], ["", r#"{"rules": ["latest"]}"#]);
        assert!(told.starts_with("field contact.phone: crm and desk differ in `conflicts.rules`"), "{told}");
        let told = wrong([r#"{"window": "1s"}"#, ""], [r#"{"window": "2s"}"#, ""]);
        assert!(told.contains("`conflicts.window`"), "{told}");
        assert_eq!(wrong([r#"{"without": ["sales_contact"]}"#, ""], [r#"{"without": ["self_service"]}"#, ""]), "", "each for itself");
    }
}
