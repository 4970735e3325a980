//! The token is in no log line, no error and no `Debug`, whatever goes wrong.

use std::error::Error as _;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connectors::budget::SharedBucket;
use connectors::soundtrack::Volume;
use sim::soundtrack::{Fault, FaultKind};
use tracing_subscriber::fmt::MakeWriter;

use super::{Bed, walk};

const CANARY: &str = "Y2FuYXJ5OmNhbmFyeQ==";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_token_is_never_shown() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(lines.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
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

    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("got reply"), "nothing was logged");
    assert!(!logged.contains(CANARY), "the token was logged");
    assert!(
        !shown.contains(CANARY),
        "the token is in an error or a Debug"
    );
}
