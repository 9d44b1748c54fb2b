//! The names of scratch databases: no person gives such a name, and a left-over tells its age.

use super::error::AutogenerateError;

const PREFIX: &str = "limbeck_scratch_";

/// `limbeck_scratch_`, the server's clock in seconds since 1970, and twelve random hex digits.
pub(super) fn fresh(clock: u64) -> Result<String, AutogenerateError> {
    Ok(format!("{PREFIX}{clock:010}_{}", random()?))
}

/// When the database was made, by its name; none where [`fresh`] gives no such name.
pub(super) fn born(name: &str) -> Option<u64> {
    let (clock, random) = name.strip_prefix(PREFIX)?.split_once('_')?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_one = clock.len() == 10
        && clock.bytes().all(|byte| byte.is_ascii_digit())
        && random.len() == 12
        && random.bytes().all(is_hex);
    clock.parse().ok().filter(|_| is_one)
}

/// Twelve random hex digits.
pub(super) fn random() -> Result<String, AutogenerateError> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).map_err(|error| AutogenerateError::NoScratch {
        message: format!("the system gives no random numbers for its name ({error})"),
    })?;
    Ok(crate::migrations::hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_names_are_recognised() {
        let name = fresh(1_795_000_000).unwrap();
        assert_eq!(born(&name), Some(1_795_000_000), "{name}");
        assert_ne!(name, fresh(1_795_000_000).unwrap());
        for other in [
            "limbeck_scratch",
            "limbeck_scratch__0123456789ab",
            "limbeck_scratch_+795000000_0123456789ab",
            "limbeck_scratch_1795000000_0123456789AB",
            "limbeck_scratch_179500000_0123456789ab",
            "limbeck_scratch_1795000000_0123456789abc",
            "x_limbeck_scratch_1795000000_0123456789ab",
        ] {
            assert_eq!(born(other), None, "{other}");
        }
    }
}
