//! A remote that is down for everybody: jobs wait for it and are not spent on it.

use engine::{BreakerState, State};
use jobs::soundtrack::CONNECTION;
use sim::soundtrack::{Fault, FaultKind};

use crate::support::House;

#[tokio::test]
async fn a_remote_that_is_down_opens_its_breaker_and_a_persons_close_lets_the_jobs_through() {
    let house = House::new().await;
    let mut companies = Vec::new();
    for _ in 0..5 {
        companies.push(house.company_with(1).await.0);
    }
    house
        .remote
        .inject(Fault::new(FaultKind::HttpStatus { status: 503 }).times(5));
    let (late, account) = house.company_with(2).await;
    let mut jobs = Vec::new();
    for company in companies {
        jobs.push(house.enqueue(company).await);
    }
    let _worker = house.worker();

    house
        .until("the breaker is open", async || {
            let breaker = house.engine().breaker(CONNECTION).await;
            breaker.is_ok_and(|it| it.state == BreakerState::Open)
        })
        .await;
    let last = house.enqueue(late).await;
    house
        .until("the job is put off", async || {
            let attempts = house.engine().attempts(last.id).await.unwrap();
            attempts.iter().any(|attempt| attempt.outcome == "put_off")
        })
        .await;
    let during = house.remote.stats().by_account;
    let actor = engine::Actor::new("nok", "test");
    house
        .engine()
        .close_breaker(CONNECTION, Some("they are back"), &actor)
        .await
        .unwrap();
    house.engine().retry(last.id, &actor).await.unwrap();
    let ended = house.end_of(last).await;

    assert!(
        !during.contains_key(&account),
        "a call was made while the breaker was open"
    );
    assert_eq!((ended.state, ended.failed), (State::Completed, 0));
}
