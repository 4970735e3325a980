//! The tree as the rules see it: its files, and Rust source without comments.

use std::collections::BTreeSet;
use std::path::Path;

/// The rules themselves, whose bad examples break them on purpose.
const RULES: &str = "tests/it/architecture";

pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs") && !self.path.starts_with(RULES)
    }

    pub(super) fn is_under(&self, room: &str) -> bool {
        self.path.starts_with(room) || self.path.contains(&format!("/{room}"))
    }

    /// The source with comments blanked; with string contents blanked too unless `strings`.
    pub(super) fn code(&self, strings: bool) -> String {
        code_of(&self.text, strings)
    }

    pub(super) fn breach(&self, what: impl std::fmt::Display) -> String {
        format!("{}: {what}", self.path)
    }
}

pub(super) fn tree() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("the tree can be read") {
            let path = entry.expect("the tree can be read").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if name.ends_with(".rs") || name.ends_with(".sql") || name == "workers.toml" {
                files.push(read(root, &path));
            }
        }
    }
    assert!(
        files.iter().any(|f| f.path.starts_with(RULES)),
        "the walk misses its own rules"
    );
    files
}

fn read(root: &Path, path: &Path) -> File {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let path = path
        .strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/");
    File { path, text }
}

pub(super) fn file(path: &str, text: &str) -> File {
    File {
        path: path.into(),
        text: text.into(),
    }
}

pub(super) fn words(code: &str) -> BTreeSet<&str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect()
}

/// Rust source without its comments, and without what its strings say unless `strings`.
fn code_of(source: &str, strings: bool) -> String {
    let (mut code, mut rest) = (String::new(), source);
    while let Some(next) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment_length(rest)
        } else if let Some(length) = string_length(rest, code.chars().last()) {
            code.push_str(if strings { &rest[..length] } else { "\"\"" });
            length
        } else {
            code.push(next);
            next.len_utf8()
        };
        rest = &rest[length..];
    }
    code
}

fn comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let (open, close) = (rest[at..].starts_with("/*"), rest[at..].starts_with("*/"));
        depth += i32::from(open) - i32::from(close);
        at += if open || close {
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        if depth == 0 {
            break;
        }
    }
    at
}

/// How long the string or character literal is that `rest` begins with; lifetimes are neither.
fn string_length(rest: &str, before: Option<char>) -> Option<usize> {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let hashes = rest
        .strip_prefix('r')
        .map(|raw| raw.chars().take_while(|c| *c == '#').count());
    if let Some(hashes) = hashes.filter(|n| !in_word && rest[1 + n..].starts_with('"')) {
        let end = format!("\"{}", "#".repeat(hashes));
        let body = 2 + hashes;
        return Some(
            rest[body..]
                .find(&end)
                .map_or(rest.len(), |at| body + at + end.len()),
        );
    }
    if let Some(body) = rest.strip_prefix('\'') {
        let mut chars = body.chars();
        let first = chars.next()?;
        let closes = first == '\\' || chars.next() == Some('\'');
        let from = first.len_utf8() + if first == '\\' { 1 } else { 0 };
        return closes.then(|| {
            body[from..]
                .find('\'')
                .map_or(rest.len(), |at| from + at + 2)
        });
    }
    let body = rest.strip_prefix('"')?;
    let mut escaped = false;
    let end = body.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    Some(end.map_or(rest.len(), |at| at + 2))
}
