//! What is measured of the data path: the workloads, written once.
//!
//! A workload is a plain function that gets ready and returns the step to be measured.
//! Criterion times the steps (`benches/data_path.rs`), and `cargo xtask counts` counts their
//! instructions through the program `counts` and compares them with what `counts.json` says.
//! Everything is made up from fixed seeds, and nothing here starts a thread or opens a socket.
#![forbid(unsafe_code)]

pub mod input;
mod shard;
pub mod work;
