//! `/metrics`, on a listener of its own so that it is not on the internet by mistake.
//!
//! Counters and histograms come from the process's recorder. What only the database knows (depth,
//! age, dead letters, workers, alerts) is read when somebody asks, at most once in five seconds: so
//! it is never stale and a queue that is gone leaves no ghost, and a scraper in a loop costs little.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{FrontOptions, serve};

const FRESH: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(2);
/// The recorder drains its histograms only when told to.
const UPKEEP: Duration = Duration::from_secs(5);

/// Makes the process's metrics recorder; call it once, before anything records.
///
/// # Errors
/// When the process has a recorder already.
pub fn install_recorder() -> Result<PrometheusHandle, BuildError> {
    // From a claim in milliseconds to a job of an hour.
    const SECONDS: &[f64] = &[
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
        300.0, 3600.0,
    ];
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .install_recorder()
}

/// Serves `/metrics` until `stop` is cancelled.
///
/// # Errors
/// None today once the listener is bound.
pub async fn serve_metrics(
    listener: TcpListener,
    handle: PrometheusHandle,
    client: engine::Client,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let upkeep = handle.clone();
    let database = Arc::new(Database {
        client,
        last: Mutex::default(),
    });
    let answer = move || {
        let (handle, database) = (handle.clone(), Arc::clone(&database));
        async move {
            let text = handle.render() + &database.text().await;
            (
                [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
                text,
            )
                .into_response()
        }
    };
    let app = Router::new().route("/metrics", get(answer));
    let options = FrontOptions {
        connections: 100,
        ..FrontOptions::default()
    };
    let drain = async {
        let mut rounds = tokio::time::interval(UPKEEP);
        loop {
            tokio::select! {
                _ = rounds.tick() => upkeep.run_upkeep(),
                () = stop.cancelled() => return,
            }
        }
    };
    let connections = serve::accept(listener, app, &options, drain).await;
    // A scrape is short, and nothing is lost with it.
    let _ = tokio::time::timeout(PATIENCE, connections.shutdown()).await;
    Ok(())
}

/// What only the database knows.
struct Database {
    client: engine::Client,
    last: Mutex<Option<(Instant, String)>>,
}

impl Database {
    async fn text(&self) -> String {
        let mut last = self.last.lock().await;
        if let Some((at, text)) = &*last
            && at.elapsed() < FRESH
        {
            return text.clone();
        }
        let client = self.client.clone();
        // In a task of its own: a query must not be dropped halfway when we lose patience.
        let look = tokio::spawn(async move { read(&client).await });
        let text = match tokio::time::timeout(PATIENCE, look).await {
            Ok(Ok(Ok(text))) => {
                format!("# TYPE lockstep_database_up gauge\nlockstep_database_up 1\n{text}")
            }
            _ => "# TYPE lockstep_database_up gauge\nlockstep_database_up 0\n".to_owned(),
        };
        *last = Some((Instant::now(), text.clone()));
        text
    }
}

async fn read(client: &engine::Client) -> Result<String, jobs::Error> {
    let (queues, workers, alerts) = (
        client.queues().await?,
        client.workers_alive().await?,
        jobs::alert::list(client).await?,
    );
    let mut text = Text::default();
    text.family(
        "lockstep_queue_depth",
        "Jobs that have not ended, by queue and state.",
    );
    for queue in &queues {
        let states = [
            ("available", queue.available),
            ("scheduled", queue.scheduled),
            ("running", queue.running),
            ("waiting", queue.waiting),
        ];
        for (state, count) in states {
            text.sample(&[("queue", &queue.name), ("state", state)], count as f64);
        }
    }
    text.family(
        "lockstep_queue_oldest_age_seconds",
        "How long the oldest due job has waited.",
    );
    for queue in &queues {
        text.sample(&[("queue", &queue.name)], queue.oldest_age_s.unwrap_or(0.0));
    }
    text.family("lockstep_queue_paused", "1 while the queue is paused.");
    for queue in &queues {
        text.sample(
            &[("queue", &queue.name)],
            f64::from(u8::from(queue.paused_at.is_some())),
        );
    }
    text.family(
        "lockstep_dead_jobs",
        "Jobs given up, not yet replayed or deleted.",
    );
    for queue in &queues {
        text.sample(&[("queue", &queue.name)], queue.dead as f64);
    }
    text.family(
        "lockstep_workers_alive",
        "Worker processes seen within the last minute.",
    );
    text.sample(&[], workers as f64);
    text.family(
        "lockstep_alerts",
        "Things a person should look at now, by rule.",
    );
    let mut rules: Vec<_> = alerts.iter().map(|alert| alert.alert.as_str()).collect();
    rules.sort_unstable();
    for same in rules.chunk_by(|one, other| one == other) {
        text.sample(&[("alert", same[0])], same.len() as f64);
    }
    limits(client, &mut text).await?;
    Ok(text.text)
}

/// What limits the fleet towards its remotes.
async fn limits(client: &engine::Client, text: &mut Text) -> engine::Result<()> {
    let (budgets, breakers) = (client.budgets().await?, client.breakers().await?);
    text.family(
        "lockstep_budget_tokens",
        "Tokens that may be taken now; below 0 while calls wait for theirs.",
    );
    for budget in &budgets {
        if let Some(tokens) = budget.tokens {
            text.sample(&[("budget", &budget.key)], tokens);
        }
    }
    text.family(
        "lockstep_budget_refill_per_second",
        "Tokens counted on each second.",
    );
    for budget in &budgets {
        text.sample(&[("budget", &budget.key)], budget.refill_now_per_s);
    }
    text.family(
        "lockstep_budget_blocked",
        "1 while a refusal keeps everybody from calling.",
    );
    for budget in &budgets {
        let blocked = budget.blocked_until.is_some();
        text.sample(&[("budget", &budget.key)], f64::from(u8::from(blocked)));
    }
    text.family(
        "lockstep_breaker_open",
        "1 while jobs of the connection are put off, 0.5 while a probe tries it.",
    );
    for breaker in &breakers {
        let value = match breaker.state {
            engine::BreakerState::Closed => 0.0,
            engine::BreakerState::HalfOpen => 0.5,
            engine::BreakerState::Open => 1.0,
        };
        text.sample(&[("connection", &breaker.connection)], value);
    }
    Ok(())
}

/// The Prometheus text format.
#[derive(Default)]
struct Text {
    text: String,
    name: &'static str,
}

impl Text {
    fn family(&mut self, name: &'static str, help: &str) {
        self.name = name;
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge");
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        let escape = |value: &str| {
            value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n")
        };
        let labels: Vec<_> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        let _ = writeln!(self.text, "{}{labels} {value}", self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_break_out_of_its_quotes() {
        let mut text = Text::default();
        text.family("x", "Help.");
        text.sample(&[("queue", "a\"} 1\nevil{b=\"\\")], 2.0);

        assert_eq!(
            text.text,
            "# HELP x Help.\n# TYPE x gauge\nx{queue=\"a\\\"} 1\\nevil{b=\\\"\\\\\"} 2\n"
        );
    }
}
