//! Version: which mapping is in force for a connection, and which were.

use engine::{Cursor, Page};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{PgConnection, PgPool};

use super::check::{Found, Sample, faults};
use super::{Codec, DEFAULT, Fault, Mapping};
use crate::store::creatio::{dirty, local, mapping as stored};
use crate::{Env, Error, store};

const LARGEST_PAGE: u16 = 100;
/// Distinct names of a lookup that are looked at. More are no lookup's.
const SAMPLED: i64 = 1_000;
/// Who enables the mapping where nobody has.
const BY_DEFAULT: &str = "default";

/// A mapping that is or was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    pub id: i64,
    pub connection: String,
    /// Of the text.
    pub hash: String,
    pub text: String,
    pub enabled_by: String,
    pub enabled_at: Timestamp,
    pub is_current: bool,
}

/// What is in force now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enabled {
    pub version: Version,
    /// It was not in force before.
    pub is_new: bool,
}

/// A mapping that can be enabled: it was checked.
#[derive(Debug, Clone)]
pub struct Checked {
    connection: String,
    hash: String,
    text: String,
}

impl Checked {
    /// The hash that its version will have.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

/// Checks a mapping against what Creatio says of itself and what there is here: it can be enabled, or has these
/// faults, all of them at once.
///
/// # Errors
/// [`Error::Remote`] when Creatio does not answer; [`Error::Database`]; those of the connection.
pub async fn check(
    env: &Env,
    connection: &str,
    text: &str,
) -> Result<Result<Checked, Vec<Fault>>, Error> {
    let mapping = match Mapping::parse(text) {
        Ok(mapping) => mapping,
        Err(faults) => return Ok(Err(faults)),
    };
    let client = env.connections.creatio(connection).await?;
    let judged = async |error| env.connections.judge(connection, error).await;
    let metadata = match client.metadata().await {
        Ok(metadata) => metadata,
        Err(error) => return Err(judged(error).await),
    };
    let mut found = Found::new();
    for (sort, map) in &mapping.sorts {
        let Some(entity) = metadata.entity(&map.remote) else {
            continue;
        };
        for (name, field) in &map.fields {
            let Some(property) = entity.property(&field.remote) else {
                continue;
            };
            let mut sample = Sample::default();
            let mut conn = env.pool.acquire().await?;
            if let (Codec::Lookup, Some(set)) = (field.codec, &property.lookup) {
                let known = match client.lookup(set).await {
                    Ok(known) => known,
                    Err(error) => return Err(judged(error).await),
                };
                let words = local::words(&mut conn, connection, (*sort, name), SAMPLED).await?;
                let is_known = |word: &str| {
                    let word = word.trim().to_lowercase();
                    known
                        .iter()
                        .filter(|one| one.name.to_lowercase() == word)
                        .count()
                        == 1
                };
                sample.misses = words.into_iter().filter(|word| !is_known(word)).collect();
            }
            if let (Codec::Text | Codec::Email | Codec::Phone, Some(most)) =
                (field.codec, property.max_length)
            {
                sample.too_long =
                    local::longer_than(&mut conn, connection, (*sort, name), most).await?;
            }
            found.insert((*sort, name.clone()), sample);
        }
    }
    let faults = faults(&mapping, &metadata, &found);
    if !faults.is_empty() {
        return Ok(Err(faults));
    }
    Ok(Ok(Checked {
        connection: connection.to_owned(),
        hash: mapping.hash,
        text: text.to_owned(),
    }))
}

/// Puts a checked mapping into force, in the caller's transaction. All records are looked at once more; enabling
/// what is in force already does nothing.
///
/// # Errors
/// [`Error::Database`].
pub async fn enable(tx: &mut PgConnection, checked: &Checked, by: &str) -> Result<Enabled, Error> {
    let of = (checked.connection.as_str(), checked.hash.as_str());
    stored::lock(tx, of.0).await?;
    let before = stored::current(tx, of.0).await?;
    if let Some(before) = &before
        && before.hash == checked.hash
    {
        return Ok(Enabled {
            version: before.clone(),
            is_new: false,
        });
    }
    let version = stored::enable(tx, of, &checked.text, by).await?;
    if before.is_some() {
        dirty::mark_all(tx, of.0).await?;
    }
    Ok(Enabled {
        version,
        is_new: true,
    })
}

/// What is in force for a connection; None until its first sync, which begins with [`DEFAULT`].
///
/// # Errors
/// [`Error::Database`].
pub async fn current(pool: &PgPool, connection: &str) -> Result<Option<Version>, Error> {
    stored::current(&mut *pool.acquire().await?, connection).await
}

/// A page of a connection's versions, newest first.
///
/// # Errors
/// [`Error::Database`].
pub async fn versions(
    pool: &PgPool,
    connection: &str,
    before: Option<i64>,
    limit: u16,
) -> Result<Page<Version, i64>, Error> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let rows = stored::list(&mut conn, connection, before, i64::from(limit) + 1).await?;
    Ok(Page::of(rows, limit, |one| Cursor::of(one.id)))
}

/// The mapping in force. Where nobody has enabled one, the default is, if it passes; with `dry`, only for the caller.
pub(crate) async fn in_force(env: &Env, connection: &str, dry: bool) -> Result<Mapping, Error> {
    let version = current(&env.pool, connection).await?;
    let text = match version {
        Some(version) => version.text,
        None => {
            let checked = check(env, connection, DEFAULT).await?;
            let checked = checked.map_err(|faults| Error::Mapping {
                connection: connection.to_owned(),
                faults,
            })?;
            match dry {
                true => DEFAULT.to_owned(),
                false => enable_first(&env.pool, checked).await?.text,
            }
        }
    };
    Mapping::parse(&text).map_err(|faults| Error::Mapping {
        connection: connection.to_owned(),
        faults,
    })
}

/// Puts a mapping into force where none is. What somebody enabled in the meantime stays.
async fn enable_first(pool: &PgPool, checked: Checked) -> Result<Version, Error> {
    store::in_transaction(pool, move |tx| {
        Box::pin(async move {
            stored::lock(tx, &checked.connection).await?;
            match stored::current(tx, &checked.connection).await? {
                Some(version) => Ok(version),
                None => Ok(enable(tx, &checked, BY_DEFAULT).await?.version),
            }
        })
    })
    .await
}
