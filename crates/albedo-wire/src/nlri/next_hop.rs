//! The next hop of `MP_REACH_NLRI`.
//!
//! Which lengths a family may have is known per family; a length that does not fit makes the
//! NLRI behind it impossible to locate and is fatal, whereas an address that cannot be a next
//! hop costs only the routes of the message.
//!
//! RFC 4760 §3, RFC 2545 §3, RFC 8950 §3, RFC 7606 §7.11.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use albedo_types::Family;

use crate::error::DecodeError;
use crate::update::{UpdateContext, UpdateFault};

/// Octets of an IPv4 next hop.
const V4_LEN: usize = 4;
/// Octets of an IPv6 next hop.
const V6_LEN: usize = 16;
/// Octets of a global and a link-local IPv6 next hop.
const V6_PAIR_LEN: usize = 32;

/// A next hop, as received; a reflector leaves it alone (RFC 4456 §10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NextHop {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// One IPv6 address.
    V6(Ipv6Addr),
    /// A global and a link-local IPv6 address; both are link-local where the link has no global
    /// one.
    V6LinkLocal(Ipv6Addr, Ipv6Addr),
}

/// A next hop as it stands on the wire.
#[derive(Clone, Copy, Debug)]
pub struct NextHopBytes {
    bytes: [u8; V6_PAIR_LEN],
    len: u8,
}

impl NextHopBytes {
    fn new(first: &[u8], second: &[u8]) -> Self {
        let mut bytes = [0; V6_PAIR_LEN];
        let mut len = 0_u8;
        for (to, from) in bytes.iter_mut().zip(first.iter().chain(second)) {
            *to = *from;
            len = len.saturating_add(1);
        }
        Self { bytes, len }
    }

    /// The octets.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl NextHop {
    /// The address that routes are resolved through.
    #[must_use]
    pub const fn addr(self) -> IpAddr {
        match self {
            Self::V4(addr) => IpAddr::V4(addr),
            Self::V6(addr) | Self::V6LinkLocal(addr, _) => IpAddr::V6(addr),
        }
    }

    /// The octets for the next hop field of `MP_REACH_NLRI`.
    ///
    /// The link-local half belongs there only if the receiver shares the link with the next hop
    /// (RFC 2545 §3), which a reflector knows only if it was told: `link_local` says so.
    /// A pair that has no global address is always written whole.
    #[must_use]
    pub fn to_wire(self, link_local: bool) -> NextHopBytes {
        match self {
            Self::V4(addr) => NextHopBytes::new(&addr.octets(), &[]),
            Self::V6LinkLocal(global, link) if link_local || global.is_unicast_link_local() => {
                NextHopBytes::new(&global.octets(), &link.octets())
            }
            Self::V6(addr) | Self::V6LinkLocal(addr, _) => NextHopBytes::new(&addr.octets(), &[]),
        }
    }
}

/// Checks the next hop field of `MP_REACH_NLRI` for a family.
///
/// A link-local half that is unspecified (as BIRD 1.6 sends it) or no link-local address carries
/// nothing and is left out of the result.
///
/// # Errors
///
/// A length that the family cannot have (session reset or AFI/SAFI disable, RFC 7606 §7.11), or
/// an address that cannot be a next hop (treat-as-withdraw).
pub fn check_next_hop(
    family: Family,
    bytes: &[u8],
    ctx: &UpdateContext,
) -> Result<NextHop, DecodeError> {
    read(family, bytes, ctx).map_err(|fault| DecodeError::update(0, fault))
}

fn read(family: Family, bytes: &[u8], ctx: &UpdateContext) -> Result<NextHop, UpdateFault> {
    let wrong_length = UpdateFault::NextHopLength { family, found: bytes.len() };
    let v6 = match family {
        Family::Ipv4Unicast => ctx.extended_next_hop.contains(family),
        Family::Ipv6Unicast => true,
    };
    match bytes.len() {
        V4_LEN if family == Family::Ipv4Unicast => {
            let octets = bytes.first_chunk::<V4_LEN>().ok_or(wrong_length)?;
            let addr = Ipv4Addr::from(*octets);
            check_v4(addr, ctx)?;
            Ok(NextHop::V4(addr))
        }
        V6_LEN if v6 => {
            let octets = bytes.first_chunk::<V6_LEN>().ok_or(wrong_length)?;
            let addr = Ipv6Addr::from(*octets);
            if addr.is_unicast_link_local() {
                return lone_link_local(addr, ctx);
            }
            check_v6(addr, ctx)?;
            Ok(NextHop::V6(addr))
        }
        V6_PAIR_LEN if v6 => {
            let global = bytes.first_chunk::<V6_LEN>().ok_or(wrong_length)?;
            let link = bytes.last_chunk::<V6_LEN>().ok_or(wrong_length)?;
            pair(Ipv6Addr::from(*global), Ipv6Addr::from(*link), ctx)
        }
        _ => Err(wrong_length),
    }
}

fn pair(global: Ipv6Addr, link: Ipv6Addr, ctx: &UpdateContext) -> Result<NextHop, UpdateFault> {
    if global.is_unicast_link_local() {
        // Both halves link-local is how unnumbered links are spelled by everybody.
        return if link.is_unicast_link_local() {
            Ok(NextHop::V6LinkLocal(global, link))
        } else {
            lone_link_local(global, ctx)
        };
    }
    if global.is_unspecified() && link.is_unicast_link_local() {
        return lone_link_local(link, ctx);
    }
    check_v6(global, ctx)?;
    Ok(if link.is_unicast_link_local() {
        NextHop::V6LinkLocal(global, link)
    } else {
        NextHop::V6(global)
    })
}

/// A link-local address on its own can be used on a shared link only, so it has to be allowed.
fn lone_link_local(addr: Ipv6Addr, ctx: &UpdateContext) -> Result<NextHop, UpdateFault> {
    if ctx.link_local_next_hop {
        Ok(NextHop::V6LinkLocal(addr, addr))
    } else {
        Err(UpdateFault::NextHop { found: IpAddr::V6(addr) })
    }
}

/// Whether an IPv4 address can be a next hop: no host of ours, and one that a packet can be sent
/// to (RFC 4271 §6.3, RFC 7606 §7.3).
pub(crate) fn check_v4(addr: Ipv4Addr, ctx: &UpdateContext) -> Result<(), UpdateFault> {
    let [first, ..] = addr.octets();
    let good = match first {
        0 | 224.. => false,
        127 => ctx.loopback_next_hop,
        _ => true,
    };
    if good && ctx.local_v4 != Some(addr) {
        Ok(())
    } else {
        Err(UpdateFault::NextHop { found: IpAddr::V4(addr) })
    }
}

fn check_v6(addr: Ipv6Addr, ctx: &UpdateContext) -> Result<(), UpdateFault> {
    let good = if addr.is_loopback() {
        ctx.loopback_next_hop
    } else if addr.to_ipv4_mapped().is_some() {
        ctx.mapped_next_hop
    } else {
        !addr.is_unspecified() && !addr.is_multicast()
    };
    if good && ctx.local_v6 != Some(addr) {
        Ok(())
    } else {
        Err(UpdateFault::NextHop { found: IpAddr::V6(addr) })
    }
}

#[cfg(test)]
mod tests;
