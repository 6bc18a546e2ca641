//! How often a simulated API was called.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::faults::Fault;

/// Calls of one simulated platform since it was made.
#[derive(Debug, Clone, Default, Serialize, PartialEq, Eq)]
pub struct CallCounts {
    /// All calls, refused ones included.
    pub total: u64,
    /// Calls that only read.
    pub reads: u64,
    /// All others.
    pub writes: u64,
    /// Calls answered with 429.
    pub limited: u64,
    /// Calls that suffered a fault.
    pub faulty: u64,
    /// Calls by verb and route, versions and ids taken out.
    pub by_route: BTreeMap<String, u64>,
}

impl CallCounts {
    pub(crate) fn note(&mut self, read: bool, route: &str, fault: Option<Fault>) {
        self.total += 1;
        *(if read { &mut self.reads } else { &mut self.writes }) += 1;
        self.faulty += u64::from(fault.is_some());
        match self.by_route.get_mut(route) {
            Some(count) => *count += 1,
            None => drop(self.by_route.insert(route.to_owned(), 1)),
        }
    }
}
