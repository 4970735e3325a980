//! Typed clients of the remotes: they know how a remote speaks, and nothing of jobs or databases.
//!
//! - [`http`] is the only transport: limits, host checks and redaction live there.
//! - [`Error`] names what went wrong; [`Error::verdict`] says what kind of fault it is, so that
//!   one table in `jobs` can turn it into an outcome.
//! - [`budget`] paces calls so that a remote never has to refuse one.
//! - [`soundtrack`] is Soundtrack Your Brand, API v2.

pub mod auth;
pub mod budget;
mod error;
pub mod http;
pub mod soundtrack;

pub use auth::Token;
pub use error::{Error, RecordError, Verdict};
