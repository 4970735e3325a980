//! What each term means in SQL: a condition on a walked row `w` or its job `j`. Values are bound;
//! only words of this file are text.

use sqlx::{Postgres, QueryBuilder};

use super::branch::since;
use super::step::Meant;
use crate::filter::{Compare, CountKey, Filter, IdKey, Labels, SpanKey, Term, Test, TextKey};

/// True when a term asks for what only `engine.job` has.
pub(super) fn needs_job(filter: &Filter) -> bool {
    filter.terms().iter().any(|term| match &term.test {
        Test::Text(TextKey::Tag | TextKey::Key | TextKey::Partition, _)
        | Test::Id(IdKey::Parent | IdKey::Batch, _)
        | Test::Span(SpanKey::Age, ..)
        | Test::Args { .. } => true,
        Test::State(_) | Test::Kind(_) | Test::Text(..) | Test::Id(..) | Test::Count(..) => false,
        Test::Span(SpanKey::Ended, ..) => false,
    })
}

/// True when a term asks for what only a job's place has: pending, running or ended.
pub(super) fn needs_place(filter: &Filter) -> bool {
    let asks = |term: &Term| match &term.test {
        Test::Text(TextKey::Tag | TextKey::Key | TextKey::Partition, _)
        | Test::Id(..)
        | Test::Kind(_)
        | Test::Span(SpanKey::Age, ..)
        | Test::Args { .. } => false,
        Test::State(_) | Test::Text(..) | Test::Count(..) | Test::Span(SpanKey::Ended, ..) => true,
    };
    filter.labels() != Labels::ALL || filter.terms().iter().any(asks)
}

/// Adds the condition that all terms hold.
pub(super) fn push(query: &mut QueryBuilder<Postgres>, meant: Meant<'_>) {
    query.push("true");
    push_labels(query, meant);
    for term in meant.filter.terms() {
        if matches!(term.test, Test::State(_)) {
            continue;
        }
        query.push(" and (");
        push_term(query, term, meant);
        // What is not known is no match, and so meets the negation.
        query.push(if term.negated {
            ") is not true"
        } else {
            ") is true"
        });
    }
}

fn push_labels(query: &mut QueryBuilder<Postgres>, meant: Meant<'_>) {
    let labels = meant.filter.labels();
    if labels == Labels::ALL {
        return;
    }
    let words = [
        (
            Labels::READY,
            "w.state = 'available' and w.failed = 0 and w.run_at <= ",
        ),
        (
            Labels::SCHEDULED,
            "w.state = 'available' and w.failed = 0 and w.run_at > ",
        ),
        (Labels::RETRYING, "w.state = 'available' and w.failed > 0"),
        (Labels::WAITING, "w.state = 'waiting'"),
        (Labels::RUNNING, "w.state = 'running'"),
        (Labels::COMPLETED, "w.state = 'completed'"),
        (Labels::CANCELLED, "w.state = 'cancelled'"),
        (Labels::DEAD, "w.state = 'dead'"),
    ];
    query.push(" and (false");
    for (label, words) in words {
        if labels.meets(label) {
            query.push(format!(" or ({words}"));
            if Labels::READY.or(Labels::SCHEDULED).meets(label) {
                meant.push_now(query);
            }
            query.push(")");
        }
    }
    query.push(")");
}

fn push_term(query: &mut QueryBuilder<Postgres>, term: &Term, meant: Meant<'_>) {
    match &term.test {
        Test::State(_) => {}
        Test::Kind(kinds) => push_kinds(query, kinds),
        Test::Text(key, values) => push_text(query, *key, values),
        Test::Id(key, ids) => {
            let column = match key {
                IdKey::Id => "w.id",
                IdKey::Parent => "j.parent_id",
                IdKey::Batch => "j.batch_id",
            };
            query.push(format!("{column} = any("));
            query.push_bind(ids.clone()).push(")");
        }
        Test::Count(key, compare, number) => {
            let column = match key {
                CountKey::Attempt => "w.attempt",
                CountKey::Failed => "w.failed",
                CountKey::Crashes => "w.crashes",
                CountKey::Priority => "w.priority",
            };
            let compare = match compare {
                Compare::Equal => "=",
                other => other.as_str(),
            };
            query
                .push(format!("{column} {compare} "))
                .push_bind(*number);
        }
        Test::Span(key, compare, span) => {
            let column = match key {
                SpanKey::Age => "j.created_at",
                SpanKey::Ended => "w.ended_at",
            };
            query.push(format!("{column} {} ", since(*compare)));
            meant.push_now(query);
            query.push(" - ");
            query.push_bind(i64::try_from(span.as_secs()).unwrap_or(i64::MAX));
            query.push(" * interval '1 second'");
        }
        Test::Args { path, values } => {
            query.push("j.args #> ").push_bind(path.clone());
            query.push(" = any(").push_bind(either_way(values));
            query.push("::text[]::jsonb[])");
        }
    }
}

fn push_text(query: &mut QueryBuilder<Postgres>, key: TextKey, values: &[String]) {
    match key {
        TextKey::Error => {
            let patterns: Vec<String> = values.iter().map(|v| format!("%{}%", escape(v))).collect();
            query
                .push("w.error ilike any(")
                .push_bind(patterns)
                .push(")");
        }
        TextKey::Tag => {
            query.push("j.tags && ").push_bind(values.to_vec());
        }
        _ => {
            let column = match key {
                TextKey::Queue => "w.queue",
                TextKey::Code => "w.code",
                TextKey::Fingerprint => "w.fingerprint",
                TextKey::Key => "j.unique_key",
                TextKey::Partition => "j.partition_key",
                TextKey::Tag => "j.tags",
                TextKey::Error => "w.error",
            };
            query.push(format!("{column} = any("));
            query.push_bind(values.to_vec()).push(")");
        }
    }
}

fn push_kinds(query: &mut QueryBuilder<Postgres>, kinds: &[String]) {
    let mut exact = Vec::new();
    let mut patterns = Vec::new();
    for kind in kinds {
        match kind.strip_suffix('*') {
            Some(prefix) => patterns.push(format!("{}%", escape(prefix))),
            None => exact.push(kind.clone()),
        }
    }
    query.push("w.kind = any(").push_bind(exact);
    query.push(") or w.kind like any(").push_bind(patterns);
    query.push(")");
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}

/// Each value as JSON text, and as itself where it is a number, `true`, `false` or `null`: people do
/// not know which of the two a remote sent.
fn either_way(values: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for value in values {
        all.push(serde_json::Value::String(value.clone()).to_string());
        if let Ok(parsed) = serde_json::from_str::<serde_json::Value>(value)
            && !parsed.is_string()
            && !parsed.is_array()
            && !parsed.is_object()
        {
            all.push(value.clone());
        }
    }
    all
}
