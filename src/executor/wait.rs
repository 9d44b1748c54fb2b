//! A wait for the lock, bounded.

use std::time::{Duration, Instant};

use crate::ledger::look::LeaseRow;

/// A wait for a lock, and what it has seen of the lease.
pub(super) struct Wait {
    began: Instant,
    limit: Duration,
    attempt: u32,
    /// Epoch and counter of the lease as they were seen first, and when.
    seen: Option<((i64, i64), Instant)>,
}

impl Wait {
    pub(super) fn new(limit: Duration) -> Wait {
        Wait {
            began: Instant::now(),
            limit,
            attempt: 0,
            seen: None,
        }
    }

    /// Tells whether the lease is nobody's, or its holder has not moved its counter for as long as it said: by
    /// this process's own monotonic clock, since no two clocks are compared.
    pub(super) fn is_free(&mut self, lease: &LeaseRow) -> bool {
        if lease.holder.is_none() {
            return true;
        }
        let state = (lease.epoch, lease.beat);
        match self.seen {
            Some((seen, since)) if seen == state => {
                since.elapsed() >= Duration::from_millis(lease.lease_ms)
            }
            _ => {
                self.seen = Some((state, Instant::now()));
                false
            }
        }
    }

    /// The time since the wait began.
    pub(super) fn waited(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn is_over(&self) -> bool {
        self.waited() >= self.limit
    }

    /// Tells whether the holder is told now: at first, and at the end.
    pub(super) fn is_told(&self) -> bool {
        self.attempt == 0 || self.is_over()
    }

    /// Sleeps until the next attempt.
    pub(super) async fn sleep(&mut self) {
        tokio::time::sleep(super::poll_pause(self.attempt)).await;
        self.attempt += 1;
    }
}
