//! What meetings teach: an activity with participants and tasks, and what was learnt of a lead. With an
//! `Idempotency-Key` a request that is sent again is answered as before.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jobs::creatio::meeting::{self, DecisionMaker, Key, Learnt, Made, Updated};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::DryRun;
use super::super::view::mirror;
use super::the_one;
use crate::audited::creatio::{self as audited, Heard};
use crate::http::FrontState;
use crate::http::extract::{Body, Params};
use crate::http::headers::{IdempotencyKey, REPLAYED};
use crate::http::problem::{IDEMPOTENCY_MISMATCH, INTERNAL, Problem};
use crate::http::token::Caller;

/// A meeting. What is not said of it is left as it is, or to Creatio.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct CrmMeeting {
    /// Which Creatio; the only one need not be named.
    connection: Option<String>,
    /// Your own id of it: told of again, its activity is changed, and no second one is made.
    meeting_id: Uuid,
    #[schema(example = "Demo with ACME")]
    title: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    /// Ids here.
    lead_id: Option<Uuid>,
    contact_id: Option<Uuid>,
    /// A name of Creatio's lookup, as Completed.
    status: Option<String>,
    /// A name of Creatio's lookup, as High.
    priority: Option<String>,
    location: Option<String>,
    notes: Option<String>,
    /// What came of it.
    outcome: Option<String>,
    #[serde(default)]
    participants: Vec<CrmParticipant>,
    /// Each becomes a task.
    #[serde(default)]
    action_items: Vec<CrmActionItem>,
}

/// Somebody who took part.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct CrmParticipant {
    /// The contact's id here.
    contact_id: Uuid,
    /// A name of Creatio's lookup; Participant unless said.
    role: Option<String>,
    description: Option<String>,
}

/// Something to be done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct CrmActionItem {
    /// Your own id of it; without one its title is what it is known by.
    id: Option<Uuid>,
    title: String,
    /// A week after the meeting unless said.
    due_at: Option<Timestamp>,
    priority: Option<String>,
    notes: Option<String>,
}

/// What a meeting taught of a lead. What is not said stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct CrmLearnt {
    /// The lead's id here.
    lead_id: Uuid,
    /// Kept as custom.budget_discussed; a mapping may name a column for it.
    budget_discussed: Option<bool>,
    /// true is the role Decision maker, false takes it away; a text is another role's name.
    #[schema(value_type = Option<Object>, example = json!(true))]
    decision_maker: Option<DecisionMaker>,
    /// A number, or a text of its digits.
    #[schema(example = json!("250000.00"))]
    estimated_budget: Option<Value>,
    /// Kept as custom.meeting_type; a mapping may name a column for it.
    meeting_type: Option<String>,
    met_at: Option<Timestamp>,
    decision_at: Option<Timestamp>,
    /// Replaces what is there.
    commentary: Option<String>,
}

mirror! {
    /// What became of a meeting.
    CrmMade of Made {
        connection: String,
        meeting_id: Uuid,
        /// Ids here, in the order in which they were told.
        activity_id: Uuid,
        participants: Vec<Uuid>,
        tasks: Vec<Uuid>,
        /// Records that were made, and those that were there and are changed.
        created: i64,
        changed: i64,
    }
}

mirror! {
    /// What became of a lead.
    CrmUpdated of Updated {
        connection: String,
        lead_id: Uuid,
        /// Field by field: from what to what. What was so before is not among them.
        #[schema(value_type = Object, example = json!({"budget": [null, "250000.00"]}))]
        changes: serde_json::Map<String, Value>,
    }
}

/// Makes a meeting an activity with its participants, and its action items tasks; the sync that follows carries them over.
#[utoipa::path(
    post, path = "/crm/sync/create-activity/", tag = "crm", operation_id = "crm_create_activity", request_body = CrmMeeting,
    params(DryRun, ("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same answer for 24 h")),
    security(("token" = ["crm:write"])),
    responses((status = 201, description = "Something was made", body = CrmMade), (status = 200, description = "All of it was there", body = CrmMade))
)]
pub(in crate::http::api) async fn create_activity(
    State(front): State<FrontState>,
    caller: Caller,
    key: IdempotencyKey,
    Params(dry): Params<DryRun>,
    Body(told): Body<CrmMeeting>,
) -> Result<Response, Problem> {
    let connection = the_one(&front, told.connection.as_deref())?;
    let meeting = told.checked(connection);
    let key = key_of(&front, &caller, &key);
    let asked = caller.asked(&dry);
    let heard = audited::tell_meeting(&front.client, &meeting, key, &asked).await?;
    let status = |made: &Made| match made.created > 0 && !dry.dry_run {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    answer::<Made, CrmMade>(heard, status)
}

/// Writes what a meeting taught into a lead; the sync that follows carries it over.
#[utoipa::path(
    post, path = "/crm/sync/update-lead-from-meeting/", tag = "crm", operation_id = "crm_update_lead_from_meeting",
    request_body = CrmLearnt,
    params(DryRun, ("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same answer for 24 h")),
    security(("token" = ["crm:write"])), responses((status = 200, body = CrmUpdated))
)]
pub(in crate::http::api) async fn update_lead(
    State(front): State<FrontState>,
    caller: Caller,
    key: IdempotencyKey,
    Params(dry): Params<DryRun>,
    Body(told): Body<CrmLearnt>,
) -> Result<Response, Problem> {
    let learnt = Learnt {
        budget_discussed: told.budget_discussed,
        decision_maker: told.decision_maker,
        estimated_budget: told
            .estimated_budget
            .as_ref()
            .map(meeting::amount)
            .transpose()?,
        meeting_type: told.meeting_type,
        met_at: told.met_at,
        decision_at: told.decision_at,
        commentary: told.commentary,
    };
    let key = key_of(&front, &caller, &key);
    let asked = caller.asked(&dry);
    let of = (told.lead_id, &learnt);
    let heard = audited::tell_of_lead(&front.client, of, key, &asked).await?;
    answer::<Updated, CrmUpdated>(heard, |_| StatusCode::OK)
}

impl CrmMeeting {
    fn checked(self, connection: String) -> meeting::Meeting {
        let participants = self
            .participants
            .into_iter()
            .map(|one| meeting::Participant {
                contact_id: one.contact_id,
                role: one.role,
                description: one.description,
            });
        let action_items = self
            .action_items
            .into_iter()
            .map(|one| meeting::ActionItem {
                id: one.id,
                title: one.title,
                due_at: one.due_at,
                priority: one.priority,
                notes: one.notes,
            });
        meeting::Meeting {
            connection,
            meeting_id: self.meeting_id,
            title: self.title,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            lead_id: self.lead_id,
            contact_id: self.contact_id,
            status: self.status,
            priority: self.priority,
            location: self.location,
            notes: self.notes,
            outcome: self.outcome,
            participants: participants.collect(),
            action_items: action_items.collect(),
        }
    }
}

fn key_of<'a>(front: &FrontState, caller: &'a Caller, key: &'a IdempotencyKey) -> Option<Key<'a>> {
    key.0.as_deref().map(|key| Key {
        asked_by: &caller.id,
        key,
        keep: front.options.idempotency_keep,
    })
}

fn answer<T, A>(heard: Heard, status: impl Fn(&T) -> StatusCode) -> Result<Response, Problem>
where
    T: DeserializeOwned,
    A: From<T> + Serialize,
{
    let (answer, is_again) = match heard {
        Heard::Now(answer) => (answer, false),
        Heard::Again(answer) => (answer, true),
        Heard::Other => {
            let detail = "the idempotency key was used for another request";
            return Err(Problem::new(IDEMPOTENCY_MISMATCH, detail));
        }
    };
    let made: T = serde_json::from_value(answer).map_err(|error| {
        Problem::new(INTERNAL, "a kept answer cannot be read").because(error.to_string())
    })?;
    let mut response = (status(&made), Json(A::from(made))).into_response();
    if is_again {
        let headers = response.headers_mut();
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
