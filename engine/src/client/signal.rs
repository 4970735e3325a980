//! Signal: telling a job something that it waits for, or will.

use serde_json::Value;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::Client;
use crate::control::Actor;
use crate::flow::{MAX_STEP_NAME_BYTES, Told};
use crate::store::{audit, signal, wake};
use crate::{Error, Result};

/// The largest payload of a signal, in bytes of JSON.
const MAX_PAYLOAD_BYTES: usize = 256 * 1024;

impl Client {
    /// Tells a job something, whether it waits for that already or will. The first word of a name
    /// stands.
    ///
    /// # Errors
    /// [`Error::NoJob`]; [`Error::Invalid`] for a name or payload that is too large.
    pub async fn signal(
        &self,
        job_id: Uuid,
        name: &str,
        payload: Option<&Value>,
        actor: &Actor,
    ) -> Result<Told> {
        check_signal(name, payload)?;
        let (name, payload, actor) = (name.to_owned(), payload.cloned(), actor.clone());
        let (told, woken) = self
            .in_transaction(move |tx| {
                Box::pin(async move {
                    let (told, woken) =
                        tell(tx, job_id, &name, payload.as_ref(), &actor.name).await?;
                    if told == Told::Sent {
                        let detail = serde_json::json!({"signal": name});
                        audit::record(tx, &actor, "job.signal", &job_id.to_string(), Some(detail))
                            .await?;
                    }
                    Ok((told, woken))
                })
            })
            .await?;
        woken.iter().for_each(|queue| self.wake(queue));
        Ok(told)
    }

    /// [`Client::signal`] in the caller's transaction; the audit row is the caller's to write.
    ///
    /// # Errors
    /// As [`Client::signal`].
    pub async fn signal_in(
        &self,
        tx: &mut PgConnection,
        job_id: Uuid,
        (name, payload): (&str, Option<&Value>),
        by: &str,
    ) -> Result<Told> {
        check_signal(name, payload)?;
        let (told, woken) = tell(tx, job_id, name, payload, by).await?;
        if let Some(queue) = woken {
            wake::notify(tx, wake::WAKE_CHANNEL, &[queue]).await?;
        }
        Ok(told)
    }
}

/// Tells it; what became of it, and the queue that has work by it.
async fn tell(
    tx: &mut PgConnection,
    job_id: Uuid,
    name: &str,
    payload: Option<&Value>,
    by: &str,
) -> Result<(Told, Option<String>)> {
    let (answer, woken) = signal::tell(tx, job_id, name, payload, by).await?;
    let told = match answer.as_str() {
        "sent" => Told::Sent,
        "already" => Told::Already,
        "ended" => Told::Ended,
        _ => return Err(Error::NoJob(job_id)),
    };
    Ok((told, woken))
}

fn check_signal(name: &str, payload: Option<&Value>) -> Result<()> {
    if name.is_empty() || name.len() > MAX_STEP_NAME_BYTES || name.contains('\0') {
        return Err(Error::Invalid(format!(
            "signal: expected a name of 1 to {MAX_STEP_NAME_BYTES} bytes"
        )));
    }
    let text = payload.map(Value::to_string).unwrap_or_default();
    if text.len() > MAX_PAYLOAD_BYTES {
        return Err(Error::Invalid(format!(
            "payload: {} bytes of JSON, at most {MAX_PAYLOAD_BYTES} are kept",
            text.len()
        )));
    }
    if !crate::admit::nuls(&text).is_empty() {
        return Err(Error::Invalid(
            "payload: holds a NUL character, which Postgres cannot keep".into(),
        ));
    }
    Ok(())
}
