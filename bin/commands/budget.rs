//! `lockstep budget`: how much of each remote's rate limit is left, and a person's figures for it.

use clap::{Args, Subcommand};
use engine::{BudgetChange, BudgetView};
use serde_json::json;

use super::dry;
use crate::app::{App, Session};
use crate::cli::Change;
use crate::output::{Exit, Fault, Row, instant_or_dash};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Budget {
    /// List the rate budgets that all processes share
    #[command(
        before_help = "Examples:\n  lockstep budget list",
        visible_alias = "ls"
    )]
    List,
    /// Show one budget
    #[command(before_help = "Examples:\n  lockstep budget show soundtrack/default")]
    Show(Named),
    /// Change a budget's figures for good, on every node at once
    #[command(
        before_help = "Examples:\n  lockstep budget set soundtrack/default --refill 50 --reason 'the vendor says so'\n  lockstep budget set soundtrack/default --unblock"
    )]
    Set(Set),
}

/// One budget.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The budget
    key: String,
}

/// What to change.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The budget
    key: String,
    /// Tokens at most
    #[arg(long, value_name = "TOKENS")]
    capacity: Option<f64>,
    /// Tokens that come back each second
    #[arg(long, value_name = "TOKENS")]
    refill: Option<f64>,
    /// End a block after a refusal, and its aftermath
    #[arg(long)]
    unblock: bool,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, budget: Budget) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match budget {
        Budget::List => match session.client.budgets().await {
            Ok(budgets) => app
                .out
                .list(&budgets, "No budgets yet: they appear with the first call.")
                .map_err(Into::into),
            Err(error) => Err(error.into()),
        },
        Budget::Show(it) => match session.client.budget(&it.key).await {
            Ok(budget) => app.out.item(&budget).map_err(Into::into),
            Err(error) => Err(error.into()),
        },
        Budget::Set(it) => set(app, &session, &it).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn set(app: &App, session: &Session, it: &Set) -> anyhow::Result<()> {
    let change = BudgetChange {
        capacity: it.capacity,
        refill_per_s: it.refill,
        unblock: it.unblock,
    };
    if change == BudgetChange::default() {
        return Err(Fault::new(Exit::Usage, "nothing to change")
            .fix("say --capacity, --refill or --unblock")
            .into());
    }
    let key = session.client.budget(&it.key).await?.key;
    let mut parts = Vec::new();
    parts.extend(it.capacity.map(|tokens| format!("capacity {tokens}")));
    parts.extend(it.refill.map(|tokens| format!("refill {tokens}/s")));
    parts.extend(it.unblock.then(|| "unblock".to_owned()));
    let parts = parts.join(", ");
    if dry(app, &it.change, &format!("set budget {key} ({parts})"))? {
        return Ok(());
    }
    let reason = it.change.reason.as_deref();
    session
        .client
        .set_budget(&key, &change, reason, &app.actor())
        .await?;
    let words = format!("Set budget {key} ({parts}). Look: lockstep budget show {key}");
    app.out
        .done(&words, &key, &json!({"budget": key, "changed": true}))?;
    Ok(())
}

impl Row for BudgetView {
    const COLUMNS: &'static [&'static str] = &[
        "BUDGET",
        "TOKENS",
        "CAPACITY",
        "REFILL",
        "LEASED",
        "SPENT",
        "REFUSALS",
        "BLOCKED_UNTIL",
        "SOURCE",
    ];

    fn cells(&self) -> Vec<String> {
        let refill = if self.refill_now_per_s < self.refill_per_s {
            format!("{:.1}/s of {:.1}", self.refill_now_per_s, self.refill_per_s)
        } else {
            format!("{:.1}/s", self.refill_per_s)
        };
        vec![
            self.key.clone(),
            self.tokens
                .map_or_else(|| "-".to_owned(), |tokens| format!("{tokens:.0}")),
            format!("{:.0}", self.capacity),
            refill,
            format!("{:.0}", self.leased),
            format!("{:.0}", self.spent),
            self.refusals.to_string(),
            instant_or_dash(self.blocked_until),
            self.source.clone(),
        ]
    }

    fn name(&self) -> String {
        self.key.clone()
    }
}
