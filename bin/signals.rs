//! What the outside asks of a process: stop, stop at once, read the settings again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Environment;
use crate::output::Exit;

/// A token that the first SIGINT or SIGTERM cancels. The second ends the process at once: jobs come
/// back by their leases, and the private Postgres ends with us.
pub(crate) fn stop_token() -> io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("stopping in good order; a second signal ends at once");
        token.cancel();
        either(&mut interrupt, &mut terminate).await;
        std::process::exit(i32::from(Exit::Interrupted.code()));
    });
    Ok(stop)
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// Comes with every SIGHUP.
pub(crate) fn reloads() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Tells systemd how we are (`Type=notify`), if it is there to hear it: `READY=1`, `STOPPING=1`.
pub(crate) fn notify(env: &Environment, state: &str) {
    let Some(path) = env.notify_socket() else {
        return;
    };
    let told = tell(path, state);
    if let Err(error) = told {
        tracing::debug!(%error, "could not tell systemd {state}");
    }
}

#[cfg(target_os = "linux")]
fn tell(path: &str, state: &str) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    UnixDatagram::unbound()?
        .send_to_addr(state.as_bytes(), &address)
        .map(|_| ())
}

#[cfg(not(target_os = "linux"))]
fn tell(_: &str, _: &str) -> io::Result<()> {
    Ok(())
}
