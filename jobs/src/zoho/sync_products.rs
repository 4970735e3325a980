//! `zoho.sync_products`: the products of one organisation.

use std::sync::Arc;
use std::time::Duration;

use engine::{Backoff, Cx, Job, Outcome, Policy};
use serde::{Deserialize, Serialize};

use super::stream::Products;
use crate::flow::pull::pull;
use crate::quarantine::Named;
use crate::run::{Run, Status};
use crate::{Env, Error, Preview, flow};

/// A call each: more would hold up the listing of the others for minutes.
const MOST_ITEMS: usize = 1_000;

/// Keeps the products of an organisation true to its items: all of them, those that were modified since
/// last time, or some by their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncProducts {
    /// The connection: `zoho/10234695`.
    pub connection: String,
    /// Ids at Zoho; none is all items.
    #[serde(default)]
    pub items: Vec<String>,
    /// Only what was modified since last time. Stock may change without it, and what is deleted is not
    /// noticed.
    #[serde(default)]
    pub changed: bool,
}

/// The result of the job, as the callers of the replaced system know it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Items that were seen, those that failed among them.
    pub total: i32,
    /// Products made.
    pub created: i32,
    /// Products that were changed, or are back.
    pub updated: i32,
    /// Items that could not be read.
    pub failed: i32,
    /// The first of them in words, 20 at the most. No value of theirs is told.
    pub errors: Vec<String>,
}

impl Job for SyncProducts {
    const KIND: &'static str = "zoho.sync_products";
    type Env = Env;
    type Error = Error;

    fn policy() -> Policy {
        Policy {
            // Three retries, a minute apart: what the replaced system did. Waits for the rate limit cost none.
            max_attempts: 4,
            timeout: Duration::from_secs(300),
            backoff: Backoff {
                base_ms: 60_000,
                factor: 1.0,
                max_ms: 60_000,
            },
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Error> {
        let stream = products(cx.env(), &self).await?;
        let conclude =
            Arc::new(|run: &Run, bad: &[Named]| Ok(Outcome::done_with(Summary::of(run, bad))?));
        pull(&cx, &stream, conclude).await
    }
}

/// What such a sync would do now, without doing it.
///
/// # Errors
/// As the sync itself; [`Error::Remote`] above all.
pub async fn preview(env: &Env, sync: &SyncProducts) -> Result<Preview, Error> {
    let stream = products(env, sync).await?;
    flow::preview::preview(env, &stream).await
}

async fn products(env: &Env, sync: &SyncProducts) -> Result<Products, Error> {
    check(&sync.items)?;
    let mut items = sync.items.clone();
    items.sort();
    items.dedup();
    Ok(Products {
        client: env.connections.zoho(&sync.connection).await?,
        connection: sync.connection.clone(),
        changed: sync.changed,
        items: items.into(),
    })
}

/// Whether an item can be asked for by it.
pub(crate) fn is_item_id(id: &str) -> bool {
    (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// Refuses what cannot be ids of items.
///
/// # Errors
/// [`Error::Invalid`].
pub(super) fn check(items: &[String]) -> Result<(), Error> {
    if items.len() > MOST_ITEMS {
        return Err(Error::Invalid(format!(
            "items: at most {MOST_ITEMS} at a time; sync all instead"
        )));
    }
    match items.iter().find(|id| !is_item_id(id)) {
        Some(odd) => Err(Error::Invalid(format!(
            "items: {:?} is no id of an item: expected up to 20 digits",
            odd.chars().take(40).collect::<String>()
        ))),
        None => Ok(()),
    }
}

impl Summary {
    fn of(run: &Run, bad: &[Named]) -> Summary {
        let counters = run.counters;
        tracing::info!(
            run.id,
            run.status = run.status.as_str(),
            run.pages,
            created = counters.created,
            updated = counters.updated,
            unchanged = counters.unchanged,
            quarantined = counters.quarantined,
            gone = run.orphaned,
            held = run.held,
            "run {} of {} ended as {}",
            run.id,
            run.connection.as_deref().unwrap_or_default(),
            run.status.as_str()
        );
        if run.status == Status::Held {
            tracing::warn!(
                run.id,
                held = run.held,
                "run {} misses {} products and marked none: lockstep sweep show {}",
                run.id,
                run.held,
                run.id
            );
        }
        Summary {
            total: counters.synced() + counters.gone + counters.ignored + counters.quarantined,
            created: counters.created,
            updated: counters.updated + counters.revived,
            failed: counters.quarantined,
            errors: bad.iter().map(words).collect(),
        }
    }
}

fn words(bad: &Named) -> String {
    let item = bad.key.as_deref().unwrap_or("without an id");
    format!("Item {item}: {} is not {}", bad.field, bad.expected)
}
