//! What happens when everything goes wrong: processes killed and stopped, connections cut, futures dropped,
//! poolers and clusters in between, disks full. Each test is a sample in every run and a soak in
//! `tests/soak.sh`.

#[cfg(target_os = "linux")]
mod cancel;
mod child;
mod crowd;
mod cut;
mod disk;
mod encoding;
mod engine;
mod figures;
mod galera;
mod handwritten;
mod heartbeat;
mod hostile;
mod hosts;
mod index;
mod kill;
mod locks;
mod names;
mod outcome;
mod passwords;
mod phase;
mod pooler;
mod recovery;
mod rejected;
mod restart;
mod revisions;
mod sessions;
mod settings;
mod slow;
mod standby;
mod stop;
mod tables;
mod takeover;
mod versions;
mod waits;
