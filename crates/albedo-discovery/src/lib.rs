//! Where peers come from, and what a change of them means.
//!
//! A source (a configuration file today) says which peers are wanted; [`reconcile`] compares that
//! with what is there and tells the difference.
//! It is a pure function: the same two sets give the same changes, in the same order, and nothing
//! is touched here.
//! [`calico`] is what a Calico cluster says of its BGP sessions, as plain values.
//! The crate knows nothing of BGP messages or sessions.
#![forbid(unsafe_code)]

pub mod calico;
mod reconcile;
pub mod store;

pub use reconcile::{Changes, reconcile};
