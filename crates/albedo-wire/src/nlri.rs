//! Prefixes on the wire: what a reflector keys its tables by.
//!
//! NLRI are read in place, one at a time, without allocating: a session hands each prefix to its
//! shard while it walks the field.
//! Bits beyond a prefix's length carry no meaning and are cleared on the way in, so that two
//! spellings of one prefix are one key.
//!
//! RFC 4271 §4.3, RFC 4760 §5, RFC 7911 §3, RFC 7606 §5.3.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use alloc::vec::Vec;
use core::fmt::{Debug, Display};
use core::hash::Hash;
use core::marker::PhantomData;

use albedo_types::{Family, PathId, Prefix};

use crate::error::DecodeError;
use crate::update::UpdateFault;

mod add_path;
mod ipv4;
mod ipv6;

mod next_hop;
pub(crate) use next_hop::check_v4;
pub use next_hop::{NextHop, NextHopBytes, check_next_hop};

pub(crate) use add_path::PATH_ID_LEN;

/// What a family's table is keyed by, and how it stands on the wire.
pub trait NlriKey:
    Copy + Eq + Ord + Hash + Debug + Display + Send + Sync + Sized + 'static
{
    /// The family.
    const FAMILY: Family;

    /// The key as a prefix, for rules that speak of prefixes; `None` where it is none.
    #[must_use]
    fn prefix(&self) -> Option<Prefix>;

    /// Octets that [`NlriKey::encode`] writes; the path identifier is not counted.
    #[must_use]
    fn encoded_len(&self) -> usize;

    /// Whether it is one address alone.
    #[must_use]
    fn is_host(&self) -> bool;

    /// Appends the length octet and the significant octets of the prefix.
    fn encode(&self, out: &mut Vec<u8>);

    /// Takes one prefix off the front; the octets behind it are returned with it.
    ///
    /// # Errors
    ///
    /// If the length is beyond the family's, or the octets end early (RFC 7606 §5.3).
    fn decode(bytes: &[u8]) -> Result<(Self, &[u8]), NlriFault>;
}

/// Why octets are no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NlriFault {
    /// The length octet is beyond what the family has.
    TooLong {
        /// What was found, in bits.
        bits: u8,
        /// What was allowed, in bits.
        allowed: u8,
    },
    /// The field ends within the prefix or its path identifier.
    CutShort {
        /// How many octets the prefix needs, those before it in its entry included.
        needed: usize,
        /// How many there were.
        left: usize,
    },
}

/// The field of an UPDATE in which a prefix stands; it decides the NOTIFICATION of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NlriField {
    /// The withdrawn routes at the head of an UPDATE.
    Withdrawn,
    /// The NLRI at the end of an UPDATE.
    Announced,
    /// `MP_REACH_NLRI`.
    MpReach,
    /// `MP_UNREACH_NLRI`.
    MpUnreach,
}

impl NlriField {
    /// Whether the field is inside a multiprotocol attribute.
    #[must_use]
    pub const fn is_multiprotocol(self) -> bool {
        matches!(self, Self::MpReach | Self::MpUnreach)
    }
}

/// Walks the prefixes of a field.
///
/// The first fault ends the walk: nothing behind it can be located any more.
#[derive(Clone, Debug)]
pub struct Nlri<'a, K> {
    rest: &'a [u8],
    /// Offset of the field's end in the message body.
    end: usize,
    add_path: bool,
    field: NlriField,
    key: PhantomData<K>,
}

impl<'a, K: NlriKey> Nlri<'a, K> {
    /// The prefixes of the octets of a field; offsets of faults count from its start.
    #[must_use]
    pub const fn new(bytes: &'a [u8], add_path: bool) -> Self {
        Self::at(bytes, add_path, NlriField::Announced, 0)
    }

    /// The same for a field that starts at `offset` of the message body.
    #[must_use]
    pub const fn at(bytes: &'a [u8], add_path: bool, field: NlriField, offset: usize) -> Self {
        Self {
            rest: bytes,
            end: offset.saturating_add(bytes.len()),
            add_path,
            field,
            key: PhantomData,
        }
    }

    #[cold]
    fn fail(&mut self, fault: NlriFault) -> DecodeError {
        let offset = self.end.saturating_sub(self.rest.len());
        self.rest = &[];
        DecodeError::update(offset, UpdateFault::Nlri { field: self.field, fault })
    }
}

impl<K: NlriKey> Iterator for Nlri<'_, K> {
    type Item = Result<(PathId, K), DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = if self.add_path {
            add_path::decode::<K>(self.rest)
        } else {
            K::decode(self.rest).map(|(key, rest)| (PathId(0), key, rest))
        };
        Some(match read {
            Ok((id, key, rest)) => {
                self.rest = rest;
                Ok((id, key))
            }
            Err(fault) => Err(self.fail(fault)),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // The shortest entry is a lone length octet of 0.
        (0, Some(self.rest.len()))
    }
}

impl<K: NlriKey> core::iter::FusedIterator for Nlri<'_, K> {}

#[cfg(test)]
mod tests;
