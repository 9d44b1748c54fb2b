//! What happens when everything goes wrong: processes killed and stopped, connections cut, futures dropped,
//! poolers and clusters in between, disks full. Each test is a sample in every run and a soak in
//! `tests/soak.sh`.

mod cancel;
mod child;
mod cut;
mod engine;
mod figures;
mod kill;
mod outcome;
mod phase;
mod revisions;
mod stop;
mod takeover;
mod crowd;
mod disk;
mod index;
mod locks;
mod recovery;
mod slow;
mod waits;
mod handwritten;
mod hostile;
mod names;
mod passwords;
mod settings;
