//! What people do with connections: look, try, pause, resume, give another credential.

use connectors::check::Finding;
use engine::{Actor, Client, Pause, PauseScope};
use secrecy::SecretString;
use sqlx::postgres::PgConnection;

use super::{Connections, Declared, State, Stored, View, credential, fields_of};
use crate::{Error, store};

/// Who parks connections. What it pauses is an alert of the engine.
pub(crate) const US: &str = "lockstep";

/// All connections that are declared, or have been, by name.
///
/// # Errors
/// [`Error::Database`].
pub async fn list(all: &Connections) -> Result<Vec<View>, Error> {
    views(all, None).await
}

/// One connection.
///
/// # Errors
/// [`Error::UnknownConnection`]; [`Error::Database`].
pub async fn show(all: &Connections, name: &str) -> Result<View, Error> {
    let found = views(all, Some(name)).await?;
    let mut found = found.into_iter().filter(|one| one.name == name);
    found
        .next()
        .ok_or_else(|| Error::UnknownConnection(name.to_owned()))
}

/// Those of the named ones whose jobs wait for a person.
///
/// # Errors
/// [`Error::Database`].
pub async fn held(all: &Connections, names: &[String]) -> Result<Vec<View>, Error> {
    let one = match names {
        [one] => Some(one.as_str()),
        _ => None,
    };
    let mut found = views(all, one).await?;
    found.retain(|view| {
        matches!(view.state, State::Paused | State::NeedsReauthorisation)
            && names.contains(&view.name)
    });
    Ok(found)
}

/// Tries it: five questions, each with its answer. Changes nothing at the remote; a token may be renewed for it.
///
/// # Errors
/// [`Error::UnknownConnection`]; [`Error::NoSecret`]; those of sealing. What the remote says is an answer.
pub async fn test(all: &Connections, name: &str) -> Result<Vec<Finding>, Error> {
    let client = all.checked(name).await?;
    Ok(client.check().await)
}

/// Runs none of its jobs until it is resumed; false when it was paused already.
///
/// # Errors
/// [`Error::UnknownConnection`]; [`Error::Engine`].
pub async fn pause(all: &Connections, name: &str, by: &Actor) -> Result<bool, Error> {
    show(all, name).await?;
    let reason = by.reason.clone();
    let paused = all
        .engine()?
        .pause(PauseScope::Connection, name, by, reason.as_deref());
    Ok(paused.await?)
}

/// Runs its jobs again; false when it was not paused.
///
/// # Errors
/// [`Error::Parked`] while it needs another credential: [`reauthorise`] resumes it then.
pub async fn resume(all: &Connections, name: &str, by: &Actor) -> Result<bool, Error> {
    may_resume(all, name).await?;
    let resumed = all.engine()?.resume(PauseScope::Connection, name, by);
    Ok(resumed.await?)
}

/// Whether [`resume`] would do it.
///
/// # Errors
/// As for [`resume`].
pub async fn may_resume(all: &Connections, name: &str) -> Result<bool, Error> {
    let view = show(all, name).await?;
    match view.state {
        State::NeedsReauthorisation => Err(Error::Parked {
            connection: name.to_owned(),
        }),
        state => Ok(state == State::Paused),
    }
}

/// What [`reauthorise`] found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reauthorised {
    /// It needed another credential.
    pub was_parked: bool,
    /// Its pause was Lockstep's own and is over; that of a person stays.
    pub resumed: bool,
}

/// Gives a connection another chance, in the caller's transaction: with `secret` as the new value of what its
/// service renews, or with what it has, when the vendor has mended its side. The next call shows whether the
/// remote takes it.
///
/// # Errors
/// [`Error::UnknownConnection`]; those of [`credential::set`].
pub async fn reauthorise(
    all: &Connections,
    tx: &mut PgConnection,
    name: &str,
    secret: Option<&SecretString>,
    by: &Actor,
) -> Result<Reauthorised, Error> {
    let declared = all.find(name)?;
    store::connection::declare(tx, declared).await?;
    if let Some(secret) = secret {
        credential::set(all, tx, (name, renewed_field(declared)), secret, &by.name).await?;
    }
    store::connection::lock(tx, name).await?;
    store::refresh::begin_anew(tx, name).await?;
    Ok(Reauthorised {
        was_parked: store::connection::start(tx, name).await?,
        resumed: Client::lift_in(tx, PauseScope::Connection, name, US, by).await?,
    })
}

/// The secret that [`reauthorise`] takes.
#[must_use]
pub fn renewed_field(declared: &Declared) -> &'static str {
    let fields = fields_of(declared.service);
    let renewed = fields.iter().find(|rule| rule.is_renewed);
    renewed.map_or("token", |rule| rule.name)
}

async fn views(all: &Connections, name: Option<&str>) -> Result<Vec<View>, Error> {
    // Before the rows: whatever is stopped is paused with it, and read the other way round the pause would look like a person's.
    let pauses = all.engine()?.pauses(PauseScope::Connection).await?;
    let wanted = name.map(str::to_owned);
    let stored = store::in_transaction(all.pool()?, move |tx| {
        Box::pin(async move { store::connection::list(tx, wanted.as_deref()).await })
    })
    .await?;
    let mut views: Vec<View> = Vec::new();
    for declared in all.declared() {
        if name.is_none_or(|name| name == declared.name) {
            let row = stored.iter().find(|row| row.name == declared.name);
            views.push(of_declared(declared, row));
        }
    }
    for row in &stored {
        if !views.iter().any(|view| view.name == row.name) {
            views.push(of_stored(row));
        }
    }
    for view in &mut views {
        if let Some(pause) = pauses.iter().find(|pause| pause.name == view.name) {
            add_pause(view, pause);
        }
    }
    views.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(views)
}

fn of_declared(declared: &Declared, row: Option<&Stored>) -> View {
    let is_stored =
        |field: &str| row.is_some_and(|row| row.fields.iter().any(|stored| stored == field));
    let fields = fields_of(declared.service).iter().map(|rule| rule.name);
    let has_all = fields
        .clone()
        .all(|field| declared.given.contains_key(field) || is_stored(field));
    let given = fields.filter_map(|field| declared.given.get(field));
    let lacking = given.filter(|given| given.secret.is_none());
    let lacking: Vec<String> = lacking.map(|given| given.origin.clone()).collect();
    let given = match (has_all, lacking.is_empty()) {
        (false, _) => super::CredentialStatus::Missing,
        (true, false) => super::CredentialStatus::NotHere,
        (true, true) => super::CredentialStatus::Valid,
    };
    let mut view = row.map_or_else(|| unused(declared), of_stored);
    view.base_url.clone_from(&declared.base_url);
    view.region = declared.region().map(str::to_owned);
    view.credential = row.map_or(given, |row| row.credential.status(given));
    view.lacking = lacking;
    if view.state == State::Undeclared {
        (view.state, view.since) = (State::Active, None);
    }
    view
}

fn unused(declared: &Declared) -> View {
    View {
        name: declared.name.clone(),
        service: declared.service.as_str().to_owned(),
        region: None,
        base_url: String::new(),
        state: State::Active,
        paused_by: None,
        reason: None,
        since: None,
        credential: super::CredentialStatus::Missing,
        lacking: Vec::new(),
        expires_at: None,
        refreshed_at: None,
        renewals: 0,
        used_at: None,
        code: None,
    }
}

/// As a row that no setting names any more.
fn of_stored(row: &Stored) -> View {
    let state = match row.state {
        State::Active => State::Undeclared,
        other => other,
    };
    View {
        name: row.name.clone(),
        service: row.service.clone(),
        region: row.region.clone(),
        base_url: row.base_url.clone(),
        state,
        paused_by: None,
        reason: row.state_reason.clone(),
        since: (state == State::NeedsReauthorisation).then_some(row.state_at),
        credential: row.credential.status(super::CredentialStatus::Valid),
        lacking: Vec::new(),
        expires_at: row.credential.expires_at,
        refreshed_at: row.credential.refreshed_at,
        renewals: row.credential.version,
        used_at: row.used_at,
        code: row.credential.code.clone(),
    }
}

/// What a person said of it; that a person must look at it goes before.
fn add_pause(view: &mut View, pause: &Pause) {
    view.paused_by = Some(pause.paused_by.clone());
    if view.state != State::NeedsReauthorisation {
        view.state = State::Paused;
        view.reason.clone_from(&pause.reason);
        view.since = Some(pause.paused_at);
    }
}
