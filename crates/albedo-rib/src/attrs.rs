//! A distinct set of path attributes: what the decision looks at, and the bytes to send.
//!
//! An [`AttrSet`] is made once per distinct block, by the session, before a shard sees it
//! (docs/adr/0003).
//! Equal sets are the same allocation, so "did this route change" is a comparison of pointers.
//!
//! RFC: 4271 §5, 4456 §8 (ORIGINATOR_ID and CLUSTER_LIST are in place already).

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use albedo_types::{ClusterId, Family, RouterId};

/// What the decision process and the export rules need to know of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// LOCAL_PREF; the default where the route came without.
    pub local_pref: u32,
    /// MULTI_EXIT_DISC; 0 where absent (RFC 4271 §9.1.2.2 c).
    pub med: u32,
    /// First AS of the path; 0 for an empty path, which is a group of its own for MED.
    pub neighbour_as: u32,
    /// AS_PATH length: a set counts one, confederation segments nothing.
    pub as_hops: u32,
    /// ORIGINATOR_ID as received; 0 where absent.
    pub originator: u32,
    /// Length of CLUSTER_LIST as received.
    pub cluster_hops: u16,
    /// ORIGIN: 0 IGP, 1 EGP, 2 INCOMPLETE.
    pub origin: u8,
    /// What the well-known communities say.
    pub marks: Marks,
}

/// Well-known communities that decide who may hear of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(u8);

impl Marks {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// NO_ADVERTISE (RFC 1997): to nobody.
    pub const NO_ADVERTISE: Self = Self(1);
    /// NO_EXPORT or NO_EXPORT_SUBCONFED (RFC 1997): not to external peers.
    pub const NO_EXPORT: Self = Self(2);
    /// LLGR_STALE (RFC 9494): least preferred.
    pub const LLGR_STALE: Self = Self(4);
    /// NO_LLGR (RFC 9494).
    pub const NO_LLGR: Self = Self(8);
    /// No community: the MED was set by the export policy, and so is for external peers, too.
    pub const MED_SET: Self = Self(0x80);

    /// Adds marks.
    pub const fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// These and the others.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether one of the marks is there.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether all of the marks are there.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Where a set is interned; told when the last user of the set is gone.
pub trait Home: Send + Sync {
    /// Forgets a set without users that was interned under `hash`.
    fn forget(&self, hash: u64);
}

/// What a set is made from: everything that decides its bytes. Equal material makes equal sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Material<'a> {
    /// Family of the routes.
    pub family: Family,
    /// Whether the source is of another AS.
    pub external: bool,
    /// Whether numbers in AS_PATH have four octets (RFC 6793).
    pub as4: bool,
    /// The source's BGP identifier: ORIGINATOR_ID where there is none yet (RFC 4456 §8).
    pub router_id: RouterId,
    /// The source's cluster.
    pub cluster: ClusterId,
    /// The next hop of MP_REACH_NLRI, in network order; `None` where the block has NEXT_HOP.
    pub next_hop: Option<&'a [u8]>,
    /// By which rules the block was judged: what one session takes, another may not.
    pub rules: u32,
    /// The received block without MP_REACH_NLRI and MP_UNREACH_NLRI.
    pub block: &'a [u8],
}

impl Hash for Material<'_> {
    /// In few words: this is done for each UPDATE.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let source = u64::from(self.router_id.get()) << 32 | u64::from(self.cluster.0);
        let flags = u32::from(self.external) | u32::from(self.as4) << 1;
        let family = u32::try_from(self.family.index()).unwrap_or(u32::MAX);
        state.write_u64(source);
        state.write_u64(u64::from(self.rules) << 32 | u64::from(flags | family << 2));
        if let Some(next_hop) = self.next_hop {
            state.write(next_hop);
        }
        state.write(self.block);
    }
}

/// The type of the attribute NEXT_HOP.
const NEXT_HOP: u8 = 3;
/// Octets of an IPv6 address.
const IPV6_OCTETS: usize = 16;

/// Stands for a next hop that is not there.
const NO_NEXT_HOP: u8 = u8::MAX;

/// One distinct set of path attributes, of one family and one kind of source.
///
/// Next hop, finished block, and what is kept of the received one lie in one allocation.
/// A received block that is the finished one without a piece of it (which ORIGINATOR_ID and
/// CLUSTER_LIST together are, where the source writes in canonical order) is not kept again.
pub struct AttrSet {
    /// What the decision looks at.
    pub summary: Summary,
    /// The cluster id that stands in front of CLUSTER_LIST.
    pub cluster: ClusterId,
    /// Family of the routes that bear the set.
    pub family: Family,
    /// Whether the source is of another AS: no ORIGINATOR_ID, no CLUSTER_LIST in the block.
    pub external: bool,
    next_hop_len: u8,
    as4: bool,
    octets: Box<[u8]>,
    block_end: u32,
    identity: Option<Identity>,
}

/// How a set is found again, and who has to know when it is gone.
struct Identity {
    home: Weak<dyn Home>,
    hash: u64,
    rules: u32,
    router_id: RouterId,
    received: Kept,
}

/// Where the received block is.
#[derive(Clone, Copy)]
enum Kept {
    /// It is the finished block without `len` octets from `at` on.
    Without { at: u16, len: u16 },
    /// It lies behind the finished block.
    Behind,
}

/// What a set consists of; the fields are those of [`AttrSet`].
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are those of AttrSet")]
pub struct Parts<'a> {
    pub family: Family,
    pub summary: Summary,
    pub external: bool,
    pub cluster: ClusterId,
    pub block: &'a [u8],
    pub mp_next_hop: Option<&'a [u8]>,
}

impl AttrSet {
    /// A set that is not interned.
    #[must_use]
    pub fn new(parts: &Parts<'_>) -> Self {
        Self::with(parts, &[])
    }

    /// A set to be found again by what it was made from, under `hash` at `home`.
    #[must_use]
    pub fn interned(
        parts: &Parts<'_>,
        material: &Material<'_>,
        hash: u64,
        home: Weak<dyn Home>,
    ) -> Self {
        let received = kept(parts.block, material.block);
        let behind = if matches!(received, Kept::Behind) { material.block } else { &[] };
        let Material { router_id, rules, .. } = *material;
        let identity = Identity { home, hash, rules, router_id, received };
        let mut set = Self::with(parts, behind);
        set.as4 = material.as4;
        set.identity = Some(identity);
        set
    }

    fn with(parts: &Parts<'_>, behind: &[u8]) -> Self {
        let next_hop = parts.mp_next_hop.unwrap_or_default();
        let block_end = next_hop.len() + parts.block.len();
        let mut octets = Vec::with_capacity(block_end + behind.len());
        octets.extend_from_slice(next_hop);
        octets.extend_from_slice(parts.block);
        octets.extend_from_slice(behind);
        let next_hop_len = u8::try_from(next_hop.len()).expect("a next hop is short");
        Self {
            summary: parts.summary,
            cluster: parts.cluster,
            family: parts.family,
            external: parts.external,
            next_hop_len: parts.mp_next_hop.map_or(NO_NEXT_HOP, |_| next_hop_len),
            as4: true,
            octets: octets.into_boxed_slice(),
            block_end: u32::try_from(block_end).expect("a block fits a message"),
            identity: None,
        }
    }

    /// Finished block for internal receivers: canonical order, LOCAL_PREF present, ORIGINATOR_ID
    /// and CLUSTER_LIST in place where the source is internal, without MP_REACH_NLRI.
    /// NEXT_HOP is inside exactly if there is no [`AttrSet::mp_next_hop`].
    #[must_use]
    pub fn block(&self) -> &[u8] {
        &self.octets[self.next_hop_end()..self.block_end as usize]
    }

    /// Length of [`AttrSet::block`], in bytes.
    #[must_use]
    #[inline]
    pub const fn block_len(&self) -> usize {
        self.block_end as usize - self.next_hop_end()
    }

    /// Next hop for MP_REACH_NLRI, in network order; `None` for old-style IPv4.
    #[must_use]
    pub fn mp_next_hop(&self) -> Option<&[u8]> {
        (self.next_hop_len != NO_NEXT_HOP).then(|| &self.octets[..self.next_hop_end()])
    }

    /// The next hop in network order: 4 octets, or 16, of the two of RFC 2545 the global one.
    #[must_use]
    pub(crate) fn next_hop(&self) -> Option<&[u8]> {
        match self.mp_next_hop() {
            Some(hops) => Some(hops.get(..IPV6_OCTETS).unwrap_or(hops)),
            None => value_of(self.block(), NEXT_HOP),
        }
    }

    const fn next_hop_end(&self) -> usize {
        if self.next_hop_len == NO_NEXT_HOP { 0 } else { self.next_hop_len as usize }
    }

    /// Whether the set is interned and was made from this.
    #[must_use]
    pub fn is_of(&self, material: &Material<'_>) -> bool {
        let Some(identity) = &self.identity else { return false };
        let block = self.block();
        let is_block = match identity.received {
            Kept::Behind => self.octets[self.block_end as usize..] == *material.block,
            Kept::Without { at, len } => {
                let (at, len) = (usize::from(at), usize::from(len));
                block.len() - len == material.block.len()
                    && block[..at] == material.block[..at]
                    && block[at + len..] == material.block[at..]
            }
        };
        is_block
            && self.family == material.family
            && self.external == material.external
            && self.cluster == material.cluster
            && self.as4 == material.as4
            && identity.rules == material.rules
            && identity.router_id == material.router_id
            && self.mp_next_hop() == material.next_hop
    }
}

/// The value of an attribute of a finished block, which stands in order of type.
fn value_of(mut block: &[u8], wanted: u8) -> Option<&[u8]> {
    const EXTENDED_LENGTH: u8 = 0x10;
    while let [flags, code, rest @ ..] = block {
        let (len, rest) = if flags & EXTENDED_LENGTH == 0 {
            let (len, rest) = rest.split_first()?;
            (usize::from(*len), rest)
        } else {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        };
        let (value, rest) = rest.split_at_checked(len)?;
        if *code >= wanted {
            return (*code == wanted).then_some(value);
        }
        block = rest;
    }
    None
}

/// How the received block can be told from the finished one.
fn kept(finished: &[u8], received: &[u8]) -> Kept {
    let Some(len) = finished.len().checked_sub(received.len()) else { return Kept::Behind };
    let at = finished.iter().zip(received).take_while(|(a, b)| a == b).count();
    let is_rest_equal = finished[at + len..] == received[at..];
    match (u16::try_from(at), u16::try_from(len)) {
        (Ok(at), Ok(len)) if is_rest_equal => Kept::Without { at, len },
        _ => Kept::Behind,
    }
}

impl Drop for AttrSet {
    fn drop(&mut self) {
        if let Some(identity) = &self.identity
            && let Some(home) = identity.home.upgrade()
        {
            home.forget(identity.hash);
        }
    }
}

impl fmt::Debug for AttrSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttrSet")
            .field("family", &self.family)
            .field("summary", &self.summary)
            .field("block_len", &self.block_len())
            .finish_non_exhaustive()
    }
}

/// Whether two sets are the same one.
#[must_use]
pub fn same(a: &Arc<AttrSet>, b: &Arc<AttrSet>) -> bool {
    Arc::ptr_eq(a, b)
}

#[cfg(test)]
mod tests;
