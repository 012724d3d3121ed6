//! The harness of the black-box tests: real BGP daemons around a reflector.
//!
//! A [`lab::Lab`] is one topology in network namespaces of its own; daemons run in it with their
//! own configuration, socket and pid file in a temporary folder, and end with it.
//! What a daemon holds is read from its own command line ([`peers`]), never from the reflector.
//! The speaker in [`bgp`] shares no code with the product, so that neither can excuse the other.
//! The nodes in [`calico`] do: what Calico makes of a datastore on a node is worked out in one
//! place, and a real BIRD that is told it has to get on with a reflector that has the other side.

#![forbid(unsafe_code)]
#![expect(clippy::print_stderr, reason = "a test tells what it skips and shows logs on failure")]

pub mod admin;
pub mod bgp;
pub mod browser;
pub mod calico;
pub mod fib;
pub mod lab;
pub mod malformed;
pub mod mrt;
pub mod net;
pub mod peers;
pub mod process;
pub mod reflector;
pub mod tools;
pub mod wait;
