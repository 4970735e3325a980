//! Probes: those of this process stay the only ones of their connections while they run, however slow the
//! remote is, and while a worker that stops waits for them. Idle, it asks nothing.

use super::Service;

pub(crate) async fn run(service: Service) {
    let gates = service.client.gates();
    loop {
        tokio::select! {
            () = service.stop.cancelled() => return,
            () = gates.probing() => {}
        }
        // Two may fail or come late before the lease is over.
        if !service.pause(gates.rules().probe_lease / 4).await {
            return;
        }
        gates.renew_probes().await;
    }
}
