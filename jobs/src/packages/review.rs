//! Reviews: a person says which customer a profile is.

use engine::{Cursor, Page};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Link, Review, story};
use crate::store::history::By;
use crate::{Error, store};

/// The largest page of a list.
const LARGEST_PAGE: u16 = 500;

/// A page of reviews, oldest first: those with a greater id, of one status or of all, of one profile or of all.
///
/// # Errors
/// [`Error::Database`].
pub async fn list(
    pool: &PgPool,
    of: (Option<&str>, Option<Uuid>),
    after: Option<i64>,
    limit: u16,
) -> Result<Page<Review, i64>, Error> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let after = after.unwrap_or(0);
    let rows = store::review::list(&mut conn, of, after, i64::from(limit) + 1).await?;
    Ok(Page::of(rows, limit, |review| Cursor::of(review.id)))
}

/// One review.
///
/// # Errors
/// [`Error::UnknownReview`]; [`Error::Database`].
pub async fn show(pool: &PgPool, id: i64) -> Result<Review, Error> {
    let mut conn = pool.acquire().await?;
    let found = store::review::get(&mut conn, id).await?;
    found.ok_or(Error::UnknownReview(id))
}

/// The profile is that candidate; the only one need not be named. In the caller's transaction.
///
/// # Errors
/// [`Error::UnknownReview`]; [`Error::ReviewDecided`]; [`Error::Invalid`] for somebody who is no candidate.
pub async fn accept(
    tx: &mut PgConnection,
    id: i64,
    customer_id: Option<&str>,
    (by, note): (&str, Option<&str>),
) -> Result<Review, Error> {
    let review = open(tx, id).await?;
    let candidates = ids(&review);
    let customer_id = match (customer_id, candidates.as_slice()) {
        (Some(wanted), all) if all.iter().any(|one| one == wanted) => wanted.to_owned(),
        (None, [only]) => only.clone(),
        (None, []) => return invalid("customer_id: there is no candidate to accept: reject it"),
        (None, _) => return invalid("customer_id: there are several candidates: name one"),
        (Some(_), _) => return invalid("customer_id: none of the candidates"),
    };
    if review.reason == "shared" {
        return invalid(
            "customer_id: several customers share one hash: mend that in the CRM, by a number or a name",
        );
    }
    let link = Link {
        customer_id: customer_id.clone(),
        stable_hash: None,
        method: "manual".to_owned(),
        confidence: 100,
        synced_at: None,
    };
    let (profile_id, before) = (
        review.profile_id,
        store::profile::link_of(tx, review.profile_id).await?,
    );
    if store::profile::link(tx, profile_id, &link, by).await? {
        let told = story::link(profile_id, before.as_ref(), Some(&link));
        let by = By::Person(by, note);
        let partition = story::partition(profile_id);
        store::history::write_without_run(tx, &partition, &by, &[told]).await?;
    }
    let decided = ("accepted", Some(customer_id.as_str()));
    store::review::decide(tx, id, decided, (by, note)).await?;
    decided_one(tx, id).await
}

/// The profile is none of the candidates, and none of them is suggested for it again. In the caller's
/// transaction.
///
/// # Errors
/// [`Error::UnknownReview`]; [`Error::ReviewDecided`].
pub async fn reject(
    tx: &mut PgConnection,
    id: i64,
    (by, note): (&str, Option<&str>),
) -> Result<Review, Error> {
    let review = open(tx, id).await?;
    store::review::refuse(tx, review.profile_id, &ids(&review), by).await?;
    store::review::decide(tx, id, ("rejected", None), (by, note)).await?;
    decided_one(tx, id).await
}

async fn decided_one(tx: &mut PgConnection, id: i64) -> Result<Review, Error> {
    let decided = store::review::get(tx, id).await?;
    decided.ok_or(Error::UnknownReview(id))
}

async fn open(tx: &mut PgConnection, id: i64) -> Result<Review, Error> {
    // The profile first, as whoever applies an answer does.
    let known = store::review::get(tx, id).await?;
    store::profile::lock(tx, known.ok_or(Error::UnknownReview(id))?.profile_id).await?;
    let review = store::review::lock(tx, id).await?;
    let review = review.ok_or(Error::UnknownReview(id))?;
    match review.status.as_str() {
        "open" => Ok(review),
        _ => Err(Error::ReviewDecided(id)),
    }
}

fn ids(review: &Review) -> Vec<String> {
    let all = review.candidates.as_array().into_iter().flatten();
    let ids = all.filter_map(|one| one["customer_id"].as_str());
    ids.map(str::to_owned).collect()
}

fn invalid<T>(text: &str) -> Result<T, Error> {
    Err(Error::Invalid(text.to_owned()))
}
