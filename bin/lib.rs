//! The `lockstep` program: the composition root of engine, connectors and jobs.

mod app;
mod audited;
mod cli;
mod commands;
mod config;
mod crew;
mod database;
mod flows;
pub mod http;
mod kinds;
mod output;
mod secrets;
mod signals;
mod telemetry;

use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::ErrorKind;

use app::App;
use cli::Cli;
use config::Environment;
use output::{ColorWish, Exit, Fault, Format, Output};

/// Reads the command line, does what it says, and answers with a documented exit code.
pub fn main() -> ExitCode {
    let env = Environment::of_process();
    let cli = match parse(&env) {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    let wish = ColorWish {
        never: cli.global.no_color || env.no_color(),
        always: env.force_color(),
    };
    let out = Output::new(
        cli.global.output,
        wish,
        cli.global.quiet,
        cli.global.verbose,
    );
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            Fault::new(Exit::Failure, "cannot start")
                .why(error.to_string())
                .report(&out);
            return Exit::Failure.into();
        }
    };
    let logs = telemetry::start(&env, telemetry::Detail::of(&cli.command, out.verbose));
    let app = App::new(&cli.global, env, out, logs);
    let ended = runtime.block_on(Box::pin(commands::run(&app, cli.command)));
    ended.unwrap_or_else(|error| report(&out, &error)).into()
}

fn report(out: &Output, error: &anyhow::Error) -> Exit {
    if is_broken_pipe(error) {
        // Whoever read us, as `head`, has seen enough.
        return Exit::Ok;
    }
    let fault = Fault::of(error);
    fault.report(out);
    if out.verbose > 0 {
        out.err(&format!("{error:?}"));
    }
    fault.exit
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The parsed line, or how the program ends without one.
fn parse(env: &Environment) -> Result<Cli, Exit> {
    let mut command = cli::command();
    if env.no_color() {
        command = command.color(clap::ColorChoice::Never);
    }
    let parsed = command
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| {
        let wanted = matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        );
        if wanted || !asks_for_json() {
            // Help goes to stdout, mistakes to stderr; nothing is to be done when that fails.
            let _ = error.print();
        } else {
            let out = Output::new(
                Format::Json,
                ColorWish {
                    never: true,
                    always: false,
                },
                true,
                0,
            );
            let text = error.render().to_string();
            let what = text
                .lines()
                .next()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            Fault::new(Exit::Usage, what).fix("add --help").report(&out);
        }
        if wanted { Exit::Ok } else { Exit::Usage }
    })
}

/// A line that cannot be parsed can still have said how errors are wanted.
fn asks_for_json() -> bool {
    let words: Vec<String> = std::env::args_os()
        .filter_map(|word| word.into_string().ok())
        .collect();
    let is_json = |word: &str| matches!(word, "json" | "jsonl");
    words
        .windows(2)
        .any(|pair| matches!(&*pair[0], "-o" | "--output") && is_json(&pair[1]))
        || words.iter().any(|word| {
            let value = word
                .strip_prefix("--output=")
                .or_else(|| word.strip_prefix("-o"));
            value.is_some_and(is_json)
        })
}
