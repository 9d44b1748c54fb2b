//! The command line.

use anyhow::{Result, bail, ensure};
use lexopt::Arg;
use lexopt::prelude::*;

use crate::compare::Scenario;
use crate::peers::Peer;

/// What is measured, and how often.
pub struct Options {
    pub rounds: usize,
    /// None: all.
    peers: Option<Vec<String>>,
    pub scenarios: Vec<Scenario>,
    pub boot: bool,
    pub replicas: bool,
}

impl Options {
    pub fn from_arguments(peers: &[Box<dyn Peer>]) -> Result<Options> {
        let mut options = Options {
            rounds: 7,
            peers: None,
            scenarios: Scenario::ALL.to_vec(),
            boot: true,
            replicas: true,
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("rounds") => {
                    options.rounds = parser.value()?.parse()?;
                    ensure!(options.rounds > 0, "--rounds: at least one");
                }
                Arg::Long("peers") => {
                    let keys = list(parser.value()?.string()?);
                    for key in &keys {
                        let known: Vec<&str> = peers.iter().map(|peer| peer.key()).collect();
                        ensure!(
                            known.contains(&key.as_str()),
                            "--peers: there is no {key}: {}",
                            known.join(", ")
                        );
                    }
                    options.peers = Some(keys);
                }
                Arg::Long("scenarios") => {
                    options.scenarios.clear();
                    (options.boot, options.replicas) = (false, false);
                    for key in list(parser.value()?.string()?) {
                        match key.as_str() {
                            "boot" => options.boot = true,
                            "replicas" => options.replicas = true,
                            _ => match Scenario::ALL.into_iter().find(|one| one.key() == key) {
                                Some(scenario) => options.scenarios.push(scenario),
                                None => bail!(
                                    "--scenarios: there is no {key}: nothing, one, fresh, boot, replicas"
                                ),
                            },
                        }
                    }
                }
                _ => return Err(argument.unexpected().into()),
            }
        }
        Ok(options)
    }

    pub fn wants(&self, peer: &str) -> bool {
        self.peers
            .as_ref()
            .is_none_or(|keys| keys.iter().any(|key| key == peer))
    }
}

fn list(text: String) -> Vec<String> {
    text.split(',').map(|one| one.trim().to_owned()).collect()
}
