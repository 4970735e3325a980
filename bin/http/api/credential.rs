//! Credentials: secrets of connections, sealed in the database and never given back.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use jobs::connection::{SecretView, credential};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{DryRun, check_name};
use crate::audited;
use crate::http::FrontState;
use crate::http::extract::{At, Body, Params};
use crate::http::problem::Problem;
use crate::http::token::Caller;

/// Whose secrets.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// Of this connection only.
    connection: Option<String>,
}

/// A secret, as far as it may be told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Secret {
    /// Whose.
    connection: String,
    /// Which.
    field: String,
    /// `database`, or the place outside it; null when it was not given.
    origin: Option<String>,
    /// Its first four and last two characters, if it has twenty or more.
    shown: Option<String>,
    /// Counts the values there were.
    version: Option<i64>,
    /// The key that seals it.
    key: Option<String>,
    /// Who gave it.
    set_by: Option<String>,
    /// When.
    set_at: Option<Timestamp>,
    /// Why it cannot be used here.
    problem: Option<String>,
}

impl From<SecretView> for Secret {
    fn from(of: SecretView) -> Secret {
        Secret {
            connection: of.connection,
            field: of.field,
            origin: of.origin,
            shown: of.shown,
            version: of.version,
            key: of.key,
            set_by: of.set_by,
            set_at: of.set_at,
            problem: of.problem,
        }
    }
}

/// What a key still seals.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyUse {
    /// Its name.
    key: String,
    /// How many values it seals.
    values: i64,
    /// Whether the process that answers was given it.
    is_here: bool,
}

/// How far a change of keys is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rotation {
    /// The key that seals what is new; null when the process that answers has none.
    current: Option<String>,
    /// Values that it seals already.
    done: i64,
    /// Values that other keys seal.
    left: i64,
    /// All keys that were ever used.
    keys: Vec<KeyUse>,
}

/// All secrets, and how far a change of keys is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Secrets {
    /// They.
    data: Vec<Secret>,
    /// The keys.
    rotation: Rotation,
}

/// A secret to be set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSecret {
    /// The secret itself. Never shown again.
    #[schema(write_only)]
    value: String,
}

/// Secrets are told to nobody.
impl std::fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSecret").finish_non_exhaustive()
    }
}

/// A secret that was set.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SecretSet {
    /// Whose.
    connection: String,
    /// Which.
    field: String,
    /// Counts the values there were.
    version: i64,
    /// True when nothing was changed because the caller asked only what would happen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// What a change of keys did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rotated {
    /// Values that the newest key seals now and did not before; in a dry run, that it would.
    done: i64,
    /// Values that other keys still seal.
    left: i64,
    /// True when nothing was changed because the caller asked only what would happen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// Tells which secrets there are, where they come from and which keys seal them.
#[utoipa::path(
    get, path = "/credentials", tag = "connections", operation_id = "credential_status", params(Whose),
    security(("token" = ["connections:read"])), responses((status = 200, body = Secrets))
)]
pub(super) async fn status(
    State(front): State<FrontState>,
    Params(whose): Params<Whose>,
) -> Result<Json<Secrets>, Problem> {
    let all = &front.env.connections;
    let secrets = credential::status(all, whose.connection.as_deref()).await?;
    let rotation = credential::rotation(all).await?;
    let keys = rotation.by_key.into_iter().map(|one| KeyUse {
        key: one.key,
        values: one.values,
        is_here: one.is_here,
    });
    Ok(Json(Secrets {
        data: secrets.into_iter().map(Secret::from).collect(),
        rotation: Rotation {
            current: rotation.current,
            done: rotation.done,
            left: rotation.left,
            keys: keys.collect(),
        },
    }))
}

/// Seals a secret of a connection. Workers use it from their next call.
#[utoipa::path(
    put, path = "/connections/{connection}/credentials/{field}", tag = "connections", operation_id = "credential_set",
    params(("connection" = String, Path), ("field" = String, Path), DryRun), request_body = NewSecret,
    security(("token" = ["credentials:write"])), responses((status = 200, body = SecretSet))
)]
pub(super) async fn set(
    State(front): State<FrontState>,
    caller: Caller,
    At((connection, field)): At<(String, String)>,
    Params(dry): Params<DryRun>,
    Body(new): Body<NewSecret>,
) -> Result<Json<SecretSet>, Problem> {
    check_name("connection", &connection)?;
    check_name("field", &field)?;
    let secret = SecretString::from(new.value);
    let asked = caller.asked(&dry);
    let told = (connection.as_str(), field.as_str(), &secret);
    let version = audited::set_secret(&front.client, &front.env.connections, told, &asked).await?;
    Ok(Json(SecretSet {
        connection,
        field,
        version,
        dry_run: dry.dry_run,
    }))
}

/// Seals everything by the newest key of the process that answers, while workers go on.
#[utoipa::path(
    post, path = "/credentials/rotate-key", tag = "connections", operation_id = "credential_rotate_key",
    params(DryRun), security(("token" = ["credentials:write"])), responses((status = 200, body = Rotated))
)]
pub(super) async fn rotate_key(
    State(front): State<FrontState>,
    caller: Caller,
    Params(dry): Params<DryRun>,
) -> Result<Json<Rotated>, Problem> {
    let (all, asked) = (&front.env.connections, caller.asked(&dry));
    let (mut done, mut behind) = (0, (String::new(), String::new()));
    loop {
        let (some, next) = audited::rotate_some(&front.client, all, &behind, &asked).await?;
        done += some;
        match next {
            Some(next) => behind = next,
            None => break,
        }
    }
    let left = credential::rotation(all).await?.left;
    Ok(Json(Rotated {
        done,
        left,
        dry_run: dry.dry_run,
    }))
}
