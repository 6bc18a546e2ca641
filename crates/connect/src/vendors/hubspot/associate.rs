//! Associations: a mapping sees one record of each kind, the primary one where HubSpot has such a mark.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::HubSpot;
use super::kind::{association, is_standard};
use super::refusal;
use super::wire::{Listed, Record, id_text};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::Call;

/// Records whose associations one call reads.
const READ_MAX: usize = 1_000;
/// Associations that one call writes; HubSpot takes 2,000.
const CREATE_MAX: usize = 1_000;
/// Records whose associations one call ends.
const ARCHIVE_MAX: usize = 100;

/// The ends of associations of one record: id, and whether it is the primary one.
type Ends = Vec<(String, bool)>;

/// The one end that a mapping sees: the primary one, else the oldest.
fn chosen(ends: &Ends) -> Option<String> {
    let number = |id: &String| id.parse::<u64>().unwrap_or(u64::MAX);
    let primary = ends.iter().find(|(_, primary)| *primary);
    primary.or_else(|| ends.iter().min_by_key(|(id, _)| number(id))).map(|(id, _)| id.clone())
}

/// What a record from a list says itself; `None` when it says too little.
fn inline(record: &Record, to: &str) -> Option<Option<String>> {
    let Some(held) = record.associations.get(to) else { return Some(None) };
    let mut ids: Vec<String> = held.results.iter().filter_map(|end| id_text(&end.id)).collect();
    ids.sort_unstable();
    ids.dedup();
    match (ids.as_slice(), &held.paging) {
        ([], None) => Some(None),
        ([one], None) => Some(Some(one.clone())),
        _ => None,
    }
}

impl HubSpot {
    /// The associated record of each of `records`, by id. `listed` says that the records were asked for their associations.
    pub(super) async fn associated(
        &self,
        object: &str,
        to: &str,
        records: &[Record],
        listed: bool,
        priority: Priority,
    ) -> Result<BTreeMap<String, String>, VendorError> {
        let mut found = BTreeMap::new();
        let mut unclear = Vec::new();
        // What a list says of the portal's own objects is not believed: they go by another name there.
        let listed = listed && is_standard(object) && is_standard(to);
        for record in records {
            match inline(record, to).filter(|_| listed) {
                Some(Some(id)) => drop(found.insert(record.id.clone(), id)),
                Some(None) => {}
                None => unclear.push(record.id.clone()),
            }
        }
        let ends = self.read_ends(object, to, &unclear, priority).await?;
        found.extend(ends.iter().filter_map(|(id, ends)| Some((id.clone(), chosen(ends)?))));
        Ok(found)
    }

    /// All ends of the associations of some records.
    async fn read_ends(&self, object: &str, to: &str, ids: &[String], priority: Priority) -> Result<BTreeMap<String, Ends>, VendorError> {
        let primary = association(object, to).ok().filter(|(_, primary)| *primary).map(|(ty, _)| u64::from(ty));
        let (from_place, to_place) = (self.place(object, priority).await?, self.place(to, priority).await?);
        let mut all: BTreeMap<String, Ends> = BTreeMap::new();
        let mut work: Vec<Vec<Value>> = ids.chunks(READ_MAX).map(|ids| ids.iter().map(|id| json!({"id": id})).collect()).collect();
        while let Some(inputs) = work.pop() {
            let call = Call::post(self.paths.associations(&from_place, &to_place, "read"), json!({"inputs": inputs})).idempotent();
            let page: Listed = self.client.call("associations_read", priority, call).await?.json()?;
            let mut more = Vec::new();
            for result in &page.results {
                let Some(from) = id_text(&result["from"]["id"]) else { continue };
                let ends = all.entry(from.clone()).or_default();
                for end in result["to"].as_array().into_iter().flatten() {
                    let Some(id) = id_text(&end["toObjectId"]).or_else(|| id_text(&end["id"])) else { continue };
                    let marked = end["associationTypes"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .any(|ty| ty["label"].as_str() == Some("Primary") || (primary.is_some() && ty["typeId"].as_u64() == primary));
                    ends.push((id, marked));
                }
                if let Some(after) = result["paging"]["next"]["after"].as_str() {
                    more.push(json!({"id": from, "after": after}));
                }
            }
            if !more.is_empty() {
                work.push(more);
            }
        }
        Ok(all)
    }

    /// Lets each record be associated with one other, or none. Gives the errors by record.
    ///
    /// Where HubSpot marks one as primary, the mark moves and older associations stay; elsewhere, others of the kind end.
    pub(super) async fn associate(
        &self,
        object: &str,
        to: &str,
        pairs: &[(String, Option<String>)],
        priority: Priority,
    ) -> Result<BTreeMap<String, VendorError>, VendorError> {
        let (ty, category, primary) = self.association(object, to, priority).await?;
        let (from_place, to_place) = (self.place(object, priority).await?, self.place(to, priority).await?);
        let ids: Vec<String> = pairs.iter().filter(|(_, target)| !primary || target.is_none()).map(|(id, _)| id.clone()).collect();
        let present = self.read_ends(object, to, &ids, priority).await?;
        let mut ended: Vec<Value> = Vec::new();
        for (id, target) in pairs {
            let others: Vec<Value> = present
                .get(id)
                .into_iter()
                .flatten()
                .filter(|(end, _)| Some(end) != target.as_ref())
                .map(|(end, _)| json!({"id": end}))
                .collect();
            if !others.is_empty() {
                ended.push(json!({"from": {"id": id}, "to": others}));
            }
        }
        for inputs in ended.chunks(ARCHIVE_MAX) {
            let call = Call::post(self.paths.associations(&from_place, &to_place, "archive"), json!({"inputs": inputs})).idempotent();
            self.client.call("associations_archive", priority, call).await?;
        }
        let holds = |id: &String, target: &String| present.get(id).is_some_and(|ends| ends.iter().any(|(end, _)| end == target));
        let wanted: Vec<(&String, &String)> =
            pairs.iter().filter_map(|(id, target)| Some((id, target.as_ref()?))).filter(|(id, target)| !holds(id, target)).collect();
        let mut failed = BTreeMap::new();
        for chunk in wanted.chunks(CREATE_MAX) {
            self.create_associations((&from_place, &to_place), (ty, category), chunk, priority, &mut failed).await?;
        }
        Ok(failed)
    }

    /// Creates associations. A refusal of several is taken apart until each stands for one.
    async fn create_associations(
        &self,
        (from, to): (&str, &str),
        (ty, category): (u32, &str),
        wanted: &[(&String, &String)],
        priority: Priority,
        failed: &mut BTreeMap<String, VendorError>,
    ) -> Result<(), VendorError> {
        let mut work = vec![wanted.to_vec()];
        while let Some(chunk) = work.pop() {
            let types = json!([{"associationCategory": category, "associationTypeId": ty}]);
            let inputs: Vec<Value> =
                chunk.iter().map(|(id, target)| json!({"from": {"id": id}, "to": {"id": target}, "types": types})).collect();
            let call = Call::post(self.paths.associations(from, to, "create"), json!({"inputs": inputs})).idempotent();
            let listed: Listed = match self.client.call("associations_create", priority, call).await {
                Ok(answer) => answer.json()?,
                Err(error) if matches!(error.class, Class::Data | Class::LookAgain) && chunk.len() > 1 => {
                    let (left, right) = chunk.split_at(chunk.len() / 2);
                    work.extend([left.to_vec(), right.to_vec()]);
                    continue;
                }
                Err(error) if matches!(error.class, Class::Data | Class::LookAgain) => {
                    failed.extend(chunk.iter().map(|(id, _)| ((*id).clone(), error.clone())));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let made: Vec<String> = listed
                .results
                .iter()
                .filter_map(|result| id_text(&result["fromObjectId"]).or_else(|| id_text(&result["from"]["id"])))
                .collect();
            let now = self.client.now();
            for (id, _) in chunk.iter().filter(|(id, _)| !made.contains(id)) {
                let about = |error: &&Value| super::wire::context(error, "fromObjectId").contains(&id.as_str());
                let error = listed.errors.iter().find(about).or_else(|| listed.errors.first());
                let error = error.map_or_else(super::write::unanswered, |error| refusal::row(error, now));
                failed.insert((*id).clone(), error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_end_is_chosen_else_the_oldest() {
        let ends = |list: &[(&str, bool)]| list.iter().map(|(id, primary)| ((*id).to_owned(), *primary)).collect::<Ends>();
        assert_eq!(chosen(&ends(&[("9", false), ("12", true)])).as_deref(), Some("12"));
        assert_eq!(chosen(&ends(&[("12", false), ("9", false)])).as_deref(), Some("9"));
        assert_eq!(chosen(&Vec::new()), None);
    }

    #[test]
    fn a_list_is_believed_where_it_is_clear() {
        let record =
            |associations: Value| -> Record { serde_json::from_value(json!({"id": "1", "associations": associations})).expect("record") };
        let both = json!({"companies": {"results": [{"id": "7", "type": "contact_to_company"}, {"id": 7, "type": "contact_to_company_unlabeled"}]}});
        assert_eq!(inline(&record(both), "companies"), Some(Some("7".to_owned())));
        let two = json!({"companies": {"results": [{"id": "7", "type": "x"}, {"id": "8", "type": "x"}]}});
        assert_eq!(inline(&record(two), "companies"), None);
        assert_eq!(inline(&record(json!({})), "companies"), Some(None));
    }
}
