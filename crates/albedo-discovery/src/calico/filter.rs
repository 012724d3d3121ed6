//! `BGPFilter`: ordered rules for what nodes take and tell.

use albedo_types::policy::Community;
use albedo_types::{Asn, Prefix};

use super::Meta;

/// Four lists of rules. The first rule that matches decides; where none does, Calico's own
/// behaviour follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BgpFilter {
    /// Name, labels and the like.
    pub meta: Meta,
    /// `exportV4`.
    pub export_v4: Box<[FilterRule]>,
    /// `importV4`.
    pub import_v4: Box<[FilterRule]>,
    /// `exportV6`.
    pub export_v6: Box<[FilterRule]>,
    /// `importV6`.
    pub import_v6: Box<[FilterRule]>,
}

/// A rule: it matches if all its criteria do, so one without criteria always does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterRule {
    /// `action`.
    pub action: FilterAction,
    /// `cidr`, `matchOperator`, `prefixLength`.
    pub cidr: Option<CidrMatch>,
    /// `source: RemotePeers`: only routes learnt from a peer.
    pub from_remote_peers: bool,
    /// `interface`: of the route's next hop.
    pub interface: Option<InterfacePattern>,
    /// `peerType`.
    pub peer_type: Option<PeerType>,
    /// `communities.values`, which has one item.
    pub community: Option<Community>,
    /// `asPathPrefix`: what `AS_PATH` starts with; empty is no criterion.
    pub as_path_prefix: Box<[Asn]>,
    /// `priority`, 1 to 2147483646: `LOCAL_PREF` is 2147483647 less this.
    pub priority: Option<u32>,
    /// `operations`, carried out in order before the route is taken.
    pub operations: Box<[FilterOperation]>,
}

impl FilterRule {
    /// A rule without criteria.
    #[must_use]
    pub fn always(action: FilterAction) -> Self {
        Self {
            action,
            cidr: None,
            from_remote_peers: false,
            interface: None,
            peer_type: None,
            community: None,
            as_path_prefix: Box::default(),
            priority: None,
            operations: Box::default(),
        }
    }
}

/// `action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words say it")]
pub enum FilterAction {
    Accept,
    Reject,
}

/// What a rule asks of the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CidrMatch {
    /// `cidr`.
    pub cidr: Prefix,
    /// `matchOperator`.
    pub operator: MatchOperator,
    /// `prefixLength`.
    pub length: Option<LengthRange>,
}

impl CidrMatch {
    /// Whether a prefix fulfils it.
    ///
    /// With `prefixLength` the question is whether the prefix lies in `cidr` and has one of the
    /// lengths, of which the shortest is never shorter than the `cidr`; `Equal` is then the same
    /// as `In`, and `NotEqual` as `NotIn`.
    #[must_use]
    pub const fn matches(&self, prefix: Prefix) -> bool {
        let inside = prefix.len() >= self.cidr.len() && self.cidr.contains(prefix.addr());
        let equal = inside && prefix.len() == self.cidr.len();
        let (equal, inside) = match self.length {
            Some(LengthRange { min, max }) => {
                let listed = inside && min <= prefix.len() && prefix.len() <= max;
                (listed, listed)
            }
            None => (equal, inside),
        };
        match self.operator {
            MatchOperator::Equal => equal,
            MatchOperator::NotEqual => !equal,
            MatchOperator::In => inside,
            MatchOperator::NotIn => !inside,
        }
    }
}

/// `matchOperator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchOperator {
    /// The same prefix.
    Equal,
    /// Any other.
    NotEqual,
    /// The same or a more specific one.
    In,
    /// Neither.
    NotIn,
}

/// `prefixLength`, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthRange {
    /// The shortest; absent is 0.
    pub min: u8,
    /// The longest; absent is the family's longest.
    pub max: u8,
}

/// `interface`: a name in which `*` stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfacePattern(pub Box<str>);

impl InterfacePattern {
    /// Whether a name fits. A route without an interface fits no pattern.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        // What stands first is as good as any later place for the parts in between.
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

/// `peerType`: compares the peer's AS with the session's local AS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerType {
    /// `iBGP`: the same.
    Internal,
    /// `eBGP`: another.
    External,
}

/// One of `operations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterOperation {
    /// `addCommunity`.
    AddCommunity(Community),
    /// `prependASPath`: the path starts with these afterwards, in this order. 1 to 10.
    PrependAsPath(Box<[Asn]>),
    /// `setPriority`, 1 to 2147483646: `LOCAL_PREF` becomes 2147483647 less this.
    SetPriority(u32),
}

#[cfg(test)]
mod tests;
