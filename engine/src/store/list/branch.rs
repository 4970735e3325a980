//! The SQL of one walk: rows of one shape from one index, in the list's order.

use sqlx::{Postgres, QueryBuilder};

use super::bind_instant;
use super::drive::Branch;
use super::step::Meant;
use super::term;
use crate::cursor::Cursor;
use crate::filter::{Compare, Filter, SpanKey, Test, TextKey};
use crate::store::SHARD;

const PENDING: &str = "d.id, null::timestamptz as at, d.kind, d.queue, d.state, d.priority, d.run_at, d.attempt, \
     d.failed, d.crashes, null::timestamptz as ended_at";
const RUNNING: &str = "d.id, null::timestamptz as at, d.kind, d.queue, 'running'::engine.job_state as state, d.priority, \
     d.started_at as run_at, d.attempt, d.failed, d.crashes, null::timestamptz as ended_at, null::text as code, \
     null::text as error, null::text as fingerprint";
const ENDED: &str = "d.id, d.ended_at as at, d.kind, d.queue, d.state, d.priority, d.ended_at as run_at, d.attempt, d.failed, \
     d.crashes, d.ended_at, d.code, d.error, d.fingerprint";

/// Adds the walk of one branch: behind a place, of so many rows.
pub(super) fn push(
    query: &mut QueryBuilder<Postgres>,
    branch: &Branch,
    meant: Meant<'_>,
    (before, rows): (Option<Cursor>, i64),
) {
    let filter = meant.filter;
    let mut of = "d";
    match branch {
        Branch::Pending => {
            select_pending(query, filter);
            query.push(" where d.shard = ").push_bind(SHARD);
        }
        Branch::Running => {
            query.push(format!(
                "select {RUNNING} from engine.running d where d.shard = "
            ));
            query.push_bind(SHARD);
        }
        Branch::Ended => {
            query.push(format!(
                "select {ENDED} from engine.ended d where d.shard = "
            ));
            query.push_bind(SHARD);
        }
        Branch::Unfinished(state) => {
            query.push(format!(
                "select {ENDED} from engine.ended d where d.shard = "
            ));
            query.push_bind(SHARD);
            // Written out: the partial index is proven to fit from the text.
            query.push(format!(
                " and d.state = '{}' and d.state <> 'completed'",
                state.as_str()
            ));
            return by_end(query, meant, (before, rows));
        }
        Branch::Group(fingerprint) => {
            query.push(format!(
                "select {ENDED} from engine.ended d where d.shard = "
            ));
            query.push_bind(SHARD);
            query.push(" and d.state = 'dead' and d.fingerprint = ");
            query.push_bind(fingerprint.clone());
            return by_end(query, meant, (before, rows));
        }
        Branch::Job(_) | Branch::Parent(_) | Branch::Batch(_) | Branch::Key(_) | Branch::All => {
            of = "job";
            push_of_job(query, branch, meant);
        }
    }
    if let Some(before) = before {
        query.push(format!(" and {of}.id < ")).push_bind(before.key);
    }
    query.push(format!(" order by {of}.id desc limit {rows}"));
}

/// Jobs of `engine.job`, each with its place if that is asked for.
fn push_of_job(query: &mut QueryBuilder<Postgres>, branch: &Branch, meant: Meant<'_>) {
    query.push(
        // The id of the walked row itself: only of that is the order known.
        "select job.id, null::timestamptz as at, ",
    );
    if meant.as_of.is_some() || term::needs_place(meant.filter) {
        query.push(
            "s.kind, s.queue, s.state, s.priority, s.run_at, s.attempt, s.failed, s.crashes, s.ended_at, \
             s.code, s.error, s.fingerprint from engine.job job cross join lateral (",
        );
        push_places(query, meant.filter);
        query.push(") s where job.shard = ");
    } else {
        query.push("job.kind from engine.job job where job.shard = ");
    }
    query.push_bind(SHARD);
    match branch {
        Branch::Job(id) => query.push(" and job.id = ").push_bind(*id),
        Branch::Parent(id) => query.push(" and job.parent_id = ").push_bind(*id),
        Branch::Batch(id) => query.push(" and job.batch_id = ").push_bind(*id),
        Branch::Key(key) => query.push(" and job.unique_key = ").push_bind(key.clone()),
        _ => query,
    };
}

/// Wherever the job stands.
fn push_places(query: &mut QueryBuilder<Postgres>, filter: &Filter) {
    let of_job = |table: &str, columns: &str| {
        format!("select {columns} from engine.{table} d where d.shard = ")
    };
    query.push("select * from (");
    select_pending(query, filter);
    query.push(" where d.shard = ").push_bind(SHARD);
    query.push(" and d.id = job.id");
    query.push(" union all ").push(of_job("running", RUNNING));
    query.push_bind(SHARD).push(" and d.id = job.id");
    query.push(" union all ").push(of_job("ended", ENDED));
    query.push_bind(SHARD).push(" and d.id = job.id");
    query.push(") place offset 0");
}

/// A pending job's last failure stands with its attempt, which is looked at only if asked for.
fn select_pending(query: &mut QueryBuilder<Postgres>, filter: &Filter) {
    let is_asked = filter
        .terms()
        .iter()
        .any(|term| matches!(term.test, Test::Text(TextKey::Code | TextKey::Error, _)));
    query.push(format!("select {PENDING}, "));
    if is_asked {
        query.push(
            "a.code, a.error, null::text as fingerprint from engine.pending d \
             left join lateral (select code, error from engine.attempt \
             where shard = d.shard and job_id = d.id and attempt = d.attempt offset 0) a on true",
        );
    } else {
        query.push(
            "null::text as code, null::text as error, null::text as fingerprint from engine.pending d",
        );
    }
}

fn by_end(
    query: &mut QueryBuilder<Postgres>,
    meant: Meant<'_>,
    (before, rows): (Option<Cursor>, i64),
) {
    for term in meant.filter.terms().iter().filter(|term| !term.negated) {
        if let Test::Span(SpanKey::Ended, compare, span) = &term.test {
            query.push(format!(" and d.ended_at {} ", since(*compare)));
            meant.push_now(query);
            query.push(" - ");
            query.push_bind(i64::try_from(span.as_secs()).unwrap_or(i64::MAX));
            query.push(" * interval '1 second'");
        }
    }
    if let Some(before) = before {
        query.push(" and (d.ended_at, d.id) < (");
        bind_instant(query, before.at);
        query.push(", ").push_bind(before.key).push(")");
    }
    query.push(format!(" order by d.ended_at desc, d.id desc limit {rows}"));
}

/// Longer ago is an earlier instant.
pub(super) fn since(compare: Compare) -> &'static str {
    match compare {
        Compare::Equal => "=",
        Compare::More => "<",
        Compare::AtLeast => "<=",
        Compare::Less => ">",
        Compare::AtMost => ">=",
    }
}
