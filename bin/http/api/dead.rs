//! Dead letters: jobs given up for good, kept for people.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use engine::{Cursor, Filter};
use uuid::Uuid;

use super::change::Moved;
use super::job::{self, JobDetail, Wanted};
use super::view::{DeadGroup, Job};
use super::{DryRun, Part, change};
use crate::http::FrontState;
use crate::http::extract::{At, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::{NOT_FOUND, Problem};
use crate::http::token::Caller;

/// Lists dead letters, newest first.
#[utoipa::path(
    get, path = "/dead-letters", tag = "dead letters", operation_id = "dead_list", params(Wanted),
    security(("token" = ["jobs:read"])), responses((status = 200, body = Listed<Job>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<Wanted>,
) -> Result<(HeaderMap, Json<Listed<Job>>), Problem> {
    wanted.check_state("dead")?;
    let dead = Filter::new().state(engine::State::Dead);
    job::list_of(&front, "/dead-letters", wanted, dead).await
}

/// Lists groups of dead letters of one cause, the newest letter first. A letter is in its group a few
/// seconds after its death; the filter `fingerprint:` finds the letters of a group.
#[utoipa::path(
    get, path = "/dead-letters/groups", tag = "dead letters", operation_id = "dead_groups", params(Part),
    security(("token" = ["jobs:read"])), responses((status = 200, body = Listed<DeadGroup>))
)]
pub(super) async fn groups(
    State(front): State<FrontState>,
    Params(part): Params<Part>,
) -> Result<(HeaderMap, Json<Listed<DeadGroup>>), Problem> {
    let (limit, before): (u16, Option<Cursor<String>>) = part.read("/dead-letters/groups")?;
    let found = front.client.dead_groups(before.as_ref(), limit).await?;
    let groups = found.data.into_iter().map(DeadGroup::from).collect();
    Ok(page::page(
        "/dead-letters/groups",
        groups,
        found.next,
        &[],
        part.limit,
    ))
}

/// Shows a dead letter with its attempts.
#[utoipa::path(
    get, path = "/dead-letters/{id}", tag = "dead letters", operation_id = "dead_show", params(("id" = Uuid, Path)),
    security(("token" = ["jobs:read"])), responses((status = 200, body = JobDetail))
)]
pub(super) async fn show(
    State(front): State<FrontState>,
    At(id): At<Uuid>,
) -> Result<Json<JobDetail>, Problem> {
    check_is_dead(&front, id).await?;
    job::detail(&front, id).await.map(Json)
}

/// Lets the job of a dead letter try on.
#[utoipa::path(
    post, path = "/dead-letters/{id}/replay", tag = "dead letters", operation_id = "dead_replay",
    params(("id" = Uuid, Path), DryRun), security(("token" = ["jobs:write"])), responses((status = 200, body = Moved))
)]
pub(super) async fn replay(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<Uuid>,
    Params(dry): Params<DryRun>,
) -> Result<Json<Moved>, Problem> {
    check_is_dead(&front, id).await?;
    change::try_on(&front, &caller, id, &dry).await.map(Json)
}

async fn check_is_dead(front: &FrontState, id: Uuid) -> Result<(), Problem> {
    match job::find(front, id).await?.state {
        engine::State::Dead => Ok(()),
        state => Err(Problem::new(
            NOT_FOUND,
            format!("job {id} is no dead letter: it is {state}"),
        )),
    }
}
