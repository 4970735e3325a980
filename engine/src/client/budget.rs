//! Budgets: declare one, draw on it, look at it, change it.

use std::time::Duration;

use serde_json::json;

use super::Client;
use crate::budget::{BudgetChange, BudgetRule, BudgetView, Draw, Reserved};
use crate::control::Actor;
use crate::store::{audit, budget};
use crate::{Error, Result};

impl Client {
    /// Makes a budget known. One that is there follows the rule, unless a person or the remote's own
    /// headers have said better.
    ///
    /// # Errors
    /// [`Error::Invalid`] for figures that are not above nothing; [`Error::Database`].
    pub async fn declare_budget(&self, rule: &BudgetRule) -> Result<()> {
        check_key(&rule.key)?;
        check("capacity", Some(rule.capacity))?;
        check("refill_per_s", Some(rule.refill_per_s))?;
        budget::declare(&self.inner.singles, rule).await
    }

    /// Draws on budgets for one call, on all of them or on none. Waits in the order of asking, over the
    /// whole fleet, for at most `patience`; send the call at once and tell the permit how it ended.
    ///
    /// ```no_run
    /// # async fn example(client: &engine::Client) -> engine::Result<()> {
    /// use engine::{Draw, Reading, Reserved};
    /// let draw = Draw { key: "soundtrack/default".into(), cost: 801.0 };
    /// match client.reserve(&[draw], std::time::Duration::from_secs(2)).await? {
    ///     Reserved::Go(permit) => permit.settle(Some(Reading { cost: 801.0, available: 2_799.0 })),
    ///     Reserved::Wait(_) | Reserved::Never => {}
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NoSuch`] when one of them was never declared; [`Error::Database`].
    pub async fn reserve(&self, draws: &[Draw], patience: Duration) -> Result<Reserved> {
        self.inner.fleet.reserve(draws, patience).await
    }

    /// The most tokens a budget ever holds, as this process last heard.
    pub fn budget_capacity(&self, key: &str) -> Option<f64> {
        self.inner.fleet.capacity(key)
    }

    /// All budgets, by key.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn budgets(&self) -> Result<Vec<BudgetView>> {
        budget::list(&mut *self.inner.pool.acquire().await?, None).await
    }

    /// One budget.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn budget(&self, key: &str) -> Result<BudgetView> {
        let found = budget::list(&mut *self.inner.pool.acquire().await?, Some(key)).await?;
        found.into_iter().next().ok_or_else(|| no_budget(key))
    }

    /// Changes a budget's figures, for all processes at once.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::Invalid`] for figures that are not above nothing.
    pub async fn set_budget(
        &self,
        key: &str,
        change: &BudgetChange,
        reason: Option<&str>,
        actor: &Actor,
    ) -> Result<()> {
        check("capacity", change.capacity)?;
        check("refill_per_s", change.refill_per_s)?;
        let (key, change, actor) = (key.to_owned(), change.clone(), actor.clone());
        let reason = reason.map(str::to_owned);
        self.in_transaction(move |conn| {
            Box::pin(async move {
                if !budget::set(conn, &key, &change).await? {
                    return Err(no_budget(&key));
                }
                let detail = json!({"change": change, "reason": reason});
                audit::record(conn, &actor, "budget.set", &key, Some(detail)).await
            })
        })
        .await
    }
}

fn no_budget(key: &str) -> Error {
    Error::NoSuch {
        what: "budget",
        name: key.to_owned(),
    }
}

fn check_key(key: &str) -> Result<()> {
    if key.is_empty() || key.len() > 200 || key.chars().any(char::is_control) {
        let problem = "budget key: expected 1 to 200 bytes without control characters";
        return Err(Error::Invalid(problem.into()));
    }
    Ok(())
}

fn check(what: &str, figure: Option<f64>) -> Result<()> {
    match figure {
        Some(figure) if !(figure > 0.0 && figure <= 1e9) => Err(Error::Invalid(format!(
            "{what}: expected more than 0 and at most 1000000000"
        ))),
        _ => Ok(()),
    }
}
