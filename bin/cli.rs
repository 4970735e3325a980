//! The command line: nouns and verbs. What each does is in `commands/`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    audit, bench, breaker, budget, bulk, check, company, completions, conflict, connection,
    credential, db, dead, demo, doctor, enqueue, job, journal, kind, mapping, migrate, partition,
    product, profile, quarantine, queue, record, review, rollup, run, schedule, serve, sweep, sync,
    token, version, worker, zone,
};
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  lockstep demo                         everything at once, with a simulated Soundtrack
  lockstep serve                        API, workers and schedules
  lockstep sync soundtrack              sync the zones of every company now
  lockstep dead list                    what was given up, and why";

const EXIT_CODES: &str = "\
Exit codes:
  0  done                               7  the configuration has errors
  1  unexpected failure                 8  done in part: some failed
  2  wrong usage                        9  a check found problems
  3  no such thing                     10  the awaited job ended dead or cancelled
  4  not in this state, or no account 124  waited as long as was said
  5  not allowed                      130  interrupted
  6  database or remote unreachable

Settings: flag, then LOCKSTEP_… variables (also DATABASE_URL, PORT, NO_COLOR), then ./workers.toml
or --config, then defaults. Without a database url a private PostgreSQL is used.";

/// A durable sync engine: every sync is a persisted job in Postgres
#[derive(Debug, Parser)]
#[command(name = "lockstep", version, arg_required_else_help = true, before_help = EXAMPLES, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// How data is written to stdout
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table, value_name = "FORMAT", hide_possible_values = true, help = "How data is written: table, json, jsonl, csv, name")]
    pub(crate) output: Format,
    /// The workers.toml to read
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The database to use instead of the configured one
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// No colours
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Only data and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// More on stderr; twice for still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What holds for every change.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Change")]
pub(crate) struct Change {
    /// Say what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything at work: private Postgres, simulated Soundtrack, API, workers, schedules
    Demo(demo::Demo),
    /// Run the API, workers and schedules
    Serve(serve::Serve),
    /// Run workers and schedules only
    Work(serve::Work),
    /// Bring the database up to date
    Migrate(migrate::Migrate),
    /// Check workers.toml and show every problem in it
    Check(check::Check),
    /// Check that everything is as it should be, with a way out where it is not
    Doctor(doctor::Doctor),
    /// Show everything at a glance: what waits, runs, was done and needs a person
    #[command(before_help = "Examples:\n  lockstep overview\n  lockstep overview -o json")]
    Overview,
    /// See what ended by the minute or the hour
    #[command(subcommand)]
    Rollup(rollup::Rollup),
    /// Put a job into the queue
    Enqueue(enqueue::Enqueue),
    /// Look at jobs and act on them
    #[command(subcommand)]
    Job(job::Job),
    /// Look at dead letters and replay them
    #[command(subcommand)]
    Dead(dead::Dead),
    /// Look at acts on many jobs, stop and resume them
    #[command(subcommand)]
    Bulk(bulk::Bulk),
    /// Look at queues, pause and resume them
    #[command(subcommand)]
    Queue(queue::Queue),
    /// Look at kinds and their policies, pause and resume them
    #[command(subcommand)]
    Kind(kind::Kind),
    /// Look at the rate budgets of remotes and change their figures
    #[command(subcommand)]
    Budget(budget::Budget),
    /// Look at the breakers of connections, open and close them
    #[command(subcommand)]
    Breaker(breaker::Breaker),
    /// Look at the remote accounts, try, pause and resume them
    #[command(subcommand)]
    Connection(connection::Connection),
    /// Set secrets of connections and change the keys that seal them
    #[command(subcommand)]
    Credential(credential::Credential),
    /// Look at ordered partitions that a dead job holds up, and let them go on
    #[command(subcommand)]
    Partition(partition::Partition),
    /// Look at schedules, their runs, and run them now
    #[command(subcommand)]
    Schedule(schedule::Schedule),
    /// Look at companies and change them
    #[command(subcommand)]
    Company(company::Company),
    /// Look at the music zones of companies
    #[command(subcommand)]
    Zone(zone::Zone),
    /// Look at the products of Zoho's organisations
    #[command(subcommand)]
    Product(product::Products),
    /// See what each sync did: how it ended, what became of its records
    #[command(subcommand)]
    Run(run::Run),
    /// Look at the booking site's profiles, the customers they are and their packages
    #[command(subcommand)]
    Profile(profile::Profiles),
    /// Say which customer of the CRM a profile is
    #[command(subcommand)]
    Review(review::Reviews),
    /// See why a value of a synced record is what it is, and how records stand
    #[command(subcommand)]
    Record(record::Record),
    /// Settle what both sides have edited: look, decide, propose, approve
    #[command(subcommand)]
    Conflict(conflict::Conflicts),
    /// Look at values that a rule wrote over, and put them back
    #[command(subcommand)]
    Journal(journal::Journal),
    /// See and set which fields are synced with a Creatio
    #[command(subcommand)]
    Mapping(mapping::Mapping),
    /// Look at records that could not be read, try them again or let them be
    #[command(subcommand)]
    Quarantine(quarantine::Quarantine),
    /// Look at what syncs would mark as gone if they might, and decide
    #[command(subcommand)]
    Sweep(sweep::Sweep),
    /// Sync now, and wait for the result
    #[command(subcommand)]
    Sync(sync::Sync),
    /// Look at worker processes
    #[command(subcommand)]
    Worker(worker::Worker),
    /// Reach the database itself
    #[command(subcommand)]
    Db(db::Db),
    /// Make and revoke API tokens
    #[command(subcommand)]
    Token(token::Token),
    /// See who changed what
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Measure jobs a second, latency, WAL and commits a job on this database
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Print a completion script for a shell
    Completions(completions::Completions),
    /// Print the version
    Version(version::Version),
}

/// Examples come first in every help; clap's own order puts them last or nowhere.
const HELP: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}";

/// The whole command tree with our help.
pub(crate) fn command() -> clap::Command {
    templated(<Cli as clap::CommandFactory>::command())
}

fn templated(command: clap::Command) -> clap::Command {
    command.help_template(HELP).mut_subcommands(templated)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a line as a shell tells them apart; what follows `>`, `|` or `)` is not for us.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        for c in line.chars() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '\'' | '"') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (None, '>' | '|' | ')') => break,
                (None, ' ') => words.extend(word.take()),
                (_, c) => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        words
    }

    /// What is wrong with the examples of a verb.
    fn faults(verb: &clap::Command, path: &str) -> Vec<String> {
        let help = verb.get_before_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        if !help.starts_with("Examples:\n") {
            return vec![format!("{path}: has no examples")];
        }
        let mut faults = Vec::new();
        let mut own = 0;
        for line in help.lines().skip(1) {
            let Some(start) = line.find("lockstep ") else {
                continue;
            };
            // What stands behind more blanks explains.
            let line = line[start..].split("   ").next().unwrap_or_default();
            own += usize::from(line.starts_with(path));
            if let Err(error) = command().try_get_matches_from(words(line)) {
                faults.push(format!("{path}: {line}: {error}"));
            }
        }
        if own == 0 {
            faults.push(format!("{path}: no example is of it"));
        }
        faults
    }

    fn all_faults(noun: &clap::Command, path: &str) -> Vec<String> {
        let mut found = Vec::new();
        for verb in noun.get_subcommands() {
            let path = format!("{path} {}", verb.get_name());
            found.extend(match verb.has_subcommands() {
                true => all_faults(verb, &path),
                false => faults(verb, &path),
            });
        }
        found
    }

    #[test]
    fn every_verb_has_examples_and_each_can_be_typed_as_it_stands() {
        let found = all_faults(&command(), "lockstep");

        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
