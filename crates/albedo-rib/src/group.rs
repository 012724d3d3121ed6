//! Update groups: peers for which the outgoing bytes are equal.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::num::NonZeroU8;

use albedo_types::{Asn, ClusterId, Family, PATHS_MAX, PathsMode, PeerRole, Prefix};
use albedo_wire::attr::{Attributes, Edit, LocalPrefEdit, Need, NextHopEdit, WellKnown};
use albedo_wire::update::{PackSpec, UpdateContext};

use crate::attrs::{AttrSet, Marks};
use crate::policy::{Memo, Policy, side_of};
use crate::reflect::reflects;

/// Everything that decides which bytes a peer gets, each with the reason why it does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupKey {
    /// One log is of one family.
    pub family: Family,
    /// Which sources' routes are told at all (RFC 4456 §6), and in which form.
    pub role: PeerRole,
    /// Stands in front of CLUSTER_LIST where it differs from the source's (RFC 4456 §8).
    pub cluster_id: ClusterId,
    /// Width of the numbers in AS_PATH (RFC 6793 §4.2.2).
    pub as4: bool,
    /// Where messages end (RFC 8654 §4), in bytes.
    pub message_len_max: u32,
    /// What an external peer is told; `None` for internal ones, whose attributes are kept.
    pub external: Option<ExternalKey>,
    /// Our address, where it stands in for a route's next hop: for external peers (RFC 4271
    /// §5.1.3) unless they are told otherwise, for internal ones only if they are.
    pub next_hop: Option<IpAddr>,
    /// Whether the peers know long-lived stale routes, and what they get of them (RFC 9494 §4.3).
    pub long_lived: LongLivedExport,
    /// Whether routes to single addresses are told with NO_LLGR: a more specific route wins,
    /// however stale it is (RFC 9494 §3.3).
    pub no_llgr_on_hosts: bool,
    /// Which routes are told, and how they are changed (RFC 4271 §9.1.3); `None`: all, and not at
    /// all.
    pub policy: Option<Arc<Policy>>,
    /// Which paths of a prefix are told, and whether with identifiers (RFC 7911 §3).
    pub paths: Paths,
}

/// Which paths of a prefix peers are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Paths {
    /// The best one, if it may be told to them.
    #[default]
    Best,
    /// The best one of those that may be told to them, where that is not the best of all.
    BestToldable,
    /// Several of those that may be told to them, each under an identifier of its own
    /// (RFC 7911 §3); made by [`Paths::several`].
    Several {
        /// Which.
        mode: PathsMode,
        /// How many at most.
        max: NonZeroU8,
    },
}

impl Paths {
    /// At most `max` paths, and no more than [`PATHS_MAX`].
    ///
    /// What comes to the same is the same, so that its peers share a group.
    #[must_use]
    pub fn several(mode: PathsMode, max: NonZeroU8) -> Self {
        let bound = match mode {
            // One, and one in its stead.
            PathsMode::Diverse => 2,
            PathsMode::Best | PathsMode::Equal | PathsMode::PerNeighbourAs => PATHS_MAX,
        };
        let max = NonZeroU8::new(bound).map_or(max, |bound| max.min(bound));
        // Each mode begins with the best.
        let mode = if max == NonZeroU8::MIN { PathsMode::Best } else { mode };
        Self::Several { mode, max }
    }

    /// Whether more is looked at than the best path of all.
    #[inline]
    pub(crate) const fn are_chosen(self) -> bool {
        !matches!(self, Self::Best)
    }

    /// Whether they have identifiers.
    #[must_use]
    #[inline]
    pub const fn have_ids(self) -> bool {
        matches!(self, Self::Several { .. })
    }

    /// Which of those that may be told there are, and how many at most.
    #[inline]
    pub(crate) fn which(self) -> (PathsMode, usize) {
        match self {
            Self::Best | Self::BestToldable => (PathsMode::Best, 1),
            Self::Several { mode, max } => (mode, max.get().into()),
        }
    }
}

/// What peers get of long-lived stale routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LongLivedExport {
    /// Nothing: they have not said that they know of them (RFC 9494 §4.3).
    #[default]
    Withheld,
    /// The routes with LLGR_STALE: they have sent the capability.
    Told,
    /// Internal peers that have not: the routes also with NO_EXPORT, and LOCAL_PREF 0
    /// (RFC 9494 §4.6).
    Least,
}

/// What is added to a route's attributes on its way to a group, beyond what follows from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extra(u8);

impl Extra {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// LLGR_STALE: its session is gone for longer than a restart takes.
    pub const LLGR_STALE: Self = Self(1);
    /// NO_LLGR.
    pub const NO_LLGR: Self = Self(2);
    /// How many bits it has.
    pub(crate) const BITS: u32 = 2;

    const fn contains(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// What a route with it is, as if it had been received so.
    pub(crate) const fn marks(self) -> Marks {
        if self.contains(Self::LLGR_STALE) { Marks::LLGR_STALE } else { Marks::NONE }
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0 as u32
    }

    /// From the low bits of a number.
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self((bits & ((1 << Self::BITS) - 1)) as u8)
    }
}

/// What decides the attributes towards a peer of another AS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExternalKey {
    /// Prepended to AS_PATH (RFC 4271 §5.1.2).
    pub local_asn: Asn,
}

/// What one UPDATE needs beside attributes and routes: header, two lengths, and the largest NLRI
/// with what MP_REACH_NLRI puts around it.
const UPDATE_OVERHEAD_BYTES: usize = 19 + 4 + 4 + 5 + 32 + 17;
/// What a path identifier adds to that.
const PATH_ID_BYTES: usize = 4;

impl GroupKey {
    /// How messages for the group are packed; `ids` is what [`Paths::have_ids`] says.
    #[inline]
    pub(crate) const fn pack_spec(&self, ids: bool) -> PackSpec {
        PackSpec { message_len_max: self.message_len_max as usize, add_path: ids }
    }

    /// What is added to a route: whether it is long-lived stale, and whether its prefix, which is
    /// asked for only where it matters, is a single address.
    #[must_use]
    #[inline]
    pub fn extra(&self, long_lived: bool, is_host: impl FnOnce() -> bool) -> Extra {
        let stale = if long_lived { Extra::LLGR_STALE } else { Extra::NONE };
        let host = if self.no_llgr_on_hosts && is_host() { Extra::NO_LLGR } else { Extra::NONE };
        Extra(stale.0 | host.0)
    }

    /// Whether the group is told of a best route with these attributes, which are those after its
    /// policy, from a source of role `from`; split horizon is not looked at here.
    #[must_use]
    #[inline]
    pub fn exports(&self, attrs: &AttrSet, from: PeerRole, extra: Extra) -> bool {
        self.reaches(attrs, from, extra) && self.fits(attrs, extra)
    }

    #[inline]
    fn reaches(&self, attrs: &AttrSet, from: PeerRole, extra: Extra) -> bool {
        let marks = attrs.summary.marks.with(extra.marks());
        // Nearly all bear none.
        (marks == Marks::NONE || !marks.meets(self.withheld()))
            && reflects(from, self.role, Marks::NONE)
    }

    /// What a route must not bear to be told to the group.
    const fn withheld(&self) -> Marks {
        let mut marks = Marks::NO_ADVERTISE;
        if matches!(self.role, PeerRole::External) {
            marks = marks.with(Marks::NO_EXPORT);
        }
        if matches!(self.long_lived, LongLivedExport::Withheld) {
            marks = marks.with(Marks::LLGR_STALE);
        }
        marks
    }

    /// What the group is told of a best route of this prefix from a source of role `from`; `None`
    /// for nothing. Split horizon is not looked at here.
    ///
    /// The well-known communities count as they came: what the policy adds is for the receiver.
    #[inline]
    pub(crate) fn told<'a>(
        &self,
        attrs: &'a Arc<AttrSet>,
        from: PeerRole,
        extra: Extra,
        prefix: impl FnOnce() -> Option<Prefix>,
        memo: &'a mut Memo,
    ) -> Option<&'a Arc<AttrSet>> {
        match &self.policy {
            None => Some(attrs).filter(|attrs| self.exports(attrs, from, extra)),
            Some(policy) => self.told_by(policy, attrs, from, extra, prefix(), memo),
        }
    }

    #[inline(never)]
    fn told_by<'a>(
        &self,
        policy: &Policy,
        attrs: &'a Arc<AttrSet>,
        from: PeerRole,
        extra: Extra,
        prefix: Option<Prefix>,
        memo: &'a mut Memo,
    ) -> Option<&'a Arc<AttrSet>> {
        if !self.reaches(attrs, from, extra) {
            return None;
        }
        let side = side_of(self.role);
        memo.told(policy, side, prefix, attrs).filter(|told| self.exports(told, from, extra))
    }

    /// Whether a message with these attributes and one prefix stays within the limit
    /// (RFC 8654 §4: a route that does not fit is not sent).
    #[inline]
    fn fits(&self, attrs: &AttrSet, extra: Extra) -> bool {
        let limit = self.message_len_max as usize;
        // No rewriting makes a block longer than by this much.
        const GROWTH_BYTES: usize = 64 + PATH_ID_BYTES;
        if attrs.block_len() + UPDATE_OVERHEAD_BYTES + GROWTH_BYTES <= limit
            && (self.as4 || attrs.block_len() * 2 <= limit)
        {
            return true;
        }
        self.fits_rewritten(attrs, extra)
    }

    #[cold]
    fn fits_rewritten(&self, attrs: &AttrSet, extra: Extra) -> bool {
        let limit = self.message_len_max as usize;
        let id = if self.paths.have_ids() { PATH_ID_BYTES } else { 0 };
        self.outgoing(attrs, extra).block.len() + UPDATE_OVERHEAD_BYTES + id <= limit
    }

    /// The bytes the group gets for a set of attributes.
    #[must_use]
    #[inline]
    pub fn outgoing<'a>(&self, attrs: &'a AttrSet, extra: Extra) -> Outgoing<'a> {
        let other_cluster = !attrs.external && self.cluster_id != attrs.cluster;
        let least = self.long_lived == LongLivedExport::Least && is_stale(attrs, extra);
        let is_kept = self.external.is_none() && self.next_hop.is_none();
        if is_kept && self.as4 && !other_cluster && extra == Extra::NONE && !least {
            return Outgoing {
                block: Cow::Borrowed(attrs.block()),
                mp_next_hop: attrs.mp_next_hop().map(Cow::Borrowed),
            };
        }
        self.rewritten(attrs, extra)
    }

    #[inline(never)]
    fn rewritten<'a>(&self, attrs: &'a AttrSet, extra: Extra) -> Outgoing<'a> {
        let other_cluster = !attrs.external && self.cluster_id != attrs.cluster;
        let least = self.long_lived == LongLivedExport::Least && is_stale(attrs, extra);
        let mut edit = Edit { as4: self.as4, mark: marks(extra, least), ..Edit::default() };
        if least {
            edit.local_pref = LocalPrefEdit::Set(0);
        }
        let mut mp_next_hop = attrs.mp_next_hop().map(Cow::Borrowed);
        if other_cluster {
            edit.prepend_cluster = Some(self.cluster_id);
        }
        if let Some(external) = self.external {
            edit.prepend_cluster = None;
            edit.drop_reflection = true;
            edit.local_pref = LocalPrefEdit::Drop;
            // Unless the policy set it, it is for the AS that it was told to, and for no other
            // (RFC 4271 §5.1.4).
            edit.drop_med = !attrs.summary.marks.contains(Marks::MED_SET);
            edit.drop_domain = true;
            edit.prepend_as = Some(external.local_asn);
        }
        match (self.family, self.next_hop) {
            (_, None) => {}
            (Family::Ipv4Unicast, Some(IpAddr::V4(addr))) => {
                edit.next_hop = NextHopEdit::Set(addr);
                mp_next_hop = None;
            }
            (Family::Ipv4Unicast | Family::Ipv6Unicast, Some(IpAddr::V6(addr))) => {
                edit.next_hop = NextHopEdit::Drop;
                mp_next_hop = Some(Cow::Owned(addr.octets().to_vec()));
            }
            (Family::Ipv6Unicast, Some(IpAddr::V4(addr))) => {
                edit.next_hop = NextHopEdit::Drop;
                mp_next_hop = Some(Cow::Owned(addr.to_ipv6_mapped().octets().to_vec()));
            }
        }
        let context = UpdateContext::own();
        // A NEXT_HOP that is in the block has to be seen to be kept.
        let need = Need { announces: false, plain_next_hop: true };
        let decoded = Attributes::decode(attrs.block(), need, &context);
        let mut block = Vec::with_capacity(attrs.block().len() + 64);
        decoded.attributes.encode(&edit, &mut block);
        Outgoing { block: Cow::Owned(block), mp_next_hop }
    }
}

/// Whether a route is long-lived stale, here or where it came from.
const fn is_stale(attrs: &AttrSet, extra: Extra) -> bool {
    attrs.summary.marks.with(extra.marks()).contains(Marks::LLGR_STALE)
}

/// The communities that are added.
fn marks(extra: Extra, least: bool) -> WellKnown {
    let mut marks = WellKnown::NONE;
    for (wanted, community) in [
        (extra.contains(Extra::LLGR_STALE), WellKnown::LLGR_STALE),
        (extra.contains(Extra::NO_LLGR), WellKnown::NO_LLGR),
        (least, WellKnown::NO_EXPORT),
    ] {
        if wanted {
            marks = marks.with(community);
        }
    }
    marks
}

/// A set of attributes as a group gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// Attribute block without MP_REACH_NLRI.
    pub block: Cow<'a, [u8]>,
    /// Next hop for MP_REACH_NLRI; `None` for old-style IPv4.
    pub mp_next_hop: Option<Cow<'a, [u8]>>,
}

#[cfg(test)]
mod tests;
