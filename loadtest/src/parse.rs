//! The receiving side's parser: strict, and nobody else's, so that its opinion is independent.

use std::borrow::Cow;

use crate::attrs::{Attributes, code, read_one};
use crate::build::{HEADER_LEN, RESTART_TIME_MAX, kind};
use crate::prefix::{Family, Prefix};

/// What is wrong with a message from the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The marker has a bit that is not set.
    #[error("the marker is not all ones")]
    Marker,
    /// The header's length is out of range.
    #[error("message length {len}, allowed are 19 to {max}")]
    Length {
        /// As received.
        len: usize,
        /// The largest negotiated.
        max: usize,
    },
    /// A type that does not exist.
    #[error("message type {0}, allowed are 1 to 5")]
    Type(u8),
    /// A field runs past the end of the message.
    #[error("a length field runs past the end of the message")]
    Truncated,
    /// The head of an attribute is cut off.
    #[error("the head of an attribute is cut off")]
    AttributeHeader,
    /// An attribute runs past the end of the attributes.
    #[error("attribute {code} has {len} octets, but {left} are left")]
    AttributeLength {
        /// Its type.
        code: u8,
        /// As received.
        len: usize,
        /// What is there.
        left: usize,
    },
    /// An attribute appears twice.
    #[error("attribute {0} appears twice")]
    Duplicate(u8),
    /// A mandatory attribute lacks.
    #[error("mandatory attribute {0} is missing")]
    Missing(u8),
    /// An attribute has an impossible length or flags.
    #[error("attribute {0} is malformed")]
    Attribute(u8),
    /// NLRI that are no prefixes.
    #[error("malformed NLRI")]
    Nlri,
    /// A family that was not negotiated.
    #[error("AFI {afi} SAFI {safi} was not negotiated")]
    Family {
        /// AFI.
        afi: u16,
        /// SAFI.
        safi: u8,
    },
    /// An OPEN with an unknown version.
    #[error("BGP version {0}, expected 4")]
    Version(u8),
}

/// The first whole message of `bytes`, header included; `None` where it is not complete yet.
///
/// # Errors
/// Faults of the header.
pub fn split(bytes: &[u8], max: usize) -> Result<Option<&[u8]>, Fault> {
    let Some(header) = bytes.first_chunk::<HEADER_LEN>() else {
        return Ok(None);
    };
    if header[..16] != [0xff; 16] {
        return Err(Fault::Marker);
    }
    let len = usize::from(u16::from_be_bytes([header[16], header[17]]));
    if len < HEADER_LEN || len > max {
        return Err(Fault::Length { len, max });
    }
    if header[18] == 0 || header[18] > kind::ROUTE_REFRESH {
        return Err(Fault::Type(header[18]));
    }
    Ok(bytes.get(..len))
}

/// What matters of an OPEN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The AS number, from the capability where there is one.
    pub asn: u32,
    /// Hold time in seconds.
    pub hold_time: u16,
    /// BGP identifier.
    pub router_id: u32,
    /// Families offered; IPv4 unicast where none is.
    pub families: Vec<Family>,
    /// Seconds that routes are to be kept for while it restarts, where it does so gracefully.
    pub restart_time: Option<u16>,
}

impl Open {
    /// Reads the body of an OPEN.
    ///
    /// # Errors
    /// Where a length does not fit or the version is not 4.
    pub fn read(body: &[u8]) -> Result<Self, Fault> {
        let &[version, as_high, as_low, hold_high, hold_low, i0, i1, i2, i3, len, ref rest @ ..] =
            body
        else {
            return Err(Fault::Truncated);
        };
        if version != 4 {
            return Err(Fault::Version(version));
        }
        let mut open = Self {
            asn: u32::from(u16::from_be_bytes([as_high, as_low])),
            hold_time: u16::from_be_bytes([hold_high, hold_low]),
            router_id: u32::from_be_bytes([i0, i1, i2, i3]),
            families: Vec::new(),
            restart_time: None,
        };
        // RFC 9072: 255 255 announces lengths of two octets.
        let (mut rest, wide) = match *rest {
            [255, high, low, ref rest @ ..] if len == 255 => {
                (exactly(rest, usize::from(u16::from_be_bytes([high, low])))?, true)
            }
            _ => (exactly(rest, usize::from(len))?, false),
        };
        while !rest.is_empty() {
            let (kind, value) = take_parameter(&mut rest, wide)?;
            if kind == 2 {
                open.capabilities(value)?;
            }
        }
        if open.families.is_empty() {
            open.families.push(Family::V4);
        }
        Ok(open)
    }

    fn capabilities(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            match take_parameter(&mut bytes, false)? {
                (1, &[0, 1, _, 1]) => self.families.push(Family::V4),
                (1, &[0, 2, _, 1]) => self.families.push(Family::V6),
                (64, &[high, low, ..]) => {
                    let word = u16::from_be_bytes([high, low]);
                    self.restart_time = Some(word & RESTART_TIME_MAX);
                }
                (65, &[a, b, c, d]) => self.asn = u32::from_be_bytes([a, b, c, d]),
                _ => {}
            }
        }
        Ok(())
    }
}

/// All of `bytes`, if it has `len` octets.
fn exactly(bytes: &[u8], len: usize) -> Result<&[u8], Fault> {
    if bytes.len() == len { Ok(bytes) } else { Err(Fault::Truncated) }
}

/// Takes a type, a length of one or two octets, and a value from the front.
fn take_parameter<'a>(bytes: &mut &'a [u8], wide: bool) -> Result<(u8, &'a [u8]), Fault> {
    let (kind, len, rest) = match **bytes {
        [kind, high, low, ref rest @ ..] if wide => {
            (kind, usize::from(u16::from_be_bytes([high, low])), rest)
        }
        [kind, len, ref rest @ ..] if !wide => (kind, usize::from(len), rest),
        _ => return Err(Fault::Truncated),
    };
    let (value, rest) = rest.split_at_checked(len).ok_or(Fault::Truncated)?;
    *bytes = rest;
    Ok((kind, value))
}

/// NLRI of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Nlri<'a> {
    family: Family,
    bytes: &'a [u8],
}

impl Iterator for Nlri<'_> {
    type Item = Result<Prefix, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let read = Prefix::read(self.family, &mut self.bytes);
        if read.is_none() {
            self.bytes = &[];
        }
        Some(read.ok_or(Fault::Nlri))
    }
}

/// An UPDATE taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// Attributes; empty where nothing is announced.
    pub attributes: Attributes<'a>,
    announced: [Nlri<'a>; 2],
    withdrawn: [Nlri<'a>; 2],
}

impl<'a> Update<'a> {
    /// Reads the body of an UPDATE.
    ///
    /// # Errors
    /// Whatever RFC 4271 §6.3 would call an error of it, as far as a receiver of routes cares.
    pub fn read(body: &'a [u8]) -> Result<Self, Fault> {
        let mut rest = body;
        let withdrawn = take_sized(&mut rest)?;
        let mut block = take_sized(&mut rest)?;
        let v4 = |bytes| Nlri { family: Family::V4, bytes };
        let v6 = |bytes| Nlri { family: Family::V6, bytes };
        let mut update = Self {
            attributes: Attributes::default(),
            announced: [v4(rest), v6(&[])],
            withdrawn: [v4(withdrawn), v6(&[])],
        };
        let mut next_hop: Option<Cow<'a, [u8]>> = None;
        let mut mp_next_hop = None;
        let mut seen = [false; 256];
        while !block.is_empty() {
            let attribute = read_one(&mut block)?;
            if std::mem::replace(&mut seen[usize::from(attribute.code)], true) {
                return Err(Fault::Duplicate(attribute.code));
            }
            match (attribute.code, attribute.value) {
                (code::NEXT_HOP, value) => next_hop = Some(value),
                (code::MP_REACH, Cow::Borrowed(value)) => {
                    let (hop, nlri) = read_mp_reach(value)?;
                    mp_next_hop = Some(hop);
                    update.announced[1] = nlri;
                }
                (code::MP_UNREACH, Cow::Borrowed(value)) => {
                    let (family, bytes) = read_mp_family(value)?;
                    update.withdrawn[1] = Nlri { family, bytes };
                }
                (code, value) => update.attributes.push(attribute.flags, code, value),
            }
        }
        if rest.is_empty() && update.announced[1].bytes.is_empty() {
            return Ok(update);
        }
        for mandatory in [code::ORIGIN, code::AS_PATH] {
            if update.attributes.get(mandatory).is_none() {
                return Err(Fault::Missing(mandatory));
            }
        }
        update.attributes.next_hop = match (rest.is_empty(), next_hop, mp_next_hop) {
            (false, Some(hop), _) if hop.len() == 4 => hop,
            (false, Some(_), _) => return Err(Fault::Attribute(code::NEXT_HOP)),
            (true, _, Some(hop)) => Cow::Borrowed(hop),
            _ => return Err(Fault::Missing(code::NEXT_HOP)),
        };
        Ok(update)
    }

    /// Announced prefixes.
    pub fn announced(&self) -> impl Iterator<Item = Result<Prefix, Fault>> + use<'_> {
        self.announced.iter().copied().flatten()
    }

    /// Withdrawn prefixes.
    pub fn withdrawn(&self) -> impl Iterator<Item = Result<Prefix, Fault>> + use<'_> {
        self.withdrawn.iter().copied().flatten()
    }
}

/// Takes a length of two octets and as many octets from the front.
fn take_sized<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    let (len, rest) = bytes.split_first_chunk::<2>().ok_or(Fault::Truncated)?;
    let len = usize::from(u16::from_be_bytes(*len));
    let (value, rest) = rest.split_at_checked(len).ok_or(Fault::Truncated)?;
    *bytes = rest;
    Ok(value)
}

/// The family at the head of an MP attribute, and what follows.
fn read_mp_family(value: &[u8]) -> Result<(Family, &[u8]), Fault> {
    match *value {
        [0, 1, 1, ref rest @ ..] => Ok((Family::V4, rest)),
        [0, 2, 1, ref rest @ ..] => Ok((Family::V6, rest)),
        [high, low, safi, ..] => Err(Fault::Family { afi: u16::from_be_bytes([high, low]), safi }),
        _ => Err(Fault::Truncated),
    }
}

/// Next hop and NLRI of an `MP_REACH_NLRI`.
fn read_mp_reach(value: &[u8]) -> Result<(&[u8], Nlri<'_>), Fault> {
    let (family, rest) = read_mp_family(value)?;
    let (&len, rest) = rest.split_first().ok_or(Fault::Truncated)?;
    let (hop, rest) = rest.split_at_checked(usize::from(len)).ok_or(Fault::Truncated)?;
    if !matches!(hop.len(), 4 | 16 | 32) {
        return Err(Fault::Attribute(code::MP_REACH));
    }
    let (_reserved, bytes) = rest.split_first().ok_or(Fault::Truncated)?;
    Ok((hop, Nlri { family, bytes }))
}

#[cfg(test)]
mod tests;
