//! What is synced with Creatio both ways. Seven paths are those of the replaced system, and end in a slash; whoever
//! leaves it out means the same. Their errors are problems, as everywhere.

mod conflict;
mod journal;
mod mapping;
mod meeting;
mod record;
mod sync;

use axum::routing::{get, post};
use connectors::reach::Service;
use jobs::creatio::Sort;
use serde::{Deserialize, Deserializer};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::FrontState;
use crate::http::problem::{BAD_PARAMETER, Flaw, NOT_FOUND, Problem};

pub(super) fn routes() -> OpenApiRouter<FrontState> {
    OpenApiRouter::new()
        .routes(routes!(sync::all))
        .routes(routes!(sync::lead))
        .routes(routes!(sync::status))
        .routes(routes!(sync::retry_failed))
        .routes(routes!(meeting::create_activity))
        .routes(routes!(meeting::update_lead))
        .routes(routes!(conflict::resolve))
        .routes(routes!(conflict::list))
        .routes(routes!(conflict::show))
        .routes(routes!(conflict::propose))
        .routes(routes!(conflict::approve))
        .routes(routes!(conflict::decline))
        .routes(routes!(conflict::resolve_field))
        .routes(routes!(record::list))
        .routes(routes!(record::show))
        .routes(routes!(record::operations))
        .routes(routes!(record::pair))
        .routes(routes!(record::separate))
        .routes(routes!(journal::list))
        .routes(routes!(journal::undo))
        .routes(routes!(mapping::show, mapping::set))
        .routes(routes!(mapping::versions))
        .routes(routes!(mapping::check))
        .route("/crm/sync/sync_all", post(sync::all))
        .route("/crm/sync/sync-lead", post(sync::lead))
        .route("/crm/sync/status", get(sync::status))
        .route("/crm/sync/retry-failed", post(sync::retry_failed))
        .route("/crm/sync/create-activity", post(meeting::create_activity))
        .route(
            "/crm/sync/update-lead-from-meeting",
            post(meeting::update_lead),
        )
        .route("/crm/sync/resolve-conflict", post(conflict::resolve))
        .route("/crm/conflicts", get(conflict::list))
}

/// The connections that are meant: the one that is named, or all.
fn names(front: &FrontState, named: Option<&str>) -> Result<Vec<String>, Problem> {
    let declared = front.env.connections.declared().iter();
    let creatios = declared.filter(|one| one.service == Service::Creatio);
    let all: Vec<String> = creatios.map(|one| one.name.clone()).collect();
    match named {
        None if all.is_empty() => Err(flaw(
            "/connection",
            "no Creatio connection is declared in workers.toml",
        )),
        None => Ok(all),
        Some(name) if all.iter().any(|one| one == name) => Ok(vec![name.to_owned()]),
        Some(name) => {
            let detail = format!("no connection {name:?} to a Creatio is declared");
            Err(Problem::new(NOT_FOUND, detail))
        }
    }
}

/// The one that is named, or the only one.
fn the_one(front: &FrontState, named: Option<&str>) -> Result<String, Problem> {
    let mut names = names(front, named)?;
    match names.len() {
        1 => Ok(names.remove(0)),
        _ => Err(flaw("/connection", "expected one: there are several")),
    }
}

fn flaw(pointer: &str, message: &str) -> Problem {
    Problem::invalid(vec![Flaw::new(pointer, message)])
}

/// A sort in a path or a query.
fn sort(word: &str) -> Result<Sort, Problem> {
    let known: Vec<&str> = Sort::ALL.iter().map(|one| one.as_str()).collect();
    let detail = || format!("sort: expected one of {}", known.join(", "));
    Sort::parse(word).ok_or_else(|| Problem::new(BAD_PARAMETER, detail()))
}

/// What a list was asked for, for its cursor.
fn said<'a>(all: &[(&'static str, Option<&'a str>)]) -> Vec<(&'static str, &'a str)> {
    let given = all
        .iter()
        .filter_map(|(name, value)| Some((*name, (*value)?)));
    given.collect()
}

/// Null is a value that was said.
fn given<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(from).map(Some)
}
