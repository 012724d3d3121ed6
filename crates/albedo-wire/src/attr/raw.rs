//! An attribute as it stands on the wire: flags, type, length, value (RFC 4271 §4.3).

use crate::update::UpdateFault;

use super::{code, table};

/// The attribute need not be known to everybody.
pub const OPTIONAL: u8 = 0x80;
/// Who does not know it passes it on.
pub const TRANSITIVE: u8 = 0x40;
/// Somebody who does not know it has passed it on.
pub const PARTIAL: u8 = 0x20;
/// The length field has two octets.
pub const EXTENDED_LENGTH: u8 = 0x10;

/// An attribute as it came in; nothing is checked but that it fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawAttr<'a> {
    /// The flags octet.
    pub flags: u8,
    /// The type.
    pub code: u8,
    /// The value.
    pub value: &'a [u8],
}

/// Takes one attribute off the front; the octets behind it are returned with it.
///
/// A fault comes with the attribute's type as far as that is known.
#[inline]
pub(crate) fn take_raw(bytes: &[u8]) -> Result<(RawAttr<'_>, &[u8]), (u8, UpdateFault)> {
    let short = |code| (code, UpdateFault::HeaderCutShort { left: bytes.len() });
    let (&[flags, code, low], rest) =
        bytes.split_first_chunk::<3>().ok_or_else(|| short(bytes.get(1).copied().unwrap_or(0)))?;
    let (length, rest) = if flags & EXTENDED_LENGTH == 0 {
        (usize::from(low), rest)
    } else {
        let (second, rest) = rest.split_first().ok_or_else(|| short(code))?;
        (usize::from(u16::from_be_bytes([low, *second])), rest)
    };
    match rest.split_at_checked(length) {
        Some((value, rest)) => Ok((RawAttr { flags, code, value }, rest)),
        None => Err((code, UpdateFault::AttributeOverrun { code, length, room: rest.len() })),
    }
}

/// Whether the Optional and Transitive bits are those of the attribute's type; unknown types
/// can have any (RFC 7606 §3c).
pub(crate) fn check_flags(attr: &RawAttr<'_>) -> Result<(), UpdateFault> {
    const COMPARED: u8 = OPTIONAL | TRANSITIVE;
    match table::row(attr.code) {
        Some(row) if (attr.flags ^ row.flags) & COMPARED != 0 => {
            Err(UpdateFault::Flags { found: attr.flags, expected: row.flags })
        }
        _ => Ok(()),
    }
}

/// Whether the attribute carries routes (RFC 4760).
pub(crate) const fn is_multiprotocol(code: u8) -> bool {
    matches!(code, code::MP_REACH_NLRI | code::MP_UNREACH_NLRI)
}

/// The name of a type, for messages.
pub(crate) fn name(code: u8) -> &'static str {
    table::row(code).map_or("unknown attribute", |row| row.name)
}
