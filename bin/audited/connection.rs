//! Changes of credentials, each with the audit row that tells of it. No secret is told.

use engine::Client;
use jobs::connection::ops::Reauthorised;
use jobs::connection::{Connections, credential, ops};
use secrecy::SecretString;
use serde_json::json;

use super::{Asked, Told};

/// Seals a secret; its version. A dry run finds whatever would keep it from being stored.
///
/// # Errors
/// Those of [`credential::set`].
pub(crate) async fn set_secret(
    client: &Client,
    all: &Connections,
    (name, field, secret): (&str, &str, &SecretString),
    asked: &Asked,
) -> Result<i64, jobs::Error> {
    let mut tx = client.pool().begin().await?;
    let version = credential::set(all, &mut tx, (name, field), secret, &asked.by.name).await?;
    let told = Told {
        action: "credential.set",
        target: name.to_owned(),
        detail: json!({"field": field, "version": version}),
    };
    asked.conclude(tx, Some(told)).await?;
    Ok(version)
}

/// Gives a connection another chance.
///
/// # Errors
/// Those of [`ops::reauthorise`].
pub(crate) async fn reauthorise(
    client: &Client,
    all: &Connections,
    (name, secret): (&str, Option<&SecretString>),
    asked: &Asked,
) -> Result<Reauthorised, jobs::Error> {
    let mut tx = client.pool().begin().await?;
    let done = ops::reauthorise(all, &mut tx, name, secret, &asked.by).await?;
    let told = Told {
        action: "connection.reauthorise",
        target: name.to_owned(),
        detail: json!({"credential": if secret.is_some() { "new" } else { "as it was" }}),
    };
    asked.conclude(tx, Some(told)).await?;
    Ok(done)
}

/// Wraps some values by the newest key; how many, and behind which the next step begins.
///
/// # Errors
/// Those of [`credential::rotate_some`].
pub(crate) async fn rotate_some(
    client: &Client,
    all: &Connections,
    behind: &(String, String),
    asked: &Asked,
) -> Result<(i64, Option<(String, String)>), jobs::Error> {
    let mut tx = client.pool().begin().await?;
    let (done, next) = credential::rotate_some(all, &mut tx, behind).await?;
    let told = (done > 0).then(|| Told {
        action: "credential.rotate_key",
        target: all.key_id().unwrap_or_default().to_owned(),
        detail: json!({"values": done}),
    });
    asked.conclude(tx, told).await?;
    Ok((done, next))
}
