//! Prefixes, canonical by construction: bits beyond the length are zero.

use core::fmt;
use core::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr};
use core::num::ParseIntError;
use core::str::FromStr;

/// Why a text is no prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParsePrefixError {
    /// No `/`.
    NoLength,
    /// What stands before the `/` is no address of the family.
    Address(AddrParseError),
    /// What stands behind the `/` is no number.
    Length(ParseIntError),
    /// The length is beyond the family's.
    TooLong {
        /// What was found, in bits.
        found: u8,
        /// What was allowed, in bits.
        allowed: u8,
    },
}

impl fmt::Display for ParsePrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLength => f.write_str("no length: expected address/length"),
            Self::Address(error) => write!(f, "bad address: {error}"),
            Self::Length(error) => write!(f, "bad length: {error}"),
            Self::TooLong { found, allowed } => {
                write!(f, "length {found} is too long: expected 0 to {allowed}")
            }
        }
    }
}

impl core::error::Error for ParsePrefixError {}

macro_rules! prefix {
    ($(#[$doc:meta])* $name:ident, $addr:ident, $bits:ident, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            bits: $bits,
            len: u8,
        }

        impl $name {
            /// Longest length in bits.
            pub const LEN_MAX: u8 = $max;

            /// The prefix of this length that holds `addr`; bits beyond the length are cleared.
            /// `None` if the length is beyond [`Self::LEN_MAX`].
            #[must_use]
            pub const fn new(addr: $addr, len: u8) -> Option<Self> {
                Self::from_bits(addr.to_bits(), len)
            }

            /// The same from the address as a number in host order.
            #[must_use]
            pub const fn from_bits(bits: $bits, len: u8) -> Option<Self> {
                if len > Self::LEN_MAX {
                    return None;
                }
                Some(Self { bits: bits & Self::mask(len), len })
            }

            const fn mask(len: u8) -> $bits {
                match $bits::MAX.checked_shl(Self::LEN_MAX as u32 - len as u32) {
                    Some(mask) => mask,
                    None => 0,
                }
            }

            /// The network address.
            #[must_use]
            pub const fn addr(self) -> $addr {
                $addr::from_bits(self.bits)
            }

            /// The network address as a number in host order.
            #[must_use]
            pub const fn bits(self) -> $bits {
                self.bits
            }

            /// The length in bits.
            #[must_use]
            #[expect(clippy::len_without_is_empty, reason = "a prefix length, not a count")]
            pub const fn len(self) -> u8 {
                self.len
            }

            /// Whether the address lies inside.
            #[must_use]
            pub const fn contains(self, addr: $addr) -> bool {
                addr.to_bits() & Self::mask(self.len) == self.bits
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}/{}", self.addr(), self.len)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParsePrefixError;

            /// Reads `address/length`; host bits are cleared.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let (addr, len) = text.split_once('/').ok_or(ParsePrefixError::NoLength)?;
                let addr = addr.parse().map_err(ParsePrefixError::Address)?;
                let found = len.parse().map_err(ParsePrefixError::Length)?;
                Self::new(addr, found)
                    .ok_or(ParsePrefixError::TooLong { found, allowed: Self::LEN_MAX })
            }
        }
    };
}

prefix! {
    /// An IPv4 prefix.
    Ipv4Prefix, Ipv4Addr, u32, 32
}
prefix! {
    /// An IPv6 prefix.
    Ipv6Prefix, Ipv6Addr, u128, 128
}

/// A prefix of either family; for configuration and display, not for tables.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prefix {
    /// IPv4.
    V4(Ipv4Prefix),
    /// IPv6.
    V6(Ipv6Prefix),
}

impl Prefix {
    /// Whether the address is of the same family and lies inside.
    #[must_use]
    pub const fn contains(self, addr: IpAddr) -> bool {
        match (self, addr) {
            (Self::V4(prefix), IpAddr::V4(addr)) => prefix.contains(addr),
            (Self::V6(prefix), IpAddr::V6(addr)) => prefix.contains(addr),
            _ => false,
        }
    }

    /// The network address.
    #[must_use]
    pub const fn addr(self) -> IpAddr {
        match self {
            Self::V4(prefix) => IpAddr::V4(prefix.addr()),
            Self::V6(prefix) => IpAddr::V6(prefix.addr()),
        }
    }

    /// The length in bits.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a prefix length, not a count")]
    pub const fn len(self) -> u8 {
        match self {
            Self::V4(prefix) => prefix.len(),
            Self::V6(prefix) => prefix.len(),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(prefix) => prefix.fmt(f),
            Self::V6(prefix) => prefix.fmt(f),
        }
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Prefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(':') { text.parse().map(Self::V6) } else { text.parse().map(Self::V4) }
    }
}

#[cfg(test)]
mod tests;
