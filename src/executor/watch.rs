//! The watch over a statement whose limit no setting of its session keeps: a second connection ends it. What ends it never
//! meets a later statement: nothing else is sent before it is answered.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, select};
use sqlx::Pool;
use tokio::sync::watch::Receiver;

use crate::backend::Backend;

/// How soon a statement that goes on is ended again.
const END_AGAIN: Duration = Duration::from_millis(200);

/// How long the answer to an end is waited for once the statement has answered.
const ANSWER: Duration = Duration::from_secs(10);

/// One message under watch.
pub(super) struct Watch<B: Backend> {
    /// Where the second connection comes from.
    pub pool: Pool<B>,
    /// The message that ends the statement.
    pub ending: String,
    pub limit: Duration,
    /// The place of the statement in its message: its time begins with the answer of the one before.
    pub place: usize,
}

/// How a watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The statement was not ended.
    InTime,
    /// The server was told to end it, and said so.
    Over,
    /// The server was told to end it, and did not answer: it may do so later.
    Unsure,
}

/// Where the second connection stands.
#[derive(Debug, Default)]
struct Progress {
    /// An end is on its way.
    is_sent: AtomicBool,
    is_answered: AtomicBool,
    /// The connection broke before the answer.
    is_broken: AtomicBool,
}

impl<B: Backend> Watch<B> {
    /// Waits for the answer to a message, whose results are counted.
    pub(super) async fn over<T>(
        self,
        count: Receiver<usize>,
        sent: Pin<&mut impl Future<Output = T>>,
    ) -> (T, Ended) {
        let progress = Progress::default();
        let mut ending = pin!(self.end(count, &progress));
        // The watch has no end of its own.
        // First the watch: results without an end would use up all that this task may do at a time.
        let first: Either<(Infallible, _), (T, _)> = select(ending.as_mut(), sent).await;
        let Either::Right((answer, _)) = first;
        let answered = poll_fn(|context| {
            let _ = progress.is_sent.load(Ordering::Relaxed)
                && ending.as_mut().poll(context).is_ready();
            match progress.is_sent.load(Ordering::Relaxed) {
                true => Poll::Pending,
                false => Poll::Ready(()),
            }
        });
        let is_unsure = tokio::time::timeout(ANSWER, answered).await.is_err()
            || progress.is_broken.load(Ordering::Relaxed);
        let ended = if is_unsure {
            Ended::Unsure
        } else if progress.is_answered.load(Ordering::Relaxed) {
            Ended::Over
        } else {
            Ended::InTime
        };
        (answer, ended)
    }

    /// Ends the statement when its time is up, until nobody waits for that any more: it may not have begun yet.
    async fn end(&self, mut count: Receiver<usize>, progress: &Progress) -> Infallible {
        loop {
            let begun = count.wait_for(|count| *count >= self.place);
            if begun.await.is_err() {
                return pending().await;
            }
            // The message may be sent again.
            let again = async { count.wait_for(|count| *count < self.place).await.is_err() };
            match tokio::time::timeout(self.limit, again).await {
                Err(_) => break,
                Ok(true) => return pending().await,
                Ok(false) => {}
            }
        }
        let mut is_told = false;
        loop {
            if let Err(error) = self.send(progress).await
                && !std::mem::replace(&mut is_told, true)
            {
                tracing::warn!(
                    %error,
                    "a statement whose time is up cannot be ended from a second connection; trying on"
                );
            }
            tokio::time::sleep(END_AGAIN).await;
        }
    }

    async fn send(&self, progress: &Progress) -> Result<(), sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        progress.is_sent.store(true, Ordering::Relaxed);
        let answer = B::send(&mut connection, self.ending.clone(), Vec::new()).await;
        let is_refused =
            matches!(&answer, Err(failed) if failed.error.as_database_error().is_some());
        match &answer {
            Ok(_) => progress.is_answered.store(true, Ordering::Relaxed),
            Err(_) if is_refused => {}
            Err(_) => progress.is_broken.store(true, Ordering::Relaxed),
        }
        progress.is_sent.store(false, Ordering::Relaxed);
        answer.map(drop).map_err(|failed| failed.error)
    }
}
