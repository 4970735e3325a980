//! The routes, one file a resource. What a handler's `security` names is the scope its caller needs.

mod alert;
mod audit;
mod batch;
mod breaker;
mod budget;
mod bulk;
mod bulk_view;
mod change;
mod check;
mod company;
mod connection;
mod credential;
mod crm;
mod dead;
mod enqueue;
mod era;
mod flow;
mod job;
mod kind;
mod log;
mod order;
mod overview;
mod packages;
mod partition;
mod pause;
mod profile;
mod quarantine;
mod queue;
mod record;
mod review;
mod run;
mod schedule;
mod sweep;
mod sync;
mod token;
mod view;
mod vip;
mod why;
mod zoho;
mod zone;

use std::str::FromStr;

use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use serde::Deserialize;
use utoipa::OpenApi;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem::{Flaw, Problem};
use super::{BASE, FrontOptions, FrontState, openapi, page};

/// `?dry_run=true`: say what would happen and do nothing.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DryRun {
    /// Say what would happen and change nothing.
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// Which part of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

impl Part {
    /// How many rows of the list at `path`, and behind which place.
    fn read<K: FromStr>(&self, path: &str) -> Result<(u16, Option<K>), Problem> {
        let limit = page::check_limit(self.limit)?;
        let cursor = self.cursor.as_deref();
        let before = cursor
            .map(|cursor| page::open(path, cursor, &[]))
            .transpose()?;
        Ok((limit, before))
    }
}

/// A reason for people, kept in the audit trail.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// Why, at most 1,000 characters.
    reason: Option<String>,
}

impl Reason {
    fn checked(self) -> Result<Option<String>, Problem> {
        match self.reason {
            Some(reason) if reason.chars().count() > 1000 => {
                Err(Problem::invalid(vec![Flaw::new(
                    "/reason",
                    "expected at most 1000 characters",
                )]))
            }
            reason => Ok(reason),
        }
    }
}

/// All routes under their full paths.
pub(super) fn routes(options: &FrontOptions) -> OpenApiRouter<FrontState> {
    let head = openapi::with_scheme(openapi::Head::openapi());
    let large = OpenApiRouter::new()
        .routes(routes!(enqueue::batch))
        .routes(routes!(batch::batch))
        .routes(routes!(batch::chain))
        .layer(DefaultBodyLimit::max(options.bulk_body_limit));
    let usual = OpenApiRouter::new()
        .merge(of_jobs())
        .merge(of_operations())
        .merge(of_companies())
        .merge(of_syncs())
        .merge(crm::routes())
        .routes(routes!(token::list, token::create))
        .routes(routes!(token::revoke))
        .layer(DefaultBodyLimit::max(options.body_limit));
    let kept = of_shops().layer(DefaultBodyLimit::max(options.body_limit));
    OpenApiRouter::with_openapi(head)
        .nest(BASE, large.merge(usual))
        .merge(kept)
}

fn of_jobs() -> OpenApiRouter<FrontState> {
    OpenApiRouter::new()
        .routes(routes!(job::list, enqueue::one))
        .routes(routes!(job::show, change::delete))
        .routes(routes!(why::show))
        .routes(routes!(log::list))
        .routes(routes!(change::cancel))
        .routes(routes!(change::retry))
        .routes(routes!(change::run_again))
        .routes(routes!(flow::show))
        .routes(routes!(flow::signal))
        .routes(routes!(flow::steps))
        .routes(routes!(dead::list))
        .routes(routes!(dead::groups))
        .routes(routes!(dead::show))
        .routes(routes!(dead::replay))
        .routes(routes!(bulk::list, bulk::start))
        .routes(routes!(bulk::show))
        .routes(routes!(bulk::abort))
        .routes(routes!(bulk::resume))
}

fn of_operations() -> OpenApiRouter<FrontState> {
    OpenApiRouter::new()
        .routes(routes!(overview::show))
        .routes(routes!(overview::rollups))
        .routes(routes!(queue::list))
        .routes(routes!(pause::queue::pause))
        .routes(routes!(pause::queue::resume))
        .routes(routes!(kind::list))
        .routes(routes!(pause::kind::pause))
        .routes(routes!(pause::kind::resume))
        .routes(routes!(schedule::list))
        .routes(routes!(schedule::ticks))
        .routes(routes!(schedule::run))
        .routes(routes!(pause::schedule::pause))
        .routes(routes!(pause::schedule::resume))
        .routes(routes!(partition::blocked))
        .routes(routes!(partition::skip))
        .routes(routes!(alert::workers))
        .routes(routes!(alert::list))
        .routes(routes!(audit::list))
        .routes(routes!(breaker::list))
        .routes(routes!(breaker::open))
        .routes(routes!(breaker::close))
        .routes(routes!(breaker::resume))
        .routes(routes!(connection::list))
        .routes(routes!(connection::show))
        .routes(routes!(connection::test))
        .routes(routes!(connection::pause))
        .routes(routes!(connection::resume))
        .routes(routes!(connection::reauthorise))
        .routes(routes!(credential::status))
        .routes(routes!(credential::set))
        .routes(routes!(credential::rotate_key))
        .routes(routes!(budget::list))
        .routes(routes!(budget::show, budget::set))
        .routes(routes!(era::list))
        .routes(routes!(era::prune))
}

/// The two paths of the replaced system end in a slash. Whoever leaves it out means the same.
fn of_companies() -> OpenApiRouter<FrontState> {
    OpenApiRouter::new()
        .routes(routes!(company::list, company::create))
        .routes(routes!(company::show, company::update, company::delete))
        .routes(routes!(zone::list))
        .routes(routes!(zone::show))
        .routes(routes!(sync::all))
        .routes(routes!(sync::of_zone))
        .route("/zones/sync-all", post(sync::all))
        .route("/zones/{zone_id}/sync", post(sync::of_zone))
}

fn of_syncs() -> OpenApiRouter<FrontState> {
    OpenApiRouter::new()
        .routes(routes!(zoho::status, zoho::sync))
        .routes(routes!(record::products))
        .routes(routes!(record::product))
        .routes(routes!(record::history))
        .routes(routes!(quarantine::list))
        .routes(routes!(quarantine::show))
        .routes(routes!(quarantine::retry))
        .routes(routes!(quarantine::ignore))
        .routes(routes!(run::list))
        .routes(routes!(run::show))
        .routes(routes!(sweep::list))
        .routes(routes!(sweep::show))
        .routes(routes!(sweep::approve))
        .routes(routes!(sweep::reject))
        .routes(routes!(profile::list))
        .routes(routes!(profile::show, profile::put, profile::delete))
        .routes(routes!(profile::sync))
        .routes(routes!(review::list))
        .routes(routes!(review::show))
        .routes(routes!(review::accept))
        .routes(routes!(review::reject))
}

/// Paths of a replaced system that do not stand below our base. Slashes at their ends mean nothing.
fn of_shops() -> OpenApiRouter<FrontState> {
    let bulk = || post(packages::bulk).get(packages::bulk_by_get);
    let of_one = || post(vip::sync).get(vip::list);
    OpenApiRouter::new()
        .routes(routes!(packages::bulk, packages::bulk_by_get))
        .routes(routes!(vip::list, vip::sync))
        .route("/api/crm/sync-packages/", bulk())
        .route("/api/vip/packages/", of_one())
}

/// True for the routes that wait for a sync.
pub(super) fn waits(route: &str) -> bool {
    let route = route.trim_end_matches('/');
    if matches!(route, "/api/crm/sync-packages" | "/api/vip/packages") {
        return true;
    }
    route.starts_with(BASE)
        && (["/sync", "/sync-all", "/sync_all", "/sync-lead"]
            .iter()
            .any(|end| route.ends_with(end)))
}

/// Refuses a name from a path that no name can be.
fn check_name(what: &str, name: &str) -> Result<(), Problem> {
    if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        let message = format!("{what}: expected 1 to 100 bytes without control characters");
        return Err(Problem::invalid(vec![Flaw::new(what, message)]));
    }
    Ok(())
}
