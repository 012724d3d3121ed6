//! Values that a reflector passes on without acting on them: checked as far as their framing
//! goes, so that nothing leaves here that makes the next speaker stumble.

use core::net::Ipv4Addr;

use super::{Origin, take_raw};
use crate::nlri;
use crate::update::{UpdateContext, UpdateFault};

/// Octets of the fixed part of a Traffic Engineering attribute: switching capability, encoding,
/// two reserved octets and eight bandwidths (RFC 5543 §3).
pub(super) const TE_DESCRIPTOR_LEN: usize = 36;

type Checked = Result<(), UpdateFault>;

/// Nothing beyond the length is checked.
pub(super) const fn anything(_: &[u8], _: &UpdateContext) -> Checked {
    Ok(())
}

/// ORIGIN is one of three (RFC 4271 §5.1.1).
pub(super) fn origin(value: &[u8], _: &UpdateContext) -> Checked {
    match value.first() {
        Some(&found) if Origin::from_wire(found).is_none() => {
            Err(UpdateFault::OriginValue { found })
        }
        _ => Ok(()),
    }
}

/// NEXT_HOP is a host that is not us (RFC 4271 §5.1.3).
pub(super) fn next_hop(value: &[u8], ctx: &UpdateContext) -> Checked {
    match value.first_chunk::<4>() {
        Some(octets) => nlri::check_v4(Ipv4Addr::from(*octets), ctx),
        None => Ok(()),
    }
}

/// Elements that have to fill `bytes`; `take` says how many octets the one in front has, and how
/// many of them are there at least.
///
/// `base` is where `bytes` starts in the value.
fn fill(base: usize, bytes: &[u8], needed: impl Fn(&[u8]) -> usize) -> Checked {
    let mut rest = bytes;
    while !rest.is_empty() {
        let needed = needed(rest).max(1);
        let Some((_, behind)) = rest.split_at_checked(needed) else {
            let offset = base.saturating_add(bytes.len()).saturating_sub(rest.len());
            return Err(UpdateFault::Inner { offset, needed, left: rest.len() });
        };
        rest = behind;
    }
    Ok(())
}

/// Octets of a TLV whose length stands behind `type_len` octets and has `length_len`; where even
/// that is cut short, as many octets as the header has.
fn tlv(bytes: &[u8], type_len: usize, length_len: usize) -> usize {
    let head = type_len.saturating_add(length_len);
    let length = match bytes.get(type_len..head) {
        Some(&[length]) => usize::from(length),
        Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
        _ => 0,
    };
    head.saturating_add(length)
}

/// TLVs with a type of two octets and a length of two (RFC 9552 §5.1).
pub(super) fn tlvs_16_16(value: &[u8], _: &UpdateContext) -> Checked {
    fill(0, value, |rest| tlv(rest, 2, 2))
}

/// TLVs with a type of one octet and a length of two (RFC 9015 §3.2).
pub(super) fn tlvs_8_16(value: &[u8], _: &UpdateContext) -> Checked {
    fill(0, value, |rest| tlv(rest, 1, 2))
}

/// PREFIX_SID: TLVs, of which the two of RFC 8669 have to have their length (RFC 8669 §3, §6).
pub(super) fn prefix_sid(value: &[u8], ctx: &UpdateContext) -> Checked {
    const LABEL_INDEX: u8 = 1;
    const LABEL_INDEX_LEN: u16 = 7;
    const ORIGINATOR_SRGB: u8 = 3;
    const RESERVED: u8 = 0;
    tlvs_8_16(value, ctx)?;
    let mut rest = value;
    while let Some((&[kind, high, low], _)) = rest.split_first_chunk::<3>() {
        let length = u16::from_be_bytes([high, low]);
        let good = match kind {
            RESERVED => false,
            LABEL_INDEX => length == LABEL_INDEX_LEN,
            // Two octets of flags and one or more ranges of six.
            ORIGINATOR_SRGB => length >= 8 && length.saturating_sub(2).is_multiple_of(6),
            _ => true,
        };
        if !good {
            let offset = value.len().saturating_sub(rest.len());
            return Err(UpdateFault::Inner {
                offset,
                needed: usize::from(length).saturating_add(3),
                left: rest.len(),
            });
        }
        rest = rest.get(usize::from(length).saturating_add(3)..).unwrap_or_default();
    }
    Ok(())
}

/// AIGP: TLVs whose length counts their header; the first of type 1 has 11 octets (RFC 7311 §3).
pub(super) fn aigp(value: &[u8], _: &UpdateContext) -> Checked {
    const HEAD: usize = 3;
    const AIGP_TYPE: u8 = 1;
    const AIGP_LEN: usize = 11;
    let mut rest = value;
    let mut metric = false;
    while !rest.is_empty() {
        let offset = value.len().saturating_sub(rest.len());
        let inner = |needed| UpdateFault::Inner { offset, needed, left: rest.len() };
        let (&[kind, high, low], _) =
            rest.split_first_chunk::<HEAD>().ok_or_else(|| inner(HEAD))?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < HEAD || (kind == AIGP_TYPE && !metric && length != AIGP_LEN) {
            return Err(inner(length));
        }
        metric |= kind == AIGP_TYPE;
        (_, rest) = rest.split_at_checked(length).ok_or_else(|| inner(length))?;
    }
    Ok(())
}

/// BFD Discriminator: mode, discriminator, then TLVs with one octet each for type and length
/// (RFC 9026 §3.1.6).
pub(super) fn bfd_discriminator(value: &[u8], _: &UpdateContext) -> Checked {
    const FIXED: usize = 5;
    fill(FIXED, value.get(FIXED..).unwrap_or_default(), |rest| tlv(rest, 1, 1))
}

/// Tunnel Encapsulation: tunnel TLVs, each filled with sub-TLVs whose length has two octets if
/// the upper half of types says so (RFC 9012 §2, §13).
pub(super) fn tunnel_encapsulation(value: &[u8], ctx: &UpdateContext) -> Checked {
    const HEAD: usize = 4;
    const WIDE_FROM: u8 = 128;
    tlvs_16_16(value, ctx)?;
    let mut rest = value;
    while !rest.is_empty() {
        let base = value.len().saturating_sub(rest.len()).saturating_add(HEAD);
        let (tunnel, behind) = rest.split_at_checked(tlv(rest, 2, 2)).unwrap_or((rest, &[]));
        fill(base, tunnel.get(HEAD..).unwrap_or_default(), |sub| match sub.first() {
            Some(&kind) if kind >= WIDE_FROM => tlv(sub, 1, 2),
            _ => tlv(sub, 1, 1),
        })?;
        rest = behind;
    }
    Ok(())
}

/// PMSI Tunnel: flags, type, label, and an identifier whose length is known for the types that
/// consist of addresses (RFC 6514 §5).
pub(super) fn pmsi_tunnel(value: &[u8], _: &UpdateContext) -> Checked {
    const FIXED: usize = 5;
    let Some(&[_, kind, ..]) = value.first_chunk::<FIXED>() else {
        return Ok(());
    };
    let left = value.len().saturating_sub(FIXED);
    let (v4, v6) = match kind {
        // RSVP-TE: extended tunnel id, two reserved octets, tunnel id, point-to-multipoint id.
        1 => (12, 24),
        // PIM: a pair of addresses.
        3..=5 => (8, 32),
        // Ingress replication: one address.
        6 => (4, 16),
        _ => return Ok(()),
    };
    if left == v4 || left == v6 {
        Ok(())
    } else {
        Err(UpdateFault::Inner { offset: FIXED, needed: v4, left })
    }
}

/// ATTR_SET: an AS number and attributes, whose headers have to fit (RFC 6368 §5).
pub(super) fn attr_set(value: &[u8], _: &UpdateContext) -> Checked {
    const ORIGIN_AS_LEN: usize = 4;
    let mut rest = value.get(ORIGIN_AS_LEN..).unwrap_or_default();
    while !rest.is_empty() {
        let left = rest.len();
        let offset = value.len().saturating_sub(left);
        (_, rest) = take_raw(rest).map_err(|(_, fault)| match fault {
            UpdateFault::AttributeOverrun { length, room, .. } => {
                let header = left.saturating_sub(room);
                UpdateFault::Inner { offset, needed: header.saturating_add(length), left }
            }
            _ => UpdateFault::Inner { offset, needed: 3, left },
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
