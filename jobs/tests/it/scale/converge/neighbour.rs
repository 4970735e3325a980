//! Neighbour: another connection on the same workers, whose jobs must not wait for the first one's (I13).

use std::time::Duration;

use jobs::creatio::sync_lead_of;
use sim::creatio::{Config, Simulator};
use uuid::Uuid;

use super::crew::{NEIGHBOUR, REFILL};
use crate::creatio::support::{CREATIO, House, authorise, connections, declared};

/// What a job of the neighbour's may wait for its start in 19 of 20 cases, whatever waits of the other's.
pub(super) const BOUND_MS: f64 = 2_000.0;
/// How long a job of his may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn move_in(house: &House) -> Simulator {
    let vendor = Simulator::start(Config::empty()).await.unwrap();
    let urls = (vendor.url(), vendor.identity_url());
    let known = connections(house.engine(), vec![declared(NEIGHBOUR, urls, REFILL)]);
    authorise(&known, NEIGHBOUR, &house.database, &vendor).await;
    vendor
}

/// What jobs of the neighbour's waited for their start in 19 of 20 cases, in milliseconds, while the other connection
/// had all of its leads waiting.
pub(super) async fn delay_ms(house: &House, count: i32) -> f64 {
    let leads: Vec<Uuid> = sqlx::query_scalar(
        "insert into sync.lead (connection, contact_name, email) \
         select $1, 'Guest', 'guest' || n || '@inn.example' from generate_series(1, $2) n returning id",
    )
    .bind(NEIGHBOUR)
    .bind(count)
    .fetch_all(&house.env.pool)
    .await
    .unwrap();
    let crowd: Vec<Uuid> = sqlx::query_scalar("select id from sync.lead where connection = $1")
        .bind(CREATIO)
        .fetch_all(&house.env.pool)
        .await
        .unwrap();
    for id in crowd {
        let job = sync_lead_of(CREATIO, id, "soak");
        house.engine().enqueue(job).await.unwrap();
    }
    let mut jobs = Vec::new();
    for id in leads {
        let job = sync_lead_of(NEIGHBOUR, id, "soak");
        let id = house.engine().enqueue(job).await.unwrap().id;
        house.engine().wait(id, PATIENCE).await.unwrap();
        jobs.push(id);
    }
    let mut delays: Vec<f64> = sqlx::query_scalar(
        "select (extract(epoch from e.started_at - j.created_at) * 1000)::float8 \
         from engine.ended e join engine.job j on j.id = e.id where e.id = any($1)",
    )
    .bind(&jobs)
    .fetch_all(&house.env.pool)
    .await
    .unwrap();
    assert_eq!(
        delays.len(),
        jobs.len(),
        "a job of the neighbour's did not end (I13)"
    );
    delays.sort_by(f64::total_cmp);
    delays[(delays.len() - 1) * 19 / 20]
}
