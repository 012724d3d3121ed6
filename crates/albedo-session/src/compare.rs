//! What other settings would do to the sessions that run, without doing it.

use std::net::IpAddr;

use crate::config::Settings;
use crate::registry::{Place, plan};
use crate::supervisor::Server;

/// What other settings would do, by the peers' addresses and in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Peers whose sessions would begin; one that is also among the stopped would begin anew.
    pub started: Vec<IpAddr>,
    /// Peers whose sessions would end.
    pub stopped: Vec<IpAddr>,
    /// Peers whose sessions would go on with other settings.
    pub changed: Vec<IpAddr>,
    /// Sessions that would not notice.
    pub untouched: usize,
}

impl Server {
    /// Compares the sessions that run with other settings, and changes nothing.
    #[must_use]
    pub fn compare(&self, settings: &Settings) -> Comparison {
        let registry = self.0.registry();
        let plan = plan(&registry.slots, settings);
        let mut comparison = Comparison::default();
        for n in plan.start {
            let peer = &settings.peers[n];
            if registry.lets_in(peer.profile.role) {
                comparison.started.push(peer.addr.ip());
            }
        }
        comparison.stopped.extend(plan.stop.iter().map(|(key, _)| key.source.ip));
        for (key, place) in &plan.keep {
            let profile = match place {
                Place::Peer(n) => &settings.peers[*n].profile,
                Place::Group(n, _) => &settings.groups[*n].profile,
            };
            match registry.slots.get(key) {
                Some(slot) if **profile != *slot.profile => comparison.changed.push(key.source.ip),
                _ => comparison.untouched += 1,
            }
        }
        for peers in [&mut comparison.started, &mut comparison.stopped, &mut comparison.changed] {
            peers.sort_unstable();
            peers.dedup();
        }
        comparison
    }
}
