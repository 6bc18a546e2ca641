//! Before a counterpart is created: whether its e-mail address can be right, and whether another customer has that address already. A
//! platform that knows people by their address would make one of the two.

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::error::{Class, VendorError};
use entente_connect::write::WriteKind;
use entente_model::email::{self, Flaw};
use entente_model::id::RecordId;
use entente_model::mapping::Role;
use entente_model::matching::{self, KeyKind, Profile};
use entente_model::value::get;
use entente_store::{Link, LinkState, MatchKey, NewNotice, NewReview, Record, RecordState, Review, ReviewState, StoreError, Tx, Viewer};

use super::adopt::{MATCH, evidence, for_matching, kind_name};
use super::decide::{Decision, Grounds};
use super::parted::are_two;
use super::task::LANE_BACKFILL;
use crate::catalog::Mapped;
use crate::engine::{Connection, Engine};
use crate::error::Result;
use crate::options::EmailCheck;

/// The object whose address is looked at: companies have none of their own.
const PERSON: &str = "contact";
/// The field that holds it.
const EMAIL: &str = "email";
/// Kind of the notice.
pub const NOTICE: &str = "email";

/// Whether a creation may go ahead as far as the record's e-mail address is concerned. Where it may not, the task fails with what is wrong;
/// where it is doubtful, that is noted with the creation.
pub(crate) fn address_allows(decision: &mut Decision, connection: &Connection, mapped: &Mapped, grounds: &Grounds<'_>) -> bool {
    let check = grounds.engine.options().email_check_at(&connection.name);
    let written = decision.task.record.object == PERSON && mapped.writable.iter().any(|field| field == EMAIL);
    let Some(address) = get(&decision.after, EMAIL).as_text().filter(|_| written && check != EmailCheck::Off).map(str::to_owned) else {
        return true;
    };
    let Some(flaw) = email::flaw(&address) else { return true };
    if check == EmailCheck::Flag && !flaw.is_certain() {
        flag(decision, connection, &flaw, grounds);
        return true;
    }
    let error = VendorError::new(
        Class::Data,
        "doubtful_email",
        format!("{}, field {EMAIL}: nothing is created while the address is wrong: {flaw}", connection.name),
        "Correct the address where it was entered; the customer is created then. `email_check` in the configuration lets it pass.",
    );
    decision.task.failure.get_or_insert_with(|| (connection.name.clone(), error.about(EMAIL)));
    false
}

/// Notes a doubt in the ledger, and tells the operators of it. A first sync may bring thousands: they are in the ledger alone.
fn flag(decision: &mut Decision, connection: &Connection, flaw: &Flaw, grounds: &Grounds<'_>) {
    if !decision.task.hint.is_new() {
        return;
    }
    decision
        .notes
        .push(format!("the e-mail address looks wrong, and a counterpart is created at {} all the same: {flaw}", connection.name));
    if decision.task.hint.lane < LANE_BACKFILL {
        decision.notices.push(NewNotice {
            at: grounds.now,
            kind: NOTICE.to_owned(),
            recipient: "ops".to_owned(),
            title: format!("A new contact's e-mail address looks wrong ({})", connection.name),
            body: format!("{}: {flaw}. Correct it where it was entered, if need be.", decision.task.record.id),
            record: Some(decision.task.record.id.clone()),
        });
    }
}

/// A creation of somebody with an address.
struct Creation {
    at: usize,
    connection: String,
    keys: Vec<MatchKey>,
}

/// What the store knows of those who have an address too.
#[derive(Default)]
struct Others {
    /// Records by key.
    by_key: BTreeMap<MatchKey, BTreeSet<RecordId>>,
    records: BTreeMap<RecordId, Record>,
    links: Vec<Link>,
    reviews: Vec<Review>,
    /// Creations, and records that have ended and are somebody else: what is left of these at a platform is not the creation's to take.
    ended: BTreeSet<(RecordId, RecordId)>,
}

/// Takes back creations of people whose address another record has, unless a person has found them to be two, and asks whether they are
/// one. Of two that have no counterpart yet, the one known longer goes ahead.
pub(crate) async fn ask_about_shared_addresses(engine: &Engine, decisions: &mut [Decision]) -> Result<()> {
    let creations = creations(decisions);
    if creations.is_empty() {
        return Ok(());
    }
    let keys: Vec<MatchKey> = creations.iter().flat_map(|creation| creation.keys.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let own: BTreeSet<RecordId> = creations.iter().map(|creation| decisions[creation.at].task.record.id.clone()).collect();
    let wanted: Vec<(RecordId, Vec<MatchKey>)> =
        creations.iter().map(|creation| (decisions[creation.at].task.record.id.clone(), creation.keys.clone())).collect();
    let others = engine.store().read(move |tx| {
        let mut others = Others::default();
        for hit in tx.match_records(PERSON, &keys)? {
            others.by_key.entry(hit.key).or_default().insert(hit.record);
        }
        others.by_key.retain(|_, records| records.len() > 1 || !records.is_subset(&own));
        let ids: Vec<RecordId> = others.by_key.values().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        if !ids.is_empty() {
            others.records = tx.records(&Viewer::system(), &ids)?;
            others.links = tx.links_of(&ids)?;
            others.reviews = tx.reviews_of(&ids.iter().map(ToString::to_string).collect::<Vec<_>>())?;
            others.ended = ended(tx, &wanted, &others)?;
        }
        Ok(others)
    });
    let others = others.await?;
    if !others.by_key.is_empty() {
        for creation in creations {
            hold_back(engine, &mut decisions[creation.at], &creation, &others)?;
        }
    }
    Ok(())
}

/// Records that have ended and share an address with a creation whose record they are no part of.
fn ended(
    tx: &mut Tx<'_>,
    wanted: &[(RecordId, Vec<MatchKey>)],
    others: &Others,
) -> std::result::Result<BTreeSet<(RecordId, RecordId)>, StoreError> {
    let mut ended = BTreeSet::new();
    for (own, keys) in wanted {
        let sharing: BTreeSet<&RecordId> = keys.iter().filter_map(|key| others.by_key.get(key)).flatten().collect();
        let has_ended = |id: &RecordId| others.records.get(id).is_some_and(|record| record.state == RecordState::Merged);
        for other in sharing.into_iter().filter(|id| *id != own && has_ended(id)) {
            if are_two(tx, own, other)? {
                ended.insert((own.clone(), other.clone()));
            }
        }
    }
    Ok(ended)
}

fn creations(decisions: &[Decision]) -> Vec<Creation> {
    let people = decisions.iter().enumerate().filter(|(_, decision)| decision.task.record.object == PERSON);
    let creations = people.flat_map(|(at, decision)| {
        let writes = decision.writes.iter().filter(|planned| planned.write.kind == WriteKind::Create);
        writes.map(move |planned| {
            let keys = matching::keys(PERSON, &decision.after).into_iter().filter(|key| key.kind == KeyKind::Email);
            let keys = keys.map(|key| MatchKey::new(kind_name(key.kind), key.value)).collect();
            Creation { at, connection: planned.connection.clone(), keys }
        })
    });
    creations.filter(|creation| !creation.keys.is_empty()).collect()
}

fn hold_back(engine: &Engine, decision: &mut Decision, creation: &Creation, others: &Others) -> Result<()> {
    let own = decision.task.record.id.clone();
    let linked = |id: &RecordId| {
        others.links.iter().any(|link| link.record == *id && link.connection == creation.connection && link.state == LinkState::Present)
    };
    let sharing = creation.keys.iter().filter_map(|key| others.by_key.get(key)).flatten();
    let ahead = sharing.filter(|id| **id != own && (linked(id) || **id < own)).filter_map(|id| others.records.get(id));
    let is_left_over = |other: &Record| linked(&other.id) && others.ended.contains(&(own.clone(), other.id.clone()));
    for other in ahead.filter(|other| other.state == RecordState::Active || is_left_over(other)).collect::<Vec<_>>() {
        let asked = others.reviews.iter().find(|review| {
            let pair = [review.review.record.as_str(), review.review.other.as_str()];
            pair.contains(&own.as_str()) && pair.contains(&other.id.as_str())
        });
        let role = engine.connection(&creation.connection).map(|connection| connection.role)?;
        // Nobody is asked about one that has ended: a person has said of those it was a part of that they are somebody else.
        let said = if other.state == RecordState::Active { asked.map(|review| review.state) } else { Some(ReviewState::Rejected) };
        match said {
            // They are two. Where an address is one person's own, the platform has no place for the second.
            Some(ReviewState::Rejected) if role == Role::Support && linked(&other.id) => {
                let error = VendorError::new(
                    Class::Data,
                    "address_taken",
                    format!(
                        "{}, field {EMAIL}: the address is that of {} already, who was found to be somebody else",
                        creation.connection, other.id
                    ),
                    "Give one of the two another address; this platform has one user for each.",
                );
                decision.task.failure.get_or_insert_with(|| (creation.connection.clone(), error.about(EMAIL)));
            }
            Some(ReviewState::Rejected) => continue,
            Some(_) => {}
            None => decision.asks.push(question(engine, decision, other)?),
        }
        decision.writes.retain(|planned| planned.connection != creation.connection || planned.write.kind != WriteKind::Create);
        return Ok(());
    }
    Ok(())
}

fn question(engine: &Engine, decision: &Decision, other: &Record) -> Result<NewReview> {
    let (mine, theirs) = (for_matching(PERSON, &decision.after), for_matching(PERSON, &other.data));
    let matchers = engine.matchers();
    let judged = match matchers.of(PERSON) {
        Some(matcher) => {
            let judged = matcher.judge(&Profile::from(&mine), &[Profile::from(&theirs)], &|_, _| 0);
            judged.map_err(|error| StoreError::Invalid(error.to_string()))?.into_iter().next()
        }
        None => None,
    };
    Ok(NewReview {
        kind: MATCH.to_owned(),
        record: decision.task.record.id.clone(),
        other: other.id.to_string(),
        object: PERSON.to_owned(),
        score: judged.as_ref().map_or(0.0, matching::counterpart::Judgement::probability),
        evidence: judged.as_ref().map(evidence).transpose()?.unwrap_or_default(),
        opened_at: engine.now(),
    })
}
