//! The sync handlers against Postgres, the engine's worker and the simulated remotes.

mod company;
mod migrate;
mod scale;
mod soundtrack;
mod support;
