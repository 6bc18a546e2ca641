//! Who decides a conflict that waits: the person who looks at it, or a rule that somebody adopted, which is told with its name, by whom it was
//! adopted, and when.

use entente_model::plan::Reason;
use entente_store::{ConflictRule, RuleState};

use super::kind::Kind;
use crate::catalog::Catalog;
use crate::records::label;

/// Who decides.
#[derive(Debug, Clone)]
pub(super) enum Ruling {
    /// The person who looks at it.
    Person,
    /// A rule that was adopted.
    Rule(Box<ConflictRule>),
}

impl Ruling {
    /// How the ledger says who decided.
    pub(super) fn words(&self, catalog: &Catalog) -> String {
        match self {
            Self::Person => "by a person".to_owned(),
            Self::Rule(rule) => format!("by {}", adopted(catalog, rule)),
        }
    }

    /// Who has decided, as the conflict keeps it.
    pub(super) fn decided_by(&self, viewer: &str) -> String {
        match self {
            Self::Person => viewer.to_owned(),
            Self::Rule(_) => format!("rule {}", Reason::Adopted.name()),
        }
    }

    /// Why the record has its value, as the ledger keeps it with the field.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Person => "user",
            Self::Rule(_) => Reason::Adopted.name(),
        }
    }
}

/// What a rule is called, by whom it was adopted, and when; of one that was withdrawn since, that it was.
pub(super) fn adopted(catalog: &Catalog, rule: &ConflictRule) -> String {
    let name = format!("the rule “{} of {}: {} wins”", label(catalog.object(&rule.object), &rule.field), rule.object, rule.rule.winner);
    let how = match rule.state {
        RuleState::Adopted => "adopted",
        RuleState::Declined => "declined since",
        RuleState::Withdrawn => "withdrawn since",
    };
    format!("{name}, {how} by {} on {}", rule.by, rule.at.strftime("%-d %B %Y"))
}

/// The rule that decided a conflict, where an adopted one did: the one for its kind by which the side wins whose value it got.
pub(super) fn rule_of<'a>(rules: &'a [ConflictRule], conflict: &entente_store::Conflict) -> Option<&'a ConflictRule> {
    let kind = Kind::of(conflict).filter(|_| conflict.resolved_by.as_deref() == Some("rule adopted"))?;
    rules.iter().find(|rule| {
        let fits = rule.object == kind.object && rule.field == kind.field && rule.rule.sides == kind.sides;
        let won = || conflict.conflict.sides.iter().find(|side| side.side == rule.rule.winner);
        fits && won().zip(conflict.resolution.as_ref()).is_some_and(|(side, value)| side.value.agrees(value))
    })
}
