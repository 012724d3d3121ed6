//! What is odd about a cluster's peerings as a whole, though each resource may be good by itself.
//!
//! Lints have names that stay, so that one can be looked up and be told not to matter.
//! One lint stands for all that has the same cause; of many nodes it names
//! [`EXAMPLES_MAX`] and counts the rest.

mod nodes;
mod peers;

use std::fmt;
use std::net::IpAddr;

use super::Cluster;
use super::expand::{Identity, View};
use super::reach::reach;

/// Names that a lint gives of those it concerns.
pub const EXAMPLES_MAX: usize = 5;

/// Lints of one kind at most; the last of them says how many more there are.
pub const LINTS_MAX: usize = 20;

/// Pairs of BGPPeers that are compared at most. There are so many only where each node has
/// BGPPeers of its own that overlap.
pub const PAIRS_MAX: usize = 10_000;

/// Which lint it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LintId {
    /// Reflectors share a cluster id, and a node has sessions with some of them only.
    SharedClusterId,
    /// A BGPPeer is for every node, or names nobody, perhaps because a selector was lost.
    EmptySelector,
    /// A node has fewer than two reflectors.
    FewReflectors,
    /// A node has no sessions at all.
    NoPeering,
    /// The mesh is on and nodes have reflectors.
    MeshBesideReflectors,
    /// Two BGPPeers claim the same sessions.
    OverlappingPeers,
    /// A reflector names another of its cluster id by address, and so takes it for a client.
    ReflectorByAddress,
    /// A `peerIP` is neither a node's nor ours.
    UnknownAddress,
    /// A `peerIP` is a node's, but the AS or the port with it are not.
    MismatchedAddress,
    /// A `peerIP` without an AS.
    PeerWithoutAs,
    /// A BGPFilter that is named is not there.
    MissingFilter,
    /// A BGPPeer names a node that is not there.
    MissingNode,
    /// A selector selects no node.
    SelectsNobody,
    /// Two nodes have the same address.
    SameAddress,
}

impl LintId {
    /// All of them, in order.
    pub const ALL: [Self; 14] = [
        Self::SharedClusterId,
        Self::EmptySelector,
        Self::FewReflectors,
        Self::NoPeering,
        Self::MeshBesideReflectors,
        Self::OverlappingPeers,
        Self::ReflectorByAddress,
        Self::UnknownAddress,
        Self::MismatchedAddress,
        Self::PeerWithoutAs,
        Self::MissingFilter,
        Self::MissingNode,
        Self::SelectsNobody,
        Self::SameAddress,
    ];

    /// The name, which stays.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SharedClusterId => "shared-cluster-id",
            Self::EmptySelector => "empty-selector",
            Self::FewReflectors => "few-reflectors",
            Self::NoPeering => "no-peering",
            Self::MeshBesideReflectors => "mesh-beside-reflectors",
            Self::OverlappingPeers => "overlapping-peers",
            Self::ReflectorByAddress => "reflector-by-address",
            Self::UnknownAddress => "unknown-address",
            Self::MismatchedAddress => "mismatched-address",
            Self::PeerWithoutAs => "peer-without-as",
            Self::MissingFilter => "missing-filter",
            Self::MissingNode => "missing-node",
            Self::SelectsNobody => "selects-nobody",
            Self::SameAddress => "same-address",
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Routes get lost, or Calico's nodes take no more changes.
    Error,
    /// It works until something fails, or is probably not what is meant.
    Warning,
    /// It may well be meant.
    Hint,
}

impl Severity {
    /// In one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        }
    }
}

/// Something odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Which.
    pub id: LintId,
    /// How bad.
    pub severity: Severity,
    /// What, and what to do, in one line.
    pub text: String,
}

impl fmt::Display for Lint {
    /// Such as `warning[few-reflectors]: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity.name(), self.id.name(), self.text)
    }
}

/// Looks through a cluster. `ours` is a reflector outside of it, whose addresses are known then.
///
/// In the order of [`LintId`], then of what they are about.
#[must_use]
pub fn lint(cluster: &Cluster, ours: Option<&Identity>) -> Vec<Lint> {
    let view = View::new(cluster);
    let own: Vec<IpAddr> = match ours {
        Some(Identity::External { addresses, .. }) => addresses.iter().map(|(ip, _)| *ip).collect(),
        Some(Identity::Node { .. }) | None => Vec::new(),
    };
    let reach = reach(&view);
    let mut lints = Vec::new();
    nodes::shared_cluster_ids(&view, &reach, &mut lints);
    nodes::reflectors(&view, &reach, &mut lints);
    nodes::same_addresses(&view, &mut lints);
    for peer in cluster.peers().values() {
        peers::one(&view, peer, &own, &mut lints);
    }
    peers::overlaps(&view, &mut lints);
    lints.sort_by_key(|lint| lint.id);
    bounded(lints)
}

/// At most [`LINTS_MAX`] of each kind.
fn bounded(lints: Vec<Lint>) -> Vec<Lint> {
    let mut kept = Vec::with_capacity(lints.len());
    for kind in lints.chunk_by(|one, other| one.id == other.id) {
        kept.extend_from_slice(&kind[..kind.len().min(LINTS_MAX)]);
        if let (Some(last), 1..) = (kept.last_mut(), kind.len().saturating_sub(LINTS_MAX)) {
            last.text += &format!(" (and {} more like this)", kind.len() - LINTS_MAX);
        }
    }
    kept
}

/// Some names and how many more there are.
fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names = names.into_iter();
    let mut text = names.by_ref().take(EXAMPLES_MAX).collect::<Vec<_>>().join(", ");
    let more = names.count();
    if more > 0 {
        text += &format!(" and {more} more");
    }
    text
}

#[cfg(test)]
mod tests;
