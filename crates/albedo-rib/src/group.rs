//! Update groups: peers for which the outgoing bytes are equal.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

use albedo_types::{Asn, ClusterId, Family, PeerRole, Prefix};
use albedo_wire::attr::{Attributes, Edit, LocalPrefEdit, Need, NextHopEdit};
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
    /// Which routes are told, and how they are changed (RFC 4271 §9.1.3); `None`: all, and not at
    /// all.
    pub policy: Option<Arc<Policy>>,
}

/// What decides the attributes towards a peer of another AS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExternalKey {
    /// Prepended to AS_PATH (RFC 4271 §5.1.2).
    pub local_asn: Asn,
    /// Our address on the session, the next hop (RFC 4271 §5.1.3).
    pub next_hop: IpAddr,
}

/// What one UPDATE needs beside attributes and routes: header, two lengths, and the largest NLRI
/// with what MP_REACH_NLRI puts around it.
const UPDATE_OVERHEAD_BYTES: usize = 19 + 4 + 4 + 5 + 32 + 17;

impl GroupKey {
    /// How messages for the group are packed.
    #[must_use]
    pub const fn pack_spec(&self) -> PackSpec {
        PackSpec { message_len_max: self.message_len_max as usize, add_path: false }
    }

    /// Whether the group is told of a best route with these attributes, which are those after its
    /// policy, from a source of role `from`; split horizon is not looked at here.
    #[must_use]
    pub fn exports(&self, attrs: &AttrSet, from: PeerRole) -> bool {
        reflects(from, self.role, attrs.summary.marks) && self.fits(attrs)
    }

    /// What the group is told of a best route of this prefix from a source of role `from`; `None`
    /// for nothing. Split horizon is not looked at here.
    ///
    /// The well-known communities count as they came: what the policy adds is for the receiver.
    pub(crate) fn told<'a>(
        &self,
        attrs: &'a Arc<AttrSet>,
        from: PeerRole,
        prefix: impl FnOnce() -> Option<Prefix>,
        memo: &'a mut Memo,
    ) -> Option<&'a Arc<AttrSet>> {
        let Some(policy) = &self.policy else {
            return Some(attrs).filter(|attrs| self.exports(attrs, from));
        };
        if !reflects(from, self.role, attrs.summary.marks) {
            return None;
        }
        let side = side_of(self.role);
        memo.told(policy, side, prefix(), attrs).filter(|told| self.exports(told, from))
    }

    /// Whether a message with these attributes and one prefix stays within the limit
    /// (RFC 8654 §4: a route that does not fit is not sent).
    fn fits(&self, attrs: &AttrSet) -> bool {
        let limit = self.message_len_max as usize;
        // No rewriting makes a block longer than by this much.
        const GROWTH_BYTES: usize = 64;
        if attrs.block().len() + UPDATE_OVERHEAD_BYTES + GROWTH_BYTES <= limit
            && (self.as4 || attrs.block().len() * 2 <= limit)
        {
            return true;
        }
        self.outgoing(attrs).block.len() + UPDATE_OVERHEAD_BYTES <= limit
    }

    /// The bytes the group gets for a set of attributes.
    #[must_use]
    pub fn outgoing<'a>(&self, attrs: &'a AttrSet) -> Outgoing<'a> {
        let kept = Outgoing {
            block: Cow::Borrowed(attrs.block()),
            mp_next_hop: attrs.mp_next_hop().map(Cow::Borrowed),
        };
        let other_cluster = !attrs.external && self.cluster_id != attrs.cluster;
        if self.external.is_none() && self.as4 && !other_cluster {
            return kept;
        }
        let mut edit = Edit { as4: self.as4, ..Edit::default() };
        let mut mp_next_hop = kept.mp_next_hop;
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
            match (self.family, external.next_hop) {
                (Family::Ipv4Unicast, IpAddr::V4(addr)) => {
                    edit.next_hop = NextHopEdit::Set(addr);
                    mp_next_hop = None;
                }
                (Family::Ipv4Unicast | Family::Ipv6Unicast, IpAddr::V6(addr)) => {
                    edit.next_hop = NextHopEdit::Drop;
                    mp_next_hop = Some(Cow::Owned(addr.octets().to_vec()));
                }
                (Family::Ipv6Unicast, IpAddr::V4(addr)) => {
                    edit.next_hop = NextHopEdit::Drop;
                    mp_next_hop = Some(Cow::Owned(addr.to_ipv6_mapped().octets().to_vec()));
                }
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
