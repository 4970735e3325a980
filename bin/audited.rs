//! A change and the audit row that tells of it, in one transaction: the trail misses no change, and
//! tells of none that was taken back. For the command line and the HTTP API alike.
//!
//! Await what is here to its end. sqlx may hand a connection with an open transaction back to the pool
//! when a future is dropped: HTTP requests run in tasks of their own, commands in `main`.

mod connection;
pub(crate) mod creatio;
mod decision;
mod profile;

use engine::{Actor, Batch, Client, Enqueued, Error, NewJob, Pruned, Retention};
use jobs::company::{self, Company, NewCompany, Patch};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

pub(crate) use connection::{reauthorise, rotate_some, set_secret};
pub(crate) use decision::{Decision, decide_sweep, ignore_record, retry_record};
pub(crate) use profile::{Said, decide_review, delete_profile, put_profile, sync_profile};

/// How often a transaction that lost against another is begun before that is the caller's error.
const MOST_TRIES: u32 = 5;

/// Who asks for a change, and whether they mean it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Who, and through what door.
    pub(crate) by: Actor,
    /// What the trail keeps beside the change itself: `request_id`, or a person's `reason`.
    pub(crate) aside: Option<(&'static str, String)>,
    /// Say what would happen, and take it back.
    pub(crate) dry_run: bool,
}

/// What the audit trail is told.
#[derive(Debug)]
pub(crate) struct Told {
    /// What was done, e.g. `job.enqueue`.
    pub(crate) action: &'static str,
    /// To what, e.g. a job's id.
    pub(crate) target: String,
    /// More: an object.
    pub(crate) detail: Value,
}

impl Asked {
    /// Tells the trail, if there is something to tell, and ends the transaction: for good, or taken back.
    async fn conclude(
        &self,
        mut tx: Transaction<'_, Postgres>,
        told: Option<Told>,
    ) -> engine::Result<()> {
        if let Some(told) = told {
            self.tell(&mut tx, told).await?;
        }
        match self.dry_run {
            true => tx.rollback().await?,
            false => tx.commit().await?,
        }
        Ok(())
    }

    /// Why, if a person said.
    fn reason(&self) -> Option<&str> {
        let said = self.aside.as_ref().filter(|(name, _)| *name == "reason");
        said.map(|(_, text)| text.as_str())
    }

    async fn tell(&self, conn: &mut PgConnection, mut told: Told) -> engine::Result<()> {
        if let Some((name, text)) = &self.aside {
            told.detail[*name] = Value::from(text.as_str());
        }
        let Told {
            action,
            target,
            detail,
        } = told;
        Client::record_audit_in(conn, &self.by, action, &target, Some(detail)).await
    }
}

/// Enqueues jobs, all or none, with the audit row that `told` makes of the answers, if it makes one.
/// In a dry run it answers what the database would, and nothing stays.
///
/// # Errors
/// Those of [`Client::enqueue`].
pub(crate) async fn enqueue(
    client: &Client,
    jobs: &[NewJob],
    asked: &Asked,
    told: impl Fn(&[Enqueued]) -> Option<Told>,
) -> engine::Result<Vec<Enqueued>> {
    let mut tries = Tries(0);
    loop {
        let done = enqueue_once(client, jobs, asked, &told).await;
        if !tries.may_go_on(&done) {
            return done;
        }
    }
}

/// How often a transaction was begun.
struct Tries(u32);

impl Tries {
    /// Two that lock keys and rows crosswise: one of them was chosen to begin again.
    fn may_go_on<T>(&mut self, done: &engine::Result<T>) -> bool {
        self.0 += 1;
        self.0 < MOST_TRIES && done.as_ref().is_err_and(lost_to_another)
    }
}

async fn enqueue_once(
    client: &Client,
    jobs: &[NewJob],
    asked: &Asked,
    told: impl Fn(&[Enqueued]) -> Option<Told>,
) -> engine::Result<Vec<Enqueued>> {
    let mut tx = client.pool().begin().await?;
    let enqueued = client.enqueue_in(&mut tx, jobs).await?;
    asked.conclude(tx, told(&enqueued)).await?;
    Ok(enqueued)
}

/// Enqueues jobs and one that runs once all of them have ended; true when the batch is new. Sent again,
/// nothing is enqueued and the trail is told nothing.
///
/// # Errors
/// Those of [`Client::enqueue_batch`].
pub(crate) async fn enqueue_batch(
    client: &Client,
    jobs: &[NewJob],
    finaliser: &NewJob,
    asked: &Asked,
) -> engine::Result<(Batch, bool)> {
    let mut tries = Tries(0);
    loop {
        let done = enqueue_batch_once(client, jobs, finaliser, asked).await;
        if !tries.may_go_on(&done) {
            return done;
        }
    }
}

async fn enqueue_batch_once(
    client: &Client,
    jobs: &[NewJob],
    finaliser: &NewJob,
    asked: &Asked,
) -> engine::Result<(Batch, bool)> {
    let is_new = client.batches(finaliser.id()).await?.is_empty();
    let mut tx = client.pool().begin().await?;
    let (jobs, finaliser) = (jobs.to_vec(), finaliser.clone());
    let batch = client.enqueue_batch_in(&mut tx, jobs, finaliser).await?;
    let told = is_new.then(|| Told {
        action: "batch.enqueue",
        target: batch.owner_id.to_string(),
        detail: json!({"batch": batch.id, "jobs": batch.total}),
    });
    asked.conclude(tx, told).await?;
    Ok((batch, is_new))
}

/// Enqueues jobs that run one after the other, with the audit row that `told` makes of the answers.
///
/// # Errors
/// Those of [`Client::enqueue_chain`].
pub(crate) async fn enqueue_chain(
    client: &Client,
    jobs: &[NewJob],
    asked: &Asked,
    told: impl Fn(&[Enqueued]) -> Option<Told>,
) -> engine::Result<Vec<Enqueued>> {
    let mut tries = Tries(0);
    loop {
        let done = enqueue_chain_once(client, jobs, asked, &told).await;
        if !tries.may_go_on(&done) {
            return done;
        }
    }
}

async fn enqueue_chain_once(
    client: &Client,
    jobs: &[NewJob],
    asked: &Asked,
    told: impl Fn(&[Enqueued]) -> Option<Told>,
) -> engine::Result<Vec<Enqueued>> {
    let mut tx = client.pool().begin().await?;
    let enqueued = client.enqueue_chain_in(&mut tx, jobs.to_vec()).await?;
    asked.conclude(tx, told(&enqueued)).await?;
    Ok(enqueued)
}

/// Tells a job something. Nothing is on the trail unless it was heard.
///
/// # Errors
/// Those of [`Client::signal`].
pub(crate) async fn signal(
    client: &Client,
    job_id: Uuid,
    (name, payload): (&str, Option<&Value>),
    asked: &Asked,
) -> engine::Result<engine::Told> {
    let mut tx = client.pool().begin().await?;
    let what = (name, payload);
    let told = client
        .signal_in(&mut tx, job_id, what, &asked.by.name)
        .await?;
    let of_it = (told == engine::Told::Sent).then(|| Told {
        action: "job.signal",
        target: job_id.to_string(),
        detail: json!({"signal": name}),
    });
    asked.conclude(tx, of_it).await?;
    Ok(told)
}

/// Lets an ordered partition go on without the dead job that holds it up, which is the answer.
///
/// # Errors
/// Those of [`Client::skip_dead`].
pub(crate) async fn skip_dead(
    client: &Client,
    key: &str,
    reason: &str,
    asked: &Asked,
) -> engine::Result<Uuid> {
    let mut tx = client.pool().begin().await?;
    let job_id = client.skip_dead_in(&mut tx, key).await?;
    let told = Told {
        action: "partition.skip",
        target: key.to_owned(),
        detail: json!({"skipped": job_id, "reason": reason}),
    };
    asked.conclude(tx, Some(told)).await?;
    Ok(job_id)
}

/// Deletes what has expired. It takes many transactions, so that the trail tells of its beginning, and of its
/// end with what went. A dry run is [`Client::prune_preview`].
///
/// # Errors
/// Those of [`Client::prune`].
pub(crate) async fn prune(
    client: &Client,
    keep: Retention,
    reason: Option<&str>,
    asked: &Asked,
) -> engine::Result<Pruned> {
    if asked.dry_run {
        return client.prune_preview(keep).await;
    }
    let told = |detail| Told {
        action: "history.prune",
        target: "history".to_owned(),
        detail,
    };
    let mut conn = client.pool().acquire().await?;
    let mut begun = json!({"state": "begun"});
    if let Some(reason) = reason {
        begun["reason"] = Value::from(reason);
    }
    asked.tell(&mut conn, told(begun)).await?;
    let pruned = client.prune(keep).await?;
    let gone = json!({"state": "ended", "eras": pruned.emptied, "rows": pruned.rows});
    asked.tell(&mut conn, told(gone)).await?;
    Ok(pruned)
}

/// A deadlock, or rows that changed under the transaction: class 40 of Postgres.
fn lost_to_another(error: &Error) -> bool {
    let Error::Database(sqlx::Error::Database(db)) = error else {
        return false;
    };
    db.code().is_some_and(|code| code.starts_with("40"))
}

/// Makes a company. In a dry run the id in the answer is one that nobody will get.
///
/// # Errors
/// Those of [`company::create`].
pub(crate) async fn create_company(
    pool: &PgPool,
    new: &NewCompany,
    asked: &Asked,
) -> Result<Company, jobs::Error> {
    let mut tx = pool.begin().await?;
    let made = company::create(&mut tx, new).await?;
    let told = Told {
        action: "company.create",
        target: made.id.to_string(),
        detail: json!({"name": made.name}),
    };
    asked.conclude(tx, Some(told)).await?;
    Ok(made)
}

/// Changes a company.
///
/// # Errors
/// Those of [`company::update`].
pub(crate) async fn update_company(
    pool: &PgPool,
    id: i64,
    patch: &Patch,
    asked: &Asked,
) -> Result<Company, jobs::Error> {
    let mut tx = pool.begin().await?;
    let changed = company::update(&mut tx, id, patch).await?;
    let told = Told {
        action: "company.update",
        target: id.to_string(),
        detail: json!({"changes": patch}),
    };
    asked.conclude(tx, Some(told)).await?;
    Ok(changed)
}

/// Deletes a company with its zones and runs, and returns what it was.
///
/// # Errors
/// Those of [`company::delete`].
pub(crate) async fn delete_company(
    pool: &PgPool,
    id: i64,
    asked: &Asked,
) -> Result<Company, jobs::Error> {
    let mut tx = pool.begin().await?;
    let gone = company::delete(&mut tx, id).await?;
    let told = Told {
        action: "company.delete",
        target: id.to_string(),
        detail: json!({"name": gone.name}),
    };
    asked.conclude(tx, Some(told)).await?;
    Ok(gone)
}
