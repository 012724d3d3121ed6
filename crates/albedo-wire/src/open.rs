//! OPEN: who the speaker is and what it offers (RFC 4271 §4.2 and §6.2, RFC 5492, RFC 9072).
//!
//! Reading is split in two. [`Open::decode`] is syntax alone and needs to know nothing;
//! [`Open::check`] holds what was read against what was configured. Both report only their first
//! finding, in the order version, optional parameters, AS, identifier, capabilities, hold time.

use alloc::vec::Vec;

use albedo_types::{Asn, FamilySet, HoldTime, RouterId};

use crate::capability::{self, Capability, Malformed, table};
use crate::cursor::Cursor;
use crate::error::{DecodeError, ErrorKind};
use crate::frame::{self, HEADER_LEN, MESSAGE_LEN_MAX, MessageType};
use crate::notification::Notification;

/// The only version there is.
pub const VERSION: u8 = 4;
/// Octets of the body before the optional parameters.
const FIXED_LEN: usize = 10;
/// The parameter type that holds capabilities (RFC 5492 §4).
const PARAMETER_CAPABILITIES: u8 = 2;
/// In the place of the first parameter's type: lengths have two octets (RFC 9072 §2).
const PARAMETER_EXTENDED: u8 = 255;
/// Octets that the wide form puts in front of the capabilities: type 255, length, and the type and
/// length of the one parameter.
const EXTENDED_HEAD_LEN: usize = 6;
/// Octets of capabilities that fit one parameter of the short form.
const SHORT_CAPABILITIES_MAX: usize = 253;
/// Octets of capabilities that fit an OPEN at all.
const CAPABILITIES_LEN_MAX: usize = MESSAGE_LEN_MAX - HEADER_LEN - FIXED_LEN - EXTENDED_HEAD_LEN;

/// An OPEN as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The AS number in two octets; [`Open::asn`] is the real one.
    pub as_field: u16,
    /// The proposed hold time in seconds, as it came: 1 and 2 are possible here.
    pub hold_time: u16,
    /// The identifier as it came: 0 is possible here.
    pub router_id: u32,
    /// The capabilities in their order, of all parameters together, duplicates included.
    pub capabilities: Vec<Capability>,
    /// Capabilities that could not be read and count as not offered: worth a warning.
    pub ignored: Vec<IgnoredCapability>,
}

/// A capability with a value that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IgnoredCapability {
    /// Octets from the start of the body to the value.
    pub offset: usize,
    /// The code.
    pub code: u8,
    /// Octets of the value.
    pub len: u8,
}

impl core::fmt::Display for IgnoredCapability {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let name = table::name(self.code);
        write!(
            f,
            "capability {} ({name}) with a malformed value of {} octets at octet {}",
            self.code, self.len, self.offset
        )
    }
}

/// Which AS a peer may be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedAs {
    /// This one.
    Is(Asn),
    /// Ours.
    Internal,
    /// Any but ours.
    External,
    /// Any.
    Any,
}

impl ExpectedAs {
    /// Whether a peer of `asn` is one, where we are of `local`. AS 0 never is (RFC 7607).
    #[must_use]
    pub fn allows(self, asn: Asn, local: Asn) -> bool {
        asn != Asn::RESERVED
            && match self {
                Self::Is(expected) => asn == expected,
                Self::Internal => asn == local,
                Self::External => asn != local,
                Self::Any => true,
            }
    }
}

/// What an OPEN is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenExpect {
    /// Our AS.
    pub local_asn: Asn,
    /// Our identifier.
    pub local_router_id: RouterId,
    /// The peer's AS.
    pub peer_asn: ExpectedAs,
    /// The shortest hold time we take; [`HoldTime::OFF`] takes any, and off as well.
    pub min_hold_time: HoldTime,
    /// Our families, of which the peer must offer one.
    pub families: FamilySet,
}

/// Who the peer is, once its OPEN was found good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerOpen {
    /// Its AS.
    pub asn: Asn,
    /// Its identifier.
    pub router_id: RouterId,
    /// The hold time it proposes; not yet the smaller of both.
    pub hold_time: HoldTime,
}

impl Open {
    /// The AS number: of capability 65 if that is there, else of the two-octet field
    /// (RFC 6793 §4.1).
    #[must_use]
    pub fn asn(&self) -> Asn {
        self.four_octet_as().unwrap_or_else(|| Asn(u32::from(self.as_field)))
    }

    /// The AS number of capability 65.
    #[must_use]
    pub fn four_octet_as(&self) -> Option<Asn> {
        self.find(|capability| match capability {
            Capability::FourOctetAs(asn) => Some(*asn),
            _ => None,
        })
    }

    /// The families of ours that are offered; without any capability 1, IPv4 unicast
    /// (RFC 4760 §8).
    #[must_use]
    pub fn families(&self) -> FamilySet {
        let none = !self
            .capabilities
            .iter()
            .any(|capability| matches!(capability, Capability::Multiprotocol { .. }));
        if none {
            return FamilySet::of(albedo_types::Family::Ipv4Unicast);
        }
        capability::offered_families(&self.capabilities)
    }

    /// What `pick` makes of the last capability it picks: of several of one code the last counts
    /// (RFC 4724 §3 says so for code 64). Not for lists of which several add up.
    #[must_use]
    pub fn find<'a, T>(&'a self, pick: impl Fn(&'a Capability) -> Option<T>) -> Option<T> {
        self.capabilities.iter().rev().find_map(pick)
    }

    /// Whether a capability of this code is there.
    #[must_use]
    pub fn offers(&self, code: u8) -> bool {
        self.capabilities.iter().any(|capability| capability.code() == code)
    }

    /// Reads a message body; offsets count from its start.
    ///
    /// # Errors
    ///
    /// Faults of syntax only, each with its NOTIFICATION of code 2 (RFC 4271 §6.2).
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(body);
        let Some(fixed) = cursor.array::<FIXED_LEN>() else {
            let kind = ErrorKind::BodyTruncated {
                kind: MessageType::Open,
                needed: 10,
                found: narrow(body.len()),
            };
            return Err(DecodeError::new(body.len(), kind));
        };
        let [version, as_high, as_low, hold_high, hold_low, a, b, c, d, len] = fixed;
        if version != VERSION {
            return Err(DecodeError::new(0, ErrorKind::Version { found: version }));
        }
        let mut open = Self {
            as_field: u16::from_be_bytes([as_high, as_low]),
            hold_time: u16::from_be_bytes([hold_high, hold_low]),
            router_id: u32::from_be_bytes([a, b, c, d]),
            capabilities: Vec::new(),
            ignored: Vec::new(),
        };
        open.decode_parameters(len, cursor)?;
        Ok(open)
    }

    /// The optional parameters, in the short form or in that of RFC 9072.
    fn decode_parameters(&mut self, len: u8, mut rest: Cursor<'_>) -> Result<(), DecodeError> {
        let mut len_offset = FIXED_LEN - 1;
        let mut len = u16::from(len);
        // Zero says "no parameters" even in front of a 255 (RFC 9072 §2).
        let extended = len != 0 && rest.rest().first() == Some(&PARAMETER_EXTENDED);
        if extended {
            let _marker = rest.u8();
            len_offset = rest.offset();
            len = rest.u16().ok_or_else(|| truncated(2, rest))?;
        }
        if usize::from(len) != rest.len() {
            let kind =
                ErrorKind::OptionalParametersLength { found: len, allowed: narrow(rest.len()) };
            return Err(DecodeError::new(len_offset, kind));
        }
        while !rest.is_empty() {
            let at = rest.offset();
            let kind = rest.u8().ok_or_else(|| truncated(1, rest))?;
            let len = if extended {
                rest.u16().ok_or_else(|| truncated(2, rest))?
            } else {
                u16::from(rest.u8().ok_or_else(|| truncated(1, rest))?)
            };
            let value = rest.sub(usize::from(len)).ok_or_else(|| truncated(len, rest))?;
            if kind != PARAMETER_CAPABILITIES {
                let kind = ErrorKind::OptionalParameterType { found: kind };
                return Err(DecodeError::new(at, kind));
            }
            self.decode_capabilities(value)?;
        }
        Ok(())
    }

    fn decode_capabilities(&mut self, mut rest: Cursor<'_>) -> Result<(), DecodeError> {
        while !rest.is_empty() {
            let [code, len] = rest.array().ok_or_else(|| truncated(2, rest))?;
            let value =
                rest.sub(usize::from(len)).ok_or_else(|| truncated(u16::from(len), rest))?;
            let offset = value.offset();
            match Capability::decode(code, value) {
                Ok(capability) => self.capabilities.push(capability),
                Err(Malformed::Ignore) => {
                    self.ignored.push(IgnoredCapability { offset, code, len })
                }
                Err(Malformed::Refuse { expected }) => {
                    let kind = ErrorKind::CapabilityLength { code, found: len, expected };
                    return Err(DecodeError::new(offset - 1, kind));
                }
            }
        }
        Ok(())
    }

    /// The whole message: all capabilities in one parameter, in the wide form of RFC 9072 only
    /// where the short one is too small. A capability that would make the message longer than
    /// [`MESSAGE_LEN_MAX`] is left out.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut capabilities = Vec::new();
        for capability in &self.capabilities {
            let at = capabilities.len();
            capability.encode(&mut capabilities);
            if capabilities.len() > CAPABILITIES_LEN_MAX {
                capabilities.truncate(at);
            }
        }
        let mut out =
            Vec::with_capacity(HEADER_LEN + FIXED_LEN + EXTENDED_HEAD_LEN + capabilities.len());
        let at = frame::start(&mut out, MessageType::Open);
        out.push(VERSION);
        out.extend_from_slice(&self.as_field.to_be_bytes());
        out.extend_from_slice(&self.hold_time.to_be_bytes());
        out.extend_from_slice(&self.router_id.to_be_bytes());
        let len = capabilities.len();
        match u8::try_from(len) {
            Ok(0) => out.push(0),
            Ok(short) if len <= SHORT_CAPABILITIES_MAX => {
                out.extend_from_slice(&[short + 2, PARAMETER_CAPABILITIES, short]);
            }
            _ => {
                out.extend_from_slice(&[PARAMETER_EXTENDED, PARAMETER_EXTENDED]);
                out.extend_from_slice(&narrow(len + 3).to_be_bytes());
                out.push(PARAMETER_CAPABILITIES);
                out.extend_from_slice(&narrow(len).to_be_bytes());
            }
        }
        out.extend_from_slice(&capabilities);
        frame::finish(&mut out, at);
        out
    }

    /// Holds the OPEN against what is expected of the peer.
    ///
    /// # Errors
    ///
    /// The NOTIFICATION to send: 2/2 for the AS, 2/3 for the identifier, 2/7 with our families
    /// where none is common, 2/6 for the hold time.
    pub fn check(&self, expect: &OpenExpect) -> Result<PeerOpen, Notification> {
        let asn = self.asn();
        if !expect.peer_asn.allows(asn, expect.local_asn) {
            return Err(Notification::bad_peer_as());
        }
        let router_id = RouterId::new(self.router_id).ok_or_else(Notification::bad_identifier)?;
        if asn == expect.local_asn && router_id == expect.local_router_id {
            return Err(Notification::bad_identifier());
        }
        if self.families().intersection(expect.families).is_empty() {
            return Err(no_common_family(expect.families));
        }
        let hold_time = HoldTime::from_secs(self.hold_time)
            .map_err(|_| Notification::unacceptable_hold_time())?;
        if hold_time < expect.min_hold_time {
            return Err(Notification::unacceptable_hold_time());
        }
        Ok(PeerOpen { asn, router_id, hold_time })
    }
}

/// 2/7 with the TLVs of the families of which the peer should have offered one.
pub(crate) fn no_common_family(families: FamilySet) -> Notification {
    let mut tlvs = Vec::new();
    for family in families.iter() {
        Capability::multiprotocol(family).encode(&mut tlvs);
    }
    Notification::unsupported_capability(&tlvs)
}

/// A message is at most 65,535 octets long, so lengths within it always fit.
fn narrow(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

#[cold]
fn truncated(needed: u16, rest: Cursor<'_>) -> DecodeError {
    let kind = ErrorKind::OpenTruncated { needed, found: narrow(rest.len()) };
    DecodeError::new(rest.offset(), kind)
}

#[cfg(test)]
mod tests;
