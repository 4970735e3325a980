//! Alerts: what a person should look at now, of jobs and of syncs in one list.

use engine::{Alert, Client};

use crate::{Error, store};

/// All present alerts, oldest first: the engine's, and beside them
/// - `sweep_held`: rows are missing and wait for a person's word,
/// - `quarantine_growing`: ten records or more of a stream came into quarantine within a day and are there,
/// - `quarantine_lasting`: a record has been in quarantine for more than a day, and nobody has said to ignore it,
/// - `runs_failing`: the last three runs of a listing within seven days failed, or were partial since nothing was proven;
///   not those that are partial for bad records alone.
///
/// Streams have one of each, however many listings it is about.
///
/// # Errors
/// [`Error::Engine`] and [`Error::Database`].
pub async fn list(client: &Client) -> Result<Vec<Alert>, Error> {
    let mut alerts = client.alerts().await?;
    alerts.extend(store::alert::list(&mut *client.pool().acquire().await?).await?);
    alerts.sort_by(|one, other| (one.since, &one.subject).cmp(&(other.since, &other.subject)));
    Ok(alerts)
}
