//! Columns for people. Fitted to a terminal, and row below row where they cannot be; whole anywhere else.

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::clean::{clean, keep_lines};

/// Blanks behind a column.
const GAP: u16 = 2;
/// No word up to this is broken: an id must be copied whole.
const LONGEST_WORD: u16 = 36;

pub(super) fn list(columns: &[&str], rows: &[Vec<String>], width: Option<u16>) -> String {
    let least = least(columns, rows);
    let least_of_all: u16 = least.iter().map(|width| width + GAP).sum();
    if width.is_some_and(|width| least_of_all - GAP > width) {
        return blocks(columns, rows);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.iter().map(Cell::new));
    for row in rows {
        table.add_row(row.iter().map(|cell| Cell::new(clean(cell))));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    match width {
        Some(width) => {
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width + GAP);
            for (column, least) in table.column_iter_mut().zip(least) {
                let least = Width::Fixed(least + GAP);
                column.set_constraint(ColumnConstraint::LowerBoundary(least));
            }
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    format!("{}\n", table.trim_fmt())
}

/// How wide each column must be at least.
fn least(columns: &[&str], rows: &[Vec<String>]) -> Vec<u16> {
    let longest = |text: &str| {
        let words = text.split_whitespace().map(|word| word.chars().count());
        u16::try_from(words.max().unwrap_or(0)).unwrap_or(u16::MAX)
    };
    let of = |(at, name): (usize, &&str)| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        let cells = cells.map(|cell| longest(cell).min(LONGEST_WORD));
        cells.max().unwrap_or(0).max(longest(name))
    };
    columns.iter().enumerate().map(of).collect()
}

/// The rows one below the other, with a blank line between them.
fn blocks(columns: &[&str], rows: &[Vec<String>]) -> String {
    let names = columns.iter();
    let names: Vec<_> = names
        .map(|name| name.to_lowercase().replace('_', " "))
        .collect();
    let block = |row: &Vec<String>| {
        let pairs: Vec<_> = names.iter().cloned().zip(row.iter().cloned()).collect();
        details(&pairs, false)
    };
    rows.iter().map(block).collect::<Vec<_>>().join("\n")
}

/// Names to the left, values to the right; a value of many lines is indented.
pub(super) fn details(pairs: &[(String, String)], color: bool) -> String {
    let widest = pairs
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (name, value) in pairs {
        let value = keep_lines(value).replace('\n', &format!("\n{}", " ".repeat(widest + 2)));
        let padded = format!("{name:<widest$}");
        let name = if color {
            format!("\u{1b}[2m{padded}\u{1b}[0m")
        } else {
            padded
        };
        text.push_str(format!("{name}  {value}").trim_end());
        text.push('\n');
    }
    text
}

pub(super) fn terminal_width() -> Option<u16> {
    Table::new().width().filter(|width| *width >= 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 3] = ["ID", "AT_CREATIO", "ERROR"];

    fn rows() -> Vec<Vec<String>> {
        let row = |n: u32, error: &str| {
            let id = format!("5a6821d3-d440-45a7-9ba5-860ff63d50{n}");
            vec![n.to_string(), id, error.to_owned()]
        };
        vec![row(10, "-"), row(11, "the remote did not answer in time")]
    }

    #[test]
    fn what_does_not_fit_is_broken_between_words_and_then_stands_row_below_row() {
        let whole = list(&COLUMNS, &rows(), None);
        let fitted = list(&COLUMNS, &rows(), Some(56));
        let narrow = list(&COLUMNS, &rows(), Some(40));

        assert_eq!(whole.lines().count(), 3, "{whole}");
        assert!(fitted.lines().count() > 3, "{fitted}");
        assert!(
            fitted.lines().all(|line| line.chars().count() <= 56),
            "{fitted}"
        );
        for text in [&whole, &fitted, &narrow] {
            for row in rows() {
                assert!(text.contains(&row[1]), "an id is whole: {text}");
                assert!(row[2].split(' ').all(|word| text.contains(word)), "{text}");
            }
        }
        assert!(
            narrow.starts_with("id          10\nat creatio  5a6821d3-"),
            "{narrow}"
        );
        assert!(narrow.contains("\n\nid          11\n"), "{narrow}");
    }
}
