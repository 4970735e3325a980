//! Typed clients of the remotes: they know how a remote speaks, and nothing of jobs or databases.
//!
//! - [`http`] is the only transport: limits, host checks and redaction live there.
//! - [`Error`] names what went wrong; [`Error::verdict`] says what kind of fault it is, so that
//!   one table in `jobs` can turn it into an outcome.
//! - [`budget`] paces calls so that a remote never has to refuse one.
//! - [`auth`] holds secrets as the remotes want them, and the seam behind which they are renewed.
//! - [`reach`] says which hosts may be called; [`check`] how a connection is tried, the same for all.
//! - [`page`] is what every listing gives.
//! - [`soundtrack`] is Soundtrack Your Brand, API v2; [`zoho`] Zoho Inventory, v1; [`supabase`] the
//!   CRM of a golf shop over PostgREST; [`creatio`] Creatio CRM over OData 4, read and written.

pub mod auth;
pub mod budget;
pub mod check;
pub mod creatio;
mod error;
pub mod http;
mod keeper;
pub mod page;
pub mod reach;
mod record;
pub mod soundtrack;
pub mod supabase;
mod token_endpoint;
pub mod zoho;

pub use auth::{Access, Credential, Mint, Minted, Refusal, Token};
pub use error::{Error, RecordError, Verdict};
pub use keeper::Keeper;
