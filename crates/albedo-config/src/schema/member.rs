//! Groups and peers.

use std::collections::HashMap;
use std::net::IpAddr;

use albedo_types::{PeerRole, Prefix};

use super::session::{self, Session};
use super::{Ours, World};
use crate::defaults;
use crate::diagnostic::{Fault, Report};
use crate::fields::{At, Fields};
use crate::kinds::{self, Kind};
use crate::node::{Node, quote};
use crate::settings::{Peer, PeerAs, PeerGroup, PeerSettings};
use crate::suggest;

/// A group as read.
#[derive(Debug)]
pub(crate) struct Group {
    /// `None` where it is missing or faulty.
    pub(crate) name: Option<At<String>>,
    pub(crate) ranges: Vec<At<Prefix>>,
    dial: bool,
    session: Session,
    pub(crate) settings: PeerSettings,
}

impl Group {
    /// Nodes of a Calico cluster take their settings from the group of this name: their routes to
    /// single addresses are told with NO_LLGR unless the group says otherwise.
    pub(crate) fn is_for_calico(&mut self, name: &str) {
        let is_meant = self.name.as_ref().is_some_and(|own| own.value == name);
        let said = self.session.graceful_restart.as_ref().and_then(|at| at.value);
        let is_said = said.is_some_and(|graceful| graceful.says_no_llgr_on_hosts());
        if let Some(graceful) = self.settings.graceful_restart.as_mut().filter(|_| is_meant) {
            graceful.no_llgr_on_hosts |= !is_said;
        }
    }

    pub(crate) fn resolved(self) -> Option<PeerGroup> {
        Some(PeerGroup {
            name: self.name?.value,
            ranges: self.ranges.into_iter().map(|at| at.value).collect(),
            dial: self.dial,
            settings: self.settings,
        })
    }
}

/// A peer as read.
#[derive(Debug)]
pub(crate) struct Member {
    /// `None` where it is missing or faulty.
    pub(crate) address: Option<At<IpAddr>>,
    pub(crate) name: Option<At<String>>,
    group: Option<String>,
    pub(crate) settings: PeerSettings,
}

impl Member {
    pub(crate) fn resolved(self) -> Option<Peer> {
        Some(Peer {
            address: self.address?.value,
            name: self.name.map(|at| at.value),
            group: self.group,
            settings: self.settings,
        })
    }
}

const GROUP_NAME: Kind<String> = Kind {
    allowed: "a name of 1 to 63 letters, digits, -, _ and .",
    read: |scalar| {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let text = &scalar.text;
        if (1..=63).contains(&text.len()) && text.chars().all(good) {
            Ok(text.clone())
        } else {
            Err(None)
        }
    },
};

/// The longest name of a peer; longer ones break the columns of whoever prints them.
const PEER_NAME_MAX: usize = 63;

const PEER_NAME: Kind<String> = Kind {
    allowed: "a name of 1 to 63 letters, digits and _, such as Node_10_0_0_7",
    read: |scalar| {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let text = &scalar.text;
        if (1..=PEER_NAME_MAX).contains(&text.len()) && text.chars().all(good) {
            Ok(text.clone())
        } else {
            Err(None)
        }
    },
};

/// Reads one of `peerGroups`.
pub(crate) fn group(
    node: &Node,
    key: &str,
    ours: Ours,
    world: &World<'_>,
    report: &mut Report<'_>,
) -> Option<Group> {
    let known: Vec<&str> = ["name", "ranges", "dial"].into_iter().chain(session::KEYS).collect();
    let fields = Fields::open(node, key, &known, report)?;
    let name = fields.required("name", &GROUP_NAME, report);
    let ranges = fields.set("ranges", &kinds::RANGE, report).unwrap_or_default();
    let dial = fields.scalar("dial", &kinds::BOOL, report);
    let session = Session::read(&fields, world, report);
    let settings = session.resolve(ours);
    check(&session, &settings, ours, key, report);
    for range in &ranges {
        if let Some(local) = &session.local_address
            && local.value.is_ipv4() != range.value.addr().is_ipv4()
        {
            let allowed = format!("addresses of the family of localAddress {}", local.value);
            range.report(report, Fault::new(quote(&range.value.to_string()), allowed));
        }
    }
    if let Some(dial) = dial.as_ref().filter(|dial| dial.value && settings.passive) {
        let allowed = "one of the two: who is passive is never dialled";
        dial.report(report, Fault::new("dial true with passive true", allowed));
    }
    let dial = dial.map_or(defaults::DIAL, |at| at.value);
    Some(Group { name, ranges, dial, session, settings })
}

/// Reads one of `peers`.
pub(crate) fn peer(
    node: &Node,
    key: &str,
    ours: Ours,
    groups: &HashMap<&str, &Group>,
    world: &World<'_>,
    report: &mut Report<'_>,
) -> Option<Member> {
    let known: Vec<&str> = ["address", "name", "group"].into_iter().chain(session::KEYS).collect();
    let fields = Fields::open(node, key, &known, report)?;
    let address = fields.required("address", &kinds::ADDRESS, report);
    let name = fields.scalar("name", &PEER_NAME, report);
    let group = fields.scalar("group", &kinds::TEXT, report);
    let known_group = group.as_ref().and_then(|name| {
        let found = groups.get(&*name.value).copied();
        if found.is_none() {
            name.report(report, unknown_group(&name.value, groups));
        }
        found
    });
    let own = Session::read(&fields, world, report);
    let session = match known_group {
        Some(group) => own.over(&group.session),
        None => own,
    };
    let settings = session.resolve(ours);
    // What the group alone gets wrong was told there.
    check(&session, &settings, ours, key, report);
    check_family(address.as_ref(), &session, report);
    Some(Member { address, name, group: group.map(|at| at.value), settings })
}

fn unknown_group(name: &str, groups: &HashMap<&str, &Group>) -> Fault {
    let mut names: Vec<&str> = groups.keys().copied().collect();
    names.sort_unstable();
    let allowed = if names.is_empty() {
        "no group, for peerGroups has none".to_owned()
    } else {
        format!("a name from peerGroups: {}", names.join(", "))
    };
    let fault = Fault::new(format!("the unknown group {}", quote(name)), allowed);
    match suggest::nearest(name, names) {
        Some(meant) => fault.hint(format!("did you mean {meant}?")),
        None => fault,
    }
}

/// What settings get wrong together. A fault is told only where one of its values stands in the
/// mapping of the key `own`.
fn check(
    session: &Session,
    settings: &PeerSettings,
    ours: Ours,
    own: &str,
    report: &mut Report<'_>,
) {
    check_role(session, settings, ours, own, report);
    check_keepalive(session, settings, own, report);
    if session.faulty.contains(&"families") {
        return;
    }
    for limit in session.max_prefixes.iter().flat_map(|read| &read.limits) {
        let (family, _) = limit.value;
        // A peer may use fewer families than its group has limits for.
        if limit.is_in(own) && !settings.families.is_empty() && !settings.families.contains(family)
        {
            let names: Vec<_> = settings.families.iter().map(|family| family.row().name).collect();
            let allowed = format!("one of the families of the peer: {}", names.join(", "));
            limit.report(report, Fault::new(format!("a limit of {family}"), allowed));
        }
    }
}

fn check_role(
    session: &Session,
    settings: &PeerSettings,
    ours: Ours,
    own: &str,
    report: &mut Report<'_>,
) {
    let Some(role) = &session.role else { return };
    let peer_as = session.peer_as.as_ref();
    if session.faulty.contains(&"asNumber") {
        return;
    }
    let fault = match (
        session::is_internal(settings.peer_as, settings.local_as.or(ours.asn)),
        role.value,
    ) {
        (_, PeerRole::External) if peer_as.is_none() => {
            Fault::new("role external without an asNumber", "the asNumber of another AS")
        }
        (Some(true), PeerRole::External) => Fault::new(
            "role external for a peer of our own AS",
            "client or nonClient, or the asNumber of another AS",
        ),
        (Some(false), PeerRole::Client | PeerRole::NonClient) => Fault::new(
            format!("role {} for a peer of another AS", role.value),
            "role external, or our own AS as asNumber",
        ),
        (None, PeerRole::External) if settings.peer_as == PeerAs::Any => Fault::new(
            "role external for peers of any AS",
            "client or nonClient for those of our own AS (all others are external anyway)",
        ),
        _ => return,
    };
    if role.is_in(own) {
        role.report(report, fault);
    } else if let Some(peer_as) = peer_as.filter(|at| at.is_in(own)) {
        peer_as.report(report, fault);
    }
}

/// RFC 4271 §4.4: a third of the hold time at most, and none where the hold time is off.
fn check_keepalive(session: &Session, settings: &PeerSettings, own: &str, report: &mut Report<'_>) {
    let Some(keepalive) = &session.keepalive else { return };
    let hold = settings.hold_time.as_secs();
    let found = format!("keepaliveTime {}s with holdTime {hold}s", keepalive.value.as_secs());
    let fault = match hold / 3 {
        _ if session.faulty.contains(&"holdTime") => return,
        0 => Fault::new(found, "no keepaliveTime without a hold time"),
        third if keepalive.value.as_secs() > u64::from(third) => {
            Fault::new(found, format!("at most a third of the hold time, {third}s"))
        }
        _ => return,
    };
    if keepalive.is_in(own) {
        keepalive.report(report, fault);
    } else if let Some(hold) = session.hold_time.as_ref().filter(|at| at.is_in(own)) {
        hold.report(report, fault);
    }
}

fn check_family(address: Option<&At<IpAddr>>, session: &Session, report: &mut Report<'_>) {
    if let (Some(address), Some(local)) = (address, &session.local_address)
        && address.value.is_ipv4() != local.value.is_ipv4()
    {
        let found = quote(&address.value.to_string());
        let allowed = format!("an address of the family of localAddress {}", local.value);
        address.report(report, Fault::new(found, allowed));
    }
}
