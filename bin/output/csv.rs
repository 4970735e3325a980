//! CSV after RFC 4180, safe to open in a spreadsheet.

/// A header line and a line a row.
pub(super) fn table(columns: &[&str], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = columns.iter().map(|name| name.to_lowercase()).collect();
    let mut text = record(&header);
    for row in rows {
        text.push_str(&record(row));
    }
    text
}

fn record(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(&unarmed(cell))).collect();
    format!("{}\n", cells.join(","))
}

/// A spreadsheet runs a cell that starts like a formula (OWASP, CSV injection). A number may keep
/// its sign.
fn unarmed(cell: &str) -> String {
    let cell = super::clean::keep_lines(cell);
    let armed = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if armed && cell.parse::<f64>().is_err() && cell != "-" {
        format!("'{cell}")
    } else {
        cell
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\'']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(cell: &str) -> String {
        record(&[cell.to_owned()]).trim_end().to_owned()
    }

    #[test]
    fn a_cell_never_starts_a_formula() {
        assert_eq!(one("=cmd|'/c calc'!A0"), "\"'=cmd|'/c calc'!A0\"");
        assert_eq!(one("+1 (2)"), "\"'+1 (2)\"");
        assert_eq!(one("@sum"), "\"'@sum\"");
        assert_eq!(one("-4.5"), "-4.5");
        assert_eq!(one("-"), "-");
    }

    #[test]
    fn quotes_commas_and_line_ends_stay_inside_their_cell() {
        assert_eq!(one("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
    }

    #[test]
    fn an_empty_table_still_names_its_columns() {
        assert_eq!(table(&["ID", "KIND"], &[]), "id,kind\n");
    }
}
