//! Schemas of the platforms, watched: described once a day and whenever a refusal smells of a change. What has changed goes into a
//! journal. A change that breaks lines of a mapping keeps these lines from being used, and nothing else: everything else flows on, a
//! patch to the mapping is proposed, and when the field is back or the mapping patched, records catch up.

mod alerts;
mod apply;
mod breaks;
mod detail;
mod equivalence;
mod evidence;
mod list;
mod look;
mod propose;
mod refusal;
mod returning;
mod schedule;
mod standstill;
mod value_check;
mod values;

pub use alerts::alerts;
pub use apply::{Applied, Apply, accept, apply};
pub use detail::{Detail, Hit, ObjectPatch};
pub use list::{Change, ChangePage, ChangeQuery, list, show};
pub use look::{Looked, check};
pub use schedule::{EVERY, tick};
pub use standstill::{Standstill, Still};
pub use values::{ListValues, values};

pub(crate) use equivalence::propose_equivalence;
pub(crate) use look::reconsider;
pub(crate) use refusal::{Suspicions, explain, explains, look_since};
pub(crate) use value_check::leave_out_refused;
