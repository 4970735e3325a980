//! `lockstep job steps`: what a job's steps gave, page by page.

use clap::Args;
use engine::{Cursor, StepQuery};
use serde_json::Value;
use uuid::Uuid;

use super::found;
use crate::app::{App, Session};
use crate::flows::Step;
use crate::output::{Exit, Row, instant, long, shell_word};

/// Which steps.
#[derive(Debug, Args)]
pub(crate) struct Steps {
    /// The job
    #[arg(value_parser = crate::commands::id)]
    id: Uuid,
    /// Behind this place: the next page
    #[arg(long, value_name = "PLACE")]
    after: Option<Cursor<String>>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// With what they gave
    #[arg(long)]
    results: bool,
}

impl Row for Step {
    const COLUMNS: &'static [&'static str] = &["STEP", "ATTEMPT", "ENDED_AT", "RESULT"];

    fn cells(&self) -> Vec<String> {
        let result = self.result.as_ref().map(Value::to_string);
        vec![
            self.name.clone(),
            self.attempt.to_string(),
            instant(self.ended_at),
            result.map_or_else(|| "-".to_owned(), |result| long(&result, 80)),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

pub(super) async fn run(app: &App, session: &Session, steps: Steps) -> anyhow::Result<Exit> {
    found(session, steps.id).await?;
    let query = StepQuery {
        after: steps.after,
        limit: Some(steps.limit),
        results: steps.results,
    };
    let page = session.client.steps(steps.id, &query).await?;
    let data: Vec<Step> = page.data.into_iter().filter_map(Step::of).collect();
    app.out.list(&data, "No steps yet.")?;
    if let Some(next) = page.next {
        let (id, place) = (steps.id, shell_word(&next.to_string()));
        app.out
            .next(&format!("More: lockstep job steps {id} --after {place}"));
    }
    Ok(Exit::Ok)
}
