//! When a bulk job is cheaper than pages and collections, in calls and in time.
//!
//! | | without | with a job |
//! |---|---|---|
//! | read of n rows | one call for 2,000 | make, ask how it stands (see [`polls`]), one call for 25,000 |
//! | write of n rows | one call for 200 | make, upload, close, ask how it stands, what landed, what failed |
//!
//! A job is taken when it needs fewer calls. With the vendor's speed as estimated here that is from about 16,000 rows on for a read and from
//! about 2,000 for a write, which is also what the vendor advises; below, a job's time in the queue alone is longer than the pages take.

use std::time::Duration;

/// Rows of one page of a query.
const PAGE_ROWS: usize = 2_000;

/// Rows of one collection.
const COLLECTION_ROWS: usize = 200;

/// Rows of one call for a job's results: some 10 MB of ordinary rows, which a slow line carries within a call's time.
pub(in crate::vendors::salesforce) const RESULT_ROWS: usize = 25_000;

/// Rows of one ingest job: far below the vendor's 100 MB of upload for ordinary rows, and read back within a call's time.
pub(in crate::vendors::salesforce) const JOB_ROWS: usize = 10_000;

/// Rows of a batch of background work that go as one job: half a job, so that the batch takes little memory.
pub(in crate::vendors::salesforce) const BATCH_ROWS: usize = 5_000;

/// Time that a job usually spends in the vendor's queue. An estimate.
const QUEUED: Duration = Duration::from_secs(5);

/// Rows that a query job reads in a second. An estimate.
const READ_PER_SECOND: u64 = 5_000;

/// Rows that an ingest job writes in a second, triggers included. An estimate.
const WRITTEN_PER_SECOND: u64 = 500;

/// Pause before the first question how a job stands; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// Longest pause between two questions.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Pause before the question how a job stands, after so many questions.
pub(in crate::vendors::salesforce) fn pause(asked: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(asked.min(16))).min(LONGEST_PAUSE)
}

/// Questions how a job stands that a job of such a length takes.
fn polls(length: Duration) -> usize {
    let mut passed = Duration::ZERO;
    let mut asked = 0;
    while passed < length {
        passed += pause(asked);
        asked += 1;
    }
    asked as usize
}

fn length(rows: usize, per_second: u64) -> Duration {
    QUEUED + Duration::from_secs((rows as u64).div_ceil(per_second))
}

/// Whether a job reads so many rows in fewer calls than pages do.
pub(in crate::vendors::salesforce) fn reads_in_bulk(rows: usize) -> bool {
    1 + polls(length(rows, READ_PER_SECOND)) + rows.div_ceil(RESULT_ROWS) < rows.div_ceil(PAGE_ROWS)
}

/// Whether a job writes so many rows in fewer calls than collections do.
pub(in crate::vendors::salesforce) fn writes_in_bulk(rows: usize) -> bool {
    let jobs = rows.div_ceil(JOB_ROWS);
    let each = 5 + polls(length(rows.min(JOB_ROWS), WRITTEN_PER_SECOND));
    jobs * each < rows.div_ceil(COLLECTION_ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_of_a_job_are_counted_against_those_of_pages_and_collections() {
        // 16,000 rows: 8 pages, against making, three questions in 14 s and one result.
        assert!(!reads_in_bulk(10_000) && reads_in_bulk(16_000));
        // 2,000 rows: 10 collections, against five calls and three questions.
        assert!(!writes_in_bulk(1_600) && writes_in_bulk(2_000));
        assert!(reads_in_bulk(100_000) && writes_in_bulk(10_000));
        assert!(!reads_in_bulk(0) && !writes_in_bulk(0));
    }

    #[test]
    fn questions_become_rarer() {
        let pauses: Vec<u64> = (0..7).map(|asked| pause(asked).as_secs()).collect();
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(polls(Duration::from_secs(14)), 3);
    }
}
