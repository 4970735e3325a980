//! The layer: finds the attempt that an event was said in, through whatever spans are between, and in
//! whatever task: what counts is the span, which tasks of a handler carry when they are `instrument`ed.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

use super::{Buffer, Logs};
use crate::redact::redact;

/// The name of the span that an attempt runs in.
pub(crate) const ATTEMPT_SPAN: &str = "attempt";

/// Gathers the lines of attempts. Other layers may stand beside it, each with a filter of its own; add
/// it with [`LogLayer::filtered`].
#[derive(Debug)]
pub struct LogLayer {
    logs: Logs,
}

impl LogLayer {
    pub(super) fn new(logs: Logs) -> LogLayer {
        LogLayer { logs }
    }

    /// The layer with the filter that follows its level.
    pub fn filtered<S>(self) -> impl Layer<S> + Send + Sync
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let wanted = Wanted(self.logs.clone());
        self.with_filter(wanted)
    }
}

impl<S> Layer<S> for LogLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !is_attempt(attributes.metadata()) {
            return;
        }
        let mut key = AttemptKey::default();
        attributes.record(&mut key);
        if let (Some(job), Some(attempt), Some(span)) = (key.job, key.attempt, context.span(id)) {
            span.extensions_mut()
                .insert(Arc::new(Buffer::new((job, attempt))));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(mut scope) = context.event_scope(event) else {
            return;
        };
        let Some(buffer) = scope.find_map(|span| span.extensions().get::<Arc<Buffer>>().cloned())
        else {
            return;
        };
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        let text = redact(&text.whole());
        let options = self.logs.options();
        if buffer.push(
            metadata.level().as_str(),
            metadata.target(),
            &text,
            &options,
        ) {
            self.logs.is_unwritten(&buffer);
        }
    }
}

/// Events from the level on, and the spans they are said in.
struct Wanted(Logs);

impl<S> Filter<S> for Wanted {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        is_wanted(metadata, self.0.level())
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Asked again whenever the level changes.
        if is_wanted(metadata, self.0.level()) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(most(self.0.level(), true))
    }
}

/// Spans are wanted from `INFO` on whatever lines are: a handler's own span, in a task of its own, leads
/// to that of the attempt only if it is there.
fn most(level: LevelFilter, is_span: bool) -> LevelFilter {
    if is_span && level != LevelFilter::OFF {
        return level.max(LevelFilter::INFO);
    }
    level
}

fn is_wanted(metadata: &Metadata<'_>, level: LevelFilter) -> bool {
    *metadata.level() <= most(level, metadata.is_span())
}

fn is_attempt(metadata: &Metadata<'_>) -> bool {
    metadata.is_span()
        && metadata.name() == ATTEMPT_SPAN
        && metadata.target() == crate::runtime::ATTEMPT_TARGET
}

/// Which attempt a span is of.
#[derive(Default)]
struct AttemptKey {
    job: Option<Uuid>,
    attempt: Option<i32>,
}

impl Visit for AttemptKey {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "attempt" {
            self.attempt = i32::try_from(value).ok();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "job.id" {
            self.job = Uuid::parse_str(&format!("{value:?}")).ok();
        }
    }
}

/// An event in one line: its message, then its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn whole(mut self) -> String {
        self.message.push_str(&self.fields);
        self.message
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            // Writing to a string cannot fail.
            name => drop(write!(self.fields, " {name}={value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => drop(write!(self.message, "{value:?}")),
            // What crates that use `log` add of themselves.
            name if name.starts_with("log.") => {}
            name => drop(write!(self.fields, " {name}={value:?}")),
        }
    }
}
