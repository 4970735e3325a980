//! What the HTTP API does for many clients at once: each holds a connection and asks at a steady rate,
//! on time, however late the answer before came.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{Method, Request};
use clap::Args;
use engine::Job as _;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::jobs::{self, Noop, QUEUE};
use super::quantile;
use crate::app::{App, Session};
use crate::http::token::mint;
use crate::http::{FrontOptions, FrontState, serve};
use crate::output::Row;

/// The largest answer: a page of fifty jobs takes 40 KB.
const LARGEST: usize = 16 * 1024 * 1024;

/// How many ask, and how often.
#[derive(Debug, Args)]
pub(crate) struct Api {
    /// Clients, each with a connection of its own
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=9_000))]
    clients: u32,
    /// Milliseconds from one question of a client to its next; 0 to ask again at once
    #[arg(long, default_value_t = 1_000)]
    every_ms: u64,
    /// How long they ask
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
}

/// What clients ask, and in which order: three pages of jobs, a job, a new job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    List,
    Show,
    Enqueue,
}

const TURNS: [Ask; 5] = [Ask::List, Ask::Show, Ask::List, Ask::Enqueue, Ask::List];

impl Ask {
    fn name(self) -> &'static str {
        match self {
            Ask::List => "GET /jobs",
            Ask::Show => "GET /jobs/{id}",
            Ask::Enqueue => "POST /jobs",
        }
    }
}

/// How long answers took, from when they were due to be asked for.
#[derive(Debug, Serialize)]
pub(super) struct Served {
    ask: &'static str,
    answers: usize,
    per_second: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    worst_ms: Option<f64>,
    /// Answers other than 2xx.
    refused: usize,
}

impl Row for Served {
    const COLUMNS: &'static [&'static str] = &[
        "ASK", "ANSWERS", "PER_S", "P50_MS", "P99_MS", "WORST_MS", "REFUSED",
    ];

    fn cells(&self) -> Vec<String> {
        let ms =
            |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.1}"));
        vec![
            self.ask.into(),
            self.answers.to_string(),
            format!("{:.0}", self.per_second),
            ms(self.p50_ms),
            ms(self.p99_ms),
            ms(self.worst_ms),
            self.refused.to_string(),
        ]
    }

    fn name(&self) -> String {
        self.ask.into()
    }
}

/// One answer.
struct Answered {
    ask: Ask,
    ms: f64,
    is_good: bool,
}

/// Serves the API on a port of its own, and asks it.
pub(super) async fn ask(app: &App, session: &Session, how: &Api) -> anyhow::Result<Vec<Served>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let options = FrontOptions {
        requests_per_minute: 0,
        anonymous_requests_per_minute: 0,
        ..FrontOptions::default()
    };
    let front = FrontState::new(session.client.clone(), session.env.clone(), options);
    let stop = CancellationToken::new();
    let scopes = ["jobs:read", "jobs:write"].map(str::to_owned);
    let life = Duration::from_secs(how.seconds + 600);
    let minted = mint(&session.client, "bench", &scopes, Some(life), &app.actor()).await?;
    let server = tokio::spawn(serve(listener, front, stop.clone()));
    let asked = crowd(address, &minted.token, how).await;
    stop.cancel();
    let client = &session.client;
    client.revoke_token(&minted.id, &app.actor()).await?;
    server.await??;
    // Only ended jobs are forgotten, also those of a client that met an error.
    jobs::run_out(client).await?;
    let (answered, seconds) = asked?;
    let served = [Ask::List, Ask::Show, Ask::Enqueue];
    Ok(served.map(|ask| sum(ask, &answered, seconds)).into())
}

fn sum(ask: Ask, answered: &[Answered], seconds: f64) -> Served {
    let of_it: Vec<_> = answered.iter().filter(|one| one.ask == ask).collect();
    let mut spans: Vec<f64> = of_it.iter().map(|one| one.ms).collect();
    spans.sort_by(f64::total_cmp);
    Served {
        ask: ask.name(),
        answers: spans.len(),
        per_second: spans.len() as f64 / seconds,
        p50_ms: quantile(&spans, 0.5),
        p99_ms: quantile(&spans, 0.99),
        worst_ms: spans.last().copied(),
        refused: of_it.iter().filter(|one| !one.is_good).count(),
    }
}

/// All clients, until the time is over, and how many seconds that took. They connect before it begins.
async fn crowd(
    address: std::net::SocketAddr,
    token: &SecretString,
    how: &Api,
) -> anyhow::Result<(Vec<Answered>, f64)> {
    let bearer = format!("Bearer {}", token.expose_secret());
    let mut visitors = Vec::new();
    for _ in 0..how.clients {
        visitors.push(Visitor::connect(address, &bearer).await?);
    }
    let begun = Instant::now();
    let end = begun + Duration::from_secs(how.seconds);
    let every = Duration::from_millis(how.every_ms);
    let mut all = JoinSet::new();
    for (place, visitor) in (0_u32..).zip(visitors) {
        // Spread evenly: nobody's second begins with everybody's.
        let first = begun + every * place / how.clients;
        let turn = place as usize % TURNS.len();
        all.spawn(visitor.ask_until(first, end, every, turn));
    }
    let mut answered = Vec::new();
    while let Some(done) = all.join_next().await {
        answered.extend(done.context("a client panicked")??);
    }
    Ok((answered, begun.elapsed().as_secs_f64()))
}

/// A client with its connection.
struct Visitor {
    sender: SendRequest<Body>,
    host: String,
    bearer: String,
    /// A job that a list has shown.
    job: Option<String>,
}

impl Visitor {
    async fn connect(address: std::net::SocketAddr, bearer: &str) -> anyhow::Result<Visitor> {
        let stream = TcpStream::connect(address)
            .await
            .context("cannot connect: is the limit of open files (ulimit -n) too low?")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Visitor {
            sender,
            host: address.to_string(),
            bearer: bearer.to_owned(),
            job: None,
        })
    }

    async fn ask_until(
        mut self,
        first: Instant,
        end: Instant,
        every: Duration,
        mut turn: usize,
    ) -> anyhow::Result<Vec<Answered>> {
        let mut answered = Vec::new();
        let mut due = first;
        while due < end {
            tokio::time::sleep_until(due).await;
            let ask = TURNS[turn % TURNS.len()];
            let is_good = self.ask(ask).await?;
            let ms = due.elapsed().as_secs_f64() * 1_000.0;
            answered.push(Answered { ask, ms, is_good });
            due = match every.is_zero() {
                true => Instant::now(),
                false => due + every,
            };
            turn += 1;
        }
        Ok(answered)
    }

    /// True for an answer of 2xx.
    async fn ask(&mut self, ask: Ask) -> anyhow::Result<bool> {
        let (method, path, body) = match (ask, &self.job) {
            (Ask::Show, Some(job)) => (Method::GET, format!("/api/v1/jobs/{job}"), Body::empty()),
            (Ask::Enqueue, _) => {
                let order = json!({
                    "kind": Noop::KIND, "queue": QUEUE, "args": {"n": 0}, "unknown_kind": true,
                });
                (
                    Method::POST,
                    "/api/v1/jobs".to_owned(),
                    Body::from(order.to_string()),
                )
            }
            _ => (Method::GET, "/api/v1/jobs".to_owned(), Body::empty()),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host)
            .header(AUTHORIZATION, &self.bearer)
            .header(CONTENT_TYPE, "application/json")
            .body(body)?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let is_good = answer.status().is_success();
        let body = to_bytes(Body::new(answer.into_body()), LARGEST).await?;
        if is_good && self.job.is_none() && ask == Ask::List {
            let page: serde_json::Value = serde_json::from_slice(&body)?;
            self.job = page["data"][0]["id"].as_str().map(str::to_owned);
        }
        ensure!(
            answered_whole(&body),
            "an answer that is no JSON came from the API"
        );
        Ok(is_good)
    }
}

fn answered_whole(body: &[u8]) -> bool {
    body.first() == Some(&b'{') && body.last() == Some(&b'}')
}
