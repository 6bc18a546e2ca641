//! Who changed a value, as far as the vendor's own marks tell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The kind of hand behind a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The customer, through self-service.
    Customer,
    /// A sales person in the CRM.
    Sales,
    /// An agent in the support desk.
    Support,
    /// A rule, flow or trigger inside a vendor's system, or another integration.
    Automation,
    /// Entente itself.
    Us,
    /// A person working in Entente.
    Person,
    /// The vendor does not say. Rules that need the actor do not apply.
    #[default]
    Unknown,
}

/// Most bytes of a [`UserId`]: at some platforms an address stands for the id.
const USER_ID_MAX: usize = 64;

/// A user, by the id that their platform has for them; a person in Entente, by their name. It is copied with every mark, and so it is held in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UserId {
    bytes: [u8; USER_ID_MAX],
    len: u8,
}

impl UserId {
    /// An id; `None` for an empty one, and for one that is longer than any platform's.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let len = u8::try_from(text.len()).ok().filter(|len| (1..=USER_ID_MAX).contains(&usize::from(*len)))?;
        let mut bytes = [0; USER_ID_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Self { bytes, len })
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // It was made of a whole text, so that it always is one.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl std::fmt::Debug for UserId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for UserId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| serde::de::Error::custom(format!("an id of a user has 1 to {USER_ID_MAX} bytes")))
    }
}

/// When and by whom a side's present values were last touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ChangeMark {
    /// The vendor's modification time, corrected by the measured clock offset of that vendor; `None` when it gives none.
    pub at: Option<Timestamp>,
    /// Whose hand it was.
    pub by: Actor,
    /// The user who did it, where the vendor names one; neither the customer, whose record it is, nor ourselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<UserId>,
}

impl ChangeMark {
    /// The mark of a value that stood when this one was given and still stands as its row has a later one: what others of the row were
    /// changed by does not touch it. Where this mark does not say when or by whom, the later one may.
    #[must_use]
    pub fn still_at(self, later: Self) -> Self {
        let same_change = self.at.is_none() || self.at == later.at;
        let (by, who) = if self.by == Actor::Unknown && same_change { (later.by, later.who) } else { (self.by, self.who) };
        Self { at: self.at.or(later.at), by, who }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_user_survives_being_kept() {
        let mark = ChangeMark { who: UserId::new("005xx00000Ünï"), ..ChangeMark::default() };
        let kept = serde_json::to_string(&mark).expect("json");
        assert_eq!(serde_json::from_str::<ChangeMark>(&kept).expect("mark"), mark);
        assert_eq!(mark.who.expect("user").as_str(), "005xx00000Ünï");
        assert_eq!(serde_json::to_string(&ChangeMark::default()).expect("json"), r#"{"at":null,"by":"unknown"}"#, "as it always was");
        assert_eq!((UserId::new(""), UserId::new(&"x".repeat(65))), (None, None));
        assert!(serde_json::from_str::<ChangeMark>(r#"{"at":null,"by":"sales","who":""}"#).is_err());
    }
}
