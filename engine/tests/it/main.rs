//! The engine's promises, each kept against a real Postgres.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are not tests to clippy"
)]

mod acts;
mod apalis_defects;
mod apalis_defects_more;
mod batch_twins;
mod batches;
mod blocks;
mod breakers;
mod budgets;
mod budgets_more;
mod bulk;
mod bulk_canary;
mod bulk_more;
mod connections;
mod crash;
mod enqueue;
mod enqueue_sql;
mod enqueue_together;
mod eras;
mod eras_more;
mod fence;
mod flows;
mod groups;
mod large_batches;
mod limited;
mod limits;
mod lists;
mod locks;
mod logs;
mod outcomes;
mod outcomes_more;
mod pauses;
mod plans;
mod plans_acts;
mod plans_more;
mod plans_settle;
mod probes;
mod proxy;
mod put_off;
mod rollups;
mod safe_claims;
mod schedules;
mod shared_keys;
mod step_pages;
mod support;
mod unique;
mod unique_more;
mod unique_put_off;
mod upgrade;
mod upgrade_flows;
mod waiting;
mod why;
mod why_shut;
