//! The sync: how records are woken, looked at, merged, written and settled.

pub(crate) mod adopt;
pub(crate) mod commit;
pub mod converge;
pub(crate) mod decide;
pub(crate) mod deliver;
pub mod edit;
pub(crate) mod fate;
pub mod first_read;
pub(crate) mod flawed;
pub(crate) mod gather;
pub mod inbox;
pub(crate) mod ingest;
pub(crate) mod look;
pub mod merged;
pub mod poll;
pub mod pressure;
pub mod preview;
pub mod provision;
pub mod resync;
pub mod run;
pub mod settle;
pub mod subject;
pub mod task;
pub(crate) mod wake;
pub mod work;
