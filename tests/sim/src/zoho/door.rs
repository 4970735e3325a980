//! The vendor's endpoints: who may in, how often, and to what.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Form as Fields, FromRequest, Path, Query, Request, State as Shared};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, DATE, HOST};
use axum::middleware::map_response_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::json;

use super::config::{DataCentre, Scope};
use super::items::{Listing, written};
use super::oauth::{Asking, Form};
use super::reply;
use super::state::State;
use super::switches::{MissingItem, Switches, WrongOrganization};
use crate::locked::lock;
use crate::wire::Clock;

type Vendor = Shared<Arc<State>>;

pub(super) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/{centre}/oauth/v2/token", post(token))
        .route("/{centre}/inventory/v1/items", get(items))
        .route("/{centre}/inventory/v1/items/{id}", get(item))
        .route("/{centre}/inventory/v1/itemdetails", get(details))
        .route("/{centre}/inventory/v1/organizations", get(organizations))
        .fallback(async || reply::wrong_host())
        .layer(map_response_with_state(Arc::clone(&state), dated))
        .with_state(state)
}

async fn dated(Shared(state): Vendor, mut response: Response) -> Response {
    if state.now_switches().dates_by_own_clock {
        let now = Clock::instant(state.clock.now_s());
        let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let Ok(date) = date.parse() {
            response.headers_mut().insert(DATE, date);
        }
    }
    response
}

fn centre(word: &str) -> Option<DataCentre> {
    DataCentre::ALL
        .into_iter()
        .find(|centre| centre.word() == word)
}

async fn token(
    Shared(state): Vendor,
    Path(at): Path<String>,
    Query(query): Query<Form>,
    request: Request,
) -> Response {
    let host = request.headers().get(HOST).cloned();
    let host = host.as_ref().and_then(|host| host.to_str().ok());
    let Some(at) = centre(&at) else {
        return reply::wrong_host();
    };
    let api_domain = format!("http://{}/{}", host.unwrap_or_default(), at.word());
    let body = Fields::<Form>::from_request(request, &()).await;
    let form = query.or(body.map(|form| form.0).unwrap_or_default());
    let switches = state.now_switches();
    let asking = Asking {
        now: state.clock.elapsed(),
        at,
        api_domain,
        config: &state.config,
        switches: &switches,
    };
    lock(&state.desk).answer(&form, &asking)
}

/// A call that was let in, and counts as running until it is dropped.
struct Inside<'a> {
    state: &'a State,
    switches: Arc<Switches>,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        lock(&self.state.limits).leave();
    }
}

struct Caller<'a> {
    at: &'a str,
    headers: &'a HeaderMap,
    /// `None` for the call that needs none.
    organization: Option<Option<&'a String>>,
    scope: Scope,
}

impl State {
    fn let_in(&self, caller: &Caller) -> Result<Inside<'_>, Box<Response>> {
        let switches = self.now_switches();
        if centre(caller.at) != Some(self.config.data_centre) {
            return Err(Box::new(reply::wrong_host()));
        }
        let token = token_of(caller.headers, &switches);
        let known = lock(&self.desk).lets_in(token, self.clock.elapsed());
        // A missing scope and a dead token are told in the same words.
        if !known || !self.config.scopes.contains(&caller.scope) {
            return Err(Box::new(reply::unauthorized(switches.unauthorized_code)));
        }
        if caller
            .organization
            .is_some_and(|asked| asked != Some(&self.config.organization_id))
        {
            return Err(Box::new(wrong_organization(&switches)));
        }
        lock(&self.limits).enter(self.clock.elapsed(), &switches)?;
        Ok(Inside {
            state: self,
            switches,
        })
    }
}

fn token_of<'a>(headers: &'a HeaderMap, switches: &Switches) -> &'a str {
    let header = headers.get(AUTHORIZATION);
    let header = header.and_then(|value| value.to_str().ok()).unwrap_or("");
    let bearer = || {
        let token = header.strip_prefix("Bearer ");
        token.filter(|_| switches.accepts_bearer)
    };
    header
        .strip_prefix("Zoho-oauthtoken ")
        .or_else(bearer)
        .unwrap_or_default()
}

fn wrong_organization(switches: &Switches) -> Response {
    match switches.wrong_organization {
        WrongOrganization::Code4029 => application_error(
            switches,
            "organization",
            4029,
            "Invalid value passed for organization_id.",
        ),
        WrongOrganization::Code6041 => application_error(
            switches,
            "organization",
            6041,
            "This user is not associated with the CompanyID/CompanyName:0.",
        ),
    }
}

fn application_error(switches: &Switches, why: &'static str, code: u32, message: &str) -> Response {
    let status = if switches.errors_in_200 { 200 } else { 400 };
    reply::error(status, why, code, message)
}

async fn items(
    Shared(state): Vendor,
    Path(at): Path<String>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    static LISTINGS: AtomicU64 = AtomicU64::new(0);
    let caller = Caller {
        at: &at,
        headers: &headers,
        organization: Some(query.get("organization_id")),
        scope: Scope::ItemsRead,
    };
    let inside = match state.let_in(&caller) {
        Ok(inside) => inside,
        Err(refusal) => return *refusal,
    };
    let switches = &inside.switches;
    let listing = match Listing::read(&query, switches) {
        Ok(listing) => listing,
        Err(name) => {
            let message = format!("Invalid value passed for {name}");
            return application_error(switches, "parameter", 4, &message);
        }
    };
    if switches.takes_ms > 0 {
        tokio::time::sleep(Duration::from_millis(switches.takes_ms)).await;
    }
    state.listing_begins();
    let nth = LISTINGS.fetch_add(1, Ordering::Relaxed);
    reply::body(
        200,
        state.world(|world| listing.answer(world.items(), switches, nth)),
    )
}

async fn item(
    Shared(state): Vendor,
    Path((at, id)): Path<(String, String)>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let caller = Caller {
        at: &at,
        headers: &headers,
        organization: Some(query.get("organization_id")),
        scope: Scope::ItemsRead,
    };
    let inside = match state.let_in(&caller) {
        Ok(inside) => inside,
        Err(refusal) => return *refusal,
    };
    let switches = &inside.switches;
    let id = id.parse().unwrap_or(0);
    let found = state.world(|world| world.find(id).map(|item| written(item, switches, true)));
    match found {
        Some(item) => reply::body(
            200,
            format!("{{\"code\":0,\"message\":\"success\",\"item\":{item}}}"),
        ),
        None => missing(switches),
    }
}

fn missing(switches: &Switches) -> Response {
    let (status, code, message) = match switches.missing_item {
        MissingItem::Http404Code1002 => (404, 1002, "Item does not exist."),
        MissingItem::Http400Code1002 => (400, 1002, "Item does not exist."),
        MissingItem::Http400Code2006 => (400, 2006, "The item is invalid."),
    };
    let status = if switches.errors_in_200 { 200 } else { status };
    reply::error(status, "missing", code, message)
}

async fn details(
    Shared(state): Vendor,
    Path(at): Path<String>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let caller = Caller {
        at: &at,
        headers: &headers,
        organization: Some(query.get("organization_id")),
        scope: Scope::ItemsRead,
    };
    let inside = match state.let_in(&caller) {
        Ok(inside) => inside,
        Err(refusal) => return *refusal,
    };
    let ids = query
        .get("item_ids")
        .map(String::as_str)
        .unwrap_or_default();
    let ids: Vec<u64> = ids.split(',').filter_map(|id| id.parse().ok()).collect();
    let rows: Vec<String> = state.world(|world| {
        let found = ids.iter().filter_map(|id| world.find(*id));
        found
            .map(|item| written(item, &inside.switches, true))
            .collect()
    });
    let rows = rows.join(",");
    let text = format!("{{\"code\":0,\"message\":\"success\",\"items\":[{rows}]}}");
    reply::body(200, text)
}

/// The one call without an organisation.
async fn organizations(
    Shared(state): Vendor,
    Path(at): Path<String>,
    headers: HeaderMap,
    _body: Bytes,
) -> Response {
    let caller = Caller {
        at: &at,
        headers: &headers,
        organization: None,
        scope: Scope::SettingsRead,
    };
    let _inside = match state.let_in(&caller) {
        Ok(inside) => inside,
        Err(refusal) => return *refusal,
    };
    let body = json!({"code": 0, "message": "success", "organizations": [{
        "organization_id": state.config.organization_id,
        "name": "Simulated Trading Ltd",
        "time_zone": "Africa/Harare",
        "currency_code": "USD",
        "is_default_org": true,
    }]});
    reply::body(200, body.to_string())
}
