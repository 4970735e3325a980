//! Put off: jobs come back as soon as what they were put off for is open again, whoever opened it. The
//! processes that put jobs off look, and only while there are some; jobs that nobody tells come back when
//! their own time has come. An opening that is over is told to one job, which will be the probe.

use std::time::Duration;

use super::Service;
use crate::Result;
use crate::breaker::RAMP;
use crate::store::breaker::{Shut, ShutBy};
use crate::store::put_off::{self, BATCH, Pace};

/// People's changes are obeyed within a second, and a look may be half of one old.
const LOOK_EVERY: Duration = Duration::from_millis(400);

pub(super) async fn run(service: Service) {
    if let Err(error) = find_left(&service).await {
        tracing::warn!(%error, "could not look for jobs that were put off; they come when their time has come");
    }
    loop {
        tokio::select! {
            () = service.stop.cancelled() => return,
            () = service.client.gates().awaited().some() => {}
        }
        if !service.pause(LOOK_EVERY).await {
            return;
        }
        if let Err(error) = round(&service).await {
            tracing::warn!(%error, "could not wake jobs that were put off; trying again");
        }
    }
}

/// Those of processes that are no more.
async fn find_left(service: &Service) -> Result<()> {
    let keys = put_off::keys(&mut *service.client.singles().acquire().await?).await?;
    let awaited = service.client.gates().awaited();
    keys.iter().for_each(|key| awaited.add(key));
    Ok(())
}

async fn round(service: &Service) -> Result<()> {
    let gates = service.client.gates();
    let look = gates.look().await?;
    for key in gates.awaited().all() {
        let shuts = || look.iter().filter(|shut| shut.key == key);
        if shuts().any(Shut::is_surely) {
            gates.awaited().is_shut(&key);
            continue;
        }
        match shuts().next().map(|shut| (shut.by, shut.since_ms)) {
            None => {
                wake_all(service, &key, None).await?;
                gates.awaited().told(&key);
            }
            Some((ShutBy::Ramp, since_ms)) => {
                if gates.awaited().begins_ramp(&key) {
                    wake_all(service, &key, Some(since_ms)).await?;
                }
            }
            Some(_) => {
                gates.awaited().is_shut(&key);
                wake(service, &key, 1, 0, None).await?;
            }
        }
    }
    Ok(())
}

async fn wake_all(service: &Service, key: &str, ramp_ms: Option<i64>) -> Result<()> {
    let mut told = 0;
    loop {
        let chunk = wake(service, key, BATCH, told, ramp_ms).await?;
        told += chunk;
        if chunk < BATCH || service.stop.is_cancelled() {
            break;
        }
    }
    if told > 0 {
        tracing::info!(key, jobs = told, "{key} is open again: woke {told} jobs");
    }
    Ok(())
}

async fn wake(
    service: &Service,
    key: &str,
    limit: i64,
    told: i64,
    ramp_ms: Option<i64>,
) -> Result<i64> {
    let pace = Pace {
        ramp_ms,
        ramp_s: RAMP,
    };
    let woken = put_off::wake(&mut *service.hot.acquire().await?, key, limit, told, pace).await?;
    for queue in woken.queues {
        service.client.wake(&queue);
    }
    if woken.future {
        service.client.wake(crate::worker::wake::FUTURE);
    }
    Ok(woken.told)
}
