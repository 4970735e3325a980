//! Secrets of remotes: read from where the settings say they are, handed to the connector, kept
//! nowhere else.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use connectors::soundtrack;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Environment, Soundtrack, TokenSource};
use crate::output::{Exit, Fault};

/// The Soundtrack token, if one was given.
pub fn soundtrack_token(source: &TokenSource, env: &Environment) -> anyhow::Result<Option<SecretString>> {
    match source {
        TokenSource::Env(name) => Ok(env.secret(name)),
        TokenSource::File(path) => read(path).map(Some),
    }
}

fn read(path: &Path) -> anyhow::Result<SecretString> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Fault::new(Exit::BadConfig, format!("cannot read the Soundtrack token in {}", path.display()))
            .why(error.to_string())
            .fix("correct `token_file`, or let this user read the file")
    })?;
    // Editors end files with a line end; tokens never hold one.
    Ok(SecretString::from(text.trim()))
}

/// The Soundtrack client; none without a token.
pub fn soundtrack(
    settings: &Soundtrack,
    env: &Environment,
) -> anyhow::Result<Option<Arc<soundtrack::Client>>> {
    let Some(token) = soundtrack_token(&settings.token, env)? else { return Ok(None) };
    let token = connectors::Token::basic(token.expose_secret())
        .context("the Soundtrack token cannot be used")?;
    todo!("connector: {token:?}")
}
