//! The catalog: objects, and for each connection and object the compiled mapping, with the policy of every field.
//!
//! Shipped packs (`packs/*.toml`) are the first version; what an admin saves replaces them, version by version, in the store.

mod policies;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_connect::capability::{Capabilities, Lookup};
use entente_model::mapping::convert::{Lens, MappingError};
use entente_model::mapping::remote::RemoteObject;
use entente_model::mapping::{Direction, Mapping, Owner};
use entente_model::normalise::Locale;
use entente_model::object::{FieldType, Object};
use entente_model::plan::policy::{Adopted, FieldPolicy, Kind, SIMULTANEOUS_MS};
use serde::Deserialize;

use self::policies::Policies;
use crate::schema::{Standstill, Still};

const OBJECTS: &str = include_str!("../packs/objects.toml");

/// Default mappings by platform.
const PACKS: &[(&str, &str)] = &[
    ("salesforce", include_str!("../packs/salesforce.toml")),
    ("hubspot", include_str!("../packs/hubspot.toml")),
    ("pipedrive", include_str!("../packs/pipedrive.toml")),
    ("dynamics", include_str!("../packs/dynamics.toml")),
    ("zendesk", include_str!("../packs/zendesk.toml")),
    ("freshdesk", include_str!("../packs/freshdesk.toml")),
    ("intercom", include_str!("../packs/intercom.toml")),
];

/// The object of those who work at a platform.
const USER: &str = "user";

/// Field of accounts that holds a group of agents, by its id at the desk.
const GROUP: &str = "support_group";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectsPack {
    object: Vec<Object>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingPack {
    mapping: Vec<Mapping>,
}

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

/// Objects that Entente ships with.
///
/// # Errors
/// Never for the shipped pack; the signature is honest about parsing.
pub fn shipped_objects() -> Result<Vec<Object>, CatalogError> {
    let pack: ObjectsPack = toml::from_str(OBJECTS)
        .map_err(|error| CatalogError::Unreadable { what: "packs/objects.toml".to_owned(), reason: error.to_string() })?;
    Ok(pack.object)
}

/// Default mappings of a platform; empty when none are shipped.
///
/// # Errors
/// Never for shipped packs; the signature is honest about parsing.
pub fn shipped_mappings(platform: &str) -> Result<Vec<Mapping>, CatalogError> {
    let Some((_, text)) = PACKS.iter().find(|(key, _)| *key == platform) else { return Ok(Vec::new()) };
    let pack: MappingPack = toml::from_str(text)
        .map_err(|error| CatalogError::Unreadable { what: format!("packs/{platform}.toml"), reason: error.to_string() })?;
    Ok(pack.mapping)
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

/// A catalog with one mapping in a version that is on its way into force.
pub struct Alternate {
    /// The connection of that mapping.
    pub connection: String,
    /// The version.
    pub version: i64,
    /// Share of the object's records that it decides, in percent; 0 in the shadow.
    pub percent: u64,
    /// The catalog.
    pub catalog: Arc<Catalog>,
}

/// What platforms say that rows there cannot be without, and cannot share.
pub(crate) struct Needs<'a> {
    /// Their objects as they were last described, by connection.
    pub(crate) schemas: &'a [(String, RemoteObject)],
    /// What is documented of a remote object at a connection.
    pub(crate) documented: &'a dyn Fn(&str, &str) -> Option<&'static Capabilities>,
}

/// A version of a mapping on its way into force.
pub(crate) struct Candidate {
    pub(crate) connection: String,
    pub(crate) version: i64,
    pub(crate) percent: u64,
    pub(crate) mapping: Mapping,
}

/// Where a record stands among all when a share of them is taken: 0 to 99, the same for ever.
#[must_use]
pub fn share_of(record: &str) -> u64 {
    let digest = ring::digest::digest(&ring::digest::SHA256, record.as_bytes());
    let first = digest.as_ref().iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    first % 100
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

    /// The same, with versions of mappings that are on their way into force beside it. Rows are read with the columns of both.
    #[must_use]
    pub(crate) fn with_candidates(mut self, candidates: Vec<Candidate>, needs: &Needs<'_>, locale: &Locale) -> Self {
        for candidate in candidates {
            let (connection, object) = (candidate.connection, candidate.mapping.object.clone());
            let mappings = self.by_connection.iter().map(|(name, mapped)| {
                let mut list: Vec<Mapping> = mapped.iter().map(|mapped| mapped.saved.clone()).collect();
                if *name == connection {
                    list.retain(|known| known.object != object);
                    list.push(candidate.mapping.clone());
                }
                (name.clone(), list)
            });
            let built = Self::build_around(self.objects.values().cloned().collect(), mappings.collect(), self.standstill.clone(), locale);
            let mut other = match built {
                Ok(other) => other.stamped(self.stamp).requiring(needs).windowed(self.window_ms).ruled(&self.adopted),
                Err(error) => {
                    tracing::error!(connection, object, version = candidate.version, %error, "a version on its way does not fit any more");
                    continue;
                }
            };
            let reads = |catalog: &Self| catalog.mapped(&connection, &object).map(|mapped| mapped.reads.clone()).unwrap_or_default();
            let (mine, theirs) = (reads(&self), reads(&other));
            self.extend_reads(&connection, &object, &theirs);
            other.extend_reads(&connection, &object, &mine);
            let alternate = Alternate { connection, version: candidate.version, percent: candidate.percent, catalog: Arc::new(other) };
            self.alternates.insert(object, alternate);
        }
        self
    }

    /// The same, knowing what the platforms, as they were last described, refuse a new row without, what they never take away again, and what
    /// they let one row alone hold.
    #[must_use]
    pub(crate) fn requiring(mut self, needs: &Needs<'_>) -> Self {
        for (connection, remote) in needs.schemas {
            let mapped = self.by_connection.get_mut(connection).into_iter().flatten().filter(|mapped| mapped.saved.remote == remote.name);
            for mapped in mapped.map(Arc::make_mut) {
                let needed = remote.fields.iter().filter(|field| field.required && field.writable && field.name != mapped.saved.key);
                mapped.required = needed.map(|field| field.name.clone()).collect();
            }
        }
        for (connection, all) in &mut self.by_connection {
            for mapped in all.iter_mut().map(Arc::make_mut) {
                let documented = (needs.documented)(connection, &mapped.saved.remote);
                let lasting = documented.map_or(&[][..], |known| known.never_blank);
                let schema = needs.schemas.iter().find(|(of, remote)| of == connection && remote.name == mapped.saved.remote);
                let object = self.objects.get(&mapped.saved.object);
                // False is a value of a list of two, and a formula may make something of nothing.
                let is_flag =
                    |field: &str| object.and_then(|object| object.field(field)).is_some_and(|field| field.kind == FieldType::Boolean);
                let stays = |remote: &String| lasting.contains(&remote.as_str()) || mapped.required.contains(remote);
                let unique = |remote: &str| {
                    let known = documented.and_then(|known| known.unique.iter().find(|unique| unique.field == remote));
                    let described = || schema.and_then(|(_, object)| object.field(remote)).filter(|field| field.unique).map(|_| None);
                    known.map(|known| known.asked).or_else(described)
                };
                let lines = mapped.lens.mapping().fields.iter().filter(|line| line.direction != Direction::In && line.put.is_none());
                let (mut never_blank, mut one_row_s) = (BTreeSet::new(), BTreeMap::new());
                for line in lines {
                    if stays(&line.remote) && !is_flag(&line.field) {
                        never_blank.insert(line.field.clone());
                    }
                    if let Some(asked) = unique(&line.remote) {
                        one_row_s.insert(line.field.clone(), asked);
                    }
                }
                (mapped.never_blank, mapped.unique) = (never_blank, one_row_s);
                let says_whose = |remote: &str| schema.and_then(|(_, object)| object.field(remote)).is_some_and(|field| field.of_owner);
                let shown = mapped.lens.mapping().fields.iter().filter(|line| mapped.lens.inputs(&line.field).any(says_whose));
                mapped.of_owner = shown.map(|line| line.field.clone()).collect();
            }
        }
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

    /// Versions in the shadow, by our object.
    pub(crate) fn shadows(&self) -> impl Iterator<Item = (&String, &Alternate)> {
        self.alternates.iter().filter(|(_, alternate)| alternate.percent == 0)
    }

    /// The catalog that decides a record, where it is another one.
    pub(crate) fn deciding(&self, record: &str, object: &str) -> Option<&Arc<Self>> {
        if self.alternates.is_empty() {
            return None;
        }
        let alternate = self.alternates.get(object)?;
        (share_of(record) < alternate.percent).then_some(&alternate.catalog)
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
