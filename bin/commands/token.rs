//! `lockstep token`: make and revoke tokens for the HTTP API.

use std::time::Duration;

use clap::{Args, Subcommand};
use engine::{Cursor, TokenView};
use secrecy::ExposeSecret;
use serde_json::json;

use super::job::list::more;
use super::{dry, enqueue::duration, may};
use crate::app::{App, Session};
use crate::cli::Change;
use crate::http::token::{DEFAULT_LIFE, check, mint};
use crate::output::{Exit, Fault, Format, Row, instant, instant_or_dash};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and show it, this once
    #[command(
        before_help = "Examples:\n  lockstep token create ops --scope jobs:read --scope jobs:write\n  TOKEN=$(lockstep token create cron --scope sync:run -o name)"
    )]
    Create(Create),
    /// List tokens, newest first; secrets are not kept and not shown
    #[command(before_help = "Examples:\n  lockstep token list", visible_alias = "ls")]
    List(List),
    /// Revoke a token, with effect on the next request
    #[command(before_help = "Examples:\n  lockstep token revoke 4k2m9x7q --reason 'it leaked'")]
    Revoke(Revoke),
}

/// Which tokens.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Behind this place: the next page
    #[arg(long, value_name = "PLACE")]
    before: Option<Cursor<String>>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// A new token.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What it is for
    name: String,
    /// What it may do, as jobs:read or sync:run; may be said often
    #[arg(long = "scope", required = true, value_delimiter = ',')]
    scopes: Vec<String>,
    /// How long it lives: 30d, 12h, or "forever"; 90 days unless said
    #[arg(long, value_name = "DURATION", value_parser = life)]
    valid_for: Option<Life>,
    #[command(flatten)]
    change: Change,
}

/// A token to revoke.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Its public part, as `token list` shows it
    id: String,
    #[command(flatten)]
    change: Change,
}

/// How long a token lives; none is for ever.
#[derive(Debug, Clone, Copy)]
struct Life(Option<Duration>);

/// Does it.
pub(crate) async fn run(app: &App, token: Token) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match token {
        Token::Create(create) => self::create(app, &session, create).await,
        Token::List(list) => self::list(app, &session, &list).await,
        Token::Revoke(revoke) => self::revoke(app, &session, &revoke).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn create(app: &App, session: &Session, create: Create) -> anyhow::Result<()> {
    let scopes = create.scopes.join(", ");
    let life = create.valid_for.unwrap_or(Life(Some(DEFAULT_LIFE)));
    check(&create.name, &create.scopes, life.0)?;
    if dry(
        app,
        &create.change,
        &format!("make token {:?} for {scopes}", create.name),
    )? {
        return Ok(());
    }
    let minted = mint(
        &session.client,
        &create.name,
        &create.scopes,
        life.0,
        &app.actor_of(&create.change),
    )
    .await?;
    let secret = minted.token.expose_secret();
    app.out.note(&format!(
        "Token {} for {scopes}. It is shown this once; keep it where secrets are kept.",
        minted.id
    ));
    match app.out.format {
        // Alone on stdout, for `$(…)`.
        Format::Table | Format::Name | Format::Csv => app.out.data(&format!("{secret}\n"))?,
        Format::Json | Format::Jsonl => {
            let value = json!({"id": minted.id, "token": secret, "scopes": create.scopes});
            app.out.done("", "", &value)?;
        }
    }
    app.out
        .next(&format!("Revoke it: lockstep token revoke {}", minted.id));
    Ok(())
}

async fn list(app: &App, session: &Session, list: &List) -> anyhow::Result<()> {
    let page = session
        .client
        .tokens(list.before.as_ref(), list.limit)
        .await?;
    let nothing = "No tokens. Make one: lockstep token create NAME --scope jobs:read";
    app.out.list(&page.data, nothing)?;
    more(app, &page, "--before");
    Ok(())
}

async fn revoke(app: &App, session: &Session, revoke: &Revoke) -> anyhow::Result<()> {
    let id = &revoke.id;
    let token = session.client.token(id).await?.ok_or_else(|| {
        Fault::new(Exit::NotFound, format!("no token {id:?}")).fix("lockstep token list")
    })?;
    if let Some(at) = token.revoked_at {
        let what = format!("token {id} is revoked already");
        return Err(Fault::new(Exit::Conflict, what)
            .why(format!("since {}", instant(at)))
            .into());
    }
    if !may(
        app,
        &revoke.change,
        &format!("revoke token {id} {:?}", token.name),
    )? {
        return Ok(());
    }
    let actor = app.actor_of(&revoke.change);
    session.client.revoke_token(id, &actor).await?;
    app.out.done(
        &format!("Revoked token {id} {:?}.", token.name),
        id,
        &json!({"id": id, "revoked": true}),
    )?;
    Ok(())
}

fn life(text: &str) -> Result<Life, String> {
    if text == "forever" {
        return Ok(Life(None));
    }
    duration(text).map(|life| Life(Some(life)))
}

impl Row for TokenView {
    const COLUMNS: &'static [&'static str] = &[
        "ID",
        "NAME",
        "SCOPES",
        "CREATED_AT",
        "EXPIRES_AT",
        "LAST_USED_AT",
        "STATE",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.name.clone(),
            self.scopes.join(" "),
            instant(self.created_at),
            instant_or_dash(self.expires_at),
            instant_or_dash(self.last_used_at),
            if self.revoked_at.is_some() {
                "revoked"
            } else {
                "live"
            }
            .to_owned(),
        ]
    }

    fn name(&self) -> String {
        self.id.clone()
    }
}
