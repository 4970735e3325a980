//! The vendor's GraphQL schema: names, types and nullability as in its live introspection.
//!
//! A nullable field that can fail is an `Option<Result<_>>`: null with an error beside it. A plain
//! `Result` would leave the key out of the reply, which the vendor never does.

#![expect(
    clippy::too_many_arguments,
    reason = "the vendor's fields have as many"
)]

mod account;
mod caller;
mod connection;
mod device;
mod filter;
mod location;
mod media;
mod mutation;
mod query;
mod zone;

use async_graphql::{EmptySubscription, Schema};

pub(super) use self::caller::Caller;

pub(super) type Soundtrack = Schema<query::Query, mutation::Mutation, EmptySubscription>;

/// Builds the schema, once for each simulator.
pub(super) fn build() -> Soundtrack {
    // The vendor's errors make no suggestions.
    Schema::build(query::Query, mutation::Mutation, EmptySubscription)
        .disable_suggestions()
        .finish()
}
