//! What a person or a program sees: data on stdout in the format that was asked for, everything else
//! on stderr.

mod clean;
mod csv;
mod exit;
mod fault;
mod progress;
mod table;
mod words;

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

pub(crate) use clean::clean;
pub(crate) use exit::Exit;
pub(crate) use fault::Fault;
pub(crate) use progress::Progress;
pub(crate) use words::{
    instant, instant_or_dash, long, plural, shell_word, short, span_between, sparkline,
};

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Jsonl,
    /// Comma-separated values, RFC 4180.
    Csv,
    /// Only the name or id, one a line.
    Name,
}

/// Something that can be listed and shown.
pub(crate) trait Row: Serialize {
    /// The columns of a list.
    const COLUMNS: &'static [&'static str];

    /// A value for each column.
    fn cells(&self) -> Vec<String>;

    /// What `-o name` writes.
    fn name(&self) -> String;

    /// Names and values when it is shown alone.
    fn details(&self) -> Vec<(String, String)> {
        let names = Self::COLUMNS
            .iter()
            .map(|name| name.to_lowercase().replace('_', " "));
        names.zip(self.cells()).collect()
    }
}

/// Where to write and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// How data is written.
    pub(crate) format: Format,
    /// Colours on stdout.
    pub(crate) color_out: bool,
    /// Colours on stderr.
    pub(crate) color_err: bool,
    /// Nothing on stderr but errors.
    pub(crate) quiet: bool,
    /// Causes and details with errors: how often `-v` was given.
    pub(crate) verbose: u8,
}

/// What decides about colours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ColorWish {
    /// `--no-color` or the environment.
    pub(crate) never: bool,
    /// The environment.
    pub(crate) always: bool,
}

impl Output {
    /// For this process's streams.
    pub(crate) fn new(format: Format, wish: ColorWish, quiet: bool, verbose: u8) -> Output {
        let color = |is_terminal: bool| !wish.never && (is_terminal || wish.always);
        Output {
            format,
            color_out: color(io::stdout().is_terminal()),
            color_err: color(io::stderr().is_terminal()),
            quiet,
            verbose,
        }
    }

    /// True when a person watches stderr, so that a moving bar makes sense.
    pub(crate) fn watched(&self) -> bool {
        io::stderr().is_terminal() && !self.quiet
    }

    /// A list. An empty one is `[]` for programs; people are told on stderr.
    pub(crate) fn list<R: Row>(&self, rows: &[R], nothing: &str) -> io::Result<()> {
        let mut text = String::new();
        match self.format {
            Format::Table if rows.is_empty() => self.note(nothing),
            Format::Table => text = table::list(R::COLUMNS, &cells(rows), self.width()),
            Format::Json => text = line(&pretty(rows)?),
            Format::Jsonl => {
                for row in rows {
                    text.push_str(&line(&json(row)?));
                }
            }
            Format::Csv => text = csv::table(R::COLUMNS, &cells(rows)),
            Format::Name => text = rows.iter().map(|row| line(&clean(&row.name()))).collect(),
        }
        self.data(&text)
    }

    /// One thing with all there is to say.
    pub(crate) fn item<R: Row>(&self, row: &R) -> io::Result<()> {
        let text = match self.format {
            Format::Table => table::details(&row.details(), self.color_out),
            Format::Json => line(&pretty(row)?),
            Format::Jsonl => line(&json(row)?),
            Format::Csv => csv::table(R::COLUMNS, &[row.cells()]),
            Format::Name => line(&clean(&row.name())),
        };
        self.data(&text)
    }

    /// What a change did: words for people, the value for programs.
    pub(crate) fn done(&self, words: &str, name: &str, value: &Value) -> io::Result<()> {
        match self.format {
            Format::Table => self.data(&line(&clean(words))),
            Format::Json => self.data(&line(&pretty(value)?)),
            Format::Jsonl => self.data(&line(&json(value)?)),
            Format::Csv | Format::Name => self.data(&line(&clean(name))),
        }
    }

    /// Data as it is.
    pub(crate) fn data(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// A remark for people.
    pub(crate) fn note(&self, words: &str) {
        if !self.quiet && !words.is_empty() {
            self.err(&clean(words));
        }
    }

    /// A useful next command.
    pub(crate) fn next(&self, words: &str) {
        if !self.quiet && self.format == Format::Table {
            self.err(&self.dim(&clean(words)));
        }
    }

    /// A line on stderr. Nothing is to be done when even that fails.
    pub(crate) fn err(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    fn dim(&self, text: &str) -> String {
        if self.color_err {
            format!("\u{1b}[2m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// Tables are fitted to a terminal and never cut anywhere else.
    fn width(&self) -> Option<u16> {
        io::stdout()
            .is_terminal()
            .then(table::terminal_width)
            .flatten()
    }
}

/// A value as one line of JSON, without the end of the line or what a terminal could take for an order.
pub(crate) fn json_line(value: &Value) -> io::Result<String> {
    json(value)
}

fn cells<R: Row>(rows: &[R]) -> Vec<Vec<String>> {
    rows.iter().map(Row::cells).collect()
}

fn line(text: &str) -> String {
    format!("{text}\n")
}

fn pretty<T: Serialize + ?Sized>(value: &T) -> io::Result<String> {
    Ok(clean::json(&serde_json::to_string_pretty(value)?))
}

fn json<T: Serialize + ?Sized>(value: &T) -> io::Result<String> {
    Ok(clean::json(&serde_json::to_string(value)?))
}
