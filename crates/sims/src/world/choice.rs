//! Kinds of live edits, and how often each happens.

use serde::{Deserialize, Serialize};

/// What a person does on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Sales corrects a contact's name.
    ContactName,
    /// Sales changes a contact's e-mail address.
    ContactEmail,
    /// Sales changes a contact's job title.
    ContactTitle,
    /// Sales changes a contact's phone number.
    ContactPhone,
    /// An account moves to another plan.
    AccountPlan,
    /// An account moves to another tier.
    AccountTier,
    /// An account gets another customer success manager.
    AccountCsm,
    /// An account's renewal moves.
    AccountRenewal,
    /// An account's recurring revenue changes.
    AccountArr,
    /// An account's industry is corrected.
    AccountIndustry,
    /// A deal with a new company is won.
    ClosedWon,
    /// Sales logs a call.
    SalesCall,
    /// An agent corrects a user's name.
    UserName,
    /// A user's time zone changes at the desk.
    UserTimeZone,
    /// An agent changes an organization's status.
    OrganizationStatus,
    /// An agent marks an organization as important, or not.
    OrganizationVip,
    /// A customer writes to support.
    TicketCreated,
    /// An agent corrects a ticket's subject.
    TicketUpdated,
    /// An agent solves a ticket.
    TicketSolved,
    /// A customer rates a solved ticket. The desk sends no event for it, so it lands with a poll.
    TicketRated,
    /// Both sides change one contact's name within a second.
    Conflict,
    /// Two seconds' worth of other edits at once.
    Burst,
}

/// Which way an edit travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Direction {
    CrmToSupport,
    SupportToCrm,
}

/// How often each kind happens among a thousand edits, as a company of this size lives: sales and agents edit fields, customers write
/// tickets, deals are won now and then, and conflicts are rare.
pub(crate) const USUAL: &[(Kind, u32)] = &[
    (Kind::ContactName, 60),
    (Kind::ContactEmail, 30),
    (Kind::ContactTitle, 90),
    (Kind::ContactPhone, 80),
    (Kind::AccountPlan, 70),
    (Kind::AccountTier, 50),
    (Kind::AccountCsm, 60),
    (Kind::AccountRenewal, 70),
    (Kind::AccountArr, 80),
    (Kind::AccountIndustry, 40),
    (Kind::ClosedWon, 12),
    (Kind::SalesCall, 60),
    (Kind::UserName, 60),
    (Kind::UserTimeZone, 50),
    (Kind::OrganizationStatus, 30),
    (Kind::OrganizationVip, 30),
    (Kind::TicketCreated, 60),
    (Kind::TicketUpdated, 25),
    (Kind::TicketSolved, 30),
    (Kind::TicketRated, 10),
    (Kind::Conflict, 2),
    (Kind::Burst, 1),
];

impl Kind {
    /// Whether the time it takes to land says how fast webhooks are: not where only a poll can see it.
    pub(crate) fn is_measured(self) -> bool {
        self != Self::TicketRated
    }

    /// Every kind.
    #[must_use]
    pub fn all() -> Vec<Self> {
        USUAL.iter().map(|(kind, _)| *kind).collect()
    }
}
