//! Change Data Capture over the Pub/Sub API: what changed in the org, told by the org itself, without a call of its quota.
//!
//! A poll reads what a stream brought since the replay id in its cursor. The cursor is kept together with what the events say, so every event
//! is acted upon at least once, in the order in which the org committed it. What events do not tell is asked of the REST API: rows behind
//! gaps, deleted rows that may be merged, fields that events do not carry. When a replay id has aged out, a poll by `SystemModstamp` from the
//! last instant that was seen fills the gap.
//!
//! A replay id is first taken over by a poll that begins after the id was received: what the stream does not bring, that poll has read.

mod avro;
mod bitmap;
mod change;
mod channel;
mod page;
mod stream;
mod trial;
mod wire;

pub(super) use channel::PubSub;
