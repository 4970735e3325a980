//! `lockstep-sim`: one simulated remote on a port of its own, for trying a client by hand.

use std::net::SocketAddr;

use clap::{Parser, Subcommand, ValueEnum};
use sim::soundtrack::{Config, CostModel, Cursors, OverLimit, Simulator, Switches, WorldSize};
use sim::{creatio, supabase, zoho};

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
    /// Zoho Inventory and Zoho Accounts.
    Zoho(ZohoArgs),
    /// A Supabase project with the CRM of a golf shop.
    Supabase(SupabaseArgs),
    /// Creatio CRM (OData 4) and its identity service.
    Creatio(CreatioArgs),
}

#[derive(clap::Args)]
struct ZohoArgs {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:4020")]
    addr: SocketAddr,
    #[arg(long, default_value_t = 250)]
    items: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Calls a minute; 0 is without limit.
    #[arg(long, default_value_t = 100)]
    per_minute: usize,
}

#[derive(clap::Args)]
struct SupabaseArgs {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:4030")]
    addr: SocketAddr,
    #[arg(long, default_value_t = 250)]
    customers: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Rows a reply has at most; 0 is without limit.
    #[arg(long, default_value_t = 1_000)]
    max_rows: usize,
}

#[derive(clap::Args)]
struct CreatioArgs {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:4040")]
    addr: SocketAddr,
    #[arg(long, default_value_t = 250)]
    leads: u32,
    #[arg(long, default_value_t = 250)]
    contacts: u32,
    #[arg(long, default_value_t = 50)]
    accounts: u32,
    #[arg(long, default_value_t = 250)]
    activities: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Empty lookups, times and texts come back as null, as of newer builds.
    #[arg(long)]
    nulls: bool,
    /// The root is /odata, as of .NET builds, and not /0/odata.
    #[arg(long)]
    net_core: bool,
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
    match Cli::parse().remote {
        Remote::Soundtrack(args) => serve_soundtrack(args).await,
        Remote::Zoho(args) => serve_zoho(args).await,
        Remote::Supabase(args) => serve_supabase(args).await,
        Remote::Creatio(args) => serve_creatio(args).await,
    }
}

async fn serve_soundtrack(args: SoundtrackArgs) -> std::io::Result<()> {
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

async fn serve_zoho(args: ZohoArgs) -> std::io::Result<()> {
    let config = zoho::Config {
        addr: args.addr,
        seed: args.seed,
        items: args.items,
        switches: zoho::Switches {
            per_minute: (args.per_minute > 0).then_some(args.per_minute),
            ..zoho::Switches::default()
        },
        ..zoho::Config::default()
    };
    let simulator = zoho::Simulator::start(config).await?;
    let (url, token) = (simulator.api_domain(), simulator.mint());
    let config = simulator.config();
    println!("Zoho simulator");
    println!("  accounts {}", simulator.accounts_url());
    println!(
        "  grant    client_id={} client_secret={} refresh_token={}",
        config.client_id, config.client_secret, config.refresh_token
    );
    println!("  control  {}", simulator.control_url());
    println!("  try      curl -s -H 'Authorization: Zoho-oauthtoken {token}' \\");
    println!(
        "             '{url}/inventory/v1/items?organization_id={}&per_page=2'",
        config.organization_id
    );
    until_stopped(simulator).await
}

async fn serve_supabase(args: SupabaseArgs) -> std::io::Result<()> {
    let config = supabase::Config {
        addr: args.addr,
        seed: args.seed,
        customers: args.customers,
        switches: supabase::Switches {
            max_rows: (args.max_rows > 0).then_some(args.max_rows),
            ..supabase::Switches::default()
        },
        ..supabase::Config::default()
    };
    let simulator = supabase::Simulator::start(config).await?;
    let (url, key) = (simulator.url(), &simulator.config().secret_key);
    println!("Supabase simulator");
    println!("  url      {url}");
    println!("  key      {key}");
    println!("  control  {}", simulator.control_url());
    println!("  try      curl -s -H 'apikey: {key}' \\");
    println!("             '{url}/customers?select=id,customer_name&limit=2'");
    until_stopped(simulator).await
}

async fn serve_creatio(args: CreatioArgs) -> std::io::Result<()> {
    let config = creatio::Config {
        addr: args.addr,
        seed: args.seed,
        leads: args.leads,
        contacts: args.contacts,
        accounts: args.accounts,
        activities: args.activities,
        switches: creatio::Switches {
            empties: if args.nulls {
                creatio::Empties::Nulls
            } else {
                creatio::Empties::Zeroes
            },
            net_core: args.net_core,
            ..creatio::Switches::default()
        },
        ..creatio::Config::default()
    };
    let simulator = creatio::Simulator::start(config).await?;
    let (url, token) = (simulator.url(), simulator.mint());
    let config = simulator.config();
    println!("Creatio simulator");
    println!("  url      {url}");
    println!("  tokens   {}/connect/token", simulator.identity_url());
    println!(
        "  client   client_id={} client_secret={}",
        config.client_id, config.client_secret
    );
    println!("  control  {}", simulator.control_url());
    println!("  try      curl -s -H 'Authorization: Bearer {token}' \\");
    println!("             '{url}/Lead?$select=Id,LeadName&$top=2'");
    until_stopped(simulator).await
}

async fn until_stopped<R: sim::wire::Remote>(
    mut simulator: sim::wire::Simulator<R>,
) -> std::io::Result<()> {
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
