//! What two OPENs add up to.
//!
//! Every question "may this session do X?" is answered here once, from both OPENs, and kept as a
//! plain value. Nothing else in the program compares capabilities, so no two places can disagree.

use alloc::string::String;

use albedo_types::{Afi, Asn, Family, FamilySet, HoldTime, RouterId};

use crate::capability::{AddPath, Capability, GracefulRestart, LongLived, table};
use crate::notification::Notification;
use crate::open::{self, Open};

/// The terms of a session. "tx" is from us to the peer, "rx" from the peer to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The families both offer; not empty.
    pub families: FamilySet,
    /// Both use four-octet AS numbers in UPDATE (RFC 6793).
    pub as4: bool,
    /// We may send messages of more than 4096 octets: the peer offered RFC 8654.
    pub extended_message_tx: bool,
    /// The peer may: we offered it.
    pub extended_message_rx: bool,
    /// Families whose prefixes the peer sends with path identifiers (RFC 7911).
    pub add_path_rx: FamilySet,
    /// Families whose prefixes we send with path identifiers.
    pub add_path_tx: FamilySet,
    /// Paths of a prefix that the peer wants at most, by family; 0 where it does not say
    /// (draft-abraitis-idr-addpath-paths-limit).
    pub paths_limit: [u16; Family::COUNT],
    /// Families the peer may send with an IPv6 next hop though they are not IPv6: we offered it
    /// (RFC 8950 §4).
    pub extended_next_hop_rx: FamilySet,
    /// Families we may send so: the peer offered it.
    pub extended_next_hop_tx: FamilySet,
    /// Both know ROUTE-REFRESH (RFC 2918), by its own code or the old one.
    pub route_refresh: bool,
    /// Both mark where a refresh begins and ends (RFC 7313).
    pub enhanced_refresh: bool,
    /// What the peer offers of graceful restart (RFC 4724).
    pub graceful: Option<GracefulRestart>,
    /// What the peer offers of its long-lived kind; ignored without the former (RFC 9494 §3).
    pub long_lived: Option<LongLived>,
    /// The smaller of both hold times; off wins.
    pub hold_time: HoldTime,
    /// The peer's AS.
    pub peer_asn: Asn,
    /// The peer's identifier.
    pub peer_router_id: RouterId,
    /// The peer's name, if it told it: host, and domain if not empty. It is the peer's text.
    pub peer_fqdn: Option<String>,
}

impl Negotiated {
    /// The terms of a session between the sender of `local`, who is us, and that of `remote`.
    ///
    /// # Errors
    ///
    /// The NOTIFICATION to send where no session is possible whatever was configured: identifier 0
    /// (2/3), no common family (2/7), a hold time of one or two seconds (2/6).
    pub fn from_opens(local: &Open, remote: &Open) -> Result<Self, Notification> {
        let peer_router_id =
            RouterId::new(remote.router_id).ok_or_else(Notification::bad_identifier)?;
        let families = local.families().intersection(remote.families());
        if families.is_empty() {
            return Err(open::no_common_family(local.families()));
        }
        let hold = |open: &Open| {
            HoldTime::from_secs(open.hold_time).map_err(|_| Notification::unacceptable_hold_time())
        };
        let both = |code| local.offers(code) && remote.offers(code);
        let refreshes = |open: &Open| {
            open.offers(table::ROUTE_REFRESH) || open.offers(table::OLD_ROUTE_REFRESH)
        };
        let graceful = remote.find(|capability| match capability {
            Capability::GracefulRestart(graceful) => Some(graceful.clone()),
            _ => None,
        });
        let long_lived = remote.find(|capability| match capability {
            Capability::LongLived(long_lived) => Some(long_lived.clone()),
            _ => None,
        });
        Ok(Self {
            families,
            as4: both(table::FOUR_OCTET_AS),
            extended_message_tx: remote.offers(table::EXTENDED_MESSAGE),
            extended_message_rx: local.offers(table::EXTENDED_MESSAGE),
            add_path_rx: add_path(remote, local).intersection(families),
            add_path_tx: add_path(local, remote).intersection(families),
            paths_limit: paths_limit(remote),
            extended_next_hop_rx: extended_next_hop(local).intersection(families),
            extended_next_hop_tx: extended_next_hop(remote).intersection(families),
            route_refresh: refreshes(local) && refreshes(remote),
            enhanced_refresh: both(table::ENHANCED_ROUTE_REFRESH),
            long_lived: long_lived.filter(|_| graceful.is_some()),
            graceful,
            hold_time: hold(local)?.negotiate(hold(remote)?),
            peer_asn: remote.asn(),
            peer_router_id,
            peer_fqdn: fqdn(remote),
        })
    }
}

/// The families that `from` sends and `to` receives with path identifiers.
fn add_path(from: &Open, to: &Open) -> FamilySet {
    let can = |open: &Open, test: fn(&AddPath) -> bool| -> FamilySet {
        // RFC 7911 does not say that one replaces another, and who sends one for each family
        // means them all.
        let lists = open.capabilities.iter().filter_map(|capability| match capability {
            Capability::AddPath(entries) => Some(entries),
            _ => None,
        });
        lists
            .flatten()
            .filter(|entry| test(entry))
            .filter_map(|entry| Family::from_wire(entry.afi, entry.safi))
            .collect()
    };
    let sent = can(from, |entry| entry.mode.sends());
    sent.intersection(can(to, |entry| entry.mode.receives()))
}

/// How many paths of a prefix the sender of `open` wants, by family.
fn paths_limit(open: &Open) -> [u16; Family::COUNT] {
    let mut limits = [0; Family::COUNT];
    let lists = open.capabilities.iter().filter_map(|capability| match capability {
        Capability::PathsLimit(entries) => Some(entries),
        _ => None,
    });
    for entry in lists.flatten() {
        let family = Family::from_wire(entry.afi, entry.safi);
        if let Some(limit) = family.and_then(|family| limits.get_mut(family.index())) {
            *limit = entry.limit;
        }
    }
    limits
}

/// The families that the sender of `open` takes with an IPv6 next hop beside their own.
fn extended_next_hop(open: &Open) -> FamilySet {
    const IPV6: Afi = Afi(2);
    let lists = open.capabilities.iter().filter_map(|capability| match capability {
        Capability::ExtendedNextHop(entries) => Some(entries),
        _ => None,
    });
    lists
        .flatten()
        .filter(|entry| entry.next_hop == IPV6 && entry.afi != IPV6)
        .filter_map(|entry| Family::from_wire(entry.afi, entry.safi))
        .collect()
}

fn fqdn(open: &Open) -> Option<String> {
    open.find(|capability| match capability {
        Capability::Fqdn { host, domain } if domain.is_empty() => Some(host.clone()),
        Capability::Fqdn { host, domain } => Some(alloc::format!("{host}.{domain}")),
        _ => None,
    })
    .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests;
