//! `show route`: routes as BIRD writes them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;

use albedo_types::{Family, PeerId, Prefix};

use super::answer::Answer;
use super::source::{Daemon, Protocol};
use super::{Dialect, time};
use crate::routes::{RouteAttributes, RouteRow};

/// Renders pages of routes, one behind the other.
pub(crate) struct Routes<'a> {
    dialect: Dialect,
    daemon: &'a Daemon,
    /// Whether all attributes are told.
    all: bool,
    /// Names of peers, and since when their sessions are what they are.
    peers: HashMap<PeerId, (Arc<str>, u64)>,
    last: Option<Prefix>,
    table: Option<Family>,
    /// Routes, and prefixes among them, so far.
    pub(crate) routes: u64,
    pub(crate) networks: u64,
}

/// The name of a peer that has none: one from which Calico's tools know the address.
#[must_use]
pub fn name_of(address: std::net::IpAddr) -> String {
    format!("Node_{}", address.to_string().replace(['.', ':'], "_"))
}

impl<'a> Routes<'a> {
    pub(crate) fn new(
        dialect: Dialect,
        daemon: &'a Daemon,
        all: bool,
        protocols: &[Protocol],
    ) -> Self {
        let known = |protocol: &Protocol| {
            Some((protocol.peer?, (Arc::clone(&protocol.name), protocol.since)))
        };
        let peers = protocols.iter().filter_map(known).collect();
        Self { dialect, daemon, all, peers, last: None, table: None, routes: 0, networks: 0 }
    }

    /// Counts a page, and shows it unless only the counts are asked for.
    pub(crate) fn page(&mut self, answer: Option<&mut Answer>, family: Family, page: &[RouteRow]) {
        let mut answer = answer;
        for routes in page.chunk_by(|a, b| a.prefix == b.prefix) {
            // The best one first; the others as they are.
            let best = routes.iter().filter(|route| route.is_best);
            for route in best.chain(routes.iter().filter(|route| !route.is_best)) {
                let is_first = self.last != Some(route.prefix);
                self.last = Some(route.prefix);
                self.routes += 1;
                self.networks += u64::from(is_first);
                if let Some(answer) = answer.as_deref_mut() {
                    self.route(answer, family, route, is_first);
                }
            }
        }
    }

    fn route(&mut self, answer: &mut Answer, family: Family, route: &RouteRow, is_first: bool) {
        if self.dialect == Dialect::Bird2 && self.table != Some(family) {
            self.table = Some(family);
            answer.row(1007, &format!("Table {}:", table(family)));
        }
        let prefix = if is_first { route.prefix.to_string() } else { String::new() };
        let source = self.source(route);
        // There is no interface: a reflector does not forward.
        let via = match route.attributes.next_hop.first() {
            Some(hop) => format!("via {hop} on -"),
            None => "unreachable".to_owned(),
        };
        match self.dialect {
            Dialect::Calico => answer.row(1007, &format!("{prefix:<18} {via} {source}")),
            Dialect::Bird2 => {
                answer.row(1007, &format!("{prefix:<20} unicast {source}"));
                answer.row(1007, &format!("\t{via}"));
            }
        }
        if self.all {
            answer.row(1008, "\tType: BGP unicast univ");
            attributes(&route.attributes, |text| answer.row(1012, &format!("\t{text}")));
        }
    }

    /// Where a route is from, whether it is best, and what is told of its path.
    fn source(&self, route: &RouteRow) -> String {
        let known = self.peers.get(&route.peer);
        let (name, since) = match known {
            Some((name, since)) => (Arc::clone(name), *since),
            None => (name_of(route.address).into(), self.daemon.now),
        };
        // How old a route is nobody keeps; it is no older than its session.
        let since = time::short(since, self.daemon.now);
        let from = if route.attributes.next_hop.first() == Some(&route.address) {
            String::new()
        } else {
            format!(" from {}", route.address)
        };
        let best = if route.is_best { " *" } else { "" };
        let stale = if route.is_stale { "s" } else { "" };
        let origin_as =
            route.attributes.origin_as.map_or_else(String::new, |asn| format!("AS{asn}"));
        let origin = ["i", "e", "?"][usize::from(route.attributes.origin.min(2))];
        format!("[{name} {since}{from}]{best} (100{stale}) [{origin_as}{origin}]")
    }
}

/// The name of a family's table.
pub(crate) const fn table(family: Family) -> &'static str {
    match family {
        Family::Ipv4Unicast => "master4",
        Family::Ipv6Unicast => "master6",
    }
}

fn attributes(attributes: &RouteAttributes, mut line: impl FnMut(&str)) {
    let origin = ["IGP", "EGP", "Incomplete"][usize::from(attributes.origin.min(2))];
    line(&format!("BGP.origin: {origin}"));
    line(&format!("BGP.as_path: {}", attributes.as_path));
    let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(" ");
    if !attributes.next_hop.is_empty() {
        let hops = list(&mut attributes.next_hop.iter().map(ToString::to_string));
        line(&format!("BGP.next_hop: {hops}"));
    }
    if let Some(med) = attributes.med {
        line(&format!("BGP.med: {med}"));
    }
    if let Some(preference) = attributes.local_pref {
        line(&format!("BGP.local_pref: {preference}"));
    }
    if attributes.atomic_aggregate {
        line("BGP.atomic_aggr:");
    }
    if let Some((asn, id)) = attributes.aggregator {
        line(&format!("BGP.aggregator: {id} AS{asn}"));
    }
    if !attributes.communities.is_empty() {
        let mut all =
            attributes.communities.iter().map(|c| format!("({},{})", c >> 16, c & 0xffff));
        line(&format!("BGP.community: {}", list(&mut all)));
    }
    if let Some(originator) = attributes.originator_id {
        line(&format!("BGP.originator_id: {originator}"));
    }
    if !attributes.cluster_list.is_empty() {
        let all = list(&mut attributes.cluster_list.iter().map(Ipv4Addr::to_string));
        line(&format!("BGP.cluster_list: {all}"));
    }
    if !attributes.extended_communities.is_empty() {
        let all = list(&mut attributes.extended_communities.iter().map(extended));
        line(&format!("BGP.ext_community: {all}"));
    }
    if !attributes.large_communities.is_empty() {
        let of = |[a, b, c]: &[u32; 3]| format!("({a}, {b}, {c})");
        let all = list(&mut attributes.large_communities.iter().map(of));
        line(&format!("BGP.large_community: {all}"));
    }
}

/// Route targets and origins by name, all others as two numbers.
fn extended(octets: &[u8; 8]) -> String {
    let [kind, subtype, rest @ ..] = octets;
    let word = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]);
    let number = |at: usize| u32::from(word(at)) << 16 | u32::from(word(at + 2));
    let mut text = String::from("(");
    let name = match (kind, subtype) {
        (0..=2, 2) => Some("rt"),
        (0..=2, 3) => Some("ro"),
        _ => None,
    };
    // Writing to a string cannot fail.
    let _ = match (name, kind) {
        (Some(name), 0) => write!(text, "{name}, {}, {}", word(0), number(2)),
        (Some(name), 1) => {
            write!(text, "{name}, {}, {}", Ipv4Addr::from_bits(number(0)), word(4))
        }
        (Some(name), _) => write!(text, "{name}, {}, {}", number(0), word(4)),
        (None, _) => {
            let first = u32::from_be_bytes([octets[0], octets[1], octets[2], octets[3]]);
            write!(text, "generic, {first:#x}, {:#x}", number(2))
        }
    };
    text.push(')');
    text
}
