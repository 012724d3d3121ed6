//! Where a node's BGP identifier comes from, as the variable `CALICO_ROUTER_ID` has it.

mod sha256;

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use albedo_types::RouterId;

/// What a node's BGP identifier is; the words of `CALICO_ROUTER_ID`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouterIdSource {
    /// Nothing: the node's IPv4 address.
    #[default]
    NodeIpv4,
    /// `hash`: made from the node's name, for nodes without IPv4.
    Hash,
    /// An identifier itself.
    Literal(RouterId),
}

impl RouterIdSource {
    /// The identifier of a node; `None` if it has no IPv4 address and that was asked for.
    #[must_use]
    pub fn of(self, name: &str, ipv4: Option<Ipv4Addr>) -> Option<RouterId> {
        match self {
            Self::NodeIpv4 => ipv4.and_then(RouterId::from_addr),
            Self::Hash => RouterId::from_addr(hashed(name)),
            Self::Literal(id) => Some(id),
        }
    }
}

/// The first four octets of the name's SHA-256; the first is brought below those of multicast.
fn hashed(name: &str) -> Ipv4Addr {
    let [mut first, second, third, fourth, ..] = sha256::digest(name.as_bytes());
    if first > 223 {
        first -= 32;
    }
    Ipv4Addr::new(first, second, third, fourth)
}

/// Why a text is none of `CALICO_ROUTER_ID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseRouterIdError;

impl fmt::Display for ParseRouterIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a router id: expected four octets such as 10.0.0.11 but not 0.0.0.0, or hash, or \
             nothing for the node's IPv4 address",
        )
    }
}

impl std::error::Error for ParseRouterIdError {}

impl FromStr for RouterIdSource {
    type Err = ParseRouterIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Ok(Self::NodeIpv4),
            "hash" => Ok(Self::Hash),
            _ => {
                let id = text.parse().ok().and_then(RouterId::from_addr);
                id.map(Self::Literal).ok_or(ParseRouterIdError)
            }
        }
    }
}

#[cfg(test)]
mod tests;
