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
struct Filter(Dispatch);

/// Tells whether an event is sqlx's warning: it alone names a threshold.
fn is_slow_statement(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "sqlx::query" && metadata.fields().field("slow_threshold").is_some()
}

impl Subscriber for Filter {
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

/// A future under a [`Filter`], its end included: sqlx logs a statement when what it returned is dropped.
struct Within<'u, 'f, T> {
    dispatch: &'u Dispatch,
    future: Option<BoxFuture<'f, T>>,
}

impl<T> Future for Within<'_, '_, T> {
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

impl<T> Drop for Within<'_, '_, T> {
    fn drop(&mut self) {
        let future = self.future.take();
        dispatcher::with_default(self.dispatch, || drop(future));
    }
}

/// The subscriber for the sends of a session at work, made once: with each one made, `tracing` asks all
/// subscribers anew about every place that logs.
pub(super) struct Unlogged(Dispatch);

impl Unlogged {
    /// None where no subscriber stands: a first one, however short it stood, would turn off what `tracing` writes to `log`.
    pub(super) fn new() -> Option<Self> {
        dispatcher::has_been_set().then(|| {
            let standing = dispatcher::get_default(Dispatch::clone);
            Unlogged(Dispatch::new(Filter(standing)))
        })
    }

    /// The same future, of which no "slow statement" warning is written.
    pub(super) async fn send<T>(&self, future: BoxFuture<'_, T>) -> T {
        let within = Within {
            dispatch: &self.0,
            future: Some(future),
        };
        within.await
    }
}
