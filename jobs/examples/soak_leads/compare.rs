//! Compare: what both sides hold at the end.

use std::collections::HashMap;

use serde_json::Value;
use sim::creatio::Simulator;
use sqlx::PgPool;

use super::Failure;

/// Ours and Creatio's name of what is compared.
const FIELDS: [(&str, &str); 5] = [
    ("contact_name", "Contact"),
    ("company", "Account"),
    ("email", "Email"),
    ("website", "Website"),
    ("commentary", "Commentary"),
];
/// Every lead is on both sides alike, once, and nothing else is.
pub(super) async fn compare(pool: &PgPool, vendor: &Simulator, leads: u32) -> Result<(), Failure> {
    let ours = ours(pool).await?;
    let records = vendor.records("Lead");
    let theirs: HashMap<&str, &Value> = records
        .iter()
        .filter_map(|record| Some((record["Id"].as_str()?, record)))
        .collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let alike = ours
        .iter()
        .filter(|(id, row)| {
            let other = theirs.get(id.as_str());
            other.is_some_and(|other| {
                FIELDS
                    .iter()
                    .all(|(here, there)| text(&row[*here]) == text(&other[*there]))
            })
        })
        .count();
    let mut emails: Vec<String> = records
        .iter()
        .map(|record| text(&record["Email"]))
        .collect();
    emails.sort_unstable();
    emails.dedup();
    println!(
        "{} leads here, {} at Creatio, {alike} alike, {} addresses",
        ours.len(),
        records.len(),
        emails.len()
    );
    let all = usize::try_from(leads)?;
    match [ours.len(), records.len(), alike, emails.len()] == [all; 4] {
        true => Ok(()),
        false => Err("the two sides do not say the same".into()),
    }
}

/// Ours, by their ids at Creatio; one without is by its own.
async fn ours(pool: &PgPool) -> Result<HashMap<String, Value>, Failure> {
    let rows: Vec<(String, Value)> = sqlx::query_as(
        "select coalesce(l.remote_id, t.id)::text, \
             jsonb_build_object('contact_name', contact_name, 'company', company, 'email', email, 'website', website, \
                 'commentary', commentary) \
         from sync.lead t left join sync.link l on l.local_id = t.id and l.stream = 'creatio.leads' \
         where t.deleted_at is null",
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().collect())
}
