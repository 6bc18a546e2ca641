//! Watching edits land: what was edited on one side is awaited on the other, by the writes that commit there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::call_costs::CallCosts;
use super::choice::{Direction, Kind};
use super::correspondence::{Form, same};
use super::report::{Samples, TrafficReport};
use crate::clock::SimClock;
use crate::salesforce::WriteNotice as CrmNotice;
use crate::zendesk::{Kind as DeskKind, WriteNotice as DeskNotice};

mod pairs;

pub(crate) use pairs::{Account, Contact, Pairs};

/// Fields whose values come from a short list.
const FEW_VALUES: &[&str] = &["status", "vip", "tier", "plan", "csm", "industry", "zone"];

/// Edits spelt out in a report as still waiting.
const WAITING_SHOWN: usize = 10;

/// What was edited.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// A contact, by its id in Salesforce, or its user.
    Contact(String),
    /// An account, by its id in Salesforce, or its organization.
    Account(String),
    /// A ticket, by its number, or its task.
    Ticket(u64),
}

/// How a landed value is recognised.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    /// By meaning the same.
    Value(Form, Value),
    /// By holding this text.
    Text(String),
    /// By being there at all.
    Anything,
}

impl Expected {
    fn met(&self, value: &Value) -> bool {
        match self {
            Self::Value(form, wanted) => same(*form, wanted, value),
            Self::Text(wanted) => value.as_str().is_some_and(|text| text.contains(wanted.as_str())),
            Self::Anything => !value.is_null(),
        }
    }
}

/// One edit on its way.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    pub subject: Subject,
    /// The field, by a name that both sides share.
    pub field: &'static str,
    pub kind: Kind,
    pub direction: Direction,
    pub expected: Expected,
}

struct Pending {
    edit: Edit,
    at_ms: i64,
}

#[derive(Default)]
struct Ledger {
    pairs: Pairs,
    /// Edits on their way, by serial number.
    pending: BTreeMap<u64, Pending>,
    /// Of a subject's field, the edits on their way.
    by_field: HashMap<(Subject, &'static str), Vec<u64>>,
    /// Fields that both sides changed: they may wait for a person for good.
    contested: HashSet<(Subject, &'static str)>,
    next: u64,
    samples: Samples,
    edits: u64,
    landed: u64,
    superseded: u64,
    conflicting: u64,
    refused: u64,
    won: u64,
    began_ms: i64,
    ended_ms: Option<i64>,
    last_landing_ms: Option<i64>,
    calls_before: CallCosts,
    listening: bool,
}

/// The watch over edits. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Landing {
    ledger: Arc<Mutex<Ledger>>,
    clock: SimClock,
}

impl Landing {
    pub(crate) fn new(clock: SimClock) -> Self {
        Self { ledger: Arc::default(), clock }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew; what waits for a person goes on waiting. Answers whether somebody has to make the simulators tell of their writes: the first time
    /// only.
    pub(crate) fn begin(&self, pairs: Pairs, calls: CallCosts) -> bool {
        let mut ledger = self.ledger();
        let listening = ledger.listening;
        let contested = std::mem::take(&mut ledger.contested);
        *ledger = Ledger { pairs, contested, began_ms: self.clock.now_ms(), calls_before: calls, listening: true, ..Ledger::default() };
        !listening
    }

    /// Edits come no more.
    pub(crate) fn ended(&self) {
        let now = self.clock.now_ms();
        self.ledger().ended_ms.get_or_insert(now);
    }

    /// Chooses among the pairs known so far.
    pub(crate) fn pick<T>(&self, pick: impl FnOnce(&Pairs) -> T) -> T {
        pick(&self.ledger().pairs)
    }

    /// Whether a field may be edited with an effect that can be seen: fields that wait for a person have none, and one of few values that
    /// is on its way may be set back before it leaves, so that nothing ever arrives.
    pub(crate) fn is_open(&self, subject: &Subject, field: &'static str) -> bool {
        let (ledger, place) = (self.ledger(), (subject.clone(), field));
        let may_be_set_back = FEW_VALUES.contains(&field) && ledger.by_field.contains_key(&place);
        !may_be_set_back && !ledger.contested.contains(&place)
    }

    /// Notes an edit that is about to be made; answers its number.
    pub(crate) fn expect(&self, edit: Edit) -> u64 {
        let mut ledger = self.ledger();
        let serial = ledger.next;
        ledger.next += 1;
        ledger.edits += 1;
        ledger.won += u64::from(edit.kind == Kind::ClosedWon);
        let place = (edit.subject.clone(), edit.field);
        // Each call is a value of its own in the same text; of other fields only the last value counts.
        let before = if edit.kind == Kind::SalesCall { Vec::new() } else { ledger.by_field.remove(&place).unwrap_or_default() };
        let mut contested = edit.kind == Kind::Conflict;
        for old in before {
            let Some(old) = ledger.pending.remove(&old) else { continue };
            if old.edit.direction == edit.direction {
                ledger.superseded += 1;
            } else {
                contested = true;
                ledger.conflicting += 1;
            }
        }
        if contested {
            ledger.conflicting += 1;
            ledger.contested.insert(place);
        } else {
            ledger.by_field.entry(place).or_default().push(serial);
            ledger.pending.insert(serial, Pending { edit, at_ms: self.clock.now_ms() });
        }
        serial
    }

    /// Forgets an edit that the simulator refused.
    pub(crate) fn refused(&self, serial: u64) {
        let mut ledger = self.ledger();
        ledger.refused += 1;
        ledger.edits -= 1;
        if let Some(old) = ledger.pending.remove(&serial)
            && let Some(waiting) = ledger.by_field.get_mut(&(old.edit.subject, old.edit.field))
        {
            waiting.retain(|other| *other != serial);
        }
    }

    /// A write of Salesforce.
    pub(crate) fn crm_wrote(&self, notice: &CrmNotice) {
        let mut ledger = self.ledger();
        let Some(subject) = ledger.pairs.crm_subject(notice) else { return };
        for (name, value) in &notice.changed {
            if let Some(field) = crm_field(&notice.object, name) {
                self.arrived(&mut ledger, Direction::SupportToCrm, &subject, field, value);
                if field == SUPPORT_ID {
                    self.arrived(&mut ledger, Direction::CrmToSupport, &subject, WON, value);
                }
            }
        }
    }

    /// A write of Zendesk.
    pub(crate) fn desk_wrote(&self, notice: &DeskNotice) {
        let mut ledger = self.ledger();
        let Some(subject) = ledger.pairs.desk_subject(notice) else { return };
        for (name, value) in &notice.changed {
            if let Some(field) = desk_field(notice.kind, name) {
                self.arrived(&mut ledger, Direction::CrmToSupport, &subject, field, value);
            }
        }
    }

    fn arrived(&self, ledger: &mut Ledger, direction: Direction, subject: &Subject, field: &'static str, value: &Value) {
        let Some(waiting) = ledger.by_field.get_mut(&(subject.clone(), field)) else { return };
        let pending = &mut ledger.pending;
        let mut landed = Vec::new();
        waiting.retain(|serial| {
            let met = pending.get(serial).is_some_and(|one| one.edit.direction == direction && one.edit.expected.met(value));
            if met {
                landed.extend(pending.remove(serial));
            }
            !met
        });
        if waiting.is_empty() {
            ledger.by_field.remove(&(subject.clone(), field));
        }
        let now = self.clock.now_ms();
        for one in landed {
            ledger.landed += 1;
            ledger.last_landing_ms = Some(now);
            if one.edit.kind.is_measured() {
                let ms = u32::try_from((now - one.at_ms).max(0)).unwrap_or(u32::MAX);
                ledger.samples.add(direction, one.edit.kind, ms);
            }
        }
    }

    /// What became of the edits so far.
    pub(crate) fn report(&self, running: bool, calls: CallCosts) -> TrafficReport {
        let ledger = self.ledger();
        let now = self.clock.now_ms();
        let until = ledger.ended_ms.unwrap_or(now);
        let mut report = TrafficReport {
            running,
            duration_ms: u64::try_from(until - ledger.began_ms).unwrap_or(0),
            last_landing_ms: ledger.last_landing_ms.map_or(0, |at| u64::try_from(at - ledger.began_ms).unwrap_or(0)),
            edits: ledger.edits,
            landed: ledger.landed,
            superseded: ledger.superseded,
            conflicting: ledger.conflicting,
            outstanding: ledger.pending.len() as u64,
            refused: ledger.refused,
            calls: calls.since(ledger.calls_before),
            ..TrafficReport::default()
        };
        report.new_customers.won = ledger.won;
        ledger.samples.fill(&mut report);
        let shown = ledger.pending.values().take(WAITING_SHOWN);
        report.waiting = shown
            .map(|one| format!("{:?} of {:?} since {} ms: {:?}", one.edit.kind, one.edit.subject, now - one.at_ms, one.edit.expected))
            .collect();
        report
    }
}

/// Field in which a won deal is awaited.
pub(crate) const WON: &str = "won";
/// Field in which the desk's id arrives at the CRM.
const SUPPORT_ID: &str = "support_id";

/// The shared name of a field of Salesforce.
fn crm_field(object: &str, name: &str) -> Option<&'static str> {
    Some(match (object, name) {
        ("Contact", "Name") => "name",
        ("Contact", "Time_Zone__c") => "zone",
        ("Account", "Status__c") => "status",
        ("Account", "Support_VIP__c") => "vip",
        ("Account", "Support_Id__c") => SUPPORT_ID,
        ("Task", "Subject") => "subject",
        ("Task", "Status") => "status",
        ("Task", "CSAT__c") => "csat",
        _ => return None,
    })
}

/// The shared name of a field of Zendesk.
fn desk_field(kind: DeskKind, name: &str) -> Option<&'static str> {
    Some(match (kind, name) {
        (DeskKind::User, "name") => "name",
        (DeskKind::User, "email") => "email",
        (DeskKind::User, "phone") => "phone",
        (DeskKind::User, "user_fields.job_title") => "title",
        (DeskKind::Organization, "organization_fields.plan") => "plan",
        (DeskKind::Organization, "organization_fields.account_tier") => "tier",
        (DeskKind::Organization, "organization_fields.csm_name") => "csm",
        (DeskKind::Organization, "organization_fields.renewal_date") => "renewal",
        (DeskKind::Organization, "organization_fields.arr") => "arr",
        (DeskKind::Organization, "organization_fields.industry") => "industry",
        (DeskKind::Organization, "organization_fields.sales_context") => "calls",
        _ => return None,
    })
}
