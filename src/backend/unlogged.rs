//! Sends of which sqlx writes no "slow statement" warning: that prints the SQL of a migration, with its passwords and personal
//! data, for what is slow by nature. Everything else that is logged meanwhile is logged, server notices too.
//!
//! SQLite's connections do their work, and log, in a thread of their own, where this does not reach.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tracing::dispatcher::{self, Dispatch};
use tracing::{Event, Metadata, Subscriber, span, subscriber::Interest};

/// The subscriber that stands, without that warning.
struct Unlogged(Dispatch);

/// Tells whether an event is sqlx's warning: it alone names a threshold.
fn is_slow_statement(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "sqlx::query" && metadata.fields().field("slow_threshold").is_some()
}

impl Subscriber for Unlogged {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_slow_statement(metadata) {
            Interest::never()
        } else {
            self.0.register_callsite(metadata)
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !is_slow_statement(metadata) && self.0.enabled(metadata)
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        self.0.new_span(attributes)
    }

    fn record(&self, span: &span::Id, values: &span::Record<'_>) {
        self.0.record(span, values);
    }

    fn record_follows_from(&self, span: &span::Id, follows: &span::Id) {
        self.0.record_follows_from(span, follows);
    }

    fn event(&self, event: &Event<'_>) {
        // Where another subscriber wants the warning, it comes here too.
        if !is_slow_statement(event.metadata()) {
            self.0.event(event);
        }
    }

    fn enter(&self, span: &span::Id) {
        self.0.enter(span);
    }

    fn exit(&self, span: &span::Id) {
        self.0.exit(span);
    }

    fn clone_span(&self, id: &span::Id) -> span::Id {
        self.0.clone_span(id)
    }

    fn try_close(&self, id: span::Id) -> bool {
        self.0.try_close(id)
    }
}

/// A future under [`Unlogged`], its end included: sqlx logs a statement when what it returned is dropped.
struct Within<'f, T> {
    dispatch: Dispatch,
    future: Option<BoxFuture<'f, T>>,
}

impl<T> Future for Within<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Within { dispatch, future } = &mut *self;
        dispatcher::with_default(dispatch, || {
            let Some(running) = future else {
                return Poll::Pending;
            };
            let polled = running.as_mut().poll(context);
            if polled.is_ready() {
                *future = None;
            }
            polled
        })
    }
}

impl<T> Drop for Within<'_, T> {
    fn drop(&mut self) {
        let future = self.future.take();
        dispatcher::with_default(&self.dispatch, || drop(future));
    }
}

/// The same future, of which no "slow statement" warning is written. Without any subscriber it is the future alone: a first one,
/// however short it stood, would turn off what `tracing` writes to `log`.
pub(super) async fn unlogged<T>(future: BoxFuture<'_, T>) -> T {
    if !dispatcher::has_been_set() {
        return future.await;
    }
    let standing = dispatcher::get_default(Dispatch::clone);
    let within = Within {
        dispatch: Dispatch::new(Unlogged(standing)),
        future: Some(future),
    };
    within.await
}
