//! Planted: each law notices what breaks it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use serde_json::json;
use sim::wire::{Fault, Kind};

use super::super::support::{House, lead};
use super::laws::{Watermark, check_laws};

/// What it panics with, for somebody who is named in it.
async fn complaint(check: impl Future<Output = ()>) -> String {
    match AssertUnwindSafe(check).catch_unwind().await {
        Ok(()) => "nothing".to_owned(),
        Err(told) => match told.downcast::<String>() {
            Ok(told) => *told,
            Err(told) => (*told.downcast::<&str>().unwrap()).to_owned(),
        },
    }
}

/// Changes a lead by a call of its own, which takes its time to be answered.
fn patch(house: &House, id: &str) -> TcpStream {
    let origin = house.vendor.origin();
    let mut call = TcpStream::connect(origin.strip_prefix("http://").unwrap()).unwrap();
    let (token, body) = (house.vendor.mint(), r#"{"Commentary": "x"}"#);
    write!(
        call,
        "PATCH /0/odata/Lead({id}) HTTP/1.1\r\nhost: vendor\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    call
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_law_notices_what_breaks_it() {
    let house = House::empty().await;
    let _worker = house.worker();
    house.insert("lead", lead(1)).await;
    let theirs = house.add(
        "Lead",
        json!({"Contact": "Eve", "Email": "eve@inn.example"}),
    );
    house.synced().await;
    house.synced().await;
    let mut watermark = Watermark::default();
    watermark.look(&house).await;
    check_laws(&house, 0, 0).await;

    let plants = [
        (
            "(I6)",
            "update sync.run set created = created + 1",
            "update sync.run set created = created - 1",
        ),
        (
            "(I12)",
            "update sync.observed set gone_at = now()",
            "update sync.observed set gone_at = null",
        ),
        (
            "(I11)",
            "insert into engine.attempt (shard, job_id, attempt, started_at, outcome, code) \
             select shard, id, 9, now(), 'failed', 'throttled' from engine.job limit 1",
            "delete from engine.attempt where code = 'throttled'",
        ),
        (
            "(I14)",
            "update sync.link set detail = '{\"who\": \"ann1@inn.example\"}'",
            "update sync.link set detail = null",
        ),
    ];
    for (law, breaks, mends) in plants {
        house.sql(breaks).await;
        let told = complaint(check_laws(&house, 0, 0)).await;
        assert!(told.contains(law), "{law}: {told}");
        house.sql(mends).await;
    }

    // Five tokens for no expiry.
    for _ in 0..4 {
        house.expire_tokens().await;
        house.synced().await;
    }
    let told = complaint(check_laws(&house, 0, 0)).await;
    assert!(told.contains("(I8)"), "{told}");

    let slow = Kind::Slow { delay_ms: 300 };
    house
        .vendor
        .inject(Fault::new(slow).on_method("PATCH").times(2));
    let calls = [patch(&house, &theirs), patch(&house, &theirs)];
    for mut call in calls {
        let mut answer = String::new();
        tokio::task::spawn_blocking(move || call.read_to_string(&mut answer).unwrap())
            .await
            .unwrap();
    }
    let told = complaint(check_laws(&house, 4, 0)).await;
    assert!(told.contains("(I9)"), "{told}");

    house
        .sql("update sync.stream set watermark_at = watermark_at + interval '1 hour'")
        .await;
    let told = complaint(watermark.look(&house)).await;
    assert!(told.contains("was not seen (I5)"), "{told}");
    house
        .sql("update sync.stream set watermark_at = watermark_at - interval '2 hours'")
        .await;
    let told = complaint(watermark.look(&house)).await;
    assert!(told.contains("went back"), "{told}");
}
