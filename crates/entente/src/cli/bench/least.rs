//! The least time and the least calls in which a first full sync can be done by anybody, from the platforms' documented limits.

use entente_sims::profile::Profile;
use entente_sims::world::Seeded;

/// Rows of one page of a Salesforce query.
const QUERY_ROWS: usize = 2_000;
/// Records that one composite call of Salesforce writes: five collections of 200.
const COMPOSITE_ROWS: usize = 1_000;
/// Rows of one page of a Zendesk export.
const EXPORT_ROWS: usize = 1_000;
/// Cursor exports a minute, users and tickets together.
const CURSOR_EXPORTS: usize = 20;
/// Time-based exports a minute.
const TIME_EXPORTS: usize = 10;
/// Rows of one Zendesk job.
const JOB_ROWS: usize = 100;
/// Jobs that Zendesk runs at the same time.
const JOBS_AT_ONCE: usize = 30;
/// Jobs whose state one call shows.
const JOBS_SHOWN: usize = 100;
/// Calls that make a user's second address the first one: it is marked as verified, then made primary. No call does so for several users.
const ADDRESS_CALLS: usize = 2;
/// One minute, in milliseconds.
const MINUTE_MS: u64 = 60_000;

/// A bound that nobody can beat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Least {
    /// Milliseconds.
    pub ms: u64,
    /// Calls to Salesforce.
    pub salesforce: usize,
    /// Calls to Zendesk.
    pub zendesk: usize,
    /// The formula with its numbers.
    pub explained: String,
}

/// The bound for a world: every row of both sides is read once, every customer, account and ticket gets its key on the other side, and
/// writes begin as soon as the first page is read.
pub fn least(world: &Seeded) -> Least {
    let (crm, desk) = (Profile::salesforce_real(), Profile::zendesk_real());
    let (crm_ms, desk_ms) = (crm.latency_ms + crm.network_ms, desk.latency_ms + desk.network_ms);
    // Reading: pages of one object follow each other, objects are read side by side.
    let crm_pages = [world.accounts, world.contacts, world.opportunities, world.tasks].map(|rows| rows.div_ceil(QUERY_ROWS).max(1));
    let crm_read_ms = crm_pages.iter().max().copied().unwrap_or(1) as u64 * crm_ms;
    let (user_pages, ticket_pages) = (world.users.div_ceil(EXPORT_ROWS).max(1), world.tickets.div_ceil(EXPORT_ROWS).max(1));
    let organization_pages = world.organizations.div_ceil(EXPORT_ROWS).max(1);
    let exports = user_pages + ticket_pages + organization_pages;
    let waits = exports.div_ceil(CURSOR_EXPORTS + TIME_EXPORTS).saturating_sub(1) as u64;
    let desk_read_ms = waits * MINUTE_MS + user_pages as u64 * desk_ms;
    // Writing: keys to everybody on both sides, in the largest batches there are.
    let jobs = world.contacts.div_ceil(JOB_ROWS) + world.accounts.div_ceil(JOB_ROWS);
    let waves = jobs.div_ceil(JOBS_AT_ONCE) as u64;
    let desk_write_ms = waves * desk.job_ms + 2 * desk_ms;
    let crm_writes = (world.contacts + world.accounts + world.tickets).div_ceil(COMPOSITE_ROWS);
    let salesforce = crm_pages.iter().sum::<usize>() + crm_writes;
    let addresses = world.other_addresses * ADDRESS_CALLS;
    let zendesk = exports + jobs + jobs.div_ceil(JOBS_SHOWN) + addresses;
    let quota_ms = (zendesk as u64).div_ceil(desk.quota.max(1)).saturating_sub(1) * MINUTE_MS;
    // The last page's rows are written after it was read; the first page is read before anything is written.
    let last_round = desk.job_ms + 2 * desk_ms;
    let after_reading = crm_read_ms.max(desk_read_ms) + last_round;
    let after_writing = crm_ms.max(desk_ms) + desk_write_ms;
    let ms = after_reading.max(after_writing).max(quota_ms);
    let explained = format!(
        "The least possible, for anybody, from the documented limits:\n\n\
         - Reading Salesforce: {QUERY_ROWS} rows a page, pages of an object one after the other, objects side by side: \
         {} pages of the largest object × {crm_ms} ms = {:.1} s.\n\
         - Reading Zendesk: {EXPORT_ROWS} rows a page, {CURSOR_EXPORTS} cursor and {TIME_EXPORTS} time-based exports a minute: {exports} pages, \
         {waits} waits of a minute + {user_pages} pages of users × {desk_ms} ms = {:.1} s.\n\
         - Writing Zendesk: {JOB_ROWS} rows a job, {JOBS_AT_ONCE} jobs at once: {jobs} jobs, {waves} rounds × {:.1} s + 2 calls = {:.1} s, \
         begun after the first page.\n\
         - Quota of Zendesk: {zendesk} calls at {} a minute: no earlier than {:.0} s.\n\
         - The last page is written after it was read: + {:.1} s.\n\
         - Calls: Salesforce {} pages + {crm_writes} writes of {COMPOSITE_ROWS} records = {salesforce}; Zendesk {exports} pages + {jobs} jobs + {} looks at them + {addresses} for the addresses of {} users = {zendesk}.\n\n\
         max(reading + last write, first page + writing, quota) = {:.1} s.",
        crm_pages.iter().max().copied().unwrap_or(1),
        seconds(crm_read_ms),
        seconds(desk_read_ms),
        seconds(desk.job_ms),
        seconds(desk_write_ms),
        desk.quota,
        seconds(quota_ms),
        seconds(last_round),
        crm_pages.iter().sum::<usize>(),
        jobs.div_ceil(JOBS_SHOWN),
        world.other_addresses,
        seconds(ms),
    );
    Least { ms, salesforce, zendesk, explained }
}

/// Milliseconds as seconds.
pub fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_follows_from_the_narrowest_limit() {
        let world = Seeded {
            accounts: 4_820,
            contacts: 24_100,
            organizations: 4_710,
            users: 23_000,
            other_addresses: 20,
            opportunities: 401,
            tasks: 803,
            tickets: 602,
        };
        let found = least(&world);
        // 290 jobs, 30 at once: ten rounds of a second, two calls, and one page before.
        assert_eq!(found.ms, 275 + 10_000 + 450, "{}", found.explained);
        assert_eq!((found.salesforce, found.zendesk), (3 + 13 + 1 + 1 + 30, 29 + 290 + 3 + 40));
        let tenfold = Seeded { contacts: 241_000, users: 230_000, ..world };
        assert!(least(&tenfold).ms >= 7 * MINUTE_MS, "exports are the narrowest then");
    }
}
