//! The faults of the wire, the same for every remote.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fault::When;

/// A fault, whom it is for and when it strikes. As JSON all of it is one flat object:
/// `{"kind": "status", "status": 503, "path": "/items", "times": 2}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    #[serde(flatten)]
    pub kind: Kind,
    /// Only calls whose path contains this; `None` is every call.
    #[serde(default)]
    pub path: Option<String>,
    /// Only calls of this method, in capitals; `None` is every call.
    #[serde(default)]
    pub method: Option<String>,
    #[serde(flatten)]
    pub when: When,
}

/// What goes wrong. An occasion is one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Kind {
    /// This reply; the call had no effect. Without a body it is a gateway's page.
    Status {
        status: u16,
        #[serde(default)]
        retry_after: Option<String>,
        #[serde(default)]
        body: Option<Value>,
    },
    /// No answer before the client gives up, or all faults are cleared; the call had no effect.
    Silence,
    /// The call is carried out and its reply held back.
    Slow { delay_ms: u64 },
    /// The call is carried out and its connection closed after some bytes of the reply's body.
    CutReply { after_bytes: usize },
    /// The call is carried out and a gateway's page with this status takes the place of its reply.
    StatusAfter { status: u16 },
    /// The call is carried out and half of the reply's JSON comes, as a complete HTTP reply.
    MalformedJson,
    /// The call is carried out and its good status comes without a body.
    EmptyBody,
    /// The call is carried out and a page of HTML takes the place of its reply, with its status.
    Html,
    /// The call is carried out and its JSON comes as `text/html`.
    WrongContentType,
    /// The call is carried out and its valid reply is this much longer.
    OverlongBody { bytes: usize },
    /// The last good reply of the same path once more, as a cache gone wrong gives it.
    DuplicatePage,
    /// The page without its records and all else as it was.
    EmptyPage,
    /// The page with its records the other way round, as an index that is rebuilt may give them.
    ReversedPage,
    /// The page with its records in another order, always the same for a seed.
    ShuffledPage { seed: u64 },
    /// The page with one field of its record `at` another, or without it: a JSON pointer.
    AlteredRecord {
        at: usize,
        pointer: String,
        #[serde(default)]
        value: Option<Value>,
    },
    /// The page with half of a character in one field of its record `at`: valid as JSON, and no text.
    HalfCharacter { at: usize, pointer: String },
    /// The call is carried out and of the replies in a JSON batch only the first so many come.
    ShortBatch { keep: usize },
}

impl Fault {
    /// A fault of every call, always.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            path: None,
            method: None,
            when: When::default(),
        }
    }

    /// A status with a gateway's page.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::new(Kind::Status {
            status,
            retry_after: None,
            body: None,
        })
    }

    /// A status with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: Value) -> Self {
        Self::new(Kind::Status {
            status,
            retry_after: None,
            body: Some(body),
        })
    }

    #[must_use]
    pub fn on_path(mut self, part: impl Into<String>) -> Self {
        self.path = Some(part.into());
        self
    }

    /// `POST`, `PATCH` …
    #[must_use]
    pub fn on_method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Lets this many occasions pass first.
    #[must_use]
    pub fn after(mut self, occasions: u32) -> Self {
        self.when.after = occasions;
        self
    }

    /// Strikes so often and is then spent.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.when.times = Some(times);
        self
    }

    pub(super) fn is_for(&self, method: &str, path: &str) -> bool {
        let of_method = self.method.as_deref().is_none_or(|it| it == method);
        of_method && self.path.as_deref().is_none_or(|part| path.contains(part))
    }
}

/// A change of the world that happens just before a listing is read. Occasions are listings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hook<C> {
    pub change: C,
    #[serde(flatten)]
    pub when: When,
}

impl<C> Hook<C> {
    /// Before the `nth` listing from now on, counted from 1, and only once.
    pub fn before(nth: u32, change: C) -> Self {
        let when = When {
            after: nth.saturating_sub(1),
            times: Some(1),
            ..When::default()
        };
        Self { change, when }
    }
}
