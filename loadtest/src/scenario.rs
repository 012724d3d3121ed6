//! What is played: who announces what, and when.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::Serialize;

use crate::model::Model;
use crate::session::Node;

pub mod churn;
pub mod cluster;
pub mod live;
pub mod reflector_restart;
pub mod refresh_storm;
pub mod rolling_restart;
pub mod slow_reader;
pub mod soak;
pub mod source_loss;
pub mod table;
pub mod two_reflectors;

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

/// The network that the identities of nodes with IPv6 addresses are in: 10.0.0.0.
const IDENTITIES: u32 = 0x0a00_0000;
/// The length of that network, where the addresses' own has room for as many nodes.
const IDENTITIES_LEN: u8 = 8;

/// A network that nodes take their addresses from.
///
/// A node's *identity* is an IPv4 address: its BGP identifier and next hop. With an IPv4 network
/// it is the address itself, with an IPv6 network one of 10.0.0.0/8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceNet {
    base: u32,
    len: u8,
    /// The network's bits where it is an IPv6 one.
    v6: Option<u128>,
}

impl SourceNet {
    /// How many nodes find an address here.
    #[must_use]
    pub const fn capacity(self) -> u32 {
        // The first and the last address of a network belong to nobody.
        ((1u64 << (32 - self.len)) - 2) as u32
    }

    /// The identity of node `n`, counted from 0.
    #[must_use]
    pub const fn address(self, n: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base + 1 + n)
    }

    /// The address of node `n`, with any port.
    #[must_use]
    pub const fn socket(self, n: u32) -> SocketAddr {
        let addr = match self.v6 {
            Some(base) => IpAddr::V6(Ipv6Addr::from_bits(base + 1 + n as u128)),
            None => IpAddr::V4(self.address(n)),
        };
        SocketAddr::new(addr, 0)
    }

    /// Whether the addresses are IPv6 ones.
    #[must_use]
    pub const fn is_ipv6(self) -> bool {
        self.v6.is_some()
    }

    /// The next hop of node `n` for IPv6 routes: its identity under `fd00::/96`.
    #[must_use]
    pub const fn next_hop_v6(self, n: u32) -> Ipv6Addr {
        Ipv6Addr::from_bits(0xfd00_u128 << 112 | self.address(n).to_bits() as u128)
    }
}

impl FromStr for SourceNet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (addr, len) = text.split_once('/').unwrap_or((text, ""));
        let net = match (addr.parse(), len.parse()) {
            (Ok(IpAddr::V4(addr)), Ok(len @ 1..=30)) => {
                let base = addr.to_bits() & (u32::MAX << (32 - len));
                Some(Self { base, len, v6: None })
            }
            (Ok(IpAddr::V6(addr)), Ok(len @ 1..=126)) => {
                let base = addr.to_bits() & (u128::MAX << (128 - len));
                // As many identities as there are addresses, as far as there are so many.
                let len = len.saturating_sub(96).max(IDENTITIES_LEN);
                Some(Self { base: IDENTITIES, len, v6: Some(base) })
            }
            _ => None,
        };
        net.ok_or_else(|| {
            "expected a network such as 10.1.0.0/16, at most /30, or fd01::/64, at most /126"
                .to_owned()
        })
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
        for wrong in ["10.1.0.0", "10.1.0.0/31", "10.1.0.0/0", "10.1/16", "fd00::", "::/127"] {
            assert!(wrong.parse::<SourceNet>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn nodes_with_ipv6_addresses_have_identities_besides() {
        let net: SourceNet = "fd01::1:0/112".parse().expect("a network");
        assert!(net.is_ipv6());
        assert_eq!(net.capacity(), 65534);
        assert_eq!(net.socket(4).to_string(), "[fd01::1:5]:0");
        assert_eq!(net.address(4).to_string(), "10.0.0.5");
        let wide: SourceNet = "fd01::/64".parse().expect("a network");
        assert_eq!(wide.capacity(), (1 << 24) - 2);
        let narrow: SourceNet = "fd01::/126".parse().expect("a network");
        assert_eq!((narrow.capacity(), narrow.socket(1).to_string().as_str()), (2, "[fd01::2]:0"));
    }
}
