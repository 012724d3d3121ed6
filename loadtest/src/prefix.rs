//! IPv4 and IPv6 prefixes as they stand in NLRI (RFC 4271 §4.3, RFC 4760 §5).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An address family the generator speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub enum Family {
    /// AFI 1, SAFI 1.
    #[value(name = "ipv4-unicast", alias = "ipv4")]
    V4,
    /// AFI 2, SAFI 1.
    #[value(name = "ipv6-unicast", alias = "ipv6")]
    V6,
}

impl Family {
    /// The AFI.
    #[must_use]
    pub const fn afi(self) -> u16 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }

    /// The longest prefix, in bits.
    const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// A prefix; bits beyond its length are zero. The IPv4 address lies in the low 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    /// Its family.
    pub family: Family,
    /// Length in bits.
    pub len: u8,
    /// The network's bits, right-aligned for the family.
    pub bits: u128,
}

impl Prefix {
    /// An IPv4 prefix; bits beyond `len` are cleared.
    #[must_use]
    pub const fn v4(addr: u32, len: u8) -> Self {
        let mask = if len == 0 { 0 } else { u32::MAX << (32 - len) };
        Self { family: Family::V4, len, bits: (addr & mask) as u128 }
    }

    /// An IPv6 prefix; bits beyond `len` are cleared.
    #[must_use]
    pub const fn v6(addr: u128, len: u8) -> Self {
        let mask = if len == 0 { 0 } else { u128::MAX << (128 - len) };
        Self { family: Family::V6, len, bits: addr & mask }
    }

    /// Octets the NLRI takes on the wire.
    #[must_use]
    pub const fn wire_len(self) -> usize {
        1 + self.len.div_ceil(8) as usize
    }

    /// Appends the NLRI.
    pub fn write(self, out: &mut Vec<u8>) {
        out.push(self.len);
        let octets = self.len.div_ceil(8) as usize;
        let all = self.bits.to_be_bytes();
        let start = 16 - self.family.bits() as usize / 8;
        out.extend_from_slice(&all[start..start + octets]);
    }

    /// Takes one NLRI from the front of `bytes`; `None` where it is malformed.
    pub fn read(family: Family, bytes: &mut &[u8]) -> Option<Self> {
        let (&len, rest) = bytes.split_first()?;
        let octets = len.div_ceil(8) as usize;
        if len > family.bits() || rest.len() < octets {
            return None;
        }
        let mut all = [0u8; 16];
        let start = 16 - family.bits() as usize / 8;
        all[start..start + octets].copy_from_slice(&rest[..octets]);
        *bytes = &rest[octets..];
        let bits = u128::from_be_bytes(all);
        Some(match family {
            #[expect(clippy::cast_possible_truncation, reason = "an IPv4 address has 32 bits")]
            Family::V4 => Self::v4(bits as u32, len),
            Family::V6 => Self::v6(bits, len),
        })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.family {
            #[expect(clippy::cast_possible_truncation, reason = "an IPv4 address has 32 bits")]
            Family::V4 => write!(f, "{}/{}", Ipv4Addr::from_bits(self.bits as u32), self.len),
            Family::V6 => write!(f, "{}/{}", Ipv6Addr::from_bits(self.bits), self.len),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Family, Prefix};

    #[test]
    fn every_length_survives_the_wire() {
        for len in 0..=32 {
            let prefix = Prefix::v4(0xc0a8_ffff, len);
            let mut bytes = Vec::new();
            prefix.write(&mut bytes);
            assert_eq!(bytes.len(), prefix.wire_len());
            let mut rest = &bytes[..];
            assert_eq!(Prefix::read(Family::V4, &mut rest), Some(prefix));
            assert!(rest.is_empty());
        }
        for len in 0..=128 {
            let prefix = Prefix::v6(u128::MAX / 3, len);
            let mut bytes = Vec::new();
            prefix.write(&mut bytes);
            assert_eq!(Prefix::read(Family::V6, &mut &bytes[..]), Some(prefix));
        }
    }

    #[test]
    fn malformed_nlri_are_refused_and_stray_bits_masked() {
        assert_eq!(Prefix::read(Family::V4, &mut &[33, 0, 0, 0, 0, 0][..]), None);
        assert_eq!(Prefix::read(Family::V4, &mut &[24, 10, 0][..]), None);
        assert_eq!(Prefix::read(Family::V6, &mut &[][..]), None);
        assert_eq!(
            Prefix::read(Family::V4, &mut &[20, 10, 1, 0xff][..]).map(|p| p.to_string()),
            Some("10.1.240.0/20".to_owned())
        );
    }
}
