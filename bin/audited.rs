//! A change and the audit row that tells of it, in one transaction: the trail misses no change, and
//! tells of none that was taken back. For the command line and the HTTP API alike.
//!
//! Await what is here to its end. sqlx may hand a connection with an open transaction back to the pool
//! when a future is dropped: HTTP requests run in tasks of their own, commands in `main`.

use engine::{Actor, Client, Enqueued, Error, NewJob};
use jobs::company::{self, Company, NewCompany, Patch};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

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

    /// Ends the transaction: for good, or taken back.
    async fn conclude(&self, tx: Transaction<'_, Postgres>) -> sqlx::Result<()> {
        match self.dry_run {
            true => tx.rollback().await,
            false => tx.commit().await,
        }
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
    let mut tries = 1;
    loop {
        match enqueue_once(client, jobs, asked, &told).await {
            // Two that lock keys and rows crosswise: one of them was chosen to begin again.
            Err(error) if lost_to_another(&error) && tries < MOST_TRIES => tries += 1,
            done => return done,
        }
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
    if let Some(told) = told(&enqueued) {
        asked.tell(&mut tx, told).await?;
    }
    asked.conclude(tx).await?;
    Ok(enqueued)
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
    asked.tell(&mut tx, told).await?;
    asked.conclude(tx).await?;
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
    asked.tell(&mut tx, told).await?;
    asked.conclude(tx).await?;
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
    asked.tell(&mut tx, told).await?;
    asked.conclude(tx).await?;
    Ok(gone)
}
