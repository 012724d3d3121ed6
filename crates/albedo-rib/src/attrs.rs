//! A distinct set of path attributes: what the decision looks at, and the bytes to send.
//!
//! An [`AttrSet`] is made once per distinct block, by the session, before a shard sees it
//! (docs/adr/0003).
//! Equal sets are the same allocation, so "did this route change" is a comparison of pointers.
//!
//! RFC: 4271 §5, 4456 §8 (ORIGINATOR_ID and CLUSTER_LIST are in place already).

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::fmt;

use albedo_types::{ClusterId, Family};

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
    /// NO_ADVERTISE (RFC 1997): to nobody.
    pub const NO_ADVERTISE: Self = Self(1);
    /// NO_EXPORT or NO_EXPORT_SUBCONFED (RFC 1997): not to external peers.
    pub const NO_EXPORT: Self = Self(2);
    /// LLGR_STALE (RFC 9494): least preferred.
    pub const LLGR_STALE: Self = Self(4);
    /// NO_LLGR (RFC 9494).
    pub const NO_LLGR: Self = Self(8);

    /// Adds marks.
    pub const fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether all of the marks are there.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Where a set is interned; told when the last user of the set is gone.
pub trait Home: Send + Sync {
    /// Forgets the set that was interned under `key`, unless another one has taken its place.
    fn forget(&self, key: &[u8]);
}

/// One distinct set of path attributes, of one family and one kind of source.
pub struct AttrSet {
    /// What the decision looks at.
    pub summary: Summary,
    /// Family of the routes that bear the set.
    pub family: Family,
    /// Finished block for internal receivers: canonical order, LOCAL_PREF present, ORIGINATOR_ID
    /// and CLUSTER_LIST in place where the source is internal, without MP_REACH_NLRI.
    /// NEXT_HOP is inside exactly if `mp_next_hop` is `None`.
    pub block: Box<[u8]>,
    /// Next hop for MP_REACH_NLRI, in network order; `None` for old-style IPv4.
    pub mp_next_hop: Option<Box<[u8]>>,
    /// Whether the source is of another AS: no ORIGINATOR_ID, no CLUSTER_LIST in the block.
    pub external: bool,
    /// The cluster id that stands in front of CLUSTER_LIST.
    pub cluster: ClusterId,
    key: Arc<[u8]>,
    home: Option<Weak<dyn Home>>,
}

/// What a set is made of; the fields are those of [`AttrSet`].
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are those of AttrSet")]
pub struct Parts {
    pub family: Family,
    pub summary: Summary,
    pub external: bool,
    pub cluster: ClusterId,
    pub block: Box<[u8]>,
    pub mp_next_hop: Option<Box<[u8]>>,
}

impl AttrSet {
    /// A set, to be interned under `key` at `home`.
    #[must_use]
    pub fn new(parts: Parts, key: Arc<[u8]>, home: Option<Weak<dyn Home>>) -> Self {
        let Parts { family, summary, external, cluster, block, mp_next_hop } = parts;
        Self { summary, family, block, mp_next_hop, external, cluster, key, home }
    }

    /// What the set is interned under.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

impl Drop for AttrSet {
    fn drop(&mut self) {
        if let Some(home) = self.home.as_ref().and_then(Weak::upgrade) {
            home.forget(&self.key);
        }
    }
}

impl fmt::Debug for AttrSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttrSet")
            .field("family", &self.family)
            .field("summary", &self.summary)
            .field("block_len", &self.block.len())
            .finish_non_exhaustive()
    }
}

/// Whether two sets are the same one.
#[must_use]
pub fn same(a: &Arc<AttrSet>, b: &Arc<AttrSet>) -> bool {
    Arc::ptr_eq(a, b)
}
