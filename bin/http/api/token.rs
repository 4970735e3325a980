//! API tokens over the API.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::Error;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::pause::Changed;
use super::{DryRun, Part, check_name, view};
use crate::http::FrontState;
use crate::http::extract::{At, Body, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::{FORBIDDEN, Flaw, Problem};
use crate::http::token::{self, Caller, DEFAULT_LIFE};

const DAY_S: u32 = 24 * 3600;

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// What it is for, 1 to 100 bytes.
    name: String,
    /// What it may do; only scopes of the maker's own.
    scopes: Vec<String>,
    /// How long it lives, 1 to 3650 days; 90 unless said.
    expires_in_days: Option<u32>,
}

/// A new token. It is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MintedToken {
    /// The public part, by which it is listed and revoked.
    id: String,
    /// What to send as the bearer.
    token: String,
    /// What it may do.
    scopes: Vec<String>,
}

/// A token that would be made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenDryRun {
    /// What it would be for.
    name: String,
    /// What it could do.
    scopes: Vec<String>,
    /// True: there is no such token.
    dry_run: bool,
}

/// Lists tokens, without their secrets.
#[utoipa::path(
    get, path = "/tokens", tag = "tokens", operation_id = "token_list", params(Part),
    security(("token" = ["tokens:admin"])), responses((status = 200, body = Listed<view::Token>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(part): Params<Part>,
) -> Result<(HeaderMap, Json<Listed<view::Token>>), Problem> {
    let (limit, before) = part.read("/tokens")?;
    let found = front.client.tokens(before.as_ref(), limit).await?;
    let tokens = found.data.into_iter().map(view::Token::from).collect();
    Ok(page::page("/tokens", tokens, found.next, &[], part.limit))
}

/// Makes a token.
#[utoipa::path(
    post, path = "/tokens", tag = "tokens", operation_id = "token_create", request_body = NewToken,
    params(DryRun), security(("token" = ["tokens:admin"])),
    responses((status = 201, body = MintedToken), (status = 200, description = "A dry run", body = TokenDryRun))
)]
pub(super) async fn create(
    State(front): State<FrontState>,
    caller: Caller,
    Params(dry): Params<DryRun>,
    Body(new): Body<NewToken>,
) -> Result<Response, Problem> {
    // Or whoever may make tokens could make one that may do everything.
    if let Some(scope) = new.scopes.iter().find(|scope| !caller.may(scope)) {
        let detail = format!("the token lacks the scope {scope} and so cannot hand it on");
        return Err(Problem::new(FORBIDDEN, detail));
    }
    let life = match new.expires_in_days {
        None => DEFAULT_LIFE,
        Some(days @ 1..=3650) => Duration::from_secs((days * DAY_S).into()),
        Some(_) => {
            return Err(Problem::invalid(vec![Flaw::new(
                "/expires_in_days",
                "expected 1 to 3650",
            )]));
        }
    };
    if dry.dry_run {
        token::check(&new.name, &new.scopes, Some(life))?;
        let NewToken { name, scopes, .. } = new;
        let dry_run = true;
        return Ok(Json(TokenDryRun {
            name,
            scopes,
            dry_run,
        })
        .into_response());
    }
    let minted = token::mint(
        &front.client,
        &new.name,
        &new.scopes,
        Some(life),
        &caller.actor(),
    )
    .await?;
    let token = minted.token.expose_secret().to_owned();
    Ok((
        StatusCode::CREATED,
        Json(MintedToken {
            id: minted.id,
            token,
            scopes: new.scopes,
        }),
    )
        .into_response())
}

/// Revokes a token, with effect on the next request.
#[utoipa::path(
    delete, path = "/tokens/{id}", tag = "tokens", operation_id = "token_revoke",
    params(("id" = String, Path), DryRun), security(("token" = ["tokens:admin"])),
    responses((status = 204, description = "Revoked"), (status = 200, description = "A dry run", body = Changed))
)]
pub(super) async fn revoke(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<String>,
    Params(dry): Params<DryRun>,
) -> Result<Response, Problem> {
    check_name("id", &id)?;
    if dry.dry_run {
        let token = front.client.token(&id).await?;
        return match token.is_some_and(|token| token.revoked_at.is_none()) {
            true => Ok(Json(Changed {
                changed: true,
                dry_run: true,
            })
            .into_response()),
            false => Err(Error::NoSuch {
                what: "live token",
                name: id,
            }
            .into()),
        };
    }
    front.client.revoke_token(&id, &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
