//! Latencies as a histogram per hour: enough for a median and a 95th percentile, in a few numbers.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;

use crate::counters::{hour, hour_up};
use crate::error::Result;
use crate::sql::{Val, cells, vals};
use crate::tx::Tx;

/// Buckets per doubling: the answer is at most 19 % above the true value.
const STEPS_PER_DOUBLING: f64 = 4.0;

/// The bucket of a latency: the logarithm of its milliseconds, in quarters of a doubling, rounded up.
fn bucket(ms: u64) -> i16 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of years fit; the logarithm is coarse anyhow")]
    let steps = (ms.max(1) as f64).log2() * STEPS_PER_DOUBLING;
    // The small step back keeps whole powers of two in their own bucket whatever the rounding of the logarithm.
    #[expect(clippy::cast_possible_truncation, reason = "at most 4 x 64")]
    let bucket = (steps - 1e-9).ceil().max(0.0) as i16;
    bucket
}

/// The latency at the upper end of a bucket, in milliseconds.
fn upper_ms(bucket: i16) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and saturates")]
    let ms = (f64::from(bucket) / STEPS_PER_DOUBLING).exp2().round() as u64;
    ms
}

/// What is asked of latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Latency {
    /// Samples.
    pub samples: u64,
    /// Half of the samples took no longer, in milliseconds.
    pub p50_ms: u64,
    /// 95 of a hundred took no longer, in milliseconds.
    pub p95_ms: u64,
    /// The slowest, in milliseconds.
    pub max_ms: u64,
}

impl Tx<'_> {
    /// Adds samples to a histogram, in milliseconds.
    ///
    /// # Errors
    /// As for any write.
    pub fn add_latencies(&mut self, now: Timestamp, name: &str, samples_ms: &[u64]) -> Result<()> {
        let mut many: BTreeMap<i16, u64> = BTreeMap::new();
        for ms in samples_ms {
            *many.entry(bucket(*ms)).or_default() += 1;
        }
        if many.is_empty() {
            return Ok(());
        }
        let rows = many.into_iter().map(|(bucket, many)| cells![bucket, many]).collect();
        self.exec(
            "insert into latencies (hour, name, bucket, many)
             select $2, $3, cast(x.value->>'bucket' as smallint), cast(x.value->>'many' as bigint) from EACH($1) where true
             on conflict (name, hour, bucket) do update set many = latencies.many + excluded.many",
            &[Val::rows(&["bucket", "many"], rows), hour(now).into(), name.into()],
        )?;
        Ok(())
    }

    /// Median and 95th percentile over the hours that touch the range. Zeros when there is no sample.
    ///
    /// # Errors
    /// As for any read.
    pub fn latency(&mut self, name: &str, from: Timestamp, to: Timestamp) -> Result<Latency> {
        let sql = "select bucket, cast(sum(many) as bigint) from latencies where name = $1 and hour >= $2 and hour < $3
             group by bucket order by bucket";
        let buckets = self
            .rows("latencies", sql, vals![name, hour(from), hour_up(to)])?
            .into_iter()
            .map(|mut row| Ok((row.num::<i16>()?, row.num::<u64>()?)))
            .collect::<Result<Vec<_>>>()?;
        let samples: u64 = buckets.iter().map(|(_, many)| many).sum();
        let at = |percent: u64| {
            let rank = (samples * percent).div_ceil(100).max(1);
            let mut seen = 0;
            let reached = buckets.iter().find(|(_, many)| {
                seen += many;
                seen >= rank
            });
            reached.map_or(0, |(bucket, _)| upper_ms(*bucket))
        };
        Ok(Latency { samples, p50_ms: at(50), p95_ms: at(95), max_ms: at(100) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_tells_its_latency_to_a_fifth() {
        for ms in (1..5_000).chain([60_000, 86_400_000, u64::from(u32::MAX)]) {
            let told = upper_ms(bucket(ms));
            assert!(told >= ms && told * 5 <= ms * 6 + 5, "{ms} told as {told}");
        }
        assert_eq!(upper_ms(bucket(0)), 1);
        assert_eq!(upper_ms(bucket(1_024)), 1_024);
    }
}
