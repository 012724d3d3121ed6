//! AS_PATH: always in four-octet numbers once it is inside.
//!
//! From peers that speak four-octet numbers the value is borrowed as it came in; for others it
//! is rebuilt from AS_PATH and AS4_PATH, see [`merge`].
//!
//! RFC 4271 §4.3 and §5.1.2, RFC 5065 §3, RFC 6793, RFC 7607, RFC 9774.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use albedo_types::Asn;

use crate::update::{UpdateContext, UpdateFault};

mod merge;
pub(super) use merge::{merge, widen};

mod write;

/// Octets of a segment's type and count.
const HEAD_LEN: usize = 2;
/// Octets of an AS number inside.
const ASN_LEN: usize = 4;
/// Octets of an AS number from a peer that knows no others.
const NARROW_LEN: usize = 2;
/// AS numbers that a segment can hold: its count has one octet.
const SEGMENT_MAX: usize = 255;

/// The type of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SegmentKind {
    /// AS_SET: unordered.
    Set = 1,
    /// AS_SEQUENCE: the AS passed last comes first.
    Sequence = 2,
    /// AS_CONFED_SEQUENCE: members of a confederation.
    ConfedSequence = 3,
    /// AS_CONFED_SET.
    ConfedSet = 4,
}

impl SegmentKind {
    const fn from_wire(value: u8) -> Option<Self> {
        match value {
            1 => Some(Self::Set),
            2 => Some(Self::Sequence),
            3 => Some(Self::ConfedSequence),
            4 => Some(Self::ConfedSet),
            _ => None,
        }
    }

    /// Whether its numbers have no order.
    #[must_use]
    pub const fn is_set(self) -> bool {
        matches!(self, Self::Set | Self::ConfedSet)
    }

    /// Whether the segment is of a confederation.
    #[must_use]
    pub const fn is_confederation(self) -> bool {
        matches!(self, Self::ConfedSequence | Self::ConfedSet)
    }
}

/// A segment of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segment<'a> {
    /// Its type.
    pub kind: SegmentKind,
    asns: &'a [[u8; ASN_LEN]],
}

impl<'a> Segment<'a> {
    /// How many AS numbers it has: 1 to 255.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an empty segment is malformed")]
    pub const fn len(&self) -> usize {
        self.asns.len()
    }

    /// The AS numbers in their order.
    pub fn asns(&self) -> impl DoubleEndedIterator<Item = Asn> + ExactSizeIterator + use<'a> {
        self.asns.iter().map(|asn| Asn(u32::from_be_bytes(*asn)))
    }

    /// What it counts for in the length of a path (RFC 4271 §9.1.2.2, RFC 5065 §5.3).
    #[must_use]
    pub const fn hops(&self) -> usize {
        match self.kind {
            SegmentKind::Sequence => self.len(),
            SegmentKind::Set => 1,
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
        }
    }
}

/// The segments of a value in four-octet numbers that was checked before.
#[derive(Clone, Copy, Debug)]
struct Segments<'a>(&'a [u8]);

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    #[inline]
    fn next(&mut self) -> Option<Segment<'a>> {
        let (&[kind, count], rest) = self.0.split_first_chunk::<HEAD_LEN>()?;
        let octets = usize::from(count).saturating_mul(ASN_LEN);
        let (asns, rest) = rest.split_at_checked(octets)?;
        self.0 = rest;
        Some(Segment { kind: SegmentKind::from_wire(kind)?, asns: asns.as_chunks().0 })
    }
}

/// The path of a route.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct AsPath<'a> {
    /// The value in four-octet numbers; well-formed.
    value: Cow<'a, [u8]>,
}

impl<'a> AsPath<'a> {
    /// A path from a value that was checked.
    pub(super) const fn checked(value: Cow<'a, [u8]>) -> Self {
        Self { value }
    }

    /// The segments in their order.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        Segments(&self.value)
    }

    /// All AS numbers in their order, those of sets and confederations included.
    pub fn asns(&self) -> impl Iterator<Item = Asn> {
        self.segments().flat_map(|segment| segment.asns())
    }

    /// Whether there is no segment: the route is of the AS it was heard in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    /// The length that the decision compares: a set counts for one, confederation segments for
    /// nothing (RFC 4271 §9.1.2.2, RFC 5065 §5.3).
    #[must_use]
    pub fn hops(&self) -> u32 {
        let hops =
            self.segments().fold(0, |sum: usize, segment| sum.saturating_add(segment.hops()));
        u32::try_from(hops).unwrap_or(u32::MAX)
    }

    /// The neighbouring AS: the first of the path outside of a confederation; `None` if the path
    /// is empty there, or starts with a set (RFC 4271 §9.1.2.2, RFC 5065 §5.3).
    #[must_use]
    pub fn first_as(&self) -> Option<Asn> {
        let first = self.segments().find(|segment| !segment.kind.is_confederation())?;
        (first.kind == SegmentKind::Sequence).then(|| first.asns().next())?
    }

    /// The AS that the route started in: the last of the path, unless that is in a set.
    #[must_use]
    pub fn origin_as(&self) -> Option<Asn> {
        let last = self.segments().filter(|segment| !segment.kind.is_confederation()).last()?;
        (last.kind == SegmentKind::Sequence).then(|| last.asns().next_back())?
    }

    /// How often an AS stands in the path, sets and confederations included.
    #[must_use]
    pub fn contains(&self, asn: Asn) -> usize {
        self.asns().filter(|found| *found == asn).count()
    }

    /// Whether a number that AS4_PATH may carry does not fit two octets.
    ///
    /// Confederation segments are not among those: their numbers become AS_TRANS for who has
    /// only two octets (RFC 6793 §3).
    pub(super) fn needs_as4(&self) -> bool {
        self.segments()
            .filter(|segment| !segment.kind.is_confederation())
            .flat_map(|segment| segment.asns())
            .any(|asn| asn.0 > u32::from(u16::MAX))
    }

    /// The value in four-octet numbers.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.value
    }
}

impl fmt::Display for AsPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, segment) in self.segments().enumerate() {
            let (open, between, close) = match segment.kind {
                SegmentKind::Sequence => ("", " ", ""),
                SegmentKind::Set => ("{", ",", "}"),
                SegmentKind::ConfedSequence => ("(", " ", ")"),
                SegmentKind::ConfedSet => ("[", ",", "]"),
            };
            f.write_str(if n == 0 { "" } else { " " })?;
            f.write_str(open)?;
            for (n, asn) in segment.asns().enumerate() {
                write!(f, "{}{asn}", if n == 0 { "" } else { between })?;
            }
            f.write_str(close)?;
        }
        Ok(())
    }
}

impl fmt::Debug for AsPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsPath({self})")
    }
}

/// Checks an AS_PATH in the width of the session (RFC 7606 §7.2).
pub(super) fn check(value: &[u8], ctx: &UpdateContext) -> Result<(), UpdateFault> {
    let rules = Rules {
        width: if ctx.as4 { ASN_LEN } else { NARROW_LEN },
        confederation: ctx.confederation,
        sets: !ctx.reject_as_set,
        allowed: ctx.limits.as_path_elements(),
    };
    rules.check(value)?;
    let Some(expected) = ctx.first_as else {
        return Ok(());
    };
    // In two octets, a wider number is AS_TRANS here, and its true self in AS4_PATH.
    let written = if ctx.as4 { expected } else { Asn(u32::from(expected.to_two_octets())) };
    if first_of(value, rules.width) == Some(written) {
        Ok(())
    } else {
        Err(UpdateFault::FirstAs { expected })
    }
}

/// Checks an AS4_PATH; what it may not hold of confederations is cut out later, not an error
/// (RFC 6793 §6). Sets are no more wanted here than in AS_PATH (RFC 9774 §3).
pub(super) fn check_as4(value: &[u8], ctx: &UpdateContext) -> Result<(), UpdateFault> {
    let rules = Rules {
        width: ASN_LEN,
        confederation: true,
        sets: !ctx.reject_as_set,
        allowed: ctx.limits.as_path_elements(),
    };
    rules.check(value)
}

/// The first number of a value that was checked, if it starts with a sequence.
fn first_of(value: &[u8], width: usize) -> Option<Asn> {
    let (head, rest) = value.split_first_chunk::<HEAD_LEN>()?;
    let [kind, _] = *head;
    let number = rest.get(..width)?.iter().fold(0, |sum, octet| sum << 8 | u32::from(*octet));
    (kind == SegmentKind::Sequence as u8).then_some(Asn(number))
}

/// What a path may hold.
struct Rules {
    /// Octets of an AS number.
    width: usize,
    confederation: bool,
    sets: bool,
    /// Most AS numbers.
    allowed: usize,
}

impl Rules {
    fn check(&self, value: &[u8]) -> Result<(), UpdateFault> {
        let mut rest = value;
        let mut found = 0_usize;
        while !rest.is_empty() {
            let left = rest.len();
            let Some((&[kind, count], behind)) = rest.split_first_chunk::<HEAD_LEN>() else {
                return Err(UpdateFault::SegmentCutShort { needed: HEAD_LEN, left });
            };
            let kind =
                SegmentKind::from_wire(kind).ok_or(UpdateFault::SegmentType { found: kind })?;
            if count == 0 {
                return Err(UpdateFault::SegmentEmpty);
            }
            let octets = usize::from(count).saturating_mul(self.width);
            let (asns, behind) = behind.split_at_checked(octets).ok_or_else(|| {
                UpdateFault::SegmentCutShort { needed: octets.saturating_add(HEAD_LEN), left }
            })?;
            if kind.is_confederation() && !self.confederation {
                return Err(UpdateFault::Confederation);
            }
            if kind.is_set() && !self.sets {
                return Err(UpdateFault::AsSet);
            }
            if self.holds_zero(asns) {
                return Err(UpdateFault::AsZero);
            }
            found = found.saturating_add(usize::from(count));
            rest = behind;
        }
        if found > self.allowed {
            return Err(UpdateFault::TooMany { found, allowed: self.allowed });
        }
        Ok(())
    }

    fn holds_zero(&self, asns: &[u8]) -> bool {
        if self.width == ASN_LEN {
            asns.as_chunks::<ASN_LEN>().0.contains(&[0; ASN_LEN])
        } else {
            asns.as_chunks::<NARROW_LEN>().0.contains(&[0; NARROW_LEN])
        }
    }
}

/// Appends the head of a segment.
fn push_head(out: &mut Vec<u8>, kind: SegmentKind, count: usize) {
    debug_assert!((1..=SEGMENT_MAX).contains(&count), "a segment holds 1 to 255 numbers");
    out.push(kind as u8);
    out.push(u8::try_from(count).unwrap_or(u8::MAX));
}

#[cfg(test)]
mod tests;
