//! The engine's promises, each kept against a real Postgres.

mod acts;
mod apalis_defects;
mod apalis_defects_more;
mod enqueue;
mod fence;
mod locks;
mod outcomes;
mod outcomes_more;
mod proxy;
mod schedules;
mod support;
mod unique;
mod unique_more;
