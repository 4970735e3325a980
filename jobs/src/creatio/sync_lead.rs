//! `creatio.sync_lead`: one lead, now.

use std::time::Duration;

use engine::{Backoff, Cx, Job, Outcome, Policy};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{Sort, record};
use crate::flow::reconcile;
use crate::store::creatio::{link, local};
use crate::{Env, Error};

/// Reconciles one lead, and before it the contact that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncLead {
    /// The connection: `creatio/acme`.
    pub connection: String,
    /// The local id.
    pub lead_id: Uuid,
}

impl Job for SyncLead {
    const KIND: &'static str = "creatio.sync_lead";
    type Env = Env;
    type Error = Error;

    fn policy() -> Policy {
        Policy {
            max_attempts: 8,
            timeout: Duration::from_secs(60),
            backoff: Backoff {
                base_ms: 2_000,
                factor: 2.0,
                max_ms: 600_000,
            },
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Error> {
        let connection = self.connection.as_str();
        let contact = {
            let mut conn = cx.env().pool.acquire().await?;
            let known = local::load(&mut conn, connection, Sort::Lead, &[self.lead_id]).await?;
            let links = link::of(&mut conn, connection, Sort::Lead, (&[self.lead_id], &[])).await?;
            if known.is_empty() && links.is_empty() {
                return Err(Error::NoSuch {
                    what: "lead",
                    id: self.lead_id.to_string(),
                });
            }
            let contact = known.iter().find_map(|lead| {
                lead.fields
                    .get("contact_id")?
                    .as_str()?
                    .parse::<Uuid>()
                    .ok()
            });
            match contact {
                Some(id)
                    if link::pairs(&mut conn, connection, Sort::Contact, &[id])
                        .await?
                        .is_empty() =>
                {
                    Some(id)
                }
                _ => None,
            }
        };
        if let Some(id) = contact {
            reconcile::one(&cx, connection, (Sort::Contact, id)).await?;
        }
        reconcile::one(&cx, connection, (Sort::Lead, self.lead_id)).await?;
        let stands = record::show(&cx.env().pool, Sort::Lead, self.lead_id).await?;
        Ok(Outcome::done_with(json!({
            "lead_id": self.lead_id, "status": stands.status, "direction": stands.direction, "code": stands.code,
            "remote_id": stands.remote_id,
        }))?)
    }
}
