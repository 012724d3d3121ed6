//! A Calico cluster around the reflectors: its datastore, and nodes that follow it as Calico's do.
//!
//! What a node makes of the datastore is worked out by `albedo_discovery`, seen from the node's
//! side: the reflector's side of it is another part, and real BIRDs judge whether both fit.

pub mod etcd;
pub mod node;
mod render;
pub mod resources;
