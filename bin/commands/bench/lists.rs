//! What pages of lists cost that are not of jobs: as they come first, and by what is seldom.

use engine::{Client, Retention, StepQuery};
use jobs::creatio::record::{self, Record};
use jobs::creatio::{Status, conflict, journal, mapping};
use jobs::packages::{self, review};
use jobs::seed::{CREATIO, ZOHO};
use jobs::{company, held, history, product, quarantine, run, zone};
use sqlx::PgPool;

use super::read::Reads;

/// Rows a page, where a list says nothing else.
const PAGE: u16 = 50;

/// Lists of what work leaves.
pub(super) async fn of_work(reads: &mut Reads, client: &Client) -> anyhow::Result<()> {
    let read = async || Ok(client.dead_groups(None, PAGE).await?.data.len());
    reads.list("dead groups", read).await?;
    let dead = client.jobs(engine::Filter::parse("state:dead")?).await?;
    if let Some(job) = dead.data.first() {
        let read = async || Ok(client.attempts(job.id).await?.len());
        reads.list("attempts of a job", read).await?;
        let query = StepQuery::default();
        let read = async || Ok(client.steps(job.id, &query).await?.data.len());
        reads.list("steps of a job", read).await?;
    }
    let read = async || Ok(client.workers(None, PAGE).await?.data.len());
    reads.list("workers", read).await?;
    let read = async || Ok(client.tokens(None, PAGE).await?.data.len());
    reads.list("tokens", read).await?;
    let read = async || {
        let page = client.ticks(engine::SEEDED_SCHEDULE, None, PAGE).await;
        // Without a seed there is no such schedule.
        Ok(page.map_or(0, |page| page.data.len()))
    };
    reads.list("ticks of a schedule", read).await?;
    let read = async || Ok(client.audit_page(None, None, PAGE).await?.data.len());
    reads.list("audit trail", read).await?;
    let read = async || {
        let page = client.audit_page(Some("job 7"), None, PAGE).await?;
        Ok(page.data.len())
    };
    reads.list("audit trail of a job", read).await?;
    let read = async || Ok(client.bulks(None, PAGE).await?.data.len());
    reads.list("acts on many", read).await?;
    let read = async || Ok(client.kinds().await?.len());
    reads.list("kinds", read).await?;
    let read = async || Ok(client.schedules().await?.len());
    reads.list("schedules", read).await?;
    let read = async || Ok(client.blocked_partitions(None, PAGE).await?.data.len());
    reads.list("blocked partitions", read).await?;
    let read = async || Ok(client.breakers().await?.len());
    reads.list("breakers", read).await?;
    let read = async || Ok(client.budgets().await?.len());
    reads.list("budgets", read).await?;
    let read = async || Ok(client.eras(Retention::default()).await?.len());
    reads.list("eras", read).await
}

/// Lists of what was synced from Soundtrack, Supabase and Zoho.
pub(super) async fn of_syncs(reads: &mut Reads, pool: &PgPool) -> anyhow::Result<()> {
    of_zones(reads, pool).await?;
    of_runs(reads, pool).await?;
    of_bad_records(reads, pool).await?;
    of_products(reads, pool).await?;
    of_packages(reads, pool).await
}

async fn of_zones(reads: &mut Reads, pool: &PgPool) -> anyhow::Result<()> {
    let all = company::Filter::default();
    let read = async || Ok(company::list(pool, &all, PAGE).await?.data.len());
    reads.list("companies", read).await?;
    let all = zone::Filter::default();
    for (name, filter) in [
        ("zones", all),
        (
            "zones that are offline",
            zone::Filter {
                status: Some(zone::Status::Offline),
                ..all
            },
        ),
        (
            "zones that are orphaned",
            zone::Filter {
                orphaned: Some(true),
                ..all
            },
        ),
    ] {
        let read = async || Ok(zone::list(pool, &filter, PAGE).await?.data.len());
        reads.list(name, read).await?;
    }
    Ok(())
}

async fn of_runs(reads: &mut Reads, pool: &PgPool) -> anyhow::Result<()> {
    for (name, stream, status) in [
        ("runs", None, None),
        ("runs of a stream", Some("zoho.products"), None),
        ("runs that failed", None, Some(run::Status::Failed)),
        ("runs that were held", None, Some(run::Status::Held)),
        (
            "runs of a stream that were held",
            Some("zoho.products"),
            Some(run::Status::Held),
        ),
    ] {
        let filter = run::Filter {
            stream: stream.map(Into::into),
            status,
            ..run::Filter::default()
        };
        let read = async || Ok(run::list(pool, &filter, PAGE).await?.data.len());
        reads.list(name, read).await?;
    }
    Ok(())
}

async fn of_bad_records(reads: &mut Reads, pool: &PgPool) -> anyhow::Result<()> {
    for (name, stream, status) in [
        ("quarantine", None, None),
        (
            "quarantine that is open",
            None,
            Some(quarantine::Status::Open),
        ),
        (
            "quarantine that is ignored",
            None,
            Some(quarantine::Status::Ignored),
        ),
        (
            "quarantine of a stream without any",
            Some("soundtrack.zones"),
            None,
        ),
    ] {
        let filter = quarantine::Filter {
            stream: stream.map(Into::into),
            status,
            before: None,
        };
        let read = async || Ok(quarantine::list(pool, &filter, PAGE).await?.data.len());
        reads.list(name, read).await?;
    }
    for (name, all) in [("held sweeps", true), ("held sweeps that wait", false)] {
        let read = async || Ok(held::list(pool, all, None, PAGE).await?.data.len());
        reads.list(name, read).await?;
    }
    Ok(())
}

async fn of_products(reads: &mut Reads, pool: &PgPool) -> anyhow::Result<()> {
    let of = ("zoho.products", "item-7");
    let read = async || Ok(history::list(pool, of, None, PAGE).await?.data.len());
    reads.list("history of a record", read).await?;
    for (name, connection, sku, gone) in [
        ("products", None, None, None),
        ("products that are gone", None, None, Some(true)),
        ("products of a SKU", None, Some("SKU-5"), None),
        (
            "products of another connection",
            Some("zoho/other"),
            None,
            None,
        ),
    ] {
        let filter = product::Filter {
            connection: connection.map(Into::into),
            sku: sku.map(Into::into),
            gone,
            after: None,
        };
        let read = async || Ok(product::list(pool, &filter, PAGE).await?.data.len());
        reads.list(name, read).await?;
    }
    Ok(())
}

async fn of_packages(reads: &mut Reads, pool: &PgPool) -> anyhow::Result<()> {
    for (name, connection, is_linked) in [
        ("profiles", None, None),
        (
            "profiles of a connection without a customer",
            Some(ZOHO),
            Some(false),
        ),
        (
            "profiles of another connection",
            Some("supabase/other"),
            None,
        ),
    ] {
        let filter = packages::Filter {
            connection: connection.map(Into::into),
            is_linked,
            after: None,
        };
        let read = async || Ok(packages::list(pool, &filter, PAGE).await?.data.len());
        reads.list(name, read).await?;
    }
    for (name, status) in [("reviews", None), ("reviews that are open", Some("open"))] {
        let read = async || {
            let page = review::list(pool, (status, None), None, PAGE).await?;
            Ok(page.data.len())
        };
        reads.list(name, read).await?;
    }
    Ok(())
}

/// Lists of what is synced with Creatio.
pub(super) async fn of_creatio(reads: &mut Reads, pool: &PgPool) -> anyhow::Result<()> {
    let all = record::Filter::default();
    let known = record::list(pool, &all, 1).await?.data.into_iter().next();
    for (name, connection, status) in [
        ("records", None, None),
        ("records that failed", Some(CREATIO), Some(Status::Failed)),
        ("records in review", None, Some(Status::ManualReview)),
        ("records of another connection", Some("creatio/other"), None),
    ] {
        let filter = record::Filter {
            connection: connection.map(Into::into),
            status,
            ..record::Filter::default()
        };
        let read = async || Ok(record::list(pool, &filter, PAGE).await?.data.len());
        reads.list(name, read).await?;
    }
    of_conflicts(reads, pool).await?;
    for (name, connection) in [
        ("journal", None),
        ("journal of another connection", Some("creatio/other")),
    ] {
        let filter = journal::Filter {
            connection: connection.map(Into::into),
            ..journal::Filter::default()
        };
        let read = async || Ok(journal::list(pool, &filter, PAGE).await?.data.len());
        reads.list(name, read).await?;
    }
    let read = async || {
        let page = mapping::versions(pool, CREATIO, None, PAGE).await?;
        Ok(page.data.len())
    };
    reads.list("versions of a mapping", read).await?;
    match known {
        Some(record) => of_a_record(reads, pool, &record).await,
        None => Ok(()),
    }
}

async fn of_conflicts(reads: &mut Reads, pool: &PgPool) -> anyhow::Result<()> {
    for (name, status) in [
        ("conflicts", None),
        ("conflicts that are open", Some(conflict::Status::Open)),
        (
            "conflicts that are resolved",
            Some(conflict::Status::Resolved),
        ),
    ] {
        let filter = conflict::Filter {
            status,
            ..conflict::Filter::default()
        };
        let read = async || Ok(conflict::list(pool, &filter, PAGE).await?.data.len());
        reads.list(name, read).await?;
    }
    let all = conflict::Filter::default();
    let read = async || Ok(conflict::waiting(pool, &all, PAGE).await?.data.len());
    reads.list("conflicts that wait", read).await
}

/// Lists of what happened to one record, which the product has too.
async fn of_a_record(reads: &mut Reads, pool: &PgPool, record: &Record) -> anyhow::Result<()> {
    let Some(local_id) = record.local_id else {
        return Ok(());
    };
    let of = (record.sort, local_id);
    let read = async || Ok(record::history(pool, of, None, PAGE).await?.data.len());
    reads.list("operations of a record", read).await?;
    let filter = conflict::Filter {
        local_id: Some(local_id),
        ..conflict::Filter::default()
    };
    let read = async || Ok(conflict::list(pool, &filter, PAGE).await?.data.len());
    reads.list("conflicts of a record", read).await?;
    let filter = journal::Filter {
        local_id: Some(local_id),
        ..journal::Filter::default()
    };
    let read = async || Ok(journal::list(pool, &filter, PAGE).await?.data.len());
    reads.list("journal of a record", read).await
}
