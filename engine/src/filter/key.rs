//! The keys a term can have. One table knows their words, for parsing, printing and suggestions.

/// What a term is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    State,
    Kind,
    Text(TextKey),
    Id(IdKey),
    Count(CountKey),
    Span(SpanKey),
    Args,
}

/// Texts of a job. All must be equal but `error`, which must be contained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKey {
    /// Its lane.
    Queue,
    /// One of its tags.
    Tag,
    /// The stable word of its last failure.
    Code,
    /// A part of its last failure's message, in any case.
    Error,
    /// Its unique key.
    Key,
    /// What it belongs to.
    Partition,
    /// The group of its dead letter.
    Fingerprint,
}

/// Ids of and around a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKey {
    /// Its own.
    Id,
    /// Of the job it is a part of.
    Parent,
    /// Of the batch it is in.
    Batch,
}

/// Numbers of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountKey {
    /// Claims so far.
    Attempt,
    /// Attempts that failed.
    Failed,
    /// Attempts that took their worker with them.
    Crashes,
    /// Lower runs first.
    Priority,
}

/// Times since something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKey {
    /// Since it was enqueued.
    Age,
    /// Since it ended.
    Ended,
}

/// Every key and its word.
pub(super) const KEYS: &[(&str, Key)] = &[
    ("state", Key::State),
    ("kind", Key::Kind),
    ("queue", Key::Text(TextKey::Queue)),
    ("tag", Key::Text(TextKey::Tag)),
    ("code", Key::Text(TextKey::Code)),
    ("error", Key::Text(TextKey::Error)),
    ("id", Key::Id(IdKey::Id)),
    ("parent", Key::Id(IdKey::Parent)),
    ("batch", Key::Id(IdKey::Batch)),
    ("key", Key::Text(TextKey::Key)),
    ("partition", Key::Text(TextKey::Partition)),
    ("fingerprint", Key::Text(TextKey::Fingerprint)),
    ("attempt", Key::Count(CountKey::Attempt)),
    ("failed", Key::Count(CountKey::Failed)),
    ("crashes", Key::Count(CountKey::Crashes)),
    ("priority", Key::Count(CountKey::Priority)),
    ("age", Key::Span(SpanKey::Age)),
    ("ended", Key::Span(SpanKey::Ended)),
    ("args", Key::Args),
];

fn word(key: Key) -> &'static str {
    KEYS.iter()
        .find(|(_, other)| *other == key)
        .map_or("", |(word, _)| word)
}

impl TextKey {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        word(Key::Text(self))
    }
}

impl IdKey {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        word(Key::Id(self))
    }
}

impl CountKey {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        word(Key::Count(self))
    }
}

impl SpanKey {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        word(Key::Span(self))
    }
}
