//! What a revision's text is recognised by.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// The checksum of a revision file: an algorithm's name and a digest, written `sha256:` and 64
/// hexadecimal digits.
///
/// It is taken over the file's text after a leading byte-order mark was dropped and CRLF became LF,
/// and over nothing cleverer: every machine and every version of limbeck gets the same one.
///
/// ```
/// # use limbeck::revision::Checksum;
/// let checksum = Checksum::of("-- Add users\n");
/// assert!(checksum.to_string().starts_with("sha256:"));
/// assert_eq!(checksum.to_string().parse(), Ok(checksum));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Checksum([u8; 32]);

impl Checksum {
    const PREFIX: &'static str = "sha256:";

    /// The checksum of a text that has no byte-order mark and no CRLF any more, as
    /// [`Revision::text`](crate::Revision::text) gives it.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Checksum(Sha256::digest(text.as_bytes()).into())
    }

    /// The checksum with this SHA-256 digest.
    #[must_use]
    pub const fn from_sha256(digest: [u8; 32]) -> Self {
        Checksum(digest)
    }

    /// The algorithm's name: `sha256`.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        "sha256"
    }

    /// The digest's bytes.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({self})")
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Checksum {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Checksum {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A stored checksum that this version of limbeck cannot compare with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChecksumError {
    /// It names another algorithm, or none.
    #[error("the checksum `{0}` is of no algorithm known here: expected `sha256:` and its digest")]
    UnknownAlgorithm(String),
    /// It is not 64 hexadecimal digits long.
    #[error("the checksum `{0}` is damaged: after `sha256:` come 64 hexadecimal digits")]
    NotADigest(String),
}

impl FromStr for Checksum {
    type Err = ChecksumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text
            .strip_prefix(Self::PREFIX)
            .ok_or_else(|| ChecksumError::UnknownAlgorithm(text.to_owned()))?;
        decode(hex.as_bytes())
            .map(Checksum)
            .ok_or_else(|| ChecksumError::NotADigest(text.to_owned()))
    }
}

fn decode(hex: &[u8]) -> Option<[u8; 32]> {
    if hex.len() != 64 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_plain_sha256() {
        // FIPS 180-2, appendix B.1.
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Checksum::of("abc").to_string(), abc);
        assert_eq!(abc.parse(), Ok(Checksum::of("abc")));
        assert_eq!(
            abc.replace("ba7816bf", "BA7816BF").parse(),
            Ok(Checksum::of("abc"))
        );
        assert_eq!(
            Checksum::from_sha256(*Checksum::of("abc").digest()),
            Checksum::of("abc")
        );
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let damaged = |text: &str| ChecksumError::NotADigest(text.to_owned());
        for text in ["sha256:", "sha256:abcd"] {
            assert_eq!(text.parse::<Checksum>(), Err(damaged(text)));
        }
        let umlaut = format!("sha256:{}", "ü".repeat(32));
        assert_eq!(umlaut.parse::<Checksum>(), Err(damaged(&umlaut)));
        let sign = format!("sha256:{}", "+f".repeat(32));
        assert_eq!(sign.parse::<Checksum>(), Err(damaged(&sign)));
        assert_eq!(
            "blake3:00".parse::<Checksum>(),
            Err(ChecksumError::UnknownAlgorithm("blake3:00".into()))
        );
    }
}
