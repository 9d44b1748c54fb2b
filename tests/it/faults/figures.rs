//! Times that were measured, as one figure.

use std::fmt;
use std::time::Duration;

#[derive(Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort();
        let [.., worst] = sorted[..] else {
            return f.write_str("none");
        };
        let median = sorted[sorted.len() / 2];
        write!(
            f,
            "median {:.2} s, worst {:.2} s",
            median.as_secs_f64(),
            worst.as_secs_f64()
        )
    }
}
