//! Medians, and how they are written.

use std::fmt::Write as _;
use std::time::Duration;

/// The times of one thing, round after round.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// In milliseconds. None where nothing was measured.
    pub fn median(&self) -> Option<f64> {
        median(self.0.iter().map(|time| time.as_secs_f64() * 1e3).collect())
    }

    /// The median distance from the median: what the machine adds and takes.
    fn spread(&self) -> Option<f64> {
        let middle = self.median()?;
        median(
            self.0
                .iter()
                .map(|time| (time.as_secs_f64() * 1e3 - middle).abs())
                .collect(),
        )
    }

    /// `12.3 ± 0.4`, in milliseconds.
    pub fn cell(&self) -> String {
        match (self.median(), self.spread()) {
            (Some(median), Some(spread)) => format!("{} ± {}", digits(median), digits(spread)),
            _ => "–".to_owned(),
        }
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// As many digits as mean something.
pub fn digits(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// How many times the other.
pub fn ratio(one: Option<f64>, other: Option<f64>) -> String {
    match (one, other) {
        (Some(one), Some(other)) => format!("{:.2}×", one / other),
        _ => "–".to_owned(),
    }
}

/// Of a budget.
pub fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

/// A table in Markdown; all but the first column are numbers.
pub struct Table {
    text: String,
}

impl Table {
    pub fn new(columns: &[&str]) -> Table {
        let mut table = Table {
            text: String::new(),
        };
        table.row(columns);
        table.text.push_str("|---|");
        for _ in 1..columns.len() {
            table.text.push_str("---:|");
        }
        table.text.push('\n');
        table
    }

    pub fn row(&mut self, cells: &[impl AsRef<str>]) {
        self.text.push('|');
        for cell in cells {
            write!(self.text, " {} |", cell.as_ref()).expect("memory");
        }
        self.text.push('\n');
    }

    pub fn print(&self) {
        println!("{}", self.text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(milliseconds: &[u64]) -> Times {
        Times(
            milliseconds
                .iter()
                .map(|one| Duration::from_millis(*one))
                .collect(),
        )
    }

    #[test]
    fn one_slow_round_does_not_move_the_median() {
        assert_eq!(times(&[10, 12, 900]).median(), Some(12.0));
        assert_eq!(times(&[10, 12, 14, 900]).median(), Some(13.0));
        assert_eq!(times(&[10, 12, 900]).cell(), "12.0 ± 2.00");
        assert_eq!(times(&[]).cell(), "–");
    }
}
