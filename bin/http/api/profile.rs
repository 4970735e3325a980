//! Profiles of booking sites: who they are, what they have, and the sync that a login asks for.

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jobs::packages::{self, Filter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::DryRun;
use super::sync::GoesOn;
use super::view::mirror;
use crate::audited;
use crate::http::extract::{At, Body, MaybeBody, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::Problem;
use crate::http::token::Caller;
use crate::http::{BASE, FrontState};

mirror! {
    /// Which customer of the CRM a profile is.
    CustomerLink of packages::Link {
        /// The CRM's id: the identity, which renames leave alone.
        customer_id: String,
        /// automatic, or manual: a person said so.
        method: String,
        /// In percent.
        confidence: i16,
        /// When an answer for this customer was last applied.
        synced_at: Option<Timestamp>,
    }
}

mirror! {
    /// A prepaid package.
    Package of packages::Package {
        /// The row's id in the CRM.
        id: String,
        /// The id that the booking site knows it by.
        site_id: Option<String>,
        /// As the CRM defines it.
        name: Option<String>,
        /// For customers.
        display_name: Option<String>,
        /// Monthly, Unlimited, Coaching.
        category: Option<String>,
        /// Exact, as text; none for unlimited or not told.
        #[schema(example = "10")]
        total_hours: Option<String>,
        /// Exact.
        used_hours: Option<String>,
        /// Exact.
        #[schema(example = "7.5")]
        remaining_hours: Option<String>,
        /// How many people may use it at a time.
        pax: Option<i32>,
        /// How long it is valid, in the CRM's words.
        validity: Option<String>,
        /// A date of the shop's.
        first_used_on: Option<String>,
        /// A date of the shop's.
        expires_on: Option<String>,
        /// A date of the shop's.
        purchased_on: Option<String>,
        /// Since when whole answers have not named it; ten minutes later it is gone.
        missing_since: Option<Timestamp>,
    }
}

/// A profile.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Profile {
    /// The booking site's id.
    id: Uuid,
    /// The CRM that its customer is in.
    #[schema(example = "supabase/shop")]
    connection: String,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    /// Which customer it is; none as long as that is not known.
    link: Option<CustomerLink>,
    /// Those that are not gone; in lists they are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    packages: Option<Vec<Package>>,
}

/// What the booking site says of a profile. It replaces what was said before.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SaidOfProfile {
    /// The CRM that its customer is in; the only one need not be named.
    connection: Option<String>,
    /// At most 300 characters.
    name: Option<String>,
    /// At most 300 characters.
    email: Option<String>,
    /// At most 100 characters, however it is written; without a country it is one of Thailand.
    phone: Option<String>,
}

/// Which profiles to list. What is not said does not restrict.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Whose customers are in this CRM.
    connection: Option<String>,
    /// Only those whose customer is known, or not.
    linked: Option<bool>,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

impl Profile {
    fn of((profile, link): (packages::Profile, Option<packages::Link>)) -> Profile {
        Profile {
            id: profile.id,
            connection: profile.connection,
            name: profile.name,
            email: profile.email,
            phone: profile.phone,
            link: link.map(CustomerLink::from),
            packages: None,
        }
    }
}

impl SaidOfProfile {
    fn read(self, front: &FrontState, id: Uuid) -> Result<packages::Profile, Problem> {
        let connection = packages::shop(&front.env.connections, self.connection.as_deref())?;
        Ok(packages::Profile {
            id,
            connection,
            name: self.name,
            email: self.email,
            phone: self.phone,
        })
    }

    fn is_empty(&self) -> bool {
        let texts = [&self.connection, &self.name, &self.email, &self.phone];
        texts.into_iter().all(Option::is_none)
    }
}

/// Lists profiles in the order of their ids.
#[utoipa::path(
    get, path = "/profiles", tag = "syncs", operation_id = "profile_list", params(Wanted),
    security(("token" = ["companies:read"])), responses((status = 200, body = Listed<Profile>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<Wanted>,
) -> Result<(HeaderMap, Json<Listed<Profile>>), Problem> {
    const PATH: &str = "/profiles";
    let limit = page::check_limit(wanted.limit)?;
    let linked = wanted.linked.map(|yes| yes.to_string());
    let said = [
        ("connection", wanted.connection.as_deref()),
        ("linked", linked.as_deref()),
    ];
    let said: Vec<_> = said
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let cursor = wanted.cursor.as_deref();
    let filter = Filter {
        connection: wanted.connection.clone(),
        is_linked: wanted.linked,
        after: cursor
            .map(|cursor| page::open(PATH, cursor, &said))
            .transpose()?,
    };
    let found = packages::list(&front.env.pool, &filter, limit).await?;
    let data = found.data.into_iter().map(Profile::of).collect();
    Ok(page::page(PATH, data, found.next, &said, wanted.limit))
}

/// Shows a profile with the customer it is and its packages.
#[utoipa::path(
    get, path = "/profiles/{profile_id}", tag = "syncs", operation_id = "profile_show", params(("profile_id" = Uuid, Path)),
    security(("token" = ["companies:read"])), responses((status = 200, body = Profile))
)]
pub(super) async fn show(
    State(front): State<FrontState>,
    At(id): At<Uuid>,
) -> Result<Json<Profile>, Problem> {
    let found = packages::show(&front.env.pool, id).await?;
    let all = packages::available(&front.env.pool, id).await?;
    Ok(Json(Profile {
        packages: Some(all.into_iter().map(Package::from).collect()),
        ..Profile::of(found)
    }))
}

/// Writes what the booking site says of a profile. Its packages come with its next sync.
#[utoipa::path(
    put, path = "/profiles/{profile_id}", tag = "syncs", operation_id = "profile_put",
    params(("profile_id" = Uuid, Path), DryRun), request_body = SaidOfProfile,
    security(("token" = ["companies:write"])), responses((status = 200, body = Profile))
)]
pub(super) async fn put(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<Uuid>,
    Params(dry): Params<DryRun>,
    Body(said): Body<SaidOfProfile>,
) -> Result<Json<Profile>, Problem> {
    let profile = said.read(&front, id)?;
    audited::put_profile(&front.env.pool, &profile, &caller.asked(&dry)).await?;
    let link = match packages::show(&front.env.pool, id).await {
        Ok((_, link)) => link,
        Err(jobs::Error::UnknownProfile(_)) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Json(Profile::of((profile, link))))
}

/// Deletes a profile with its packages and all that was decided on it.
#[utoipa::path(
    delete, path = "/profiles/{profile_id}", tag = "syncs", operation_id = "profile_delete",
    params(("profile_id" = Uuid, Path), DryRun), security(("token" = ["companies:write"])),
    responses((status = 204, description = "Gone"))
)]
pub(super) async fn delete(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<Uuid>,
    Params(dry): Params<DryRun>,
) -> Result<StatusCode, Problem> {
    audited::delete_profile(&front.env.pool, id, &caller.asked(&dry)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks for a sync of a profile's packages and never waits for it: for a login or a booking.
///
/// What the booking site says of the profile may come along, and is then written first. Asked for again within a
/// minute, it is the same job.
#[utoipa::path(
    post, path = "/profiles/{profile_id}/sync", tag = "syncs", operation_id = "profile_sync",
    params(("profile_id" = Uuid, Path), DryRun), request_body = Option<SaidOfProfile>,
    security(("token" = ["sync:run"])), responses((status = 202, body = GoesOn))
)]
pub(super) async fn sync(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<Uuid>,
    Params(dry): Params<DryRun>,
    MaybeBody(said): MaybeBody<SaidOfProfile>,
) -> Result<Response, Problem> {
    let said = match said.is_empty() {
        true => None,
        false => Some(said.read(&front, id)?),
    };
    let asked = caller.asked(&dry);
    let made = audited::sync_profile(&front.client, (id, said.as_ref()), &asked).await?;
    let location = format!("{BASE}/jobs/{}", made.id);
    let message = format!("Sync goes on as job {}", made.id);
    // Of a new one it is known, and in a dry run there is none to look at; a twin may have ended.
    let state = match dry.dry_run || made.answer == engine::Answer::Inserted {
        true => engine::State::Available,
        false => {
            front
                .client
                .wait(made.id, std::time::Duration::ZERO)
                .await?
        }
    };
    let goes_on = Json(GoesOn {
        job: made.id,
        state,
        message,
    });
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], goes_on).into_response())
}
