//! Values that a rule or a person wrote over, and the way back.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use jobs::creatio::journal::{self, Entry, Filter};
use jobs::creatio::{Chosen, Sort};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::super::DryRun;
use super::super::view::mirror;
use super::{said, sort};
use crate::audited::creatio as audited;
use crate::http::FrontState;
use crate::http::extract::{At, MaybeBody, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::Problem;
use crate::http::token::Caller;

mirror! {
    /// A value that is no more.
    CrmJournalEntry of Entry {
        id: i64,
        connection: String,
        /// contact, lead, activity or participant.
        #[schema(value_type = String)]
        sort: Sort,
        local_id: Option<Uuid>,
        remote_id: Option<Uuid>,
        /// `*` is a record that was deleted.
        field: String,
        /// overwrote_local, overwrote_remote, kept_local, kept_remote, merged, deleted_local or deleted_remote.
        event: String,
        /// What each side had and has no more.
        lost_local: Value,
        lost_remote: Value,
        /// What is here instead.
        now_local: Value,
        /// The conflict that a person settled so.
        conflict_id: Option<i64>,
        /// sync, or who decided.
        actor: String,
        job_id: Option<Uuid>,
        at: Timestamp,
        undone_at: Option<Timestamp>,
        undone_by: Option<String>,
    }
}

/// Which entries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct WantedEntries {
    connection: Option<String>,
    /// contact, lead, activity or participant.
    sort: Option<String>,
    /// Of this record, by its id here.
    local_id: Option<Uuid>,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

/// Whose edit.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct Whose {
    /// Of two edits that were merged: local or creatio.
    #[schema(value_type = Option<String>)]
    take: Option<Chosen>,
}

/// Lists what was written over, newest first.
#[utoipa::path(
    get, path = "/crm/journal", tag = "crm", operation_id = "crm_journal_list", params(WantedEntries),
    security(("token" = ["crm:read"])), responses((status = 200, body = Listed<CrmJournalEntry>))
)]
pub(in crate::http::api) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<WantedEntries>,
) -> Result<(HeaderMap, Json<Listed<CrmJournalEntry>>), Problem> {
    const PATH: &str = "/crm/journal";
    let limit = page::check_limit(wanted.limit)?;
    let local_id = wanted.local_id.map(|id| id.to_string());
    let said = said(&[
        ("connection", wanted.connection.as_deref()),
        ("sort", wanted.sort.as_deref()),
        ("local_id", local_id.as_deref()),
    ]);
    let cursor = wanted.cursor.as_deref();
    let before = cursor
        .map(|cursor| page::open(PATH, cursor, &said))
        .transpose()?;
    let filter = Filter {
        connection: wanted.connection.clone(),
        sort: wanted.sort.as_deref().map(sort).transpose()?,
        local_id: wanted.local_id,
        before,
    };
    let found = journal::list(&front.env.pool, &filter, limit).await?;
    let data = found.data.into_iter().map(CrmJournalEntry::from).collect();
    Ok(page::page(PATH, data, found.next, &said, wanted.limit))
}

/// Puts a value back, as an edit of ours that the sync that follows carries over.
#[utoipa::path(
    post, path = "/crm/journal/{entry_id}/undo", tag = "crm", operation_id = "crm_journal_undo",
    params(("entry_id" = i64, Path), DryRun), request_body = Option<Whose>,
    security(("token" = ["crm:approve"])), responses((status = 200, body = CrmJournalEntry))
)]
pub(in crate::http::api) async fn undo(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<i64>,
    Params(dry): Params<DryRun>,
    MaybeBody(it): MaybeBody<Whose>,
) -> Result<Json<CrmJournalEntry>, Problem> {
    let done = audited::undo(&front.client, (id, it.take), &caller.asked(&dry)).await?;
    Ok(Json(done.into()))
}
