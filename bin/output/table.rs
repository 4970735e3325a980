//! Columns for people. Fitted to a terminal; whole anywhere else.

use comfy_table::{Cell, ContentArrangement, Table, presets};

use super::clean::{clean, keep_lines};

pub(super) fn list(columns: &[&str], rows: &[Vec<String>], width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.iter().map(Cell::new));
    for row in rows {
        table.add_row(row.iter().map(|cell| Cell::new(clean(cell))));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    match width {
        Some(width) => {
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width);
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    format!("{}\n", table.trim_fmt())
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
