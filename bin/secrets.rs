//! Secrets of remotes: read from where the settings say they are, handed to the connector, kept
//! nowhere else.

use std::path::Path;
use std::sync::Arc;

use connectors::budget::{BucketConfig, SharedBucket};
use connectors::http::{Http, HttpConfig};
use connectors::soundtrack;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Environment, Soundtrack, TokenSource};
use crate::output::{Exit, Fault};

/// The Soundtrack token, if one was given.
pub(crate) fn soundtrack_token(
    source: &TokenSource,
    env: &Environment,
) -> anyhow::Result<Option<SecretString>> {
    match source {
        TokenSource::Env(name) => Ok(env.secret(name)),
        TokenSource::File(path) => read(path).map(Some),
    }
}

fn read(path: &Path) -> anyhow::Result<SecretString> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Fault::new(
            Exit::BadConfig,
            format!("cannot read the Soundtrack token in {}", path.display()),
        )
        .why(error.to_string())
        .fix("correct `token_file`, or let this user read the file")
    })?;
    // Editors end files with a line end; tokens never hold one.
    Ok(SecretString::from(text.trim()))
}

/// Who counts the tokens of a remote's rate limit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace<'a> {
    /// This process alone, for commands that need no database.
    Process,
    /// All processes together.
    Fleet(&'a engine::Client),
}

/// The Soundtrack client; none without a token.
pub(crate) fn soundtrack(
    settings: &Soundtrack,
    env: &Environment,
    pace: Pace<'_>,
) -> anyhow::Result<Option<Arc<soundtrack::Client>>> {
    match soundtrack_token(&settings.token, env)? {
        Some(token) => client(settings, &token, pace).map(Some),
        None => Ok(None),
    }
}

/// The Soundtrack client for a token.
pub(crate) fn client(
    settings: &Soundtrack,
    token: &SecretString,
    pace: Pace<'_>,
) -> anyhow::Result<Arc<soundtrack::Client>> {
    let bad = |error: connectors::Error| {
        Fault::new(Exit::BadConfig, "the Soundtrack settings cannot be used").why(error.to_string())
    };
    let token = connectors::Token::basic(token.expose_secret()).map_err(bad)?;
    let mut config = soundtrack::Config::new(token);
    if let Some(url) = &settings.base_url {
        config.base_url.clone_from(url);
    }
    if let Some(size) = settings.page_size {
        config.page_size = u16::try_from(size).unwrap_or(u16::MAX);
    }
    let mut bucket = BucketConfig::default();
    if let Some(refill) = settings.refill {
        bucket.refill_per_s = refill;
        bucket.refill_ceiling_per_s = bucket.refill_ceiling_per_s.max(refill);
    }
    let http = HttpConfig {
        allowed_hosts: host(&config.base_url).into_iter().collect(),
        ..HttpConfig::default()
    };
    let http = Http::new(http).map_err(bad)?;
    let client = match pace {
        Pace::Process => soundtrack::Client::new(config, http, SharedBucket::new(bucket)),
        Pace::Fleet(engine) => {
            let key = jobs::soundtrack::CONNECTION;
            let budget = jobs::FleetBudget::new(engine.clone(), key, bucket);
            soundtrack::Client::new(config, http, budget)
        }
    };
    Ok(Arc::new(client.map_err(bad)?))
}

/// The only host the token may go to.
fn host(url: &str) -> Option<String> {
    let uri: axum::http::Uri = url.parse().ok()?;
    uri.host()
        .map(|host| host.trim_matches(['[', ']']).to_owned())
}
