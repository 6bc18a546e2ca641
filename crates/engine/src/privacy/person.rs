//! Who is to be erased, and everything that is held about them: their records, the records about them, the rows of all of these, and what
//! they are known by, now and before.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::email;
use entente_model::id::RecordId;
use entente_model::mapping::Role;
use entente_model::matching::{self, KeyKind};
use entente_model::object::FieldType;
use entente_model::value::{Fields, Value, get};
use entente_store::{
    Changes, Link, LinkState, MatchKey, PAGE_ROWS_MAX, Record, RecordQuery, RecordState, RemoteKey, StoreError, Tx, Viewer,
};

use super::{LEAD, PERSON, is_person};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::options::ErasePolicy;
use crate::records;
use crate::sync::adopt::kind_name;
use crate::sync::redirect::references;

/// Entries of a person's history that are looked through for earlier addresses.
const ENTRIES_MAX: usize = 5_000;

/// Records of others that are named in a flag, for each text.
const NAMED_MAX: usize = 20;

/// A person, with everything about them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Person {
    /// The person's own record; absent when only an address is known.
    pub(crate) record: Option<RecordId>,
    /// All records: the person's own and those about them, whatever their state.
    pub(crate) records: Vec<Record>,
    /// Counterparts of all of them.
    pub(crate) links: Vec<Link>,
    /// Addresses, in lower case: now and before.
    pub(crate) emails: BTreeSet<String>,
    /// Numbers, in E.164.
    pub(crate) phones: BTreeSet<String>,
    /// Full names.
    pub(crate) names: BTreeSet<String>,
    /// Addresses and numbers that other people have as well: they block nobody.
    pub(crate) shared: BTreeSet<String>,
    /// Records of others that name the person: what is there, in words.
    pub(crate) elsewhere: Vec<String>,
}

impl Person {
    /// Addresses that are the person's alone.
    pub(crate) fn own_emails(&self) -> Vec<String> {
        self.emails.iter().filter(|email| !self.shared.contains(*email)).cloned().collect()
    }

    /// Numbers that are the person's alone.
    pub(crate) fn own_phones(&self) -> Vec<String> {
        self.phones.iter().filter(|phone| !self.shared.contains(*phone)).cloned().collect()
    }

    /// Rows at platforms that are theirs. A row that was merged away is another one's by now.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(|link| link.state != LinkState::Merged)
    }

    fn ids(&self) -> Vec<RecordId> {
        self.records.iter().map(|record| record.id.clone()).collect()
    }
}

/// What the policy of a connection does with a person's rows.
pub(crate) fn policy_at(engine: &Engine, connection: &str) -> ErasePolicy {
    let role = engine.connection(connection).map_or(Role::Crm, |connection| connection.role);
    engine.options().erase_policy_at(connection, role)
}

/// Whom a person means: a record by its id, an external id or its whole title; or an address or number that nobody here has.
pub(crate) enum Who {
    /// A record of a person.
    Record(RecordId),
    /// An address.
    Email(String),
    /// A number.
    Phone(String),
}

/// Finds out whom a text means.
pub(crate) async fn find(engine: &Engine, viewer: &Viewer, text: &str) -> Result<Who> {
    let text = text.trim();
    let given = Fields::from([
        ("email".to_owned(), Value::text(text.to_lowercase())),
        ("phone".to_owned(), Value::text(text.replace([' ', '-', '(', ')'], ""))),
    ]);
    let keys: Vec<matching::MatchKey> = matching::keys(PERSON, &given);
    let key = keys.into_iter().find(|key| matches!(key.kind, KeyKind::Email | KeyKind::Phone));
    if let Some(key) = key.filter(|_| !text.contains('/')) {
        let wanted = MatchKey::new(kind_name(key.kind), key.value.clone());
        let leads = leads_with(if key.kind == KeyKind::Email { "email" } else { "phone" }, &key.value, RecordState::Active);
        let (hits, leads) = engine
            .store()
            .read(move |tx| Ok((tx.match_records(PERSON, &[wanted])?, tx.list_records(&Viewer::system(), &leads, 1)?)))
            .await?;
        return match hits.as_slice() {
            // Further leads with it go along with the first.
            [] if !leads.records.is_empty() => Ok(Who::Record(leads.records[0].id.clone())),
            [] if key.kind == KeyKind::Email && email::flaw(&key.value) == Some(email::Flaw::Form) => Err(EngineError::Invalid {
                field: "who".to_owned(),
                reason: format!("`{text}` is no e-mail address, and nobody here has it as theirs"),
                remedy: "give the whole address, such as ada@example.com".to_owned(),
            }),
            [] if key.kind == KeyKind::Email => Ok(Who::Email(key.value)),
            [] => Ok(Who::Phone(key.value)),
            [one] => Ok(Who::Record(one.record.clone())),
            many => Err(EngineError::Invalid {
                field: "who".to_owned(),
                reason: format!(
                    "{} people share it: {}",
                    many.len(),
                    many.iter().map(|hit| hit.record.to_string()).collect::<Vec<_>>().join(", ")
                ),
                remedy: "name the record of the one who is meant".to_owned(),
            }),
        };
    }
    let id = records::find(engine, viewer, text).await?;
    let (seer, wanted) = (viewer.clone(), id.clone());
    match engine.store().read(move |tx| tx.record(&seer, &wanted)).await? {
        None => Err(records::no_record(&id)),
        Some(record) if !is_person(&record.object) => Err(EngineError::Invalid {
            field: "who".to_owned(),
            reason: format!("{id} is of the object {}, and only a {PERSON} or a {LEAD} is a person", record.object),
            remedy: "name a person; what is about them goes with them".to_owned(),
        }),
        // What is erased cannot be brought back, and what is exported is somebody's: a word that happens to fit one person names nobody.
        Some(record) if !is_named(engine, text, &record) => Err(EngineError::Invalid {
            field: "who".to_owned(),
            reason: format!("`{text}` is a part of what somebody is called, and not all of it: {id}"),
            remedy: "give the whole name, an e-mail address, a phone number, or the record's id if it is that one".to_owned(),
        }),
        Some(_) => Ok(Who::Record(id)),
    }
}

/// Whether a text names a record beyond doubt: by its id, by its row at a connection, or by all of its title.
fn is_named(engine: &Engine, text: &str, record: &Record) -> bool {
    let row = || text.split_once('/').is_some_and(|(connection, _)| engine.connections().contains_key(connection));
    let titled = || records::title(engine.catalog().object(&record.object), &record.id, &record.data).to_lowercase() == text.to_lowercase();
    text.parse::<RecordId>().is_ok() || row() || titled()
}

/// Gathers everything about a person. Reads the whole of the records once, for texts of others that name the person.
pub(crate) fn gather(tx: &mut Tx<'_>, catalog: &Catalog, who: &Who) -> std::result::Result<Person, StoreError> {
    let mut person = Person::default();
    match who {
        Who::Email(address) => drop(person.emails.insert(address.clone())),
        Who::Phone(number) => drop(person.phones.insert(number.clone())),
        Who::Record(id) => {
            let mut own = own_records(tx, id)?;
            // A lead that was converted is its contact.
            if let Some(Value::Ref(contact)) =
                own.first().filter(|record| record.object == LEAD).map(|record| get(&record.data, "contact").clone())
            {
                own = own_records(tx, &contact)?;
            }
            person.record = own.first().map(|record| record.id.clone());
            let about = records_about(tx, catalog, &own)?;
            known_by(tx, catalog, &mut person, &own)?;
            let leads: Vec<Record> = about.iter().filter(|record| record.object == LEAD).cloned().collect();
            known_by(tx, catalog, &mut person, &leads)?;
            person.records = own;
            person.records.extend(about);
        }
    }
    find_shared(tx, &mut person)?;
    let leads = leads_of(tx, catalog, &person)?;
    known_by(tx, catalog, &mut person, &leads)?;
    person.records.extend(leads);
    person.links = tx.links_of(&person.ids())?;
    from_links(&mut person, catalog);
    find_shared(tx, &mut person)?;
    find_elsewhere(tx, catalog, &mut person)?;
    Ok(person)
}

/// The person's own record first, and those that were merged into it.
fn own_records(tx: &mut Tx<'_>, id: &RecordId) -> std::result::Result<Vec<Record>, StoreError> {
    let mut id = id.clone();
    let mut passed = BTreeSet::new();
    // A record that was merged stands for the one that stayed.
    while let Some(record) = tx.record(&Viewer::system(), &id)?
        && let Some(into) = record.merged_into.filter(|_| record.state == RecordState::Merged && passed.insert(record.id.clone()))
    {
        id = into;
    }
    let mut own: Vec<Record> = tx.record(&Viewer::system(), &id)?.into_iter().collect();
    let mut known: BTreeSet<RecordId> = own.iter().map(|record| record.id.clone()).collect();
    let mut last: Vec<RecordId> = known.iter().cloned().collect();
    while !last.is_empty() {
        let merged = tx.records_merged_into(&last)?;
        last = merged.iter().map(|record| record.id.clone()).filter(|id| known.insert(id.clone())).collect();
        own.extend(merged.into_iter().filter(|record| last.contains(&record.id)));
    }
    Ok(own)
}

/// Records that point to the person (cases, activities), and those whose values were kept under the person's key.
fn records_about(tx: &mut Tx<'_>, catalog: &Catalog, own: &[Record]) -> std::result::Result<Vec<Record>, StoreError> {
    let ids: BTreeSet<RecordId> = own.iter().map(|record| record.id.clone()).collect();
    let mut found: BTreeMap<RecordId, Record> = BTreeMap::new();
    for (object, field) in references(catalog, PERSON) {
        for id in &ids {
            for state in [RecordState::Active, RecordState::Deleted, RecordState::Merged] {
                let mut query = RecordQuery {
                    object: Some(object.clone()),
                    state: Some(state),
                    equal: vec![(field.clone(), Value::Ref(id.clone()))],
                    ..RecordQuery::default()
                };
                loop {
                    let page = tx.list_records(&Viewer::system(), &query, PAGE_ROWS_MAX)?;
                    found.extend(page.records.into_iter().map(|record| (record.id.clone(), record)));
                    let Some(next) = page.next else { break };
                    query.after = Some(next);
                }
            }
        }
    }
    // One that has come to point to somebody else is about them now.
    let elsewhere = |record: &Record| {
        record.data.values().any(|value| matches!(value, Value::Ref(id) if id.as_str().starts_with("con_") && !ids.contains(id)))
    };
    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
    for record in tx.records_of_subjects(&names)? {
        if !ids.contains(&record.id) && !elsewhere(&record) {
            found.insert(record.id.clone(), record);
        }
    }
    found.retain(|_, record| record.state != RecordState::Erased);
    Ok(found.into_values().collect())
}

/// The question for leads with an address or number.
fn leads_with(field: &str, text: &str, state: RecordState) -> RecordQuery {
    let equal = vec![(field.to_owned(), Value::text(text))];
    RecordQuery { object: Some(LEAD.to_owned()), state: Some(state), equal, ..RecordQuery::default() }
}

/// Leads that have an address or number which is the person's alone. They are not matched with contacts otherwise, so nothing refers to them.
fn leads_of(tx: &mut Tx<'_>, catalog: &Catalog, person: &Person) -> std::result::Result<Vec<Record>, StoreError> {
    if catalog.object(LEAD).is_none() {
        return Ok(Vec::new());
    }
    let mut known: BTreeSet<RecordId> = person.ids().into_iter().collect();
    let mut found = Vec::new();
    let emails = person.own_emails().into_iter().map(|email| ("email", email));
    let phones = person.own_phones().into_iter().map(|phone| ("phone", phone));
    for (field, text) in emails.chain(phones) {
        for state in [RecordState::Active, RecordState::Deleted, RecordState::Merged] {
            let mut query = leads_with(field, &text, state);
            loop {
                let page = tx.list_records(&Viewer::system(), &query, PAGE_ROWS_MAX)?;
                // A number alone tells nothing where there is an address: colleagues share numbers.
                let is_theirs = |record: &Record| field == "email" || get(&record.data, "email").is_blank();
                found.extend(page.records.into_iter().filter(is_theirs).filter(|record| known.insert(record.id.clone())));
                let Some(next) = page.next else { break };
                query.after = Some(next);
            }
        }
    }
    Ok(found)
}

fn take(person: &mut Person, fields: &Fields) {
    for key in matching::keys(PERSON, fields) {
        match key.kind {
            KeyKind::Email => drop(person.emails.insert(key.value)),
            KeyKind::Phone => drop(person.phones.insert(key.value)),
            _ => {}
        }
    }
    let name = [get(fields, "first_name"), get(fields, "last_name")].map(Value::display).join(" ");
    if name.trim().contains(' ') {
        person.names.insert(name.trim().to_owned());
    }
}

/// What the person is and was known by, from the records and their histories.
fn known_by(tx: &mut Tx<'_>, catalog: &Catalog, person: &mut Person, own: &[Record]) -> std::result::Result<(), StoreError> {
    let kinds = catalog.object(PERSON);
    let telling = |field: &str| {
        kinds.and_then(|object| object.field(field)).is_some_and(|field| matches!(field.kind, FieldType::Email | FieldType::Phone))
    };
    for record in own {
        take(person, &record.data);
        let mut before = None;
        let mut read = 0;
        while read < ENTRIES_MAX {
            let page = tx.history(&Viewer::system(), &record.id, PAGE_ROWS_MAX, before)?;
            before = page.last().map(|entry| entry.id);
            read += page.len();
            for entry in &page {
                let Changes::Open(changes) = &entry.changes else { continue };
                for (field, change) in changes.iter().filter(|(field, _)| telling(field)) {
                    let lost = change.lost.iter().map(|lost| &lost.value);
                    for value in [&change.before, &change.after].into_iter().chain(lost) {
                        take(person, &Fields::from([(field.clone(), value.clone())]));
                    }
                }
            }
            if page.len() < PAGE_ROWS_MAX {
                break;
            }
        }
    }
    Ok(())
}

/// What the sides know the person by, where that is not what the record holds.
fn from_links(person: &mut Person, catalog: &Catalog) {
    let people: BTreeSet<RecordId> =
        person.records.iter().filter(|record| is_person(&record.object)).map(|record| record.id.clone()).collect();
    let links: Vec<Link> = person.links.iter().filter(|link| people.contains(&link.record)).cloned().collect();
    let known = catalog.object(PERSON).is_some();
    for link in links.into_iter().filter(|_| known) {
        for fields in [Some(link.base), link.seen, link.taken, link.pending].into_iter().flatten() {
            take(person, &fields);
        }
    }
}

fn find_shared(tx: &mut Tx<'_>, person: &mut Person) -> std::result::Result<(), StoreError> {
    let own: BTreeSet<RecordId> = person.ids().into_iter().collect();
    let emails = person.emails.iter().map(|value| MatchKey::new(kind_name(KeyKind::Email), value.clone()));
    let phones = person.phones.iter().map(|value| MatchKey::new(kind_name(KeyKind::Phone), value.clone()));
    let keys: Vec<MatchKey> = emails.chain(phones).collect();
    let hits = tx.match_records(PERSON, &keys)?;
    let others: Vec<RecordId> = hits.iter().map(|hit| hit.record.clone()).filter(|id| !own.contains(id)).collect();
    let alive = tx.records(&Viewer::system(), &others)?;
    let active = |id: &RecordId| alive.get(id).is_some_and(|record| record.state == RecordState::Active);
    person.shared = hits.into_iter().filter(|hit| active(&hit.record)).map(|hit| hit.key.value).collect();
    Ok(())
}

/// Records of others whose values name the person: people's words about companies, which only people can rewrite.
fn find_elsewhere(tx: &mut Tx<'_>, catalog: &Catalog, person: &mut Person) -> std::result::Result<(), StoreError> {
    let own: BTreeSet<RecordId> = person.ids().into_iter().collect();
    let texts: BTreeSet<String> = person.own_emails().into_iter().chain(person.own_phones()).chain(person.names.iter().cloned()).collect();
    let mut named: BTreeMap<RecordId, BTreeSet<String>> = BTreeMap::new();
    for text in texts.iter().filter(|text| text.chars().count() > 3) {
        for record in tx.records_holding(&Viewer::system(), text, NAMED_MAX)? {
            if own.contains(&record.id) {
                continue;
            }
            let object = catalog.object(&record.object);
            let holding = record.data.iter().filter(|(_, value)| value.display().to_lowercase().contains(&text.to_lowercase()));
            named.entry(record.id.clone()).or_default().extend(holding.map(|(field, _)| records::label(object, field)));
        }
    }
    person.elsewhere = named
        .into_iter()
        .map(|(id, fields)| format!("{id} names the person in: {}", fields.into_iter().collect::<Vec<_>>().join(", ")))
        .collect();
    Ok(())
}

/// Where the rows of a person are, by connection, object and id.
pub(crate) fn keys(person: &Person) -> Vec<RemoteKey> {
    person.links.iter().map(Link::key).collect()
}
