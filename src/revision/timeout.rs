//! The durations that a section's words give.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long to wait: the value of `lock_timeout=` and `statement_timeout=`.
///
/// ```text
/// timeout = digits unit
/// unit    = "ms" | "s" | "min" | "h"
/// ```
///
/// `500ms`, `2s`, `5min`, `1h`: a whole number and its unit, nothing between them. A plain number is
/// refused, since PostgreSQL reads one as milliseconds and MariaDB as seconds. Zero is refused too:
/// to both servers' settings it means "without a limit" rather than "at once". The longest is what
/// PostgreSQL's settings hold, 2147483647 milliseconds: a little under 25 days.
///
/// ```
/// # use limbeck::revision::Timeout;
/// # use std::time::Duration;
/// let timeout: Timeout = "1500ms".parse()?;
/// assert_eq!(timeout.duration(), Duration::from_millis(1500));
/// assert_eq!("120s".parse::<Timeout>()?.to_string(), "2min");
/// # Ok::<(), limbeck::revision::TimeoutError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeout {
    // 1 to i32::MAX: what every supported server's setting can hold.
    milliseconds: u32,
}

const LONGEST: u64 = i32::MAX as u64;

/// The units with their milliseconds, the longest first.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

impl Timeout {
    /// The time as the standard library's type: whole milliseconds, at least one.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.milliseconds.into())
    }

    fn from_milliseconds(milliseconds: Option<u64>) -> Result<Self, TimeoutError> {
        match milliseconds {
            Some(0) => Err(TimeoutError::Zero),
            Some(milliseconds) if milliseconds <= LONGEST => Ok(Timeout {
                milliseconds: u32::try_from(milliseconds).expect("i32::MAX fits a u32"),
            }),
            _ => Err(TimeoutError::TooLong),
        }
    }
}

impl From<Timeout> for Duration {
    fn from(timeout: Timeout) -> Duration {
        timeout.duration()
    }
}

impl TryFrom<Duration> for Timeout {
    type Error = TimeoutError;

    /// # Errors
    /// The duration is zero, is longer than the longest, or is no whole number of milliseconds.
    fn try_from(duration: Duration) -> Result<Self, TimeoutError> {
        if !duration.subsec_nanos().is_multiple_of(1_000_000) {
            return Err(TimeoutError::Malformed);
        }
        Timeout::from_milliseconds(u64::try_from(duration.as_millis()).ok())
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = u64::from(self.milliseconds);
        let (unit, length) = UNITS
            .into_iter()
            .find(|(_, length)| milliseconds.is_multiple_of(*length))
            .expect("one millisecond divides every number of them");
        write!(f, "{}{unit}", milliseconds / length)
    }
}

/// What is wrong with a timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeoutError {
    /// Not a whole number followed by a unit.
    #[error("is not a whole number with one of the units ms, s, min, h")]
    Malformed,
    /// Zero of some unit.
    #[error("is zero, which servers take for no limit at all")]
    Zero,
    /// More than 2147483647 milliseconds.
    #[error("is too long: the longest is 2147483647ms, a little under 25 days")]
    TooLong,
}

impl FromStr for Timeout {
    type Err = TimeoutError;

    fn from_str(text: &str) -> Result<Self, TimeoutError> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let (_, length) = UNITS
            .into_iter()
            .find(|(name, _)| *name == unit && !number.is_empty())
            .ok_or(TimeoutError::Malformed)?;
        // Only digits are left, so the one way to fail is to be too large.
        let number = number.parse::<u64>().ok();
        Timeout::from_milliseconds(number.and_then(|number| number.checked_mul(length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_and_written() {
        for (text, milliseconds, written) in [
            ("1ms", 1, "1ms"),
            ("500ms", 500, "500ms"),
            ("02s", 2_000, "2s"),
            ("1500ms", 1_500, "1500ms"),
            ("60s", 60_000, "1min"),
            ("5min", 300_000, "5min"),
            ("1h", 3_600_000, "1h"),
            ("2147483647ms", 2_147_483_647, "2147483647ms"),
        ] {
            let timeout: Timeout = text.parse().unwrap();
            assert_eq!(timeout.duration(), Duration::from_millis(milliseconds));
            assert_eq!(timeout.to_string(), written);
            assert_eq!(Timeout::try_from(timeout.duration()), Ok(timeout));
        }
    }

    #[test]
    fn what_is_refused() {
        let refused = |text: &str| text.parse::<Timeout>().unwrap_err();
        for text in [
            "", "2", "s", "2m", "2 s", "1.5s", "-1s", "+1s", "2S", "2sec", "٢s",
        ] {
            assert_eq!(refused(text), TimeoutError::Malformed, "{text}");
        }
        assert_eq!(refused("0s"), TimeoutError::Zero);
        assert_eq!(refused("2147483648ms"), TimeoutError::TooLong);
        assert_eq!(refused("99999999999999999999ms"), TimeoutError::TooLong);
        assert_eq!(refused("18446744073709551615h"), TimeoutError::TooLong);
        assert_eq!(
            Timeout::try_from(Duration::from_micros(1_500)),
            Err(TimeoutError::Malformed)
        );
        assert_eq!(
            Timeout::try_from(Duration::from_secs(u64::MAX)),
            Err(TimeoutError::TooLong)
        );
    }
}
