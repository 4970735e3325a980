//! `lockstep-sim`: one simulated remote on a port of its own, for trying a client by hand.

use std::net::SocketAddr;

use clap::{Parser, Subcommand, ValueEnum};
use sim::soundtrack::{Config, CostModel, Cursors, OverLimit, Simulator, Switches, WorldSize};

#[derive(Parser)]
#[command(
    name = "lockstep-sim",
    about = "Simulated remotes, with faults on demand"
)]
struct Cli {
    #[command(subcommand)]
    remote: Remote,
}

#[derive(Subcommand)]
enum Remote {
    /// The Soundtrack GraphQL API.
    Soundtrack(SoundtrackArgs),
}

#[derive(clap::Args)]
struct SoundtrackArgs {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:4010")]
    addr: SocketAddr,
    #[arg(long, default_value_t = 40)]
    accounts: u32,
    #[arg(long, default_value_t = 2)]
    locations_per_account: u32,
    #[arg(long, default_value_t = 5)]
    zones_per_account: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The API token to let in.
    #[arg(long, default_value = "sim-token-soundtrack")]
    token: String,
    /// Tokens that come back each second; 0 never refuses a call.
    #[arg(long, default_value_t = 50.0)]
    refill: f64,
    /// Answer a call over the limit with HTTP 429 and not with errors in an HTTP 200.
    #[arg(long)]
    http_429: bool,
    #[arg(long, value_enum, default_value = "documented")]
    cost: Cost,
    /// Cursors that stay right when the list changes.
    #[arg(long)]
    stable_cursors: bool,
    #[arg(long, default_value_t = 100)]
    max_page_size: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum Cost {
    Documented,
    Soft,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let Remote::Soundtrack(args) = Cli::parse().remote;
    let mut simulator = Simulator::start(config(args)).await?;
    greet(&simulator);
    tokio::select! {
        () = simulator.ended() => Ok(()),
        stopped = tokio::signal::ctrl_c() => {
            simulator.stop().await;
            stopped
        }
    }
}

fn config(args: SoundtrackArgs) -> Config {
    let switches = Switches {
        refill_per_second: (args.refill > 0.0).then_some(args.refill),
        over_limit: if args.http_429 {
            OverLimit::Http429
        } else {
            OverLimit::Errors
        },
        cost_model: match args.cost {
            Cost::Documented => CostModel::Documented,
            Cost::Soft => CostModel::Soft,
        },
        cursors: if args.stable_cursors {
            Cursors::Keyset
        } else {
            Cursors::Offset
        },
        max_page_size: args.max_page_size,
        ..Switches::default()
    };
    Config {
        addr: args.addr,
        seed: args.seed,
        size: WorldSize {
            accounts: args.accounts,
            locations_per_account: args.locations_per_account,
            zones_per_account: args.zones_per_account,
        },
        token: args.token,
        switches,
        ..Config::default()
    }
}

fn greet(simulator: &Simulator) {
    let account = simulator.with_world(|world| world.accounts().first().map(|it| it.id.clone()));
    let query = match account {
        Some(id) => format!(
            r#"{{ account(id: \"{id}\") {{ businessName soundZones(first: 5) {{ total edges {{ node {{ id name online }} }} }} }} }}"#
        ),
        None => "{ me { __typename } }".to_owned(),
    };
    let (url, token) = (simulator.url(), simulator.token());
    println!("Soundtrack simulator");
    println!("  url      {url}");
    println!("  token    {token}");
    println!("  control  {}", simulator.control_url());
    println!("  try      curl -s {url} -H 'Authorization: Basic {token}' \\");
    println!("             -H 'Content-Type: application/json' -d '{{\"query\":\"{query}\"}}'");
}
