//! The engine's promises, each kept against a real Postgres.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are not tests to clippy"
)]

mod acts;
mod apalis_defects;
mod apalis_defects_more;
mod batches;
mod breakers;
mod budgets;
mod crash;
mod enqueue;
mod enqueue_sql;
mod fence;
mod flows;
mod groups;
mod limits;
mod lists;
mod locks;
mod logs;
mod outcomes;
mod outcomes_more;
mod pauses;
mod plans;
mod proxy;
mod rollups;
mod schedules;
mod support;
mod unique;
mod unique_more;
mod upgrade;
mod why;
