//! Tables as kubectl prints them: a head in capitals, two spaces between columns, no borders.

/// Rows of text under a head.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// What stands where nothing is known.
pub(super) const NOTHING: &str = "-";

impl Table {
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row with a cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.head.len());
        self.rows.push(cells);
    }

    /// Its lines, with or without the head.
    pub(crate) fn lines(&self, has_head: bool) -> Vec<String> {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            let head = has_head.then(|| self.head[column].len());
            cells.chain(head).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |cells: &[&str]| {
            let mut line = String::new();
            for (cell, width) in cells.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            line.trim_end().to_owned()
        };
        let rows =
            self.rows.iter().map(|row| line(&row.iter().map(String::as_str).collect::<Vec<_>>()));
        has_head.then(|| line(&self.head)).into_iter().chain(rows).collect()
    }
}

/// A cell of something that may not be known.
pub(super) fn or_nothing<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["PEER", "STATE"]);
        table.row(vec!["10.0.0.1".to_owned(), "up".to_owned()]);
        table.row(vec!["fe80::1".to_owned(), String::new()]);
        let lines = table.lines(true);
        assert_eq!(lines, ["PEER      STATE", "10.0.0.1  up", "fe80::1"]);
        assert_eq!(table.lines(false)[0], "10.0.0.1  up");
        assert_eq!(or_nothing::<u32>(None), "-");
    }
}
