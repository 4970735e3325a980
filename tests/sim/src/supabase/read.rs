//! Answering with rows: the part that was asked for, what the cap leaves of it, and the header that
//! says which part it is.

use axum::http::header::{ACCEPT, CONTENT_RANGE, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use super::keys::Role;
use super::prefer::Prefer;
use super::query::Query;
use super::reply::{Fault, body_of};
use super::switches::Switches;
use super::table::{Row, Table};

const ONE_OBJECT: &str = "application/vnd.pgrst.object+json";

/// What a listing depends on besides its table.
pub(super) struct Reading<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) role: Role,
    pub(super) prefer: &'a Prefer,
    pub(super) switches: &'a Switches,
}

pub(super) fn list(table: &Table, query: &Query, reading: &Reading) -> Result<Response, Fault> {
    // Row-level security hides rows: what may not be seen is not there, and no error.
    let visible = reading.role == Role::Service;
    let found = match query.text_of_a_key() {
        Some((column, text)) => query.matching(table.rows_with(column, text).filter(|_| visible)),
        None => query.matching(table.rows.iter().filter(|_| visible)),
    };
    let total = found.len();
    let counted = reading.prefer.count && reading.switches.counts;
    if counted && query.offset > total {
        let details = format!(
            "An offset of {} was requested, but there are only {total} rows.",
            query.offset
        );
        let fault = Fault::new("PGRST103", "Requested range not satisfiable").details(details);
        return Err(fault);
    }
    let cap = reading.switches.max_rows;
    let most = [query.limit, cap].into_iter().flatten().min();
    let part = found.into_iter().skip(query.offset);
    let part: Vec<&Row> = part.take(most.unwrap_or(usize::MAX)).collect();
    let rows: Vec<String> = part.iter().map(|row| query.json_of(table, row)).collect();
    let mut reply = body(&rows, reading.headers)?;
    let is_part = counted && rows.len() < total;
    if is_part {
        *reply.status_mut() = axum::http::StatusCode::PARTIAL_CONTENT;
    }
    let total = if counted {
        total.to_string()
    } else {
        "*".to_owned()
    };
    let range = match rows.len() {
        0 => format!("*/{total}"),
        count => format!("{}-{}/{total}", query.offset, query.offset + count - 1),
    };
    if reading.switches.content_range {
        put(&mut reply, CONTENT_RANGE.as_str(), &range);
    }
    applied(&mut reply, reading.prefer);
    Ok(reply)
}

/// Rows as an array, or as the one object that they must then be.
pub(super) fn body(rows: &[String], headers: &HeaderMap) -> Result<Response, Fault> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let accept = accept.unwrap_or("*/*");
    if accept.contains(ONE_OBJECT) {
        let [row] = rows else {
            let message = "Cannot coerce the result to a single JSON object";
            let details = format!("The result contains {} rows", rows.len());
            return Err(Fault::new("PGRST116", message).details(details));
        };
        let mut reply = body_of(200, row.clone());
        put(
            &mut reply,
            CONTENT_TYPE.as_str(),
            "application/vnd.pgrst.object+json; charset=utf-8",
        );
        return Ok(reply);
    }
    if !accept.contains("json") && !accept.contains("*/*") {
        let message = format!("None of these media types are available: {accept}");
        return Err(Fault::new("PGRST107", message));
    }
    Ok(body_of(200, format!("[{}]", rows.join(",\n "))))
}

pub(super) fn applied(reply: &mut Response, prefer: &Prefer) {
    if let Some(applied) = prefer.applied() {
        put(reply, "preference-applied", &applied);
    }
}

pub(super) fn put(reply: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}
