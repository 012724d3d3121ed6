//! What is played: who announces what, and when.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::Serialize;

use crate::model::Model;
use crate::session::Node;

pub mod churn;
pub mod cluster;
pub mod live;
pub mod refresh_storm;
pub mod slow_reader;
pub mod soak;
pub mod table;

/// The `LOCAL_PREF` of routes of Calico nodes since 3.32: 2,147,483,647 less the metric 1,024.
pub const LOCAL_PREF_CALICO: u32 = 2_147_482_623;

/// When nodes announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Everybody connects at once and announces as soon as its session is up; time counts from
    /// the first connection attempt.
    Cold,
    /// Nobody announces before all sessions are up; time counts from the first announcement.
    Synchronised,
}

/// A scenario ready to run.
pub struct Plan {
    /// Who takes part.
    pub nodes: Vec<Node>,
    /// What they announce, all of it expected in the end.
    pub model: Model,
    /// When they announce.
    pub start: Start,
    /// Oddities the user should know of.
    pub notes: Vec<String>,
}

/// A network that nodes take their addresses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceNet {
    base: u32,
    len: u8,
}

impl SourceNet {
    /// How many nodes find an address here.
    #[must_use]
    pub const fn capacity(self) -> u32 {
        // The first and the last address of a network belong to nobody.
        ((1u64 << (32 - self.len)) - 2) as u32
    }

    /// The address of node `n`, counted from 0.
    #[must_use]
    pub const fn address(self, n: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base + 1 + n)
    }

    /// The same as a socket address with any port.
    #[must_use]
    pub const fn socket(self, n: u32) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.address(n)), 0)
    }

    /// The next hop of node `n` for IPv6 routes: its IPv4 address under `fd00::/96`.
    #[must_use]
    pub const fn next_hop_v6(self, n: u32) -> Ipv6Addr {
        Ipv6Addr::from_bits(0xfd00_u128 << 112 | self.address(n).to_bits() as u128)
    }
}

impl FromStr for SourceNet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = "expected an IPv4 network such as 10.1.0.0/16, at most /30";
        let parts = text.split_once('/').and_then(|(addr, len)| {
            Some((addr.parse::<Ipv4Addr>().ok()?, len.parse::<u8>().ok()?))
        });
        match parts {
            Some((addr, len)) if (1..=30).contains(&len) => {
                let base = addr.to_bits() & (u32::MAX << (32 - len));
                Ok(Self { base, len })
            }
            _ => Err(allowed.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SourceNet;

    #[test]
    fn source_networks_give_addresses() {
        let net: SourceNet = "10.1.2.3/16".parse().expect("a network");
        assert_eq!(net.capacity(), 65534);
        assert_eq!(net.address(0).to_string(), "10.1.0.1");
        assert_eq!(net.address(65533).to_string(), "10.1.255.254");
        assert_eq!(net.next_hop_v6(4).to_string(), "fd00::a01:5");
        for wrong in ["10.1.0.0", "10.1.0.0/31", "10.1.0.0/0", "fd00::/64", "10.1/16"] {
            assert!(wrong.parse::<SourceNet>().is_err(), "{wrong}");
        }
    }
}
