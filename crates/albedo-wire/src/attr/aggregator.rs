//! AGGREGATOR and AS4_AGGREGATOR (RFC 4271 §5.1.7, RFC 6793 §3).

use core::fmt;
use core::net::Ipv4Addr;

use albedo_types::Asn;

use crate::update::{UpdateContext, UpdateFault};

/// Who formed an aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aggregator {
    /// Its AS.
    pub asn: Asn,
    /// Its identifier, which is customarily an address.
    pub addr: Ipv4Addr,
}

impl Aggregator {
    /// Reads the value, in whichever of its two widths.
    #[must_use]
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        match *value {
            [a, b, w, x, y, z] => Some(Self {
                asn: Asn(u32::from(u16::from_be_bytes([a, b]))),
                addr: Ipv4Addr::new(w, x, y, z),
            }),
            [a, b, c, d, w, x, y, z] => Some(Self {
                asn: Asn(u32::from_be_bytes([a, b, c, d])),
                addr: Ipv4Addr::new(w, x, y, z),
            }),
            _ => None,
        }
    }

    /// Whether its AS does not fit two octets.
    #[must_use]
    pub(super) fn is_wide(&self) -> bool {
        self.asn.0 > u32::from(u16::MAX)
    }
}

impl fmt::Display for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.asn, self.addr)
    }
}

/// AS 0 aggregates nothing (RFC 7607 §2).
pub(super) fn check(value: &[u8], _: &UpdateContext) -> Result<(), UpdateFault> {
    match Aggregator::read(value) {
        Some(Aggregator { asn: Asn::RESERVED, .. }) => Err(UpdateFault::AsZero),
        _ => Ok(()),
    }
}

/// The same for AS4_AGGREGATOR, whose length is the same on every session.
pub(super) fn check_as4(value: &[u8], ctx: &UpdateContext) -> Result<(), UpdateFault> {
    check(value, ctx)
}
