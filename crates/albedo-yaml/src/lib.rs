//! YAML as a tree that knows its places, and diagnostics that point at the line.
//!
//! What the values mean is the business of those who read them: the configuration and the
//! resources of a cluster.
#![forbid(unsafe_code)]

pub mod diagnostic;
pub mod node;
pub mod suggest;
