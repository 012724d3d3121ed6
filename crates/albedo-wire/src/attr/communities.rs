//! Communities of the three common kinds, read in place.
//!
//! RFC 1997, RFC 4360, RFC 8092, and the well-known ones that a reflector acts on.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;

/// Octets of a large community.
const LARGE_LEN: usize = 12;

/// Entries up to which duplicates are looked for pairwise; beyond, with a set.
const PAIRWISE_MAX: usize = 16;

/// The value as numbers of four octets.
pub(super) fn words(value: &[u8]) -> impl Iterator<Item = u32> + use<'_> {
    let (words, _) = value.as_chunks::<4>();
    words.iter().map(|word| u32::from_be_bytes(*word))
}

/// COMMUNITIES (RFC 1997).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Communities<'a>(pub(super) &'a [u8]);

impl<'a> Communities<'a> {
    /// The communities in their order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        words(self.0)
    }

    /// Whether a community is there.
    #[must_use]
    pub fn contains(&self, community: u32) -> bool {
        self.iter().any(|entry| entry == community)
    }

    /// The well-known ones among them.
    #[must_use]
    pub fn well_known(&self) -> WellKnown {
        self.iter().fold(WellKnown::default(), |set, community| set.with(community))
    }
}

impl fmt::Display for Communities<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, community) in self.iter().enumerate() {
            let space = if n == 0 { "" } else { " " };
            write!(f, "{space}{}:{}", community >> 16, community & 0xffff)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Communities<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

/// Which well-known communities a route has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct WellKnown(u16);

impl WellKnown {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// 65535:0, RFC 8326.
    pub const GRACEFUL_SHUTDOWN: u32 = 0xffff_0000;
    /// 65535:1, RFC 7611.
    pub const ACCEPT_OWN: u32 = 0xffff_0001;
    /// 65535:6, RFC 9494 §3.2.
    pub const LLGR_STALE: u32 = 0xffff_0006;
    /// 65535:7, RFC 9494 §3.3.
    pub const NO_LLGR: u32 = 0xffff_0007;
    /// 65535:666, RFC 7999.
    pub const BLACKHOLE: u32 = 0xffff_029a;
    /// 65535:65281, RFC 1997.
    pub const NO_EXPORT: u32 = 0xffff_ff01;
    /// 65535:65282, RFC 1997.
    pub const NO_ADVERTISE: u32 = 0xffff_ff02;
    /// 65535:65283, RFC 1997.
    pub const NO_EXPORT_SUBCONFED: u32 = 0xffff_ff03;
    /// 65535:65284, RFC 3765.
    pub const NO_PEER: u32 = 0xffff_ff04;

    const ALL: [u32; 9] = [
        Self::GRACEFUL_SHUTDOWN,
        Self::ACCEPT_OWN,
        Self::LLGR_STALE,
        Self::NO_LLGR,
        Self::BLACKHOLE,
        Self::NO_EXPORT,
        Self::NO_ADVERTISE,
        Self::NO_EXPORT_SUBCONFED,
        Self::NO_PEER,
    ];

    fn bit(community: u32) -> u16 {
        Self::ALL.iter().position(|known| *known == community).map_or(0, |place| 1 << place)
    }

    /// With one more; the same if the community is none that a reflector acts on.
    #[must_use]
    pub fn with(self, community: u32) -> Self {
        // All of them are in 65535:*, and hardly any community is.
        if community >> 16 == 0xffff { Self(self.0 | Self::bit(community)) } else { self }
    }

    /// Those that are not among `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Appends them as they stand in COMMUNITIES.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        for community in Self::ALL.into_iter().filter(|known| self.contains(*known)) {
            out.extend_from_slice(&community.to_be_bytes());
        }
    }

    /// Whether one of the constants of this type is there.
    #[must_use]
    pub fn contains(self, community: u32) -> bool {
        self.0 & Self::bit(community) != 0
    }

    /// Whether none is there.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the route may be told to nobody.
    #[must_use]
    pub fn no_advertise(self) -> bool {
        self.contains(Self::NO_ADVERTISE)
    }

    /// Whether the route may not leave the AS: NO_EXPORT, or NO_EXPORT_SUBCONFED, which is the
    /// same outside of a confederation.
    #[must_use]
    pub fn no_export(self) -> bool {
        self.contains(Self::NO_EXPORT) || self.contains(Self::NO_EXPORT_SUBCONFED)
    }

    /// Whether the route is stale and should lose to any other (RFC 9494 §3.2).
    #[must_use]
    pub fn llgr_stale(self) -> bool {
        self.contains(Self::LLGR_STALE)
    }

    /// Whether the route may not outlive its session as a stale one (RFC 9494 §3.3).
    #[must_use]
    pub fn no_llgr(self) -> bool {
        self.contains(Self::NO_LLGR)
    }
}

/// EXTENDED_COMMUNITIES (RFC 4360), raw: unknown types are as good as known ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExtendedCommunities<'a>(pub(super) &'a [u8]);

impl<'a> ExtendedCommunities<'a> {
    /// The communities in their order.
    pub fn iter(&self) -> impl Iterator<Item = [u8; 8]> + use<'a> {
        self.0.as_chunks::<8>().0.iter().copied()
    }
}

impl fmt::Debug for ExtendedCommunities<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(u64::from_be_bytes)).finish()
    }
}

/// LARGE_COMMUNITIES (RFC 8092).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LargeCommunities<'a>(pub(super) &'a [u8]);

impl<'a> LargeCommunities<'a> {
    /// The communities in their order, duplicates left out (RFC 8092 §3).
    pub fn iter(&self) -> impl Iterator<Item = [u32; 3]> + use<'a> {
        self.unique().map(|entry| {
            let mut parts = words(entry);
            core::array::from_fn(|_| parts.next().unwrap_or(0))
        })
    }

    /// Appends the value without duplicates.
    pub(super) fn write_unique(&self, out: &mut Vec<u8>) {
        for entry in self.unique() {
            out.extend_from_slice(entry);
        }
    }

    fn unique(&self) -> impl Iterator<Item = &'a [u8; LARGE_LEN]> + use<'a> {
        let (entries, _) = self.0.as_chunks::<LARGE_LEN>();
        let mut seen = BTreeSet::new();
        entries.iter().enumerate().filter_map(move |(n, entry)| {
            let new = if entries.len() <= PAIRWISE_MAX {
                !entries.iter().take(n).any(|earlier| earlier == entry)
            } else {
                seen.insert(entry)
            };
            new.then_some(entry)
        })
    }
}

impl fmt::Display for LargeCommunities<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, [global, first, second]) in self.iter().enumerate() {
            let space = if n == 0 { "" } else { " " };
            write!(f, "{space}{global}:{first}:{second}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for LargeCommunities<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

#[cfg(test)]
mod tests;
