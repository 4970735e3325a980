//! What is wrong in a `workers.toml`, and how it is shown: every problem with its line, what was
//! expected and, where there is one, a way out.

use std::cell::RefCell;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// Whether a problem stops the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// The file cannot be used.
    Error,
    /// It can, but hardly as it was meant.
    Warning,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Whether it stops the program.
    pub(crate) severity: Severity,
    /// The path of the setting, as `kinds."soundtrack.sync_zones".timeout`.
    pub(crate) at: String,
    /// Where it stands in the file, in bytes.
    pub(crate) span: Range<usize>,
    /// What is wrong.
    pub(crate) message: String,
    /// What stands at the caret: mostly what was expected.
    pub(crate) label: String,
    /// A way out.
    pub(crate) help: Option<String>,
}

/// Problems as they are found. Shared by all readers of one file, hence the cell.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: RefCell<Vec<Problem>>,
    secrets: RefCell<Vec<Range<usize>>>,
}

impl Problems {
    pub(super) fn add(&self, problem: Problem) {
        self.found.borrow_mut().push(problem);
    }

    /// Hides these bytes whenever a line of the file is shown: logs of a CI keep what they are shown.
    pub(super) fn hide(&self, span: Range<usize>) {
        self.secrets.borrow_mut().push(span);
    }

    pub(super) fn into_report(self, path: &str, source: &str) -> Report {
        let mut problems = self.found.into_inner();
        problems.sort_by_key(|problem| (problem.span.start, problem.severity));
        let source = masked(source, &self.secrets.into_inner());
        Report {
            path: path.to_owned(),
            source,
            problems,
        }
    }
}

/// All problems of one file, in the order of its lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    path: String,
    source: String,
    problems: Vec<Problem>,
}

impl Report {
    /// The problems.
    pub(crate) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many of them stop the program.
    pub(crate) fn errors(&self) -> usize {
        self.problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .count()
    }

    /// How many do not.
    pub(crate) fn warnings(&self) -> usize {
        self.problems.len() - self.errors()
    }

    /// `workers.toml:3:9`.
    pub(crate) fn position(&self, problem: &Problem) -> String {
        let before = self
            .source
            .get(..problem.span.start)
            .unwrap_or(&self.source);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        format!("{}:{line}:{column}", self.path)
    }

    /// All problems as a person reads them.
    pub(crate) fn render(&self, color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let shown: Vec<String> = self
            .problems
            .iter()
            .map(|problem| self.render_one(&renderer, problem))
            .collect();
        shown.join("\n\n")
    }

    fn render_one(&self, renderer: &Renderer, problem: &Problem) -> String {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let span = first_line(&self.source, problem.span.clone());
        let annotation = AnnotationKind::Primary
            .span(span)
            .label(problem.label.as_str());
        let snippet = Snippet::source(self.source.as_str())
            .path(self.path.as_str())
            .annotation(annotation);
        let mut title = level.primary_title(problem.message.as_str());
        if !problem.at.is_empty() {
            title = title.id(problem.at.as_str());
        }
        let mut group = title.element(snippet);
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

/// A span over many lines, as that of a whole table, is shown by its first line.
fn first_line(source: &str, span: Range<usize>) -> Range<usize> {
    let end = span.end.min(source.len());
    let start = span.start.min(end);
    let text = &source[start..end];
    start..start + text.find('\n').unwrap_or(text.len())
}

/// The source with every secret's bytes as stars. Positions stay right.
fn masked(source: &str, secrets: &[Range<usize>]) -> String {
    let mut text = source.to_owned();
    for span in secrets {
        if let Some(secret) = text.get(span.clone()) {
            let stars: String = secret
                .bytes()
                .map(|b| if b == b'\n' { '\n' } else { '*' })
                .collect();
            text.replace_range(span.clone(), &stars);
        }
    }
    text
}
