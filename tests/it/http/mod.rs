//! The HTTP API, asked as callers ask it: a real server on a port of its own, a real Postgres.

mod access;
mod audit;
mod bulk;
mod companies;
mod connections;
mod crm;
mod document;
mod dry;
mod eras;
mod flows;
mod health;
mod input;
mod job;
mod limits;
mod logs;
mod numbers;
mod operations;
mod overview;
mod packages;
mod pages;
mod products;
mod rates;
mod reading;
mod sync;

use std::time::Duration;

use ::jobs::Env;
use ::jobs::connection::Connections;
use connectors::reach::Reach;
use engine::testing::Database;
use engine::{Actor, Client};
use lockstep::http::{self, FrontOptions, FrontState};
use reqwest::{Method, RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Kinds that a worker has registered once, and none runs.
const KINDS: [&str; 9] = [
    "a.b",
    "demo.a",
    "demo.greet",
    "demo.link",
    "demo.nobody",
    "demo.other",
    "demo.part",
    "demo.sum",
    "other.b",
];

/// A server with a database of its own.
struct Front {
    database: Database,
    address: std::net::SocketAddr,
    http: reqwest::Client,
    admin: String,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Front {
    /// One that counts no requests: most tests ask more often than a caller should.
    async fn start() -> Front {
        let options = FrontOptions {
            requests_per_minute: 0,
            anonymous_requests_per_minute: 0,
            ..FrontOptions::default()
        };
        Front::start_with(options).await
    }

    async fn start_with(options: FrontOptions) -> Front {
        Front::start_over(options, |client| {
            Connections::new(client.clone(), Vec::new(), Reach::default(), None)
        })
        .await
    }

    /// One with connections of its own.
    async fn start_over(
        options: FrontOptions,
        connections: impl FnOnce(&Client) -> Connections,
    ) -> Front {
        let database = jobs::testing::database().await;
        sqlx::query("insert into engine.kind (name) select unnest($1::text[])")
            .bind(KINDS)
            .execute(database.pool())
            .await
            .expect("kinds that some worker has registered");
        let env = Env {
            pool: database.pool().clone(),
            connections: connections(database.client()),
        };
        let state = FrontState::new(database.client().clone(), env, options);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let stop = CancellationToken::new();
        let task = tokio::spawn(http::serve(listener, state, stop.clone()));
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .build()
            .expect("a client");
        let admin = mint(database.client(), "admin", &["admin"]).await;
        Front {
            database,
            address,
            http,
            admin,
            stop,
            task,
        }
    }

    fn client(&self) -> &Client {
        self.database.client()
    }

    async fn token(&self, scopes: &[&str]) -> String {
        mint(self.client(), "some", scopes).await
    }

    /// A request without a token.
    fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("http://{}{path}", self.address))
    }

    /// A request by somebody who may do everything. `path` is below `/api/v1`.
    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, &format!("/api/v1{path}"))
            .bearer_auth(&self.admin)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        read(send(self.ask(Method::GET, path)).await).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        read(send(self.ask(Method::POST, path).json(&body)).await).await
    }

    /// Enqueues a job that nobody runs and returns its id.
    async fn enqueue(&self, body: Value) -> String {
        let (status, answer) = self.post("/jobs", body).await;
        assert_eq!(status, 201, "{answer}");
        text(&answer["id"])
    }

    /// Stops the server in good order.
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("server task").expect("server");
    }
}

pub(crate) async fn mint(client: &Client, name: &str, scopes: &[&str]) -> String {
    let scopes: Vec<_> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let actor = Actor::new("test", "test");
    let minted = http::token::mint(client, name, &scopes, None, &actor)
        .await
        .expect("a token");
    minted.token.expose_secret().to_owned()
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

/// Status and body; null for an empty body.
async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    let body = if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    };
    (status, body)
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
}

/// Asks until the answer is yes.
async fn eventually<F: Future<Output = bool>>(what: &str, mut question: impl FnMut() -> F) {
    let asked = tokio::time::timeout(PATIENCE, async {
        let mut rounds = tokio::time::interval(Duration::from_millis(10));
        while !question().await {
            rounds.tick().await;
        }
    });
    asked
        .await
        .unwrap_or_else(|_| panic!("never came true: {what}"));
}
