//! `lockstep dead groups`: dead letters of one cause, together.

use clap::Args;
use engine::{Cursor, DeadGroup};

use crate::app::{App, Session};
use crate::commands::job::list::more;
use crate::output::{Exit, Row, instant, long, sparkline};

/// Which groups.
#[derive(Debug, Args)]
pub(crate) struct Groups {
    /// Behind this place: the next page
    #[arg(long, value_name = "PLACE")]
    before: Option<Cursor<String>>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

impl Row for DeadGroup {
    const COLUMNS: &'static [&'static str] = &[
        "FINGERPRINT",
        "KIND",
        "CODE",
        "DEAD",
        "DEATHS",
        "LAST_SEEN_AT",
        "LAST_24_H",
        "TENDENCY",
        "MESSAGE",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.fingerprint.clone(),
            self.kind.clone(),
            self.code.clone().unwrap_or_else(|| "-".into()),
            self.dead.to_string(),
            self.deaths.to_string(),
            instant(self.last_seen_at),
            sparkline(&self.trend),
            match self.regressed_at {
                Some(at) if self.dead > 0 => {
                    format!("{}, back {}", self.tendency.as_str(), instant(at))
                }
                _ => self.tendency.as_str().to_owned(),
            },
            long(&self.message, 80),
        ]
    }

    fn name(&self) -> String {
        self.fingerprint.clone()
    }
}

pub(super) async fn run(app: &App, session: &Session, groups: &Groups) -> anyhow::Result<Exit> {
    let before = groups.before.as_ref();
    let page = session.client.dead_groups(before, groups.limit).await?;
    app.out.list(&page.data, "No dead letters.")?;
    if let Some(group) = page.data.first() {
        app.out.next(&format!(
            "Their letters: lockstep dead list --filter fingerprint:{}",
            group.fingerprint
        ));
        app.out.next(&format!(
            "Five first, then the rest: lockstep dead replay --group {} --canary",
            group.fingerprint
        ));
    }
    more(app, &page, "--before");
    Ok(Exit::Ok)
}
