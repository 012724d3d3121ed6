//! Prefixes as the tests speak of them; canonical, so equal prefixes are equal values.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use anyhow::{Context, Error, Result, ensure};

/// The two families the scenarios use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// AFI 1, SAFI 1.
    V4,
    /// AFI 2, SAFI 1.
    V6,
}

impl Family {
    /// The address family identifier.
    #[must_use]
    pub fn afi(self) -> u16 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }

    /// The family with this identifier, if it is one of the two.
    #[must_use]
    pub fn from_afi(afi: u16) -> Option<Self> {
        [Self::V4, Self::V6].into_iter().find(|family| family.afi() == afi)
    }

    /// The bits of an address.
    #[must_use]
    pub fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// A prefix with no bit set beyond its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Net {
    address: IpAddr,
    length: u8,
}

impl Net {
    /// The prefix of this length around the address; bits beyond the length are cleared.
    ///
    /// # Errors
    /// When the length is beyond the family's.
    pub fn new(address: IpAddr, length: u8) -> Result<Self> {
        let address = match address {
            IpAddr::V4(v4) => {
                ensure!(length <= 32, "length {length} of an IPv4 prefix");
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
            }
            IpAddr::V6(v6) => {
                ensure!(length <= 128, "length {length} of an IPv6 prefix");
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
            }
        };
        Ok(Self { address, length })
    }

    /// Its family.
    #[must_use]
    pub fn family(self) -> Family {
        if self.address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// Appends it as a BGP message carries it: length in bits, then as few octets as hold them.
    pub fn encode(self, out: &mut Vec<u8>) {
        let octets = usize::from(self.length).div_ceil(8);
        out.push(self.length);
        match self.address {
            IpAddr::V4(v4) => out.extend_from_slice(&v4.octets()[..octets]),
            IpAddr::V6(v6) => out.extend_from_slice(&v6.octets()[..octets]),
        }
    }

    /// Takes the first prefix off `bytes`.
    ///
    /// # Errors
    /// When the length is beyond the family's or the bytes end before the prefix does.
    pub fn decode(family: Family, bytes: &mut &[u8]) -> Result<Self> {
        let (&length, rest) = bytes.split_first().context("no prefix length")?;
        ensure!(length <= family.bits(), "prefix length {length}");
        let octets = usize::from(length).div_ceil(8);
        let (taken, rest) = rest.split_at_checked(octets).context("a prefix is cut short")?;
        *bytes = rest;
        let mut full = [0; 16];
        full[..octets].copy_from_slice(taken);
        let address = match family {
            Family::V4 => IpAddr::V4([full[0], full[1], full[2], full[3]].into()),
            Family::V6 => IpAddr::V6(full.into()),
        };
        Self::new(address, length)
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl FromStr for Net {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (address, length) = text.split_once('/').with_context(|| format!("prefix {text}"))?;
        let address = address.parse().with_context(|| format!("prefix {text}"))?;
        Self::new(address, length.parse().with_context(|| format!("prefix {text}"))?)
    }
}

/// A prefix that stands in a test's own text.
///
/// # Panics
/// When the text is no prefix.
#[must_use]
pub fn net(text: &str) -> Net {
    text.parse().expect("a prefix written in a test")
}

#[cfg(test)]
mod tests {
    use super::{Family, Net, net};

    #[test]
    fn prefix_survives_its_encoding() {
        for text in ["0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/32", "::/0", "fd00:1::/33"] {
            let net = net(text);
            let mut bytes = Vec::new();
            net.encode(&mut bytes);
            let mut rest = bytes.as_slice();
            assert_eq!(Net::decode(net.family(), &mut rest).expect("decodes"), net);
            assert!(rest.is_empty());
            assert_eq!(net.to_string(), text);
        }
    }

    #[test]
    fn bits_beyond_the_length_are_cleared() {
        assert_eq!(net("10.1.2.3/8"), net("10.0.0.0/8"));
        assert!(Net::decode(Family::V4, &mut [33, 1, 2, 3, 4, 5].as_slice()).is_err());
        assert!(Net::decode(Family::V4, &mut [24, 1, 2].as_slice()).is_err());
    }
}
