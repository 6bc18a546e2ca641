//! A won deal makes a customer: the account is marked, gets its first health score and an onboarding checklist, and its customer
//! success manager is told. The support profile follows from the mark, by the mappings' rule for creations.
//!
//! A company is onboarded once, with the first deal it signs: also when it has a support profile already, from a trial or a pilot. Every
//! later deal is an expansion: plan, ARR and sales context follow from the CRM's own fields, and the manager is told; nobody is
//! onboarded twice.

use std::collections::BTreeMap;

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::{Fields, Value, get};
use entente_store::{PutRecord, Record, RecordState, StoreError, Tx, Viewer};

use super::{health, notices};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::sync::edit::{self, Edit};
use crate::sync::task::LANE_URGENT;

/// A deal that was won.
pub(crate) struct Won {
    /// The account that signed.
    pub(crate) account: RecordId,
    /// The deal.
    pub(crate) deal: RecordId,
    /// When it was seen.
    pub(crate) at: Timestamp,
    /// Whether it was won before, at another account: then the win itself is no news.
    pub(crate) moved: bool,
}

/// Onboards the account of its first won deal, or tells of an expansion. `deals` and `cases` are all of the account's.
pub(crate) fn won(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    won: &Won,
    deals: &[Record],
    cases: &[Record],
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(record) = tx.record(&Viewer::system(), &won.account)? else { return Ok(()) };
    if get(&record.data, "name").is_blank() {
        // Its values are on their way, and the deal is followed again with them.
        return Ok(());
    }
    let is_won = |deal: &&Record| *get(&deal.data, "is_won") == Value::Bool(true);
    let first = get(&record.data, "won_at").is_blank() && !deals.iter().filter(is_won).any(|deal| deal.id != won.deal);
    if first { onboard(tx, engine, catalog, won, &record, cases, now) } else { expand(tx, catalog, won, &record, deals, now) }
}

fn onboard(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    won: &Won,
    record: &Record,
    cases: &[Record],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut fields = if cases.is_empty() { health::first(now) } else { health::judged(tx, record, cases, now)? };
    fields.insert("customer".to_owned(), Value::Bool(true));
    fields.insert("won_at".to_owned(), Value::DateTime(won.at));
    edit::apply(tx, catalog, &edit_of(&won.account, fields, "a deal was won: new customer"), now)?;
    open_checklist(tx, engine, catalog, record, now)?;
    if let Some(notice) = notices::new_customer(&won.account, &record.data, now) {
        tx.notify(&notice)?;
    }
    // What of it came to be is counted where it lands.
    tx.count(now, &[("onboarding_new", "", 1)])
}

fn expand(tx: &mut Tx<'_>, catalog: &Catalog, won: &Won, record: &Record, deals: &[Record], now: Timestamp) -> Result<(), StoreError> {
    let deal = deals.iter().find(|deal| deal.id == won.deal);
    let fields = Fields::from([("customer".to_owned(), Value::Bool(true))]);
    edit::apply(tx, catalog, &edit_of(&won.account, fields, "a deal was won: expansion"), now)?;
    match deal.filter(|_| !won.moved).and_then(|deal| notices::expansion(&won.account, &record.data, &deal.data, now)) {
        Some(notice) => tx.notify(&notice).map(drop),
        None => Ok(()),
    }
}

fn edit_of(record: &RecordId, fields: Fields, detail: &str) -> Edit {
    Edit {
        record: record.clone(),
        fields,
        actor: Actor::Us,
        actor_name: "onboarding".to_owned(),
        cause: "flow".to_owned(),
        detail: detail.to_owned(),
        lane: LANE_URGENT,
        window_ms: 0,
    }
}

/// The checklist is a case of ours: its counterpart at the desk follows from the mapping. It is for colleagues: no contact of the customer
/// takes part in it, and its text becomes an internal note.
fn open_checklist(tx: &mut Tx<'_>, engine: &Engine, catalog: &Catalog, account: &Record, now: Timestamp) -> Result<(), StoreError> {
    let prefix = catalog.object("case").map_or("cas", |object| object.prefix.as_str());
    let id = engine.new_id(prefix);
    let steps: Vec<String> = engine.options().onboarding_steps.iter().map(|step| format!("[ ] {step}")).collect();
    let record = Record {
        id: id.clone(),
        object: "case".to_owned(),
        subject: id.to_string(),
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
    let manager = get(&account.data, "csm_email");
    if !manager.is_blank() {
        fields.insert("requester_agent".to_owned(), manager.clone());
    }
    edit::apply(tx, catalog, &edit_of(&id, fields, "onboarding checklist of a new customer"), now).map(drop)
}
