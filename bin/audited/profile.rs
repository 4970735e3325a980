//! Profiles and who they are: what people and the booking site say, each with the audit row that tells of it.

use engine::{Answer, Client, Enqueued};
use jobs::packages::{self, Profile, Review, review, sync_decided_of, sync_profile_of};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::{Asked, Told};

/// What a person says of a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// The profile is this candidate; the only one need not be named.
    Accept(Option<String>),
    /// It is none of them.
    Reject,
}

/// Writes what the booking site says of a profile; false, and nothing on the trail, when that was known.
///
/// # Errors
/// Those of [`packages::put`].
pub(crate) async fn put_profile(
    pool: &PgPool,
    profile: &Profile,
    asked: &Asked,
) -> Result<bool, jobs::Error> {
    let mut tx = pool.begin().await?;
    let is_news = packages::put(&mut tx, profile).await?;
    asked.conclude(tx, is_news.then(|| of_put(profile))).await?;
    Ok(is_news)
}

/// Takes a profile away with its packages.
///
/// # Errors
/// Those of [`packages::delete`].
pub(crate) async fn delete_profile(
    pool: &PgPool,
    id: Uuid,
    asked: &Asked,
) -> Result<(), jobs::Error> {
    let mut tx = pool.begin().await?;
    let by = (asked.by.name.as_str(), asked.reason());
    packages::delete(&mut tx, id, by).await?;
    let told = Told {
        action: "profile.delete",
        target: id.to_string(),
        detail: json!({}),
    };
    asked.conclude(tx, Some(told)).await?;
    Ok(())
}

/// Enqueues the sync of one profile, with what the booking site says of it, if it says something: one transaction,
/// and no call.
///
/// # Errors
/// Those of [`packages::put`]; [`jobs::Error::UnknownProfile`].
pub(crate) async fn sync_profile(
    client: &Client,
    (id, said): (Uuid, Option<&Profile>),
    asked: &Asked,
) -> Result<Enqueued, jobs::Error> {
    let mut tx = client.pool().begin().await?;
    if let Some(profile) = said
        && packages::put(&mut tx, profile).await?
    {
        asked.tell(&mut tx, of_put(profile)).await?;
    }
    // What was said is what stands now: a login waits for each look.
    let profile = match said {
        Some(profile) => profile.clone(),
        None => packages::find(&mut tx, id).await?,
    };
    let job = sync_profile_of(&profile, &asked.by.name);
    let job_id = job.id();
    let stood = client.enqueue_in(&mut tx, &[job]).await?;
    let made = stood.into_iter().next();
    let made = made.ok_or(engine::Error::NoJob(job_id))?;
    let told = (made.answer == Answer::Inserted).then(|| Told {
        action: "sync.packages",
        target: id.to_string(),
        detail: json!({"job": made.id}),
    });
    asked.conclude(tx, told).await?;
    Ok(made)
}

/// Decides who a profile is. Once that is known, its sync is enqueued in the same transaction.
///
/// # Errors
/// Those of [`review::accept`] and [`review::reject`].
pub(crate) async fn decide_review(
    client: &Client,
    (id, said): (i64, &Said),
    note: Option<&str>,
    asked: &Asked,
) -> Result<Review, jobs::Error> {
    let mut tx = client.pool().begin().await?;
    let by = (asked.by.name.as_str(), note);
    let (decided, action) = match said {
        Said::Accept(customer) => {
            let decided = review::accept(&mut tx, id, customer.as_deref(), by).await?;
            let profile = packages::find(&mut tx, decided.profile_id).await?;
            let job = sync_decided_of(&profile, &asked.by.name);
            client.enqueue_in(&mut tx, &[job]).await?;
            (decided, "review.accept")
        }
        Said::Reject => (review::reject(&mut tx, id, by).await?, "review.reject"),
    };
    let told = Told {
        action,
        target: id.to_string(),
        detail: json!({"profile": decided.profile_id, "customer": decided.customer_id, "reason": note}),
    };
    asked.conclude(tx, Some(told)).await?;
    Ok(decided)
}

/// Names and numbers of people are on no trail.
fn of_put(profile: &Profile) -> Told {
    Told {
        action: "profile.set",
        target: profile.id.to_string(),
        detail: json!({"connection": profile.connection}),
    }
}
