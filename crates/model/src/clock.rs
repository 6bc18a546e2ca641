//! Time as an argument.

pub use jiff::Timestamp;

/// Where "now" comes from: the machine in production, a virtual clock in simulations.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}
