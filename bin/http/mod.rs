//! The HTTP API: everything the CLI can do, for programs, and the paths that today's callers of the
//! replaced systems use.
//!
//! A request passes, from the outside in: `finish` (request id, headers, every error as
//! `application/problem+json`), `door` (load, time, one task a request, so that a caller who hangs
//! up never cuts a database call in two), `access` (token and scope, read from the OpenAPI
//! document itself, so that what is documented is what is enforced; and `rate`, how often), and its
//! handler in `api`.

mod access;
mod api;
mod door;
mod extract;
mod finish;
mod headers;
mod health;
pub(crate) mod json;
mod kept;
mod known;
mod metrics;
mod number;
mod openapi;
mod page;
mod problem;
mod proxy;
mod rate;
mod serve;
mod state;
pub mod token;

pub use metrics::{install_recorder, serve_metrics};
pub use openapi::document;
pub use proxy::{BadCidr, Cidr};
pub use serve::{serve, serve_app};
pub use state::{FrontOptions, FrontState};

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};

/// Where the API lives.
pub(crate) const BASE: &str = "/api/v1";

/// All routes of the API, with health. Add the routes of others with [`Router::merge`].
pub fn router(state: FrontState) -> Router {
    let (routes, document) = api::routes(&state.options).split_for_parts();
    let locks = Arc::new(access::Locks::of(&document));
    let locked = routes.route_layer(from_fn_with_state((state.clone(), locks), access::guard));
    let inside = from_fn_with_state(state.clone(), door::door);
    let open = Router::new()
        .merge(Router::from(openapi::routes()))
        .merge(problem::routes())
        .fallback(finish::nothing_here)
        .layer(from_fn_with_state(state.clone(), rate::strangers));
    Router::new()
        .merge(locked.layer(inside))
        .merge(open)
        .merge(Router::from(health::routes()))
        .layer(from_fn_with_state(state.clone(), proxy::see_through))
        .layer(from_fn(finish::finish))
        .with_state(state)
}
