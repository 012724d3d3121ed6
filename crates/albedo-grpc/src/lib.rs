//! GoBGP's gRPC interface in both of its dialects, as far as it reads: `apipb.GobgpApi` of
//! version 3, which Debian's `gobgp` and looking glasses speak, and `api.GoBgpService` of
//! version 4.
//!
//! One set of handlers makes both ([`handlers`]). Messages that are octet for octet the same in
//! both are made once, as version 3's, and read as version 4's ([`dialect::same`]); what differs,
//! which is how NLRI and attributes are wrapped and where enumerations begin, is in [`dialect`].
//! Answers come page by page, so whoever reads slowly slows only itself.
//!
//! What is not served is refused with a sentence, see [`unserved`].
#![forbid(unsafe_code)]

mod attributes;
mod clock;
mod dialect;
#[allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    reason = "generated"
)]
mod generated;
mod handlers;
mod health;
mod listener;
mod paths;
mod peers;
mod serve;
#[cfg(test)]
mod testing;
mod unserved;
mod watch;

pub use paths::PATHS_WAITING_MAX;
pub use serve::{Doors, GrpcServer, REQUESTS_PER_CONNECTION_MAX};
pub use watch::EVENTS_WAITING_MAX;
