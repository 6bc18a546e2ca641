//! Whether two records of two systems that are certainly each other's counterparts can be linked without asking: what was weighed may have changed
//! since, and of several that match as well a person picks one.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::id::RecordId;
use entente_model::matching::counterpart::Judgement;
use entente_model::matching::{KeyKind, Profile};
use entente_model::value::{Fields, Value, get};
use entente_store::{LinkState, MatchKey, Record, RecordState, StoreError, Tx, Viewer};

use super::{Review, platforms};
use crate::engine::Engine;
use crate::error::Result;
use crate::sync::adopt::{CROWDED, for_matching, kind_name, match_keys, rank};
use crate::sync::matchers::{self, Matchers};
use crate::sync::parted::are_two;

/// Why the two records of a review are not linked without asking; none when nothing speaks against it.
///
/// # Errors
/// When the store fails.
pub(super) async fn obstacle(engine: &Engine, review: &Review) -> Result<Option<String>> {
    if let Some((link, _)) = platforms::twice(&review.first, &review.second).next() {
        return Ok(Some(format!("both have a counterpart at {} by now, which would have to merge them", link.connection)));
    }
    let pair = [crate::records::parse_id(&review.first.record)?, crate::records::parse_id(&review.second.record)?];
    let (matchers, object) = (matchers::current(engine).await?, review.object.clone());
    let found = engine.store().read(move |tx| {
        let [one, two] = &pair;
        if are_two(tx, one, two)? || are_two(tx, two, one)? {
            return Ok(Some("a person has found them to be two".to_owned()));
        }
        Known::of(tx, &object, pair.clone())?.obstacle(&matchers)
    });
    Ok(found.await?)
}

/// Both records, and those that share a key with either.
struct Known {
    object: String,
    pair: [RecordId; 2],
    fields: BTreeMap<RecordId, Fields>,
    /// Names of their accounts.
    companies: BTreeMap<RecordId, String>,
    /// Records by key.
    by_key: BTreeMap<MatchKey, BTreeSet<RecordId>>,
    /// Connections at which a record has a counterpart.
    at: BTreeMap<RecordId, BTreeSet<String>>,
}

impl Known {
    fn of(tx: &mut Tx<'_>, object: &str, pair: [RecordId; 2]) -> std::result::Result<Self, StoreError> {
        let own = tx.records(&Viewer::system(), &pair)?;
        let keys: BTreeSet<MatchKey> = own.values().flat_map(|record| match_keys(object, &record.data)).collect();
        let mut by_key: BTreeMap<MatchKey, BTreeSet<RecordId>> = BTreeMap::new();
        for hit in tx.match_records(object, &keys.into_iter().collect::<Vec<_>>())? {
            by_key.entry(hit.key).or_default().insert(hit.record);
        }
        // A key that too many have finds nobody.
        let telling = by_key.values().filter(|records| records.len() <= CROWDED).flatten().cloned();
        let ids: BTreeSet<RecordId> = telling.chain(pair.iter().cloned()).collect();
        let ids: Vec<RecordId> = ids.into_iter().collect();
        let mut records = tx.records(&Viewer::system(), &ids)?;
        records.retain(|_, record| record.state == RecordState::Active && record.object == object);
        let account = |record: &Record| if let Value::Ref(account) = get(&record.data, "account") { Some(account.clone()) } else { None };
        let accounts: BTreeSet<RecordId> = records.values().filter_map(account).collect();
        let accounts = tx.records(&Viewer::system(), &accounts.into_iter().collect::<Vec<_>>())?;
        let mut at: BTreeMap<RecordId, BTreeSet<String>> = BTreeMap::new();
        for link in tx.links_of(&ids)?.into_iter().filter(|link| link.state == LinkState::Present) {
            at.entry(link.record).or_default().insert(link.connection);
        }
        Ok(Self {
            object: object.to_owned(),
            pair,
            fields: records.iter().map(|(id, record)| (id.clone(), for_matching(object, &record.data))).collect(),
            companies: accounts.into_iter().map(|(id, record)| (id, get(&record.data, "name").display())).collect(),
            by_key,
            at,
        })
    }

    fn obstacle(&self, matchers: &Matchers) -> std::result::Result<Option<String>, StoreError> {
        let [one, two] = &self.pair;
        let sure = self.judge(matchers, one, &[two])?.pop().filter(|judgement| judgement.certain);
        let Some(sure) = sure else { return Ok(Some("what both say by now is not certain".to_owned())) };
        for (mine, other) in [(one, two), (two, one)] {
            let rivals: Vec<&RecordId> =
                self.fields.keys().filter(|id| *id != mine && *id != other && self.is_free_for(mine, id)).collect();
            let judged = self.judge(matchers, mine, &rivals)?;
            if let Some((rival, _)) = rivals.into_iter().zip(judged).find(|(_, rival)| rival.certain && rank(rival) <= rank(&sure)) {
                return Ok(Some(format!("{rival} is as surely the counterpart of {mine}")));
            }
        }
        Ok(None)
    }

    /// Whether two have no counterparts at one connection.
    fn is_free_for(&self, one: &RecordId, other: &RecordId) -> bool {
        self.at.get(one).zip(self.at.get(other)).is_none_or(|(one, other)| one.is_disjoint(other))
    }

    fn profile<'a>(&'a self, fields: &'a Fields) -> Profile<'a> {
        let company = if let Value::Ref(account) = get(fields, "account") { self.companies.get(account) } else { None };
        Profile { fields, company: company.map(String::as_str) }
    }

    fn judge(&self, matchers: &Matchers, one: &RecordId, others: &[&RecordId]) -> std::result::Result<Vec<Judgement>, StoreError> {
        let Some((matcher, mine)) = matchers.of(&self.object).zip(self.fields.get(one)) else { return Ok(Vec::new()) };
        let theirs: Vec<Profile<'_>> = others.iter().filter_map(|id| self.fields.get(*id)).map(|fields| self.profile(fields)).collect();
        let count = |kind: KeyKind, value: &str| {
            let many = self.by_key.get(&MatchKey::new(kind_name(kind), value)).map_or(0, BTreeSet::len);
            u32::try_from(many).unwrap_or(u32::MAX)
        };
        matcher.judge(&self.profile(mine), &theirs, &count).map_err(|error| StoreError::Invalid(error.to_string()))
    }
}
