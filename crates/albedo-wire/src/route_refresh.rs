//! ROUTE-REFRESH: "send me that family again", and the marks around the answer (RFC 2918,
//! RFC 7313).

use alloc::vec::Vec;

use albedo_types::{Afi, Family, Safi};

use crate::cursor::Cursor;
use crate::error::{DecodeError, ErrorKind};
use crate::frame::{self, HEADER_LEN, MessageType};

/// Octets of the body without outbound route filters, which we never offer.
pub const BODY_LEN: usize = 4;

/// What a ROUTE-REFRESH says (RFC 7313 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subtype {
    /// 0: send the family again.
    Request,
    /// 1, `BoRR`: the answer begins.
    Begin,
    /// 2, `EoRR`: the answer is complete.
    End,
    /// Any other: to be ignored (RFC 7313 §5).
    Unknown(u8),
}

impl Subtype {
    /// Of its octet, which RFC 2918 called reserved.
    #[must_use]
    pub const fn from_wire(octet: u8) -> Self {
        match octet {
            0 => Self::Request,
            1 => Self::Begin,
            2 => Self::End,
            other => Self::Unknown(other),
        }
    }

    /// The octet.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Request => 0,
            Self::Begin => 1,
            Self::End => 2,
            Self::Unknown(other) => other,
        }
    }
}

/// A ROUTE-REFRESH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteRefresh {
    /// The AFI, known to us or not.
    pub afi: Afi,
    /// The SAFI.
    pub safi: Safi,
    /// What it says of the family.
    pub subtype: Subtype,
}

impl RouteRefresh {
    /// Of a family of ours.
    #[must_use]
    pub const fn new(family: Family, subtype: Subtype) -> Self {
        Self { afi: family.afi(), safi: family.safi(), subtype }
    }

    /// The family, if it is one of ours.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        Family::from_wire(self.afi, self.safi)
    }

    /// Reads a message body.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BodyTruncated`] if it is shorter than [`BODY_LEN`],
    /// [`ErrorKind::RouteRefreshLength`] if it is longer, which is a fault only of the two marks of
    /// RFC 7313 (§5): of anything else the first [`BODY_LEN`] octets can be read.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let found = u16::try_from(body.len()).unwrap_or(u16::MAX);
        let mut cursor = Cursor::new(body);
        let Some([high, low, subtype, safi]) = cursor.array::<BODY_LEN>() else {
            let kind =
                ErrorKind::BodyTruncated { kind: MessageType::RouteRefresh, needed: 4, found };
            return Err(DecodeError::new(body.len(), kind));
        };
        if !cursor.is_empty() {
            let kind = ErrorKind::RouteRefreshLength { found };
            return Err(DecodeError::new(BODY_LEN, kind));
        }
        Ok(Self {
            afi: Afi(u16::from_be_bytes([high, low])),
            safi: Safi(safi),
            subtype: Subtype::from_wire(subtype),
        })
    }

    /// The whole message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN + BODY_LEN);
        let at = frame::start(&mut out, MessageType::RouteRefresh);
        out.extend_from_slice(&self.afi.0.to_be_bytes());
        out.extend_from_slice(&[self.subtype.code(), self.safi.0]);
        frame::finish(&mut out, at);
        out
    }
}

#[cfg(test)]
mod tests;
