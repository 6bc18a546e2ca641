//! How conflicts are decided, as a mapping says it: for all shared fields of its object, or for one of them.
//!
//! A field has one way of being decided, whichever connections map it, as it has one owner. What a line says goes before what a mapping says of
//! its object; connections that say something of a field must say the same, and those that say nothing follow them. Only what is left out is
//! each connection's own affair.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::plan::policy::{Kind, Rule};

/// Milliseconds that a window may be long.
pub const WINDOW_MAX_MS: u32 = 60 * 60 * 1000;

/// Units of a window, with their milliseconds, the longest first.
const UNITS: &[(&str, u32)] = &[("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

/// How conflicts are decided. What is left out is decided as it is without it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conflicts {
    /// The rules that decide, in their order. `self_service`: the customer's own change wins. `sales_contact`: sales' change at the CRM wins,
    /// of contact data. `support_status`: a change at the desk wins, of a status. `simultaneous`: changes within the window are for a person.
    /// `latest`: the latest change wins, and the older one is flagged. What no rule decides is for a person; so is everything with an empty list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<Rule>>,
    /// How close to each other changes are simultaneous: a number with its unit (`500ms`, `5s`, `2min`), an hour at most; `0s` never is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub window: Option<Window>,
    /// What kind of data it is: `contact`, `status`, `consent` or `other`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Rules by which a change at this connection never wins: `self_service`, `sales_contact` or `support_status`. It still competes, and wins
    /// by the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<Vec<Rule>>,
}

impl Conflicts {
    /// What is wrong with it, each with what to do.
    #[must_use]
    pub fn faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        for (list, rules) in [("rules", &self.rules), ("without", &self.without)] {
            for rule in twice(rules.as_deref().unwrap_or_default()) {
                faults.push((format!("conflicts.{list} lists `{}` twice", rule.name()), "keep one of the two".to_owned()));
            }
        }
        if let Some(rules) = &self.rules {
            let place = |rule| rules.iter().position(|one| *one == rule);
            let simultaneous = place(Rule::Simultaneous);
            if let (Some(latest), Some(later)) = (place(Rule::Latest), simultaneous)
                && latest < later
            {
                let reason = "conflicts.rules has `simultaneous` after `latest`, which has decided by then".to_owned();
                faults.push((reason, "put `simultaneous` before `latest`, or take it out".to_owned()));
            }
            if self.window.is_some() && simultaneous.is_none() {
                let reason = "conflicts.window is of the rule `simultaneous`, which conflicts.rules does not list".to_owned();
                faults.push((reason, "add `simultaneous` to the rules, or take `window` out".to_owned()));
            }
        }
        for rule in self.without.iter().flatten().filter(|rule| !rule.is_about_hands()) {
            let reason = format!("conflicts.without lists `{}`, which weighs the changes of all sides against each other", rule.name());
            faults.push((reason, "list self_service, sales_contact or support_status, or take the rule out of `rules`".to_owned()));
        }
        faults
    }

    /// The parts that both say, and say differently.
    #[must_use]
    pub fn contradictions(&self, other: &Self) -> Vec<&'static str> {
        fn differ<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
            one.is_some() && other.is_some() && one != other
        }
        let parts = [
            ("rules", differ(&self.rules, &other.rules)),
            ("window", differ(&self.window, &other.window)),
            ("kind", differ(&self.kind, &other.kind)),
        ];
        parts.into_iter().filter(|(_, differ)| *differ).map(|(part, _)| part).collect()
    }

    /// Whether it says anything of a part that [`Self::contradictions`] names.
    #[must_use]
    pub fn says(&self, part: &str) -> bool {
        match part {
            "rules" => self.rules.is_some(),
            "window" => self.window.is_some(),
            "kind" => self.kind.is_some(),
            _ => false,
        }
    }
}

fn twice(rules: &[Rule]) -> Vec<Rule> {
    let mut found: Vec<Rule> = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        if rules[..at].contains(rule) && !found.contains(rule) {
            found.push(*rule);
        }
    }
    found
}

/// How close to each other changes are simultaneous, in milliseconds: an hour at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window(u32);

impl Window {
    /// Milliseconds.
    #[must_use]
    pub fn ms(self) -> i64 {
        i64::from(self.0)
    }

    /// Reads a number with its unit.
    ///
    /// # Errors
    /// When it is none, or longer than an hour; with what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let unreadable = || format!("`{text}` is no window: write a number with its unit (ms, s, min or h), such as 5s");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| unreadable())?;
        let (_, ms) = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(unreadable)?;
        let total = number.saturating_mul(u64::from(*ms));
        let window = u32::try_from(total).ok().filter(|window| *window <= WINDOW_MAX_MS);
        window.map(Self).ok_or_else(|| format!("a window of {text} is too long: an hour is the longest, 0s the shortest"))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, ms) = match self.0 {
            0 => ("s", 1_000),
            whole => UNITS.iter().copied().find(|(_, ms)| whole % ms == 0).unwrap_or(("ms", 1)),
        };
        write!(f, "{}{unit}", self.0 / ms)
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Window;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number with its unit (ms, s, min or h), such as 5s")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Window, E> {
                Window::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_a_number_with_its_unit_and_comes_back_as_it_was() {
        for (text, ms, back) in [
            ("5s", 5_000, "5s"),
            ("0s", 0, "0s"),
            ("1500ms", 1_500, "1500ms"),
            ("90 s", 90_000, "90s"),
            ("2min", 120_000, "2min"),
            ("60min", 3_600_000, "1h"),
        ] {
            let window = Window::parse(text).unwrap();
            assert_eq!((window.ms(), window.to_string().as_str()), (ms, back), "{text}");
            assert_eq!(Window::parse(back), Ok(window));
        }
        for wrong in ["5", "", "s", "-1s", "5 days", "1.5s", "61min", "99999999999999999999h", "3600001ms"] {
            assert!(Window::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let faults = |json: &str| {
            serde_json::from_str::<Conflicts>(json).unwrap().faults().into_iter().map(|(reason, _)| reason).collect::<Vec<_>>()
        };
        assert!(faults(r#"{"rules": ["latest", "self_service"], "without": ["self_service"]}"#).is_empty());
        assert!(faults(r#"{"rules": []}"#).is_empty());
        assert!(faults(r#"{"window": "5s"}"#).is_empty(), "of the rules that are in force anyway");
        assert!(faults(r#"{"rules": ["latest", "latest"]}"#)[0].contains("`latest` twice"));
        assert!(faults(r#"{"rules": ["latest", "simultaneous"]}"#)[0].contains("after `latest`"));
        assert!(faults(r#"{"rules": ["latest"], "window": "5s"}"#)[0].contains("conflicts.window"));
        assert!(faults(r#"{"without": ["latest"]}"#)[0].contains("conflicts.without"));
        assert!(serde_json::from_str::<Conflicts>(r#"{"rules": ["loudest"]}"#).unwrap_err().to_string().contains("loudest"));
    }

    #[test]
    fn two_contradict_each_other_only_in_what_both_say() {
        let said = |json: &str| serde_json::from_str::<Conflicts>(json).unwrap();
        let one = said(r#"{"rules": ["latest"], "kind": "contact", "without": ["self_service"]}"#);
        assert!(one.contradictions(&said(r#"{"window": "1s", "kind": "contact", "without": []}"#)).is_empty());
        assert_eq!(one.contradictions(&said(r#"{"rules": [], "kind": "status"}"#)), ["rules", "kind"]);
    }
}
