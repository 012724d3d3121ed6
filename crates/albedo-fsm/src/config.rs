//! What a session is told before it starts: plain settings, and the OPEN they make.

use core::num::NonZeroU16;
use core::time::Duration;

use alloc::string::String;
use alloc::vec::Vec;

use albedo_types::{Afi, Asn, Family, FamilySet, HoldTime, RouterId};
use albedo_wire::capability::{
    AddPath, AddPathMode, Capability, ExtendedNextHop, GracefulFamily, GracefulRestart, LongLived,
    LongLivedFamily, PathsLimit, RESTART_TIME_MAX, STALE_TIME_MAX,
};
use albedo_wire::open::{ExpectedAs, Open, OpenExpect};

/// Settings of a session. A change counts from the next OPEN, or the next timer, on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// Our AS.
    pub local_asn: Asn,
    /// Our identifier.
    pub router_id: RouterId,
    /// The AS the peer may be of.
    pub peer_asn: ExpectedAs,
    /// The hold time we propose.
    pub hold_time: HoldTime,
    /// The shortest hold time we take; [`HoldTime::OFF`] takes any, and off as well.
    pub min_hold_time: HoldTime,
    /// Wait for the peer, never connect to it.
    pub passive: bool,
    /// The peer was not configured by its address; it is never connected to either.
    pub dynamic: bool,
    /// What we offer.
    pub capabilities: LocalCapabilities,
    /// Time between two attempts to connect, and the longest one may take; jittered.
    pub connect_retry: Duration,
    /// How long the peer is left to connect first, after the start and after each loss, before we
    /// do; jittered. Two connections that cross cost a peer that keeps our routes all of them.
    pub connect_delay: Duration,
    /// How long a peer is kept away after it broke a session once; doubles each time, jittered.
    pub idle_hold_min: Duration,
    /// The longest it is kept away.
    pub idle_hold_max: Duration,
    /// How long a connection may take until its OPEN is here.
    pub open_wait: Duration,
    /// When a peer that takes nothing is given up.
    pub send_hold: SendHold,
    /// Time between two KEEPALIVEs; `None`, and anything longer, is a third of the hold time.
    pub keepalive: Option<Duration>,
    /// End a session whose hold timer expired without NOTIFICATION if the peer offered graceful
    /// restart or its long-lived kind: it then keeps our routes as stale, and 4/0 would make it
    /// drop them (RFC 4724 §4.2, RFC 9494 §4.2).
    pub silent_hold_expiry: bool,
}

/// When a peer that takes nothing is given up (RFC 9687 §3); never without a hold time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SendHold {
    /// After eight minutes or twice the hold time, whichever is longer.
    #[default]
    Standard,
    /// After this long, or the hold time if that is longer.
    After(Duration),
    /// Never.
    Off,
}

/// Eight minutes (RFC 9687 §5).
const SEND_HOLD_MIN: Duration = Duration::from_secs(480);

impl SendHold {
    /// How long a peer may take nothing, where `hold_time` was negotiated.
    #[must_use]
    pub fn period(self, hold_time: HoldTime) -> Option<Duration> {
        let hold = hold_time.duration()?;
        match self {
            Self::Standard => Some(SEND_HOLD_MIN.max(hold * 2)),
            Self::After(period) => Some(period.max(hold)),
            Self::Off => None,
        }
    }
}

/// What we offer in our OPEN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalCapabilities {
    /// The families (RFC 4760).
    pub families: FamilySet,
    /// Graceful restart, and its long-lived kind (RFC 4724, RFC 9494).
    pub graceful: Option<GracefulOffer>,
    /// F in both: that forwarding went on while we were away. A reflector does not forward, and
    /// peers drop what they have of us when told otherwise.
    pub forwarding: bool,
    /// Several paths per prefix, for all families (RFC 7911).
    pub add_path: Option<AddPathMode>,
    /// How many paths of a prefix the peer is asked to send at most, for all families
    /// (draft-abraitis-idr-addpath-paths-limit); only said with `add_path` in receive direction.
    pub paths_limit: Option<NonZeroU16>,
    /// Messages of up to 65,535 octets (RFC 8654).
    pub extended_message: bool,
    /// IPv4 routes with an IPv6 next hop (RFC 8950).
    pub extended_next_hop: bool,
    /// Our name (capability 73).
    pub fqdn: Option<Fqdn>,
    /// Our software (capability 75).
    pub software_version: Option<String>,
}

/// What we offer of graceful restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracefulOffer {
    /// How long peers should wait for us; at most 4095 s on the wire.
    pub restart_time: Duration,
    /// How long peers should keep our routes after that; at most 2^24 - 1 s on the wire. `None`
    /// does not offer capability 71.
    pub long_lived_stale_time: Option<Duration>,
    /// N: NOTIFICATIONs keep routes, too, where the peer says the same (RFC 8538).
    pub notification: bool,
    /// R: we have restarted and do not expect peers to wait for our End-of-RIB.
    pub restarting: bool,
}

/// A host name and its domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fqdn {
    /// The host, up to 64 octets.
    pub host: String,
    /// The domain, up to 64 octets; may be empty.
    pub domain: String,
}

impl Default for LocalCapabilities {
    /// All families, path identifiers in receive direction, long messages, IPv6 next hops; no
    /// graceful restart, no names.
    fn default() -> Self {
        Self {
            families: FamilySet::ALL,
            graceful: None,
            forwarding: true,
            add_path: Some(AddPathMode::Receive),
            paths_limit: None,
            extended_message: true,
            extended_next_hop: true,
            fqdn: None,
            software_version: None,
        }
    }
}

impl SessionConfig {
    /// Of a configured peer that we connect to, with the defaults for everything else: hold time
    /// 90 s, connect retry 10 s and no delay, idle hold 5 s to 300 s, OPEN wait 30 s.
    #[must_use]
    pub fn new(local_asn: Asn, router_id: RouterId, peer_asn: ExpectedAs) -> Self {
        Self {
            local_asn,
            router_id,
            peer_asn,
            hold_time: HoldTime::DEFAULT,
            min_hold_time: HoldTime::OFF,
            passive: false,
            dynamic: false,
            capabilities: LocalCapabilities::default(),
            connect_retry: Duration::from_secs(10),
            connect_delay: Duration::ZERO,
            idle_hold_min: Duration::from_secs(5),
            idle_hold_max: Duration::from_secs(300),
            open_wait: Duration::from_secs(30),
            send_hold: SendHold::Standard,
            keepalive: None,
            silent_hold_expiry: true,
        }
    }

    /// Whether we ever connect to the peer.
    #[must_use]
    pub const fn dials(&self) -> bool {
        !self.passive && !self.dynamic
    }

    /// Time between two KEEPALIVEs, before jitter, where `hold_time` was negotiated.
    pub(crate) fn keepalive_interval(&self, hold_time: HoldTime) -> Option<Duration> {
        let third = hold_time.duration()? / 3;
        // An interval of zero would send without end.
        let wanted = self.keepalive.unwrap_or(third).max(Duration::from_secs(1));
        Some(wanted.min(third))
    }

    /// What the peer's OPEN is held against.
    pub(crate) const fn expect(&self) -> OpenExpect {
        OpenExpect {
            local_asn: self.local_asn,
            local_router_id: self.router_id,
            peer_asn: self.peer_asn,
            min_hold_time: self.min_hold_time,
            families: self.capabilities.families,
        }
    }

    /// The OPEN we send.
    #[must_use]
    pub fn open(&self) -> Open {
        Open {
            as_field: self.local_asn.to_two_octets(),
            hold_time: self.hold_time.as_secs(),
            router_id: self.router_id.get(),
            capabilities: self.capabilities.encode(self.local_asn),
            ignored: Vec::new(),
        }
    }
}

impl LocalCapabilities {
    /// By ascending code.
    fn encode(&self, asn: Asn) -> Vec<Capability> {
        let mut out: Vec<_> = self.families.iter().map(Capability::multiprotocol).collect();
        out.push(Capability::RouteRefresh);
        if self.extended_next_hop && self.families.contains(Family::Ipv4Unicast) {
            out.push(Capability::ExtendedNextHop(alloc::vec![ExtendedNextHop {
                afi: Family::Ipv4Unicast.afi(),
                safi: Family::Ipv4Unicast.safi(),
                next_hop: Afi(2),
            }]));
        }
        if self.extended_message {
            out.push(Capability::ExtendedMessage);
        }
        if let Some(offer) = &self.graceful {
            out.push(Capability::GracefulRestart(self.graceful(offer)));
        }
        out.push(Capability::FourOctetAs(asn));
        if let Some(mode) = self.add_path {
            let entry = |family: Family| AddPath { afi: family.afi(), safi: family.safi(), mode };
            out.push(Capability::AddPath(self.families.iter().map(entry).collect()));
        }
        out.push(Capability::EnhancedRouteRefresh);
        if let Some(time) = self.graceful.and_then(|offer| offer.long_lived_stale_time) {
            out.push(Capability::LongLived(self.long_lived(time)));
        }
        if let Some(Fqdn { host, domain }) = self.fqdn.clone() {
            out.push(Capability::Fqdn { host, domain });
        }
        if let Some(version) = self.software_version.clone() {
            out.push(Capability::SoftwareVersion(version));
        }
        let receives = self.add_path.is_some_and(AddPathMode::receives);
        if let Some(limit) = self.paths_limit.filter(|_| receives) {
            let entry = |family: Family| PathsLimit {
                afi: family.afi(),
                safi: family.safi(),
                limit: limit.get(),
            };
            out.push(Capability::PathsLimit(self.families.iter().map(entry).collect()));
        }
        out
    }

    fn graceful(&self, offer: &GracefulOffer) -> GracefulRestart {
        let seconds = u16::try_from(offer.restart_time.as_secs()).unwrap_or(u16::MAX);
        let entry = |family: Family| GracefulFamily {
            afi: family.afi(),
            safi: family.safi(),
            forwarding: self.forwarding,
        };
        GracefulRestart {
            restarting: offer.restarting,
            notification: offer.notification,
            restart_time: seconds.min(RESTART_TIME_MAX),
            families: self.families.iter().map(entry).collect(),
        }
    }

    fn long_lived(&self, time: Duration) -> LongLived {
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let entry = |family: Family| LongLivedFamily {
            afi: family.afi(),
            safi: family.safi(),
            forwarding: self.forwarding,
            stale_time: seconds.min(STALE_TIME_MAX),
        };
        LongLived { families: self.families.iter().map(entry).collect() }
    }
}

#[cfg(test)]
mod tests;
