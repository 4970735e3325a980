//! What both sides have edited, and what people say of it. Who may write proposes; who may approve settles.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use jobs::creatio::conflict::{self, Filter, Status};
use jobs::creatio::{Chosen, Decision, Sort};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::super::DryRun;
use super::super::view::mirror;
use super::{flaw, given, said, sort, the_one};
use crate::audited::creatio::{self as audited, Verdict};
use crate::http::FrontState;
use crate::http::extract::{At, Body, MaybeBody, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::{BAD_PARAMETER, Problem};
use crate::http::token::Caller;

mirror! {
    /// A field that both sides have edited, or a record that one side has edited and the other deleted.
    CrmConflict of conflict::Conflict {
        id: i64,
        connection: String,
        /// contact, lead, activity or participant.
        #[schema(value_type = String)]
        sort: Sort,
        local_id: Option<Uuid>,
        remote_id: Option<Uuid>,
        /// `*` is the whole record.
        field: String,
        /// What both were when they were last at one.
        base_local: Value,
        base_remote: Value,
        /// What is here, and what is at Creatio.
        ours: Value,
        theirs: Value,
        /// What is at Creatio, as it would stand here: of a lookup, the name.
        theirs_local: Value,
        /// Of a whole record: the side that it is gone from.
        gone: Option<String>,
        local_version: Option<i64>,
        /// When each side was changed last, by its own clock.
        local_at: Option<Timestamp>,
        remote_at: Option<Timestamp>,
        /// The rule that left it to a person.
        policy: String,
        /// open, proposed, resolved, applied or superseded.
        #[schema(value_type = String)]
        status: Status,
        #[schema(value_type = Object, example = json!({"take": "creatio"}))]
        decision: Option<Decision>,
        proposed_by: Option<String>,
        proposed_at: Option<Timestamp>,
        decided_by: Option<String>,
        decided_at: Option<Timestamp>,
        note: Option<String>,
        applied_at: Option<Timestamp>,
        /// What the decision came to: applied, stale, or why it cannot be carried out.
        outcome: Option<String>,
        detected_at: Timestamp,
        /// Hand it back as `seen` with a decision.
        updated_at: Timestamp,
    }
}

/// Which conflicts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct WantedConflicts {
    connection: Option<String>,
    /// contact, lead, activity or participant.
    sort: Option<String>,
    field: Option<String>,
    /// open, proposed, resolved, applied, superseded or all; open and proposed unless said.
    status: Option<String>,
    /// Of this record, by its id here.
    local_id: Option<Uuid>,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

/// What it should be: one of `take` and `value`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct Said {
    /// Whose value: local or creatio.
    #[schema(value_type = Option<String>)]
    take: Option<Chosen>,
    /// Another value, as it should be here; null empties the field.
    #[serde(default, deserialize_with = "given")]
    value: Option<Value>,
    /// Why, at most 1,000 characters.
    note: Option<String>,
    /// `updated_at` of the conflict that you saw: refused if it has changed since.
    seen: Option<Timestamp>,
}

/// Which conflict, and what it should be: one of `take` and `value`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct Settled {
    conflict_id: i64,
    /// Whose value: local or creatio.
    #[schema(value_type = Option<String>)]
    take: Option<Chosen>,
    /// Another value, as it should be here; null empties the field.
    #[serde(default, deserialize_with = "given")]
    value: Option<Value>,
    /// Why, at most 1,000 characters.
    note: Option<String>,
    /// `updated_at` of the conflict that you saw: refused if it has changed since.
    seen: Option<Timestamp>,
}

/// All of one field, and what they should be: one of `take` and `value`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct OfField {
    /// The only one need not be named.
    connection: Option<String>,
    /// contact, lead, activity or participant.
    sort: String,
    field: String,
    /// Whose value: local or creatio.
    #[schema(value_type = Option<String>)]
    take: Option<Chosen>,
    #[serde(default, deserialize_with = "given")]
    value: Option<Value>,
    /// Why, at most 1,000 characters.
    note: Option<String>,
}

/// Why, and what was seen.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct Note {
    /// Why, at most 1,000 characters.
    note: Option<String>,
    /// `updated_at` of the conflict that you saw: refused if it has changed since.
    seen: Option<Timestamp>,
}

/// So many were settled.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::api) struct FieldSettled {
    settled: i64,
}

fn decision(take: Option<Chosen>, value: Option<Value>) -> Result<Decision, Problem> {
    match (take, value) {
        (Some(chosen), None) => Ok(Decision::Take(chosen)),
        (None, Some(value)) => Ok(Decision::Value(value)),
        _ => Err(flaw(
            "/take",
            "expected one of take (local or creatio) and value",
        )),
    }
}

/// Lists what waits for a person, newest first.
#[utoipa::path(
    get, path = "/crm/conflicts/", tag = "crm", operation_id = "crm_conflict_list", params(WantedConflicts),
    security(("token" = ["crm:read"])), responses((status = 200, body = Listed<CrmConflict>))
)]
pub(in crate::http::api) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<WantedConflicts>,
) -> Result<(HeaderMap, Json<Listed<CrmConflict>>), Problem> {
    const PATH: &str = "/crm/conflicts/";
    let limit = page::check_limit(wanted.limit)?;
    let local_id = wanted.local_id.map(|id| id.to_string());
    let said = said(&[
        ("connection", wanted.connection.as_deref()),
        ("sort", wanted.sort.as_deref()),
        ("field", wanted.field.as_deref()),
        ("status", wanted.status.as_deref()),
        ("local_id", local_id.as_deref()),
    ]);
    let cursor = wanted.cursor.as_deref();
    let before = cursor
        .map(|cursor| page::open(PATH, cursor, &said))
        .transpose()?;
    let filter = Filter {
        connection: wanted.connection.clone(),
        sort: wanted.sort.as_deref().map(sort).transpose()?,
        field: wanted.field.clone(),
        status: match wanted.status.as_deref() {
            None | Some("all") => None,
            Some(word) => Some(status(word)?),
        },
        local_id: wanted.local_id,
        before,
    };
    let pool = &front.env.pool;
    let found = match wanted.status {
        None => conflict::waiting(pool, &filter, limit).await?,
        Some(_) => conflict::list(pool, &filter, limit).await?,
    };
    let data = found.data.into_iter().map(CrmConflict::from).collect();
    Ok(page::page(PATH, data, found.next, &said, wanted.limit))
}

fn status(word: &str) -> Result<Status, Problem> {
    let known: Vec<&str> = Status::ALL.iter().map(|one| one.as_str()).collect();
    let detail = || format!("status: expected all, or one of {}", known.join(", "));
    Status::parse(word).ok_or_else(|| Problem::new(BAD_PARAMETER, detail()))
}

/// Shows one.
#[utoipa::path(
    get, path = "/crm/conflicts/{conflict_id}", tag = "crm", operation_id = "crm_conflict_show",
    params(("conflict_id" = i64, Path)), security(("token" = ["crm:read"])), responses((status = 200, body = CrmConflict))
)]
pub(in crate::http::api) async fn show(
    State(front): State<FrontState>,
    At(id): At<i64>,
) -> Result<Json<CrmConflict>, Problem> {
    Ok(Json(conflict::show(&front.env.pool, id).await?.into()))
}

/// Settles one. The sync that follows carries it over, if both sides are still as you saw them.
#[utoipa::path(
    post, path = "/crm/sync/resolve-conflict/", tag = "crm", operation_id = "crm_conflict_resolve",
    params(DryRun), request_body = Settled,
    security(("token" = ["crm:approve"])), responses((status = 200, body = CrmConflict))
)]
pub(in crate::http::api) async fn resolve(
    State(front): State<FrontState>,
    caller: Caller,
    Params(dry): Params<DryRun>,
    Body(it): Body<Settled>,
) -> Result<Json<CrmConflict>, Problem> {
    let verdict = Verdict::Resolve(decision(it.take, it.value)?);
    let word = (it.note, it.seen);
    decide(&front, &caller, (it.conflict_id, verdict), word, &dry).await
}

/// Says how one could be settled. Somebody else must approve it.
#[utoipa::path(
    post, path = "/crm/conflicts/{conflict_id}/propose", tag = "crm", operation_id = "crm_conflict_propose",
    params(("conflict_id" = i64, Path), DryRun), request_body = Said,
    security(("token" = ["crm:write"])), responses((status = 200, body = CrmConflict))
)]
pub(in crate::http::api) async fn propose(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<i64>,
    Params(dry): Params<DryRun>,
    Body(it): Body<Said>,
) -> Result<Json<CrmConflict>, Problem> {
    let verdict = Verdict::Propose(decision(it.take, it.value)?);
    decide(&front, &caller, (id, verdict), (it.note, it.seen), &dry).await
}

/// Agrees with what somebody else has proposed.
#[utoipa::path(
    post, path = "/crm/conflicts/{conflict_id}/approve", tag = "crm", operation_id = "crm_conflict_approve",
    params(("conflict_id" = i64, Path), DryRun), request_body = Option<Note>,
    security(("token" = ["crm:approve"])), responses((status = 200, body = CrmConflict))
)]
pub(in crate::http::api) async fn approve(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<i64>,
    Params(dry): Params<DryRun>,
    MaybeBody(it): MaybeBody<Note>,
) -> Result<Json<CrmConflict>, Problem> {
    decide(
        &front,
        &caller,
        (id, Verdict::Approve),
        (it.note, it.seen),
        &dry,
    )
    .await
}

/// Does not agree: it is open again.
#[utoipa::path(
    post, path = "/crm/conflicts/{conflict_id}/decline", tag = "crm", operation_id = "crm_conflict_decline",
    params(("conflict_id" = i64, Path), DryRun), request_body = Option<Note>,
    security(("token" = ["crm:approve"])), responses((status = 200, body = CrmConflict))
)]
pub(in crate::http::api) async fn decline(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<i64>,
    Params(dry): Params<DryRun>,
    MaybeBody(it): MaybeBody<Note>,
) -> Result<Json<CrmConflict>, Problem> {
    decide(
        &front,
        &caller,
        (id, Verdict::Decline),
        (it.note, it.seen),
        &dry,
    )
    .await
}

/// Settles all that nobody has settled of one field alike.
#[utoipa::path(
    post, path = "/crm/conflicts/resolve-field", tag = "crm", operation_id = "crm_conflict_resolve_field",
    params(DryRun), request_body = OfField,
    security(("token" = ["crm:approve"])), responses((status = 200, body = FieldSettled))
)]
pub(in crate::http::api) async fn resolve_field(
    State(front): State<FrontState>,
    caller: Caller,
    Params(dry): Params<DryRun>,
    Body(it): Body<OfField>,
) -> Result<Json<FieldSettled>, Problem> {
    let connection = the_one(&front, it.connection.as_deref())?;
    let sort = Sort::parse(&it.sort);
    let sort =
        sort.ok_or_else(|| flaw("/sort", "expected contact, lead, activity or participant"))?;
    let decision = decision(it.take, it.value)?;
    let of = (connection.as_str(), sort, it.field.as_str());
    let asked = caller.asked(&dry);
    let note = it.note.as_deref();
    let settled = audited::decide_field(&front.client, of, &decision, note, &asked).await?;
    Ok(Json(FieldSettled { settled }))
}

async fn decide(
    front: &FrontState,
    caller: &Caller,
    (id, verdict): (i64, Verdict),
    (note, seen): (Option<String>, Option<Timestamp>),
    dry: &DryRun,
) -> Result<Json<CrmConflict>, Problem> {
    let asked = caller.asked(dry);
    let word = (note.as_deref(), seen);
    let done = audited::decide_conflict(&front.client, (id, &verdict), word, &asked).await?;
    Ok(Json(done.into()))
}
