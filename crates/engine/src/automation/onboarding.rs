//! A won deal makes a customer: the account is marked, gets its first health score and an onboarding checklist, and its customer
//! success manager is told. The support profile follows from the mark, by the mappings' rule for creations.

use std::collections::BTreeMap;

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::{Fields, Value, get};
use entente_store::{PutRecord, Record, RecordQuery, RecordState, StoreError, Tx, Viewer};

use super::notices;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::sync::edit::{self, Edit};
use crate::sync::task::LANE_URGENT;

/// Contacts looked at to find the one that the checklist is for.
const CONTACTS: usize = 1;

/// Starts the onboarding of an account whose deal was won, once. Answers whether it did.
pub(crate) fn start(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    account: &RecordId,
    won_at: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(record) = tx.record(&Viewer::system(), account)? else { return Ok(false) };
    if !get(&record.data, "won_at").is_blank() || !get(&record.data, "support_id").is_blank() {
        return Ok(false);
    }
    let mut fields = super::health::fields(&record.data, &[], now);
    fields.insert("customer".to_owned(), Value::Bool(true));
    fields.insert("won_at".to_owned(), Value::DateTime(won_at));
    edit::apply(
        tx,
        catalog,
        &Edit {
            record: account.clone(),
            fields,
            actor: Actor::Us,
            actor_name: "onboarding".to_owned(),
            cause: "flow".to_owned(),
            detail: "a deal was won: new customer".to_owned(),
            lane: LANE_URGENT,
            window_ms: 0,
        },
        now,
    )?;
    let contact = tx.list_records(
        &Viewer::system(),
        &RecordQuery {
            object: Some("contact".to_owned()),
            equal: vec![("account".to_owned(), Value::Ref(account.clone()))],
            ..RecordQuery::default()
        },
        CONTACTS,
    )?;
    let contact = contact.records.first().map(|contact| contact.id.clone());
    open_checklist(tx, engine, catalog, &record, contact, now)?;
    let mut counts = vec![("onboarding_new", "", 1), ("onboarding_checklists", "", 1), ("onboarding_health", "", 1)];
    if let Some(notice) = notices::new_customer(account, &record.data, now) {
        tx.notify(&notice)?;
        counts.push(("onboarding_notices", "", 1));
    }
    tx.count(now, &counts)?;
    Ok(true)
}

/// The checklist is a case of ours: its counterpart at the desk follows from the mapping.
fn open_checklist(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    account: &Record,
    contact: Option<RecordId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let prefix = catalog.object("case").map_or("cas", |object| object.prefix.as_str());
    let id = engine.new_id(prefix);
    let steps: Vec<String> = engine.options().onboarding_steps.iter().map(|step| format!("[ ] {step}")).collect();
    let subject = contact.as_ref().map_or_else(|| id.to_string(), ToString::to_string);
    let record = Record {
        id: id.clone(),
        object: "case".to_owned(),
        subject,
        data: Fields::new(),
        provenance: BTreeMap::new(),
        created_at: now,
        updated_at: now,
        version: 0,
        state: RecordState::Active,
        merged_into: None,
    };
    tx.put_records(&[PutRecord { record, search_text: String::new() }])?;
    let mut fields = Fields::from([
        ("subject".to_owned(), Value::text(format!("Onboarding: {}", get(&account.data, "name").display()))),
        ("description".to_owned(), Value::text(steps.join("\n"))),
        ("onboarding".to_owned(), Value::Bool(true)),
        ("tags".to_owned(), Value::Set(["onboarding".to_owned()].into())),
        ("account".to_owned(), Value::Ref(account.id.clone())),
    ]);
    if let Some(contact) = contact {
        fields.insert("contact".to_owned(), Value::Ref(contact));
    }
    edit::apply(
        tx,
        catalog,
        &Edit {
            record: id,
            fields,
            actor: Actor::Us,
            actor_name: "onboarding".to_owned(),
            cause: "flow".to_owned(),
            detail: "onboarding checklist of a new customer".to_owned(),
            lane: LANE_URGENT,
            window_ms: 0,
        },
        now,
    )
    .map(drop)
}
