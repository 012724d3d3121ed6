//! Scenarios against real peers, each in a topology of its own.
//!
//! They need root, network namespaces and the peers that `cargo xtask install` unpacks, and say
//! so when they skip themselves; with `CI=true` a scenario that cannot run fails.

mod bird_samples;
mod bird_socket;
mod calico_nodes;
mod calico_status;
mod calico_verify;
mod commands;
mod dashboards;
mod fail_static;
mod gobgp_client;
mod life;
mod malformed;
mod matrix;
mod others_keep;
mod page;
mod paths;
mod policy;
mod probe;
mod race;
mod readme;
mod real_input;
mod restart;
mod security;
mod two_hundred;
mod two_reflectors;
