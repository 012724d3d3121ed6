//! CLUSTER_LIST: the reflectors a route has been through (RFC 4456 §8).

use core::fmt;

use albedo_types::ClusterId;

use super::communities::words;
use crate::update::{UpdateContext, UpdateFault};

/// Octets of an entry.
pub(super) const ENTRY_LEN: usize = 4;

/// The clusters, the last one passed first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClusterList<'a>(pub(super) &'a [u8]);

impl<'a> ClusterList<'a> {
    /// Entries.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an empty list is malformed")]
    pub const fn len(&self) -> usize {
        self.0.len() / ENTRY_LEN
    }

    /// The entries, the last cluster passed first.
    pub fn iter(&self) -> impl Iterator<Item = ClusterId> + use<'a> {
        words(self.0).map(ClusterId)
    }

    /// Whether the route has been through the cluster.
    #[must_use]
    pub fn contains(&self, cluster: ClusterId) -> bool {
        self.iter().any(|entry| entry == cluster)
    }

    /// The value as it came in.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for ClusterList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A list has no more entries than the limit.
pub(super) fn check(value: &[u8], ctx: &UpdateContext) -> Result<(), UpdateFault> {
    let found = ClusterList(value).len();
    let allowed = ctx.limits.cluster_list_entries();
    if found > allowed {
        return Err(UpdateFault::TooMany { found, allowed });
    }
    Ok(())
}
