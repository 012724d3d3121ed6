//! Answers in the manner of BIRD's control socket, for those who know how to ask BIRD: Calico's
//! own tools, `birdc`, exporters and looking glasses.
//!
//! Each answer is made from a snapshot or page by page, so nobody who asks waits for a shard for
//! long, and no shard for anybody who asks.
//! Two dialects: [`Dialect::Calico`] is what a Calico node's tools read, BIRD 1.6 with a socket
//! for each family; [`Dialect::Bird2`] has both families in one, as channels.

use crate::socket::SocketPlace;

mod answer;
mod command;
mod connection;
mod protocols;
mod routes;
mod server;
mod source;
mod status;
mod time;

pub use connection::{IDLE_MAX, LINE_MAX, WRITE_MAX};
pub use routes::name_of;
pub use server::{BirdServer, BirdStats, CONNECTIONS_MAX};
pub use source::{BirdSource, Counts, Daemon, Protocol, RouteCounts};

/// Which BIRD the answers look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// BIRD 1.6 as it runs in a Calico node.
    Calico,
    /// BIRD 2.
    Bird2,
}

/// A socket that is wanted.
pub type BirdPlace = SocketPlace<View>;

/// What one socket shows, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// How it is shown.
    pub dialect: Dialect,
    /// The one family that is shown; `None` is both.
    pub family: Option<albedo_types::Family>,
}

#[cfg(test)]
mod tests;
