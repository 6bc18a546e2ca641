//! Objects of a connection that rest by themselves. What a platform refuses of one object (a right that our user lacks, an object that the
//! account does not have) says nothing about the others: that object alone is left alone, what is read apart from what is written, and asked
//! again with one call when its rest is over.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use entente_connect::error::VendorError;
use entente_model::clock::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::pressure::{PAUSE_MS, PROBE_MS, Trouble, after};

/// What we ask of an object: a platform grants each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// Its rows are read.
    Read,
    /// Its rows are written.
    Written,
    /// Its rows are erased.
    Erased,
}

impl Asked {
    /// As people say it: `Campaign is not read`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Written => "written",
            Self::Erased => "erased",
        }
    }
}

/// An object that rests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestingObject {
    /// The platform's name of the object.
    pub object: String,
    /// What is refused of it.
    pub asked: Asked,
    /// Since when.
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// When it is asked again.
    #[schema(value_type = String)]
    pub until: Timestamp,
    /// What the platform said.
    pub reason: String,
    /// What a person should do.
    pub remedy: String,
}

impl RestingObject {
    /// Why it rests, in a line: `Campaign is not read: INVALID_TYPE: …; give our user the permission`.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} is not {}: {}; {}", self.object, self.asked.words(), self.reason, self.remedy)
    }
}

#[derive(Debug, Clone)]
struct Rest {
    since: Timestamp,
    trouble: Trouble,
}

/// What became of each object that was asked for since the process started: none where the platform answered.
type Known = BTreeMap<(Asked, String), Option<Rest>>;

/// Whether an object rests, with since when this is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Turn {
    pub(crate) asked: Asked,
    pub(crate) object: String,
    /// When it began or ended to rest, or was refused again.
    pub(crate) at: Timestamp,
    /// Since when it rests and why, if it does.
    pub(crate) rest: Option<(Timestamp, Trouble)>,
}

/// The objects of one connection. Shared by all workers of the process; what begins and ends to rest is told to other processes
/// ([`super::shared_rests`]).
#[derive(Debug, Default)]
pub struct RestingObjects {
    known: Mutex<Known>,
    /// When what is known of an object last turned, here or at another process, and whether others have yet to hear of it.
    turned: Mutex<BTreeMap<(Asked, String), (Timestamp, bool)>>,
}

impl RestingObjects {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turned(&self) -> MutexGuard<'_, BTreeMap<(Asked, String), (Timestamp, bool)>> {
        self.turned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What other processes have not heard of.
    pub(crate) fn news(&self) -> Vec<Turn> {
        let (known, turned) = (self.known(), self.turned());
        let untold = turned.iter().filter(|(_, (_, told))| !told);
        let turn = |((asked, object), (at, _)): (&(Asked, String), &(Timestamp, bool))| Turn {
            rest: known.get(&(*asked, object.clone())).cloned().flatten().map(|rest| (rest.since, rest.trouble)),
            asked: *asked,
            object: object.clone(),
            at: *at,
        };
        untold.map(turn).collect()
    }

    /// They have heard of it now.
    pub(crate) fn told(&self, news: &[Turn]) {
        let mut turned = self.turned();
        for turn in news {
            if let Some((_, told)) = turned.get_mut(&(turn.asked, turn.object.clone())).filter(|(at, _)| *at == turn.at) {
                *told = true;
            }
        }
    }

    /// Takes over what another process has found out later than what is known here.
    pub(crate) fn take_over(&self, turn: Turn) {
        let key = (turn.asked, turn.object);
        let (mut known, mut turned) = (self.known(), self.turned());
        if turned.get(&key).is_none_or(|(at, _)| *at < turn.at) {
            turned.insert(key.clone(), (turn.at, true));
            known.insert(key, turn.rest.map(|(since, trouble)| Rest { since, trouble }));
        }
    }

    /// Whether a call may be made for an object; if not, why. The first one after a rest may, and the others wait for its answer.
    pub(crate) fn admit(&self, asked: Asked, object: &str, now: Timestamp) -> Result<(), VendorError> {
        let mut known = self.known();
        let Some(Some(rest)) = known.get_mut(&(asked, object.to_owned())) else { return Ok(()) };
        if rest.trouble.until > now {
            return Err(rest.trouble.error.clone());
        }
        rest.trouble.until = after(now, PROBE_MS);
        Ok(())
    }

    /// Takes in how a call for an object ended. What says nothing of the object leaves it as it was.
    pub(crate) fn ended(&self, asked: Asked, object: &str, error: Option<&VendorError>, now: Timestamp) {
        let mut known = self.known();
        let key = (asked, object.to_owned());
        match error {
            None => {
                if known.insert(key.clone(), None).flatten().is_some() {
                    self.turned().insert(key, (now, false));
                }
            }
            Some(error) if error.is_of_object() => {
                let since = known.get(&key).and_then(|rest| Some(rest.as_ref()?.since)).unwrap_or(now);
                self.turned().insert(key.clone(), (now, false));
                known.insert(key, Some(Rest { since, trouble: Trouble { error: error.clone(), until: after(now, PAUSE_MS) } }));
            }
            Some(_) => {}
        }
    }

    /// Lets an object be asked for at once: what it rested for is no longer asked of it, or a person wants to see.
    pub(crate) fn try_now(&self, object: &str, now: Timestamp) {
        for ((_, of), rest) in self.known().iter_mut() {
            if of == object
                && let Some(rest) = rest
            {
                rest.trouble.until = rest.trouble.until.min(now);
            }
        }
    }

    /// Whether an object is not asked for at `now`.
    #[must_use]
    pub fn rests(&self, asked: Asked, object: &str, now: Timestamp) -> bool {
        matches!(self.known().get(&(asked, object.to_owned())), Some(Some(rest)) if rest.trouble.until > now)
    }

    /// Objects that are not read and may be asked for again at `now`.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<String> {
        let known = self.known();
        let reads =
            known.iter().filter(|((asked, _), rest)| *asked == Asked::Read && rest.as_ref().is_some_and(|rest| rest.trouble.until <= now));
        reads.map(|((_, object), _)| object.clone()).collect()
    }

    /// When whatever failed with this error is asked for again, if that is because an object rests.
    pub(crate) fn over_at(&self, error: &VendorError, now: Timestamp) -> Option<Timestamp> {
        let known = self.known();
        let same = |rest: &&Rest| {
            rest.trouble.until > now && (&rest.trouble.error.code, &rest.trouble.error.message) == (&error.code, &error.message)
        };
        known.values().flatten().filter(same).map(|rest| rest.trouble.until).min()
    }

    /// Whether the platform has said anything of an object since this process started.
    pub(crate) fn heard_of(&self, asked: Asked, object: &str) -> bool {
        self.known().contains_key(&(asked, object.to_owned()))
    }

    /// All that rest, also those whose rest is over and that nobody has asked for since.
    #[must_use]
    pub fn all(&self) -> Vec<RestingObject> {
        let known = self.known();
        let rests = known.iter().filter_map(|((asked, object), rest)| Some((*asked, object, rest.as_ref()?)));
        let told = rests.map(|(asked, object, Rest { since, trouble })| RestingObject {
            object: object.clone(),
            asked,
            since: *since,
            until: trouble.until,
            reason: trouble.error.to_string(),
            remedy: trouble.error.advice.to_owned(),
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use entente_connect::error::Class;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
    }

    fn refused() -> VendorError {
        VendorError::new(Class::Configuration, "INVALID_TYPE", "sObject type 'Campaign' is not supported.", "give the permission")
    }

    #[test]
    fn one_object_rests_in_one_respect_and_is_tried_with_one_call() {
        let objects = RestingObjects::default();
        objects.ended(Asked::Read, "Campaign", Some(&refused()), at(0));
        assert_eq!(objects.admit(Asked::Read, "Campaign", at(1)), Err(refused()));
        assert_eq!(objects.admit(Asked::Written, "Campaign", at(1)), Ok(()));
        assert_eq!(objects.admit(Asked::Read, "Account", at(1)), Ok(()));
        assert_eq!(objects.over_at(&refused(), at(1)), Some(at(PAUSE_MS)));

        assert_eq!(objects.due(at(PAUSE_MS)), ["Campaign"]);
        assert_eq!(objects.admit(Asked::Read, "Campaign", at(PAUSE_MS)), Ok(()));
        assert_eq!(objects.admit(Asked::Read, "Campaign", at(PAUSE_MS)), Err(refused()), "the others wait for its answer");
        objects.ended(Asked::Read, "Campaign", Some(&refused()), at(PAUSE_MS + 5));
        let resting = objects.all();
        assert_eq!((resting.len(), resting[0].since, resting[0].until), (1, at(0), at(2 * PAUSE_MS + 5)));

        objects.ended(Asked::Read, "Campaign", None, at(2 * PAUSE_MS + 6));
        assert_eq!((objects.all(), objects.heard_of(Asked::Read, "Campaign")), (Vec::new(), true));
    }

    #[test]
    fn what_is_wrong_with_the_connection_rests_no_object() {
        let objects = RestingObjects::default();
        for error in [
            VendorError::new(Class::Reauthenticate, "INVALID_SESSION_ID", "", ""),
            VendorError::new(Class::Configuration, "API_DISABLED_FOR_ORG", "", "").with_status(403),
            VendorError::new(Class::Retry, "http_502", "", "").with_status(502),
        ] {
            objects.ended(Asked::Read, "Campaign", Some(&error), at(0));
        }
        assert_eq!(objects.all(), []);
    }
}
