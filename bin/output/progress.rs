//! Progress on long work: a bar where a person watches, a line now and then where nobody does.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Output, clean};

/// How often a log that nobody watches gets a line.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// A bar, a line now and then, or nothing.
#[derive(Debug)]
pub(crate) struct Progress {
    out: Output,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl Progress {
    /// For work that starts now. Nothing is drawn until the first [`Progress::at`].
    pub(crate) fn new(out: &Output) -> Progress {
        let bar = out.watched().then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            bar.set_style(style());
            bar
        });
        Progress {
            out: *out,
            bar,
            last_line: Instant::now(),
        }
    }

    /// So much is done of so much.
    pub(crate) fn at(&mut self, done: u64, total: u64, words: &str) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(clean(words));
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            self.out.note(&format!("{done}/{total} {words}"));
        }
    }

    /// Removes the bar, so that the result stands alone.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("  {bar:30.cyan/dim} {pos}/{len} {msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}
