//! The seam between a remote's client and the fleet's budget: connectors ask, the engine counts.

use std::time::Duration;

use connectors::budget::{Acquiring, BucketConfig, Budget, Charge, Cost, Wait};
use engine::{BudgetRule, Client, Draw, Permit, Reading, Reserved, Start};
use tokio::sync::OnceCell;

/// The wait while the database cannot say how long it is.
const OUTAGE: Duration = Duration::from_secs(1);
const A_DAY_S: f64 = 86_400.0;

/// One credential's tokens, counted over all processes.
#[derive(Debug)]
pub struct FleetBudget {
    client: Client,
    /// What replies tell of.
    rule: BudgetRule,
    /// A second limit that every call counts against too.
    beside: Option<BudgetRule>,
    declared: OnceCell<()>,
}

impl FleetBudget {
    /// The budget of a key such as `soundtrack/default`. It is declared with the first call, so that a
    /// process that makes none leaves no trace.
    #[must_use]
    pub fn new(client: Client, key: impl Into<String>, config: BucketConfig) -> FleetBudget {
        let rule = BudgetRule {
            key: key.into(),
            capacity: f64::from(config.capacity),
            refill_per_s: config.refill_per_s,
            refill_ceiling_per_s: config.refill_ceiling_per_s,
            start: Start::Unknown,
        };
        FleetBudget {
            client,
            rule,
            beside: None,
            declared: OnceCell::new(),
        }
    }

    /// The same, where each call counts as one against so many a day too: a quarter of them at once, the
    /// rest over the day, so that no twenty-four hours have more. `lockstep budget set KEY` changes it.
    #[must_use]
    pub fn with_calls_a_day(mut self, calls: u32) -> FleetBudget {
        let calls = f64::from(calls);
        let refill_per_s = calls * 0.75 / A_DAY_S;
        self.beside = Some(BudgetRule {
            key: format!("{}/day", self.rule.key),
            capacity: calls * 0.25,
            refill_per_s,
            refill_ceiling_per_s: refill_per_s,
            start: Start::Full,
        });
        self
    }

    /// The same for a remote that tells nothing of its limit: the budget begins full.
    #[must_use]
    pub fn without_readings(mut self) -> FleetBudget {
        self.rule.start = Start::Full;
        self
    }

    async fn reserve(&self, cost: u32, patience: Duration) -> engine::Result<Reserved> {
        self.declared.get_or_try_init(|| self.declare()).await?;
        let draw = |rule: &BudgetRule, cost| Draw {
            key: rule.key.clone(),
            cost,
        };
        let mut draws = vec![draw(&self.rule, f64::from(cost))];
        draws.extend(self.beside.iter().map(|rule| draw(rule, 1.0)));
        self.client.reserve(&draws, patience).await
    }

    async fn declare(&self) -> engine::Result<()> {
        for rule in std::iter::once(&self.rule).chain(&self.beside) {
            self.client.declare_budget(rule).await?;
        }
        Ok(())
    }
}

impl Budget for FleetBudget {
    fn acquire(&self, cost: u32, patience: Duration) -> Acquiring<'_> {
        Box::pin(async move {
            match self.reserve(cost, patience).await {
                Ok(Reserved::Go(permit)) => Ok(Box::new(FleetCharge(permit)) as Box<dyn Charge>),
                Ok(Reserved::Wait(wait)) => Err(Wait::For(wait)),
                Ok(Reserved::Never) => Err(Wait::Never),
                Err(error) => {
                    // Calling without asking could cost everybody a refusal.
                    tracing::warn!(%error, budget = self.rule.key, "could not ask for tokens; putting the call off");
                    Err(Wait::For(OUTAGE))
                }
            }
        })
    }

    fn capacity(&self) -> u32 {
        let heard = self.client.budget_capacity(&self.rule.key);
        // A float to integer cast saturates.
        heard.map_or(self.rule.capacity, |capacity| capacity.min(1e9)) as u32
    }
}

#[derive(Debug)]
struct FleetCharge(Permit);

impl Charge for FleetCharge {
    fn settle(self: Box<Self>, reading: Option<Cost>) {
        self.0.settle(reading.map(|reading| Reading {
            cost: f64::from(reading.cost),
            available: f64::from(reading.available),
        }));
    }

    fn refused(
        self: Box<Self>,
        _cost: u32,
        available: Option<u32>,
        after: Option<Duration>,
    ) -> Option<Duration> {
        Some(self.0.refuse(available.map(f64::from), after))
    }

    fn unsent(self: Box<Self>) {
        self.0.unsent();
    }
}
