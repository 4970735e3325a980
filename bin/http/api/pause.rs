//! Pause and resume: the same two acts on queues, kinds and schedules. All nodes obey within a second.

use axum::Json;
use axum::extract::State;
use engine::PauseScope;
use serde::Serialize;
use utoipa::ToSchema;

use super::{DryRun, Reason, check_name};
use crate::http::FrontState;
use crate::http::extract::{At, MaybeBody, Params};
use crate::http::problem::Problem;
use crate::http::token::Caller;

/// Whether a switch was turned.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Changed {
    /// False when it stood that way already; in a dry run, whether it would.
    pub(super) changed: bool,
    /// True when nothing was changed because the caller asked only what would happen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) dry_run: bool,
}

/// The two handlers of each thing that can be paused, in a module of its name.
macro_rules! pausable {
    ($($room:ident: $scope:expr, $right:literal {
        $pause_path:literal $pause_id:literal $pause_says:literal
        $resume_path:literal $resume_id:literal $resume_says:literal
    })*) => {$(
        pub(super) mod $room {
            use super::*;

            #[doc = $pause_says]
            #[utoipa::path(
                post, path = $pause_path, tag = "operations", operation_id = $pause_id,
                params(("name" = String, Path), DryRun), request_body = Option<Reason>,
                security(("token" = [$right])), responses((status = 200, body = Changed))
            )]
            pub(in super::super) async fn pause(
                State(front): State<FrontState>,
                caller: Caller,
                At(name): At<String>,
                Params(dry): Params<DryRun>,
                MaybeBody(reason): MaybeBody<Reason>,
            ) -> Result<Json<Changed>, Problem> {
                let turn = Turn { front: &front, caller: &caller, of: ($scope, &name), dry };
                turn.pause(reason).await.map(Json)
            }

            #[doc = $resume_says]
            #[utoipa::path(
                post, path = $resume_path, tag = "operations", operation_id = $resume_id,
                params(("name" = String, Path), DryRun),
                security(("token" = [$right])), responses((status = 200, body = Changed))
            )]
            pub(in super::super) async fn resume(
                State(front): State<FrontState>,
                caller: Caller,
                At(name): At<String>,
                Params(dry): Params<DryRun>,
            ) -> Result<Json<Changed>, Problem> {
                let turn = Turn { front: &front, caller: &caller, of: ($scope, &name), dry };
                turn.resume().await.map(Json)
            }
        }
    )*};
}

pausable! {
    queue: PauseScope::Queue, "queues:write" {
        "/queues/{name}/pause" "queue_pause" "Pauses a queue: nothing of it is claimed."
        "/queues/{name}/resume" "queue_resume" "Resumes a queue."
    }
    kind: PauseScope::Kind, "queues:write" {
        "/kinds/{name}/pause" "kind_pause" "Pauses a kind: none of its jobs is claimed."
        "/kinds/{name}/resume" "kind_resume" "Resumes a kind."
    }
    schedule: PauseScope::Schedule, "schedules:write" {
        "/schedules/{name}/pause" "schedule_pause" "Pauses a schedule: its ticks are skipped."
        "/schedules/{name}/resume" "schedule_resume" "Resumes a schedule."
    }
}

/// One turn of a switch.
struct Turn<'a> {
    front: &'a FrontState,
    caller: &'a Caller,
    of: (PauseScope, &'a str),
    dry: DryRun,
}

impl Turn<'_> {
    async fn pause(&self, reason: Reason) -> Result<Changed, Problem> {
        self.check_exists().await?;
        let reason = reason.checked()?;
        if self.dry.dry_run {
            return Ok(would(!self.is_paused().await?));
        }
        let ((scope, name), actor) = (self.of, self.caller.actor());
        let client = &self.front.client;
        let changed = client.pause(scope, name, &actor, reason.as_deref()).await?;
        Ok(did(changed))
    }

    async fn resume(&self) -> Result<Changed, Problem> {
        self.check_exists().await?;
        if self.dry.dry_run {
            return Ok(would(self.is_paused().await?));
        }
        let ((scope, name), actor) = (self.of, self.caller.actor());
        let changed = self.front.client.resume(scope, name, &actor).await?;
        Ok(did(changed))
    }

    /// Queues and kinds may be paused before they are first used; a schedule is declared or is a
    /// mistake.
    async fn check_exists(&self) -> Result<(), Problem> {
        let (scope, name) = self.of;
        check_name("name", name)?;
        if scope == PauseScope::Schedule {
            self.front.client.ticks(name, None, 1).await?;
        }
        Ok(())
    }

    async fn is_paused(&self) -> Result<bool, Problem> {
        let (scope, name) = self.of;
        let pauses = self.front.client.pauses(scope).await?;
        Ok(pauses.iter().any(|pause| pause.name == name))
    }
}

fn would(changed: bool) -> Changed {
    Changed {
        changed,
        dry_run: true,
    }
}

fn did(changed: bool) -> Changed {
    Changed {
        changed,
        dry_run: false,
    }
}
