//! `lockstep job why`: what holds a job up, and what happens next.

use engine::WhyView;
use serde::Serialize;
use uuid::Uuid;

use crate::app::{App, Session};
use crate::output::{Exit, Row};

#[derive(Serialize)]
#[serde(transparent)]
struct Told(WhyView);

impl Row for Told {
    const COLUMNS: &'static [&'static str] = &["ID", "STATE", "WHY", "NEXT"];

    fn cells(&self) -> Vec<String> {
        let all = |text: fn(&engine::Cause) -> &str| {
            let texts: Vec<&str> = self.0.causes.iter().map(text).collect();
            texts.join("; ")
        };
        vec![
            self.0.id.to_string(),
            self.0.label.to_owned(),
            all(|cause| &cause.said),
            all(|cause| &cause.next),
        ]
    }

    fn name(&self) -> String {
        self.0.id.to_string()
    }

    fn details(&self) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("id".to_owned(), self.0.id.to_string()),
            ("state".to_owned(), self.0.label.to_owned()),
        ];
        for cause in &self.0.causes {
            pairs.push(("why".to_owned(), cause.said.clone()));
            pairs.push(("next".to_owned(), cause.next.clone()));
        }
        pairs
    }
}

pub(super) async fn run(app: &App, session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    let why = session.client.why(id).await?;
    app.out.item(&Told(why.ok_or(engine::Error::NoJob(id))?))?;
    Ok(Exit::Ok)
}
