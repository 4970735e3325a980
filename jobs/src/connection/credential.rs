//! Secrets of connections: given, shown by their ends, sealed by other keys.

use std::collections::HashMap;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnection;

use super::{Connections, Declared, SecretView, fields_of};
use crate::seal::{Keyring, Place, Sealed, Shut, shown};
use crate::store::secret::SecretRow;
use crate::{Error, store};

/// No credential of a remote is longer; a certificate given by mistake is.
const LONGEST: usize = 4_096;
/// Values whose wrapping is changed in one transaction: short enough for nobody to wait.
const AT_A_TIME: i64 = 50;

/// Seals a secret and stores it, in the caller's transaction; its version. A credential that was no longer
/// good is given another chance only by [`super::ops::reauthorise`].
///
/// # Errors
/// [`Error::UnknownConnection`]; [`Error::Invalid`] for a field or value that cannot be; [`Error::GivenElsewhere`];
/// [`Error::NoKey`]; [`Error::KeyWrong`] if the key is not the one that this database knows by its name. Nothing
/// is written then.
pub async fn set(
    all: &Connections,
    tx: &mut PgConnection,
    (name, field): (&str, &str),
    secret: &SecretString,
    by: &str,
) -> Result<i64, Error> {
    let declared = all.find(name)?;
    let fields = fields_of(declared.service);
    let known = fields.iter().map(|rule| rule.name).collect::<Vec<_>>();
    if !known.contains(&field) {
        return Err(Error::Invalid(format!(
            "field: {field:?} is none of {}",
            known.join(", ")
        )));
    }
    if let Some(given) = declared.given.get(field) {
        return Err(Error::GivenElsewhere {
            connection: name.to_owned(),
            field: field.to_owned(),
            origin: given.origin.clone(),
        });
    }
    check(secret)?;
    store::connection::declare(tx, declared).await?;
    let keys = ready(all.keys(), tx).await?;
    // A value that cannot be opened may be somebody's only copy, sealed by a key that was mislaid.
    readable(keys, tx, name, field).await?;
    let version = store::secret::version_locked(tx, name, field).await? + 1;
    let place = Place {
        connection: name,
        field,
        version,
    };
    store::secret::write(tx, (name, field, version), &keys.seal(place, secret), by).await?;
    Ok(version)
}

/// The secrets of one connection or of all, as far as they may be told.
///
/// # Errors
/// [`Error::UnknownConnection`]; [`Error::Database`].
pub async fn status(all: &Connections, name: Option<&str>) -> Result<Vec<SecretView>, Error> {
    let wanted: Vec<Declared> = match name {
        Some(name) => vec![all.find(name)?.clone()],
        None => all.declared().to_vec(),
    };
    let mut views = Vec::new();
    for declared in wanted {
        let rows = stored(all, &declared.name).await?;
        for rule in fields_of(declared.service) {
            let row = rows.iter().find(|row| row.field == rule.name);
            let mut view = SecretView {
                connection: declared.name.clone(),
                field: rule.name.to_owned(),
                says: rule.says.to_owned(),
                origin: None,
                shown: None,
                version: None,
                key: None,
                set_by: None,
                set_at: None,
                problem: None,
            };
            match (declared.given.get(rule.name), row) {
                (Some(given), _) => {
                    view.origin = Some(given.origin.clone());
                    view.shown = given.secret.as_ref().map(shown);
                    view.problem = given
                        .secret
                        .is_none()
                        .then(|| "there is nothing in it".to_owned());
                }
                (None, Some(row)) => tell(all, row, &mut view),
                (None, None) => {}
            }
            views.push(view);
        }
    }
    Ok(views)
}

/// How far a change of keys is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rotation {
    /// The key that seals what is new.
    pub current: Option<String>,
    /// Values that the current key seals already.
    pub done: i64,
    /// Values that other keys seal.
    pub left: i64,
    /// How many each key seals.
    pub by_key: Vec<KeyUse>,
}

/// What a key still seals.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KeyUse {
    pub key: String,
    pub values: i64,
    /// Whether this process was given it.
    pub is_here: bool,
}

/// How far a change of keys is.
///
/// # Errors
/// [`Error::Database`].
pub async fn rotation(all: &Connections) -> Result<Rotation, Error> {
    let counts =
        store::in_transaction(all.pool()?, |tx| Box::pin(store::secret::by_key(tx))).await?;
    let current = all.keys().map(|keys| keys.current().to_owned());
    let here = all.keys().map(Keyring::ids).unwrap_or_default();
    let is_current = |key: &String| current.as_ref() == Some(key);
    let done = counts
        .iter()
        .filter(|(key, _)| is_current(key))
        .map(|one| one.1)
        .sum();
    let left = counts
        .iter()
        .filter(|(key, _)| !is_current(key))
        .map(|one| one.1)
        .sum();
    let by_key = counts.into_iter().map(|(key, values)| KeyUse {
        is_here: here.contains(&key),
        key,
        values,
    });
    Ok(Rotation {
        by_key: by_key.collect(),
        current,
        done,
        left,
    })
}

/// Wraps some values by the current key, in the caller's transaction, and says behind which it stopped; none
/// when there is nothing left. Workers go on meanwhile: either key opens what it seals.
///
/// # Errors
/// [`Error::NoKey`], [`Error::KeyMissing`], [`Error::KeyWrong`], [`Error::Unsealable`]: the value is named, and
/// nothing of this step is written.
pub async fn rotate_some(
    all: &Connections,
    tx: &mut PgConnection,
    behind: &(String, String),
) -> Result<(i64, Option<(String, String)>), Error> {
    let keys = ready(all.keys(), tx).await?;
    let place = (behind.0.as_str(), behind.1.as_str());
    let rows = store::secret::lock_some(tx, keys.current(), place, AT_A_TIME).await?;
    let mut done = 0;
    for row in &rows {
        let sealed = keys.rewrap(place_of(row), &row.sealed);
        let sealed = sealed.map_err(|shut| unsealable(row, shut))?;
        done += i64::from(store::secret::rewrap(tx, row, &sealed).await?);
    }
    let last = rows.last();
    Ok((
        done,
        last.map(|row| (row.connection.clone(), row.field.clone())),
    ))
}

/// Every secret of a connection that can be had, by field.
pub(super) async fn open_all(
    all: &Connections,
    declared: &Declared,
) -> Result<HashMap<&'static str, SecretString>, Error> {
    let rows = stored(all, &declared.name).await?;
    let mut secrets = HashMap::new();
    for rule in fields_of(declared.service) {
        if let Some(given) = declared.given.get(rule.name) {
            if let Some(secret) = &given.secret {
                secrets.insert(rule.name, secret.clone());
            }
            continue;
        }
        if let Some(row) = rows.iter().find(|row| row.field == rule.name) {
            let keys = all.keys().ok_or(Error::NoKey)?;
            let opened = keys.open(place_of(row), &row.sealed);
            secrets.insert(rule.name, opened.map_err(|shut| unsealable(row, shut))?);
        }
    }
    Ok(secrets)
}

/// The keys of this process, once it is sure that the current one is the one this database knows by its name.
pub(super) async fn ready<'a>(
    keys: Option<&'a Keyring>,
    tx: &mut PgConnection,
) -> Result<&'a Keyring, Error> {
    let keys = keys.ok_or(Error::NoKey)?;
    if store::secret::proof(tx, keys.current()).await?.is_none() {
        store::secret::add_key(tx, keys.current(), &keys.proof()).await?;
    }
    let proof = store::secret::proof(tx, keys.current())
        .await?
        .unwrap_or_default();
    match keys.proves(keys.current(), &proof) {
        Ok(()) => Ok(keys),
        Err(_) => Err(Error::KeyWrong {
            key: keys.current().to_owned(),
        }),
    }
}

/// What keeps a value shut, as an error.
pub(super) fn shut(connection: &str, field: &str, sealed: &Sealed, why: Shut) -> Error {
    let (connection, field, key) = (
        connection.to_owned(),
        field.to_owned(),
        sealed.key_id.clone(),
    );
    match why {
        Shut::NoKey => Error::KeyMissing {
            connection,
            field,
            key,
        },
        Shut::Broken => Error::Unsealable {
            connection,
            field,
            key,
        },
    }
}

async fn stored(all: &Connections, name: &str) -> Result<Vec<SecretRow>, Error> {
    let name = name.to_owned();
    store::in_transaction(all.pool()?, move |tx| {
        Box::pin(async move { store::secret::of(tx, &name).await })
    })
    .await
}

async fn readable(
    keys: &Keyring,
    tx: &mut PgConnection,
    name: &str,
    field: &str,
) -> Result<(), Error> {
    let rows = store::secret::of(tx, name).await?;
    let Some(row) = rows.iter().find(|row| row.field == field) else {
        return Ok(());
    };
    match keys.open(place_of(row), &row.sealed) {
        Ok(_) => Ok(()),
        Err(why) => Err(unsealable(row, why)),
    }
}

fn tell(all: &Connections, row: &SecretRow, view: &mut SecretView) {
    view.origin = Some("database".to_owned());
    view.version = Some(row.version);
    view.key = Some(row.sealed.key_id.clone());
    view.set_by = Some(row.set_by.clone());
    view.set_at = Some(row.set_at);
    let opened = match all.keys() {
        None => Err(Error::NoKey),
        Some(keys) => keys
            .open(place_of(row), &row.sealed)
            .map_err(|shut| unsealable(row, shut)),
    };
    match opened {
        Ok(secret) => view.shown = Some(shown(&secret)),
        Err(error) => view.problem = Some(error.to_string()),
    }
}

fn place_of(row: &SecretRow) -> Place<'_> {
    Place {
        connection: &row.connection,
        field: &row.field,
        version: row.version,
    }
}

fn unsealable(row: &SecretRow, why: Shut) -> Error {
    shut(&row.connection, &row.field, &row.sealed, why)
}

fn check(secret: &SecretString) -> Result<(), Error> {
    let text = secret.expose_secret();
    let fault = if text.is_empty() {
        "it is empty"
    } else if text.len() > LONGEST {
        "it is longer than 4096 bytes"
    } else if !text.chars().all(|c| c.is_ascii_graphic()) {
        "it holds a blank, a line end or a character outside ASCII"
    } else {
        return Ok(());
    };
    Err(Error::Invalid(format!("value: {fault}")))
}
