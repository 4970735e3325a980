//! What the demo says: what happened, what was given up and why, and what to try.

use std::path::Path;

use engine::{Filter, JobQuery, JobView, State};
use jobs::company;
use jobs::soundtrack::Totals;
use serde_json::json;
use uuid::Uuid;

use super::systems::{self, Told};
use super::{Stage, leads, settings};
use crate::app::{App, Session};
use crate::commands::job::list::PATIENCE;
use crate::commands::sync::of_all;
use crate::output::{Format, clean, instant, long, plural, shell_word, span_between};

const ALL: &str = "soundtrack.sync_all";

/// What came of the first sync.
pub(super) async fn tell(
    app: &App,
    session: &Session,
    (job, others): (&JobView, &Told),
) -> anyhow::Result<()> {
    let totals: Totals = serde_json::from_value(job.result.clone().unwrap_or_default())?;
    let dead = dead(session).await?;
    if app.out.format != Format::Table {
        app.out.done(
            "",
            &job.id.to_string(),
            &json!({
                "totals": totals,
                "products": others.products,
                "packages": others.packages,
                "leads": others.leads.totals,
                "conflicts": others.leads.conflicts,
                "dead": dead,
            }),
        )?;
        return Ok(());
    }
    let took = job
        .ended_at
        .map(|end| span_between(job.created_at, end))
        .unwrap_or_default();
    let mut text = format!(
        "\n{}\n{} in {took}.\n{}\n",
        heading(app, "What happened"),
        of_all(&totals).trim_end_matches('.'),
        systems::lines(others)
    );
    text.push_str(&format!(
        "{}\n",
        heading(
            app,
            &format!("What was given up: {}", plural(dead.len(), "dead letter"))
        )
    ));
    for letter in &dead {
        text.push_str(&said(session, letter).await?);
    }
    text.push_str(
        "One company's failure stopped no other, and nothing of the failed was marked as gone.\n",
    );
    if others.leads.conflicts.is_empty() {
        app.out.data(&text)?;
        return Ok(());
    }
    let conflicts = plural(others.leads.conflicts.len(), "conflict");
    text.push_str(&format!(
        "{}\n{}Both sides had edited these fields. Only they wait; all else of the two leads goes on.\n",
        heading(app, &format!("What a person must settle: {conflicts}")),
        leads::disputes(&others.leads),
    ));
    app.out.data(&text)?;
    Ok(())
}

async fn said(session: &Session, letter: &JobView) -> anyhow::Result<String> {
    let id = letter
        .args
        .get("company_id")
        .and_then(serde_json::Value::as_i64)
        .unwrap_or_default();
    let company = company::get(&session.env.pool, id).await?;
    let name = company.map_or_else(|| "a company".to_owned(), |company| company.name);
    let why = long(letter.error.as_deref().unwrap_or("no reason"), 200);
    let attempts = plural(usize::try_from(letter.failed).unwrap_or(0), "attempt");
    Ok(format!(
        "  {}  {} (company {id}), {attempts}\n      {}: {}\n",
        letter.id,
        clean(&name),
        letter.code.as_deref().unwrap_or("-"),
        clean(&why),
    ))
}

/// Commands that work as they are, whatever database the reader's own settings name: the variables
/// win over `DATABASE_URL` and over a workers.toml that happens to be there.
pub(super) async fn what_to_try(
    app: &App,
    home: &Path,
    stage: &Stage,
    told: &Told,
) -> anyhow::Result<()> {
    if app.out.format != Format::Table {
        return Ok(());
    }
    let (session, address) = (&stage.session, stage.address);
    let letter = dead(session).await?.first().map(|letter| letter.id);
    let mut lines = vec![
        format!(
            "export LOCKSTEP_DATABASE_URL={}",
            shell_word(&session.database.url)
        ),
        format!(
            "export LOCKSTEP_CONFIG={}",
            shell_word(&settings::path(home).display().to_string())
        ),
    ];
    lines.extend(alias(app));
    lines.push("lockstep job list --limit 10".into());
    lines.extend(letter.map(|id| format!("lockstep dead show {id}")));
    lines.extend(letter.map(|id| format!("lockstep dead replay {id}")));
    lines.push("lockstep zone list --status offline".into());
    lines.push("lockstep run list --limit 5".into());
    lines.push("lockstep product list --limit 5".into());
    lines.push("lockstep quarantine list".into());
    lines.push("lockstep schedule show zones-every-minute".into());
    lines.push("lockstep sync soundtrack --company-id 5".into());
    lines.extend(leads::commands(&told.leads));
    lines.push("TOKEN=$(lockstep token create demo --scope admin -o name)".into());
    lines.push(format!(
        "curl -H \"Authorization: Bearer $TOKEN\" 'http://{address}/api/v1/jobs?limit=3'"
    ));
    lines.push(format!(
        "curl -H \"Authorization: Bearer $TOKEN\" -X POST http://{address}/api/v1/zones/sync-all/"
    ));
    let title = heading(app, "What to try, in another terminal");
    app.out
        .data(&format!("\n{title}\n  {}\n\n", lines.join("\n  ")))?;
    app.out
        .note("The schedule syncs every minute. Ctrl-C ends the demo.");
    Ok(())
}

/// People who built it have no `lockstep` on their path.
fn alias(app: &App) -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let on_path = app
        .env
        .search_path()
        .iter()
        .any(|dir| dir.join("lockstep") == program);
    (!on_path).then(|| {
        format!(
            "alias lockstep={}",
            shell_word(&program.display().to_string())
        )
    })
}

/// The newest sync of all that has ended since the one of that id.
pub(super) async fn newer(session: &Session, than: Uuid) -> anyhow::Result<Option<JobView>> {
    let query = JobQuery {
        limit: Some(1),
        ..Filter::new().kind(ALL).into()
    };
    let newest = session.client.search(query, PATIENCE).await?.data.pop();
    Ok(newest.filter(|job| job.id > than && job.state.is_terminal()))
}

/// One sync in a line.
pub(super) fn line(app: &App, job: &JobView) {
    let at = job.ended_at.map(instant).unwrap_or_default();
    let totals = job
        .result
        .clone()
        .and_then(|result| serde_json::from_value::<Totals>(result).ok());
    match totals {
        Some(totals) => app.out.note(&format!("{at}  {}", of_all(&totals))),
        None => app.out.note(&format!(
            "{at}  the sync ended {}: lockstep job show {}",
            job.state, job.id
        )),
    }
}

async fn dead(session: &Session) -> anyhow::Result<Vec<JobView>> {
    let query = JobQuery {
        limit: Some(20),
        ..Filter::new().state(State::Dead).into()
    };
    Ok(session.client.jobs(query).await?.data)
}

fn heading(app: &App, text: &str) -> String {
    if app.out.color_out {
        format!("\u{1b}[1m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}
