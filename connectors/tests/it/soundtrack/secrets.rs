//! The token is in no log line, no error and no `Debug`, whatever goes wrong.

use std::error::Error as _;
use std::time::Duration;

use connectors::budget::SharedBucket;
use connectors::soundtrack::Volume;
use sim::soundtrack::{Fault, FaultKind};

use super::{Bed, walk};
use crate::capture::Lines;

const CANARY: &str = "Y2FuYXJ5OmNhbmFyeQ==";

#[tokio::test]
async fn the_token_is_never_shown() {
    let lines = Lines::default();
    let _listening = lines.listen();
    let kinds = [
        None,
        Some(FaultKind::Unauthenticated),
        Some(FaultKind::Forbidden),
        Some(FaultKind::NullData {
            message: format!("'{CANARY}' does not exist, {CANARY}"),
        }),
        Some(FaultKind::HttpStatus { status: 500 }),
        Some(FaultKind::HttpStatus { status: 302 }),
        Some(FaultKind::CutReply { after_bytes: 10 }),
        Some(FaultKind::MalformedJson),
        Some(FaultKind::Slow { delay_ms: 60_000 }),
    ];
    let mut shown = String::new();
    for kind in kinds {
        let mut bed = Bed::unlimited(5).await;
        bed.http.request_timeout = Duration::from_millis(200);
        bed.sim.grant(CANARY, None);
        let client = bed.client_with(CANARY, SharedBucket::new(bed.bucket));
        let zone = bed.sim.truth().accounts[0].zones[0].id.clone();
        if let Some(kind) = kind {
            bed.sim.inject(Fault::new(kind));
        }

        let read = walk(&client, &bed.account()).await.map(|_| ());
        let write = client.set_volume(&zone, Volume::new(1).unwrap()).await;

        shown += &format!("{client:?}");
        for error in [read, write].into_iter().filter_map(Result::err) {
            shown += &format!(
                "{error} {error:?} {:?} {:?}",
                error.source(),
                error.verdict()
            );
        }
    }

    let logged = lines.text();
    assert!(logged.contains("got reply"), "nothing was logged");
    assert!(!logged.contains(CANARY), "the token was logged");
    assert!(
        !shown.contains(CANARY),
        "the token is in an error or a Debug"
    );
}
