//! A world small enough for a test: rows at vendors, the record between them, and what one look does to both. It does what the
//! engine does with a plan (commit, deliver, settle) and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::mapping::{Owner, Role};
use entente_model::plan::policy::{FieldPolicy, Merge};
use entente_model::plan::{Held, Input, Plan, Side, plan};
use entente_model::value::{FieldKey, Fields, Value, get};

/// Fields of every record; what each of them is, its policy says.
pub(crate) const FIELDS: [&str; 3] = ["email", "tier", "tags"];

/// When the worlds begin.
const EPOCH_MS: i64 = 1_700_000_000_000;

pub(crate) const CRM: (&str, Role) = ("crm", Role::Crm);
pub(crate) const DESK: (&str, Role) = ("desk", Role::Support);

/// Every side answers, and every write lands.
pub(crate) const ALL_LAND: [Fate; 3] = [Fate::Lands; 3];
/// Nothing lands: the vendors are down, or we crashed.
pub(crate) const ALL_FAIL: [Fate; 3] = [Fate::Fails; 3];

/// What becomes of the writes to one side.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    Lands,
    /// It landed, but the answer was lost: nobody knows.
    Unheard,
    Fails,
    /// Of the fields written, only those with their bit set land.
    Partly(u8),
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Somebody changes a field at a side, `wait` milliseconds after what happened before.
    Edit { side: usize, field: usize, pick: u8, by: Actor, wait: i64, timed: bool },
    /// Somebody changes a field in Entente.
    EditHere { field: usize, pick: u8, wait: i64 },
    /// Entente looks; a bit set in `blind` hides a field of a side from it.
    Look { fates: [Fate; 3], blind: u16 },
    /// A person decides a waiting conflict.
    Decide { field: usize, pick: u8 },
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) held: Held,
    /// The rows as they are, each with what Entente last agreed with it.
    pub(crate) sides: Vec<Side>,
    pub(crate) policy: Vec<FieldPolicy>,
    pub(crate) frozen: BTreeSet<FieldKey>,
    now: i64,
}

/// A line per field and side: a counterexample is read by people.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = |mark: &ChangeMark| format!("{:?} at {:?}", mark.by, mark.at.map(|at| at.as_millisecond() - EPOCH_MS));
        for FieldPolicy { field, owner, merge, kind, .. } in &self.policy {
            writeln!(f, "\n{field}: {owner:?} {merge:?} {kind:?}{}", if self.frozen.contains(field) { ", waits" } else { "" })?;
            writeln!(f, "  held {:?} ({})", get(&self.held.values, field), mark(&self.held.marks[field]))?;
            for side in &self.sides {
                let read_only = if side.writable.contains(field) { "" } else { ", read-only" };
                let (base, value) = (side.base.get(field), side.values.get(field));
                writeln!(f, "  {} base {base:?} now {value:?} ({}{read_only})", side.name, mark(&side.mark_of(field)))?;
            }
        }
        Ok(())
    }
}

impl World {
    /// Sides that all hold what the record holds.
    pub(crate) fn agreed(policy: Vec<FieldPolicy>, values: &Fields, sides: &[(&str, Role)]) -> Self {
        let side = |(name, role): &(&str, Role)| Side {
            name: (*name).to_owned(),
            role: *role,
            values: values.clone(),
            base: values.clone(),
            taken: Fields::new(),
            writable: policy.iter().map(|policy| policy.field.clone()).collect(),
            never_blank: BTreeSet::new(),
            mark: ChangeMark::default(),
            marks: BTreeMap::new(),
        };
        let long_ago = ChangeMark { at: Some(at_ms(-90_000)), by: Actor::Unknown, who: None };
        let marks = policy.iter().map(|policy| (policy.field.clone(), long_ago)).collect();
        let sides = sides.iter().map(side).collect();
        Self { held: Held { values: values.clone(), marks }, sides, policy, frozen: BTreeSet::new(), now: 0 }
    }

    /// A CRM and a support desk that agree on one field.
    pub(crate) fn pair(policy: FieldPolicy, value: Value) -> Self {
        let values = Fields::from([(policy.field.clone(), value)]);
        Self::agreed(vec![policy], &values, &[CRM, DESK])
    }

    pub(crate) fn plan(&self) -> Plan {
        self.plan_from(&self.sides)
    }

    pub(crate) fn plan_from(&self, sides: &[Side]) -> Plan {
        plan(Input { held: &self.held, sides, policy: &self.policy, frozen: &self.frozen })
    }

    /// The sides as a look shows them when some fields cannot be read.
    pub(crate) fn seen(&self, blind: u16) -> Vec<Side> {
        let mut sides = self.sides.clone();
        for (at, side) in sides.iter_mut().enumerate() {
            for (number, field) in FIELDS.iter().enumerate() {
                if blind >> (at * FIELDS.len() + number) & 1 == 1 {
                    side.values.remove(*field);
                }
            }
        }
        sides
    }

    /// One look: plan, commit, deliver.
    pub(crate) fn look(&mut self, fates: [Fate; 3], blind: u16) -> Plan {
        let seen = self.seen(blind);
        let plan = self.plan_from(&seen);
        self.commit(&plan);
        for (side, seen) in self.sides.iter_mut().zip(seen) {
            side.taken.extend(seen.values.into_iter().filter(|(field, _)| !self.frozen.contains(field)));
        }
        self.now += 1;
        for (side, fate) in self.sides.iter_mut().zip(fates) {
            deliver(side, &plan, fate, at_ms(self.now));
        }
        plan
    }

    pub(crate) fn commit(&mut self, plan: &Plan) {
        for change in &plan.changes {
            self.held.values.insert(change.field.clone(), change.after.clone());
            self.remember(&change.field, change.mark);
        }
        // What a rule decided is an entry of the ledger also when the record held the winner already.
        for conflict in &plan.conflicts {
            let won = conflict.resolved.as_ref().and_then(|(_, side)| conflict.candidates.iter().find(|one| one.side == *side));
            won.into_iter().for_each(|winner| self.remember(&conflict.field, winner.mark));
        }
        for side in &mut self.sides {
            side.base.extend(plan.sides.get(&side.name).map(|news| news.agreed.clone()).unwrap_or_default());
        }
        self.frozen.extend(waiting(plan));
        self.frozen.retain(|field| !plan.thawed.contains(field));
    }

    /// A vendor that gives no time leaves the time at which we learned of the change.
    fn remember(&mut self, field: &str, mark: ChangeMark) {
        let at = mark.at.or(Some(at_ms(self.now)));
        self.held.marks.insert(field.to_owned(), ChangeMark { at, by: mark.by, who: None });
    }

    /// Looks, with every write landing, until there is nothing left to do. Gives the number of looks that had something to do.
    pub(crate) fn settle(&mut self) -> usize {
        (0..10).find(|_| self.look(ALL_LAND, 0).is_quiet()).expect("the sides never fall silent")
    }

    pub(crate) fn edit(&mut self, side: usize, field: &str, value: Value, by: Actor, wait: i64, timed: bool) {
        self.now += wait;
        let side = &mut self.sides[side];
        side.values.insert(field.to_owned(), value);
        side.mark = ChangeMark { at: timed.then(|| at_ms(self.now)), by, who: None };
        side.marks.insert(field.to_owned(), side.mark);
    }

    pub(crate) fn edit_here(&mut self, field: &str, value: Value, wait: i64) {
        self.now += wait;
        self.held.values.insert(field.to_owned(), value);
        self.held.marks.insert(field.to_owned(), ChangeMark { at: Some(at_ms(self.now)), by: Actor::Person, who: None });
    }

    /// What a person decides becomes the record's value, and what each side holds is known to have been replaced by it.
    pub(crate) fn decide(&mut self, field: &str, value: Value) {
        self.edit_here(field, value, 1);
        for side in &mut self.sides {
            side.base.insert(field.to_owned(), get(&side.values, field).clone());
            side.taken.remove(field);
        }
        self.frozen.remove(field);
    }

    pub(crate) fn run(&mut self, steps: &[Step]) {
        steps.iter().for_each(|step| drop(self.step(step)));
    }

    /// Does one step; gives the plan if it was a look.
    pub(crate) fn step(&mut self, step: &Step) -> Option<Plan> {
        match *step {
            Step::Edit { side, field, pick, by, wait, timed } => {
                let (side, field) = (side % self.sides.len(), FIELDS[field]);
                self.edit(side, field, value(self.policy(field), pick), by, wait, timed);
            }
            // A field that is owned elsewhere is read-only here.
            Step::EditHere { field, pick, wait } if matches!(self.policy[field].owner, Owner::Native | Owner::Shared) => {
                self.edit_here(FIELDS[field], value(&self.policy[field], pick), wait);
            }
            Step::Decide { field, pick } if self.frozen.contains(FIELDS[field]) => {
                self.decide(FIELDS[field], value(&self.policy[field], pick));
            }
            Step::Look { fates, blind } => return Some(self.look(fates, blind)),
            Step::EditHere { .. } | Step::Decide { .. } => {}
        }
        None
    }

    pub(crate) fn policy(&self, field: &str) -> &FieldPolicy {
        self.policy.iter().find(|policy| policy.field == field).unwrap()
    }

    /// The sides that own a field.
    pub(crate) fn owners(&self, field: &str) -> Vec<&Side> {
        let role = match self.policy(field).owner {
            Owner::Crm => Role::Crm,
            Owner::Support => Role::Support,
            Owner::Native | Owner::Shared => return Vec::new(),
        };
        self.sides.iter().filter(|side| side.role == role).collect()
    }

    /// Whether every field may be written at every side.
    pub(crate) fn all_writable(&self) -> bool {
        self.sides.iter().all(|side| side.writable.len() == self.policy.len())
    }

    /// Whether the sides agree on a field among themselves.
    pub(crate) fn sides_agree(&self, field: &str) -> bool {
        self.sides.windows(2).all(|pair| get(&pair[0].values, field).agrees(get(&pair[1].values, field)))
    }
}

fn deliver(side: &mut Side, plan: &Plan, fate: Fate, now: Timestamp) {
    let writes = plan.sides.get(&side.name).map(|news| news.writes.clone()).unwrap_or_default();
    let lands = |number: usize| match fate {
        Fate::Lands | Fate::Unheard => true,
        Fate::Fails => false,
        Fate::Partly(bits) => bits >> number & 1 == 1,
    };
    let landed: Fields = writes.into_iter().enumerate().filter(|(number, _)| lands(*number)).map(|(_, write)| write).collect();
    if landed.is_empty() {
        return;
    }
    side.values.extend(landed.clone());
    side.marks.retain(|field, _| !landed.contains_key(field));
    if !matches!(fate, Fate::Unheard) {
        side.taken.extend(landed.clone());
    }
    side.mark = ChangeMark { at: Some(now), by: Actor::Us, who: None };
    if !matches!(fate, Fate::Unheard) {
        side.base.extend(landed);
    }
}

/// Fields with a conflict that no rule resolved.
pub(crate) fn waiting(plan: &Plan) -> BTreeSet<FieldKey> {
    plan.conflicts.iter().filter(|conflict| conflict.resolved.is_none()).map(|conflict| conflict.field.clone()).collect()
}

pub(crate) fn at_ms(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(EPOCH_MS + ms).unwrap()
}

pub(crate) fn set(items: &[&str]) -> Value {
    Value::Set(items.iter().map(|item| (*item).to_owned()).collect())
}

/// One of few values that fit a field, so that people often enter the same and often nothing.
pub(crate) fn value(policy: &FieldPolicy, pick: u8) -> Value {
    match policy.merge {
        Merge::Set => {
            let items = ["vip", "risk", "beta", "eu"];
            Value::Set(items.iter().enumerate().filter(|(bit, _)| pick >> bit & 1 == 1).map(|(_, item)| (*item).to_owned()).collect())
        }
        Merge::Scalar => {
            [Value::Null, Value::text(""), Value::text("a"), Value::text("b"), Value::text("c")][usize::from(pick % 5)].clone()
        }
    }
}
