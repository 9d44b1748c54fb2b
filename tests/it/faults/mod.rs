//! What happens when everything goes wrong: processes killed and stopped, connections cut, futures dropped,
//! poolers and clusters in between, disks full. Each test is a sample in every run and a soak in
//! `tests/soak.sh`.

mod cancel;
mod galera;
mod pooler;
mod restart;
mod standby;
mod versions;
