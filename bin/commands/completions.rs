//! `lockstep completions`: a script that lets a shell complete our commands.

use clap::{Args, ValueEnum};
use clap_complete::{Shell, generate};

use crate::app::App;
use crate::output::Exit;

/// For which shell.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  lockstep completions bash > /etc/bash_completion.d/lockstep\n  lockstep completions zsh > ~/.zfunc/_lockstep\n  lockstep completions fish > ~/.config/fish/completions/lockstep.fish"
)]
pub(crate) struct Completions {
    /// bash, zsh or fish
    shell: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Bash,
    Zsh,
    Fish,
}

/// Does it.
pub(crate) fn run(app: &App, completions: &Completions) -> anyhow::Result<Exit> {
    let shell = match completions.shell {
        Kind::Bash => Shell::Bash,
        Kind::Zsh => Shell::Zsh,
        Kind::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut crate::cli::command(), "lockstep", &mut script);
    app.out.data(&String::from_utf8(script)?)?;
    Ok(Exit::Ok)
}
