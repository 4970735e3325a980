//! Secrets: read from where the settings say they are, handed to the connections, kept nowhere else.

use std::path::Path;

use connectors::reach::Service;
use connectors::zoho::DataCentre;
use jobs::connection::{Connections, Declared, Given};
use jobs::seal::Keyring;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Config, Connection, DEFAULT_TOKEN_ENV, Environment, SecretSource};
use crate::output::{Exit, Fault};

/// The connections that the settings declare, over the engine's database.
pub(crate) fn connections(
    config: &Config,
    env: &Environment,
    engine: &engine::Client,
) -> anyhow::Result<Connections> {
    let settings = &config.connections;
    let declared = settings.declared.iter().map(|one| declared(one, env));
    Ok(Connections::new(
        engine.clone(),
        declared.collect::<anyhow::Result<Vec<_>>>()?,
        settings.reach.clone(),
        keys(&settings.keys, env)?,
    ))
}

/// The keys that seal credentials, if any were given.
pub(crate) fn keys(source: &SecretSource, env: &Environment) -> anyhow::Result<Option<Keyring>> {
    let (text, place) = match source {
        SecretSource::Env(name) => (env.secret(name), format!("variable {name}")),
        SecretSource::File(path) => (
            Some(read(path, "the keys for credentials")?),
            path.display().to_string(),
        ),
    };
    let Some(text) = text else {
        return Ok(None);
    };
    let keys = Keyring::parse(text.expose_secret()).map_err(|why| {
        Fault::new(
            Exit::BadConfig,
            format!("cannot read the keys for credentials in {place}"),
        )
        .why(why)
        .fix("write one key a line, the newest first; make one: lockstep credential new-key")
    })?;
    Ok(Some(keys))
}

/// A connection with what is given of its secrets outside the database.
fn declared(one: &Connection, env: &Environment) -> anyhow::Result<Declared> {
    let mut given = std::collections::BTreeMap::new();
    for (field, source) in &one.sources {
        let (secret, origin) = match source {
            SecretSource::Env(name) => (env.secret(name), format!("variable {name}")),
            SecretSource::File(path) => {
                let what = format!("the {field} of {}", one.name);
                (Some(read(path, &what)?), path.display().to_string())
            }
        };
        // The variable that is asked for when nobody said a thing, and is not set: the database has it.
        let is_silent = matches!(source, SecretSource::Env(name) if name == DEFAULT_TOKEN_ENV);
        if secret.is_some() || !is_silent {
            given.insert(*field, Given { origin, secret });
        }
    }
    Ok(Declared {
        name: one.name.clone(),
        service: one.service,
        base_url: one.base_url.clone().unwrap_or_else(|| vendors(one)),
        identity_url: one.identity_url.clone(),
        centre: one.centre,
        page_size: one.page_size,
        refill: one.refill,
        given,
    })
}

/// The vendor's own address. Projects of Supabase have each their own, which the settings must name.
fn vendors(one: &Connection) -> String {
    match one.service {
        Service::Creatio => {
            let site = one.name.split_once('/').map_or("", |(_, site)| site);
            connectors::creatio::service_url(site)
        }
        Service::Soundtrack => connectors::soundtrack::BASE_URL.to_owned(),
        Service::Supabase => String::new(),
        Service::Zoho => one.centre.unwrap_or(DataCentre::Us).api_domain(),
    }
}

fn read(path: &Path, what: &str) -> anyhow::Result<SecretString> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Fault::new(
            Exit::BadConfig,
            format!("cannot read {what} in {}", path.display()),
        )
        .why(error.to_string())
        .fix("correct the path in workers.toml, or let this user read the file")
    })?;
    // Editors end files with a line end; tokens never hold one.
    Ok(SecretString::from(text.trim()))
}
