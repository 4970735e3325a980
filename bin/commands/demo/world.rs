//! The simulated world of the demo: forty companies, and four sorts of trouble that the systems we
//! replace got wrong.

use engine::{Actor, Client};
use jobs::company::{self, NewCompany};
use sim::soundtrack::{Config, Fault, FaultKind, Simulator, Switches, TruthAccount, WorldSize};

use crate::app::Session;

/// With the one that has none, forty companies.
const ACCOUNTS: u32 = 39;
/// Tokens that come back to the rate limit each second here, and at the vendor's.
pub(super) const REFILL: f64 = 5_000.0;
const VENDORS_REFILL: f64 = 50.0;

pub(super) async fn start() -> std::io::Result<Simulator> {
    let size = WorldSize {
        accounts: ACCOUNTS,
        locations_per_account: 2,
        zones_per_account: 6,
    };
    // The vendor's own refill would make the first sync take ten minutes.
    let switches = Switches {
        refill_speed: REFILL / VENDORS_REFILL,
        ..Switches::default()
    };
    let simulator = Simulator::start(Config {
        size,
        switches,
        ..Config::default()
    })
    .await?;
    let truth = simulator.truth();
    let mut accounts = truth.accounts.iter().map(|account| account.id.clone());
    let mut trouble = |kind: FaultKind| accounts.next().map(|id| Fault::new(kind).on_account(id));
    // An account that the token may not see: no retry can help.
    let refused = trouble(FaultKind::Forbidden);
    // Once read as "0 zones, 0 errors".
    let message = "Internal server error".to_owned();
    let broken = trouble(FaultKind::NullData { message });
    // Answers in the end: a wait costs no attempt.
    let throttled = trouble(FaultKind::HttpStatus { status: 429 }).map(|fault| fault.times(1));
    for fault in [refused, broken, throttled].into_iter().flatten() {
        simulator.inject(fault);
    }
    Ok(simulator)
}

/// Writes the companies, unless an earlier demo has; how many there are.
pub(super) async fn seed(session: &Session, simulator: &Simulator) -> anyhow::Result<usize> {
    let pool = &session.env.pool;
    let there = company::list(pool, &company::Filter::default(), 500).await?;
    if !there.data.is_empty() {
        return Ok(there.data.len());
    }
    let accounts = simulator.truth().accounts;
    let mut tx = pool.begin().await?;
    for account in &accounts {
        company::create(&mut tx, &of(account)).await?;
    }
    let without = NewCompany {
        name: "Hilton Pattaya".into(),
        country: "TH".into(),
        alerts: true,
        ..NewCompany::default()
    };
    company::create(&mut tx, &without).await?;
    let actor = Actor::new("demo", "cli");
    Client::record_audit_in(&mut tx, &actor, "demo.seed", "companies", None).await?;
    tx.commit().await?;
    Ok(accounts.len() + 1)
}

fn of(account: &TruthAccount) -> NewCompany {
    NewCompany {
        name: account.business_name.clone(),
        country: account.country.clone(),
        soundtrack_account_id: Some(account.id.clone()),
        alerts: true,
        ..NewCompany::default()
    }
}
