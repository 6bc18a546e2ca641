//! What is known of the two objects: their schemas, and which of them our user may not see.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteField, RemoteObject};

use super::super::Salesforce;
use super::super::describe::Described;
use super::{ACTIVITY, HALVES, Half, KIND, KIND_KIND, own_read, shuts, unknown_field};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::ReadSpec;

/// How long a schema counts that lacks a field which the other object has: a right that is granted for one of them shows within that time.
const LOOKED_FOR: Duration = Duration::from_secs(60 * 60);

/// How long an object rests that our user may not see: what an object that is refused rests otherwise.
const SHUT_FOR: Duration = Duration::from_secs(5 * 60);

/// What is kept of the two objects beside their schemas, by object.
#[derive(Debug, Default)]
pub(in crate::vendors::salesforce) struct Halves(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Until when a schema counts that lacks something.
    looked: BTreeMap<&'static str, Timestamp>,
    /// Objects that were refused, until when they are not asked for again.
    shut: BTreeMap<&'static str, (Timestamp, VendorError)>,
}

impl Halves {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counts(&self, half: &Half, now: Timestamp) -> bool {
        self.kept().looked.get(half.object).is_some_and(|until| now < *until)
    }

    fn refused(&self, half: &Half, now: Timestamp) -> Option<VendorError> {
        self.kept().shut.get(half.object).filter(|(until, _)| now < *until).map(|(_, error)| error.clone())
    }

    /// Notes how an object answered.
    fn note(&self, half: &'static Half, answer: Result<(), &VendorError>, now: Timestamp) {
        let mut kept = self.kept();
        match answer {
            Ok(()) => {
                kept.shut.remove(half.object);
                kept.looked.insert(half.object, now.checked_add(LOOKED_FOR).unwrap_or(now));
            }
            Err(error) if shuts(error) => {
                kept.shut.insert(half.object, (now.checked_add(SHUT_FOR).unwrap_or(now), error.clone()));
            }
            Err(_) => {}
        }
    }
}

impl Salesforce {
    /// The schema of a half as it is now.
    pub(super) async fn describe_half(&self, half: &'static Half, priority: Priority) -> Result<Arc<Described>, VendorError> {
        let answer = self.describe_now(half.object, priority).await;
        self.halves.note(half, answer.as_ref().map(drop), self.client.now());
        answer
    }

    /// The schema of a half, from the cache if it has what it can have of these fields, or was read lately.
    pub(super) async fn half_described(
        &self,
        half: &'static Half,
        fields: &[String],
        priority: Priority,
    ) -> Result<Arc<Described>, VendorError> {
        let now = self.client.now();
        let known = self.cached(half.object).filter(|described| {
            let can_have = |field: &&String| *field != KIND && !half.other().alone.contains(&field.as_str());
            self.halves.counts(half, now) || fields.iter().filter(can_have).all(|field| Half::has(field, described))
        });
        if let Some(described) = known {
            return Ok(described);
        }
        match self.halves.refused(half, now) {
            Some(error) => Err(error),
            None => self.describe_half(half, priority).await,
        }
    }

    /// What is read of a half where activities are read so. A field that neither half has is refused: read as blank, it would take the value away.
    pub(super) async fn half_read(&self, half: &'static Half, read: &ReadSpec, priority: Priority) -> Result<ReadSpec, VendorError> {
        let described = self.half_described(half, &read.fields, priority).await?;
        let other = half.other();
        for field in &read.fields {
            if field == KIND || Half::has(field, &described) || other.alone.contains(&field.as_str()) {
                continue;
            }
            match self.half_described(other, &read.fields, priority).await {
                Ok(theirs) if Half::has(field, &theirs) => {}
                Err(error) if !shuts(&error) => return Err(error),
                Ok(_) | Err(_) => return Err(unknown_field(field)),
            }
        }
        Ok(own_read(half, read, &described))
    }

    /// The objects of the halves that our user may see.
    ///
    /// # Errors
    /// When neither may be seen, or Salesforce does not answer.
    pub(in crate::vendors::salesforce) async fn halves_seen<'a>(&self, priority: Priority) -> Result<Vec<&'a str>, VendorError> {
        let (mut seen, mut refusal) = (Vec::new(), None);
        for half in &HALVES {
            match self.half_described(half, &[], priority).await {
                Ok(_) => seen.push(half.object),
                Err(error) if shuts(&error) => drop(refusal.get_or_insert(error)),
                Err(error) => return Err(error),
            }
        }
        refusal.filter(|_| seen.is_empty()).map_or(Ok(seen), Err)
    }

    /// What both have, under one name, and which of them a row is.
    pub(in crate::vendors::salesforce) async fn describe_activities(&self, priority: Priority) -> Result<RemoteObject, VendorError> {
        let kind = RemoteField::new(KIND, KIND, KIND_KIND);
        let (mut fields, mut refusal, mut shown) = (vec![kind], None, false);
        for half in &HALVES {
            let described = match self.describe_half(half, priority).await {
                Err(error) if shuts(&error) => {
                    refusal.get_or_insert(error);
                    continue;
                }
                described => described?,
            };
            shown = true;
            for field in &described.object.fields {
                if !fields.iter().any(|known| known.name == field.name) {
                    fields.push(RemoteField { writable: false, required: false, ..field.clone() });
                }
            }
        }
        match refusal.filter(|_| !shown) {
            Some(error) => Err(error),
            None => Ok(RemoteObject { name: ACTIVITY.to_owned(), fields, lists: Vec::new() }),
        }
    }
}
