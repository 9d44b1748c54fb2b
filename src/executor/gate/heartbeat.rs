//! The heartbeat of a lease, on a connection of its own, which it keeps for as long as the lease is held.

use std::time::Duration;

use sqlx::Pool;
use sqlx::pool::PoolConnection;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::backend::{Backend, Class, Message};

/// The wait for a connection. Where a role has no place for one more, the pool would try on for as long as its own
/// time-out says.
const CONNECT_FOR: Duration = Duration::from_secs(2);

/// Renews a lease between its taking and its release. Dropped, it ends with its session, also where a beat is on its way.
#[derive(Debug)]
pub(super) struct Heartbeat {
    task: JoinHandle<()>,
    /// The message of a beat; none while the lease is not, or not yet, this run's under a known epoch.
    message: watch::Sender<Option<String>>,
    /// The error of a connection that could not be had; none once it was asked for.
    opened: Option<oneshot::Receiver<Option<String>>>,
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Heartbeat {
    /// Begins to open its connection, and beats as often as the interval says, once it is told what.
    pub(super) fn open<B: Backend>(pool: Pool<B>, interval: Duration) -> Heartbeat {
        let (message, told) = watch::channel(None);
        let (opened, receiver) = oneshot::channel();
        Heartbeat {
            task: tokio::spawn(beat(pool, told, opened, interval)),
            message,
            opened: Some(receiver),
        }
    }

    /// Renews the lease with this message from now on. Returns when the connection is there, or with the reason why there is
    /// none: it is tried for again at each beat.
    pub(super) async fn beat(&mut self, message: &Message) -> Option<String> {
        self.message.send_replace(Some(message.text().to_owned()));
        self.opened.take()?.await.ok().flatten()
    }

    /// Says nothing until the next message: the lease moves to another epoch.
    pub(super) fn pause(&self) {
        self.message.send_replace(None);
    }
}

/// Raises the counter until the lease is lost or given back. A busy database only delays it: no step can be
/// taken over while the database takes no writes.
async fn beat<B: Backend>(
    pool: Pool<B>,
    mut told: watch::Receiver<Option<String>>,
    opened: oneshot::Sender<Option<String>>,
    interval: Duration,
) {
    // SQLite has a place for everybody, and a section may want the file for itself (`PRAGMA locking_mode = exclusive`).
    let (mut connection, error) = if B::KEEPS_CONNECTION {
        (None, None)
    } else {
        match connect(&pool, interval).await {
            Ok(connection) => (Some(connection), None),
            Err(error) => (None, Some(error)),
        }
    };
    let _ = opened.send(error);
    loop {
        tokio::time::sleep(interval).await;
        let Ok(message) = told.wait_for(Option::is_some).await.map(|now| now.clone()) else {
            return;
        };
        if connection.is_none() {
            connection = connect(&pool, interval).await.ok();
        }
        let Some((held, text)) = connection.as_mut().zip(message.clone()) else {
            continue;
        };
        if let Err(failed) = B::send(held, text, Vec::new()).await {
            let failure = B::explain(&failed.error);
            if failure.class == Class::Connection {
                connection = None;
            } else {
                let _ = B::send(held, "ROLLBACK".to_owned(), Vec::new()).await;
            }
            // Unless the run itself has moved it meanwhile.
            if failure.class == Class::Guard && *told.borrow() == message {
                tracing::warn!("the lease is lost: another process took it over");
                return;
            }
            tracing::debug!(
                error = failure.message,
                "the lease was not renewed this time"
            );
        }
    }
}

/// A connection of the pool's, as long as one is still of use.
async fn connect<B: Backend>(pool: &Pool<B>, limit: Duration) -> Result<PoolConnection<B>, String> {
    match tokio::time::timeout(limit.min(CONNECT_FOR), own(pool)).await {
        Ok(acquired) => acquired.map_err(|error| error.to_string()),
        Err(_) => Err("none was to be had in time".to_owned()),
    }
}

/// A connection that is closed when it is dropped. One that went back to its pool would first wait for the answer to what was
/// sent last, without a limit, and keep on the server what that had begun.
pub(super) async fn own<B: Backend>(pool: &Pool<B>) -> Result<PoolConnection<B>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    connection.close_on_drop();
    Ok(connection)
}
