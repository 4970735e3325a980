//! `packages.sync_all`: the packages of all profiles, in chunks that are jobs of their own.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::{Cx, Job, NewJob, Outcome, Policy, When};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::enqueue::chunk;
use crate::{Env, Error, store};

/// Failed profiles that the result names.
const NAMED_FAILURES: i64 = 20;

/// Syncs every profile that is linked to a customer, or those that are new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyncAll {
    /// Only those whose customers are in this CRM: `supabase/shop`.
    pub connection: Option<String>,
    /// Those that were never synced, linked or not, instead of those that are linked.
    pub only_new: bool,
    /// No more than so many.
    pub max_profiles: Option<u32>,
    /// Profiles a chunk, 1 to 100.
    pub batch_size: u16,
    /// Between the beginnings of two chunks.
    pub pause_ms: u32,
}

impl Default for SyncAll {
    fn default() -> SyncAll {
        SyncAll {
            connection: None,
            only_new: false,
            max_profiles: None,
            batch_size: 20,
            pause_ms: 500,
        }
    }
}

/// The result of the job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Profiles that were to be synced.
    pub total_profiles: i64,
    pub successful_profiles: i64,
    /// Those in review among them, and those of chunks that were given up.
    pub failed_profiles: i64,
    pub total_packages: i64,
    /// The first twenty failures: the profile's id and a word.
    pub errors: Vec<String>,
}

impl Job for SyncAll {
    const KIND: &'static str = "packages.sync_all";
    type Env = Env;
    type Error = Error;

    fn policy() -> Policy {
        Policy {
            timeout: Duration::from_secs(120),
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Error> {
        self.check()?;
        let bulk = cx.job_id();
        let asked = self.clone();
        let total: i64 = cx
            .step_in("profiles", move |tx| Box::pin(count(tx, asked)))
            .await?;
        cx.children("chunks", move |tx| Box::pin(chunks(tx, bulk, self)))
            .await?;
        let totals = store::in_transaction(&cx.env().pool, move |tx| {
            Box::pin(async move { store::outcome::totals(tx, bulk, NAMED_FAILURES).await })
        })
        .await?;
        Ok(Outcome::done_with(totals.with_untold(total))?)
    }
}

impl Totals {
    /// What no outcome tells of was in a chunk that was given up or cancelled. Profiles that came in between the count
    /// and the chunks are told of beyond it.
    fn with_untold(self, counted: i64) -> Totals {
        let told = self.successful_profiles + self.failed_profiles;
        let total = counted.max(told);
        Totals {
            total_profiles: total,
            failed_profiles: self.failed_profiles + (total - told),
            ..self
        }
    }
}

impl SyncAll {
    /// What is wrong with it.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |text: &str| Err(Error::Invalid(text.to_owned()));
        if !(1..=100).contains(&self.batch_size) {
            return wrong("batch_size: expected 1 to 100");
        }
        if self.max_profiles == Some(0) {
            return wrong("max_profiles: expected 1 or more");
        }
        if self.pause_ms > 60_000 {
            return wrong("pause_ms: expected at most 60000");
        }
        Ok(())
    }
}

/// The profiles that a bulk sync would choose now, those that have waited longest first.
///
/// # Errors
/// [`Error::Database`].
pub async fn chosen(pool: &sqlx::PgPool, asked: &SyncAll) -> Result<Vec<Uuid>, Error> {
    let mut conn = pool.acquire().await?;
    let all = store::profile::of_bulk(&mut conn, asked).await?;
    Ok(all.into_iter().map(|(_, id)| id).collect())
}

async fn count(tx: &mut PgConnection, asked: SyncAll) -> Result<i64, Error> {
    store::outcome::prune(tx).await?;
    Ok(store::profile::of_bulk(tx, &asked).await?.len() as i64)
}

async fn chunks(tx: &mut PgConnection, bulk: Uuid, asked: SyncAll) -> Result<Vec<NewJob>, Error> {
    let mut of_each: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
    for (connection, profile_id) in store::profile::of_bulk(tx, &asked).await? {
        of_each.entry(connection).or_default().push(profile_id);
    }
    let pause = Duration::from_millis(asked.pause_ms.into());
    let mut jobs = Vec::new();
    for (connection, profiles) in &of_each {
        let chunks = profiles.chunks(asked.batch_size.into()).zip(0_u32..);
        for (profiles, nth) in chunks {
            let job = chunk(bulk, connection, profiles.to_vec());
            jobs.push(job.when(When::After(pause * nth)));
        }
    }
    Ok(jobs)
}
