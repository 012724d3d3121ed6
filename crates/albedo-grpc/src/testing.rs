//! A small reflector to be asked: two peers, a few routes, and changes that a test says.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use albedo_api::routes::{
    Later, RouteAsk, RouteAttributes, RouteChange, RoutePages, RouteRow, RouteSource, RouteWatch,
};
use albedo_api::snapshot::Snapshot;
use albedo_api::{
    Check, FamilyStatus, PeerDetail, PeerGroupRow, PeerRoutes, PeerRow, Status, StatusSource,
};
use albedo_types::{Family, PeerId};

/// What a watch is told next.
pub(crate) type Next = Result<Vec<RouteChange>, String>;

/// The reflector.
#[derive(Default)]
pub(crate) struct Small {
    /// What a watch is told, one after the other, and then nothing.
    pub(crate) changes: Arc<Mutex<Vec<Next>>>,
    /// The state of the second peer; idle if it is not said.
    pub(crate) state: Mutex<Option<&'static str>>,
    /// How many prefixes it has, if it is not the usual ones.
    pub(crate) copies: usize,
    /// Whether it is not ready.
    pub(crate) is_busy: Mutex<bool>,
}

struct Changes(Arc<Mutex<Vec<Next>>>);

impl RouteWatch for Changes {
    fn next(&mut self) -> Later<'_, Next> {
        let mut left = self.0.lock().expect("no panic while held");
        let next = if left.is_empty() { Ok(Vec::new()) } else { left.remove(0) };
        Box::pin(std::future::ready(next))
    }
}
struct Pages(Option<Vec<RouteRow>>);

impl RoutePages for Pages {
    fn next(&mut self) -> Later<'_, Result<Option<Vec<RouteRow>>, String>> {
        Box::pin(std::future::ready(Ok(self.0.take())))
    }
}

/// A route of the peer of this number.
pub(crate) fn row(prefix: &str, from: u8, is_best: bool) -> RouteRow {
    let v6 = prefix.contains(':');
    let next_hop: IpAddr = if v6 { "fd00::1".parse() } else { "10.0.0.1".parse() }.unwrap();
    RouteRow {
        prefix: prefix.parse().unwrap(),
        peer: PeerId(u32::from(from)),
        address: format!("10.0.0.{from}").parse().unwrap(),
        router_id: format!("10.0.0.{from}").parse().unwrap(),
        is_external: false,
        is_best,
        is_stale: false,
        attributes: Arc::new(RouteAttributes {
            as_path: "65001 {7,8}".to_owned(),
            next_hop: vec![next_hop],
            local_pref: Some(100),
            communities: vec![0xfde8_0001],
            large_communities: vec![[65_000, 1, 2]],
            extended_communities: vec![[0, 2, 0xfd, 0xe8, 0, 0, 0, 5]],
            cluster_list: vec!["244.0.0.1".parse().unwrap()],
            originator_id: Some("10.0.0.9".parse().unwrap()),
            ..RouteAttributes::default()
        }),
    }
}

impl RouteSource for Small {
    fn routes(&self, ask: RouteAsk) -> Result<Box<dyn RoutePages>, String> {
        if self.copies > 0 {
            let prefix = |n: usize| format!("10.2.{}.{}/32", n / 256, n % 256);
            let rows = (0..self.copies).map(|n| row(&prefix(n), 1, true)).collect();
            return Ok(Box::new(Pages(Some(rows))));
        }
        let all = [
            row("10.1.0.0/26", 2, false),
            row("10.1.0.0/26", 1, true),
            row("10.1.0.64/26", 2, true),
            row("fd00:1::/64", 1, true),
        ];
        let v6 = ask.family == Family::Ipv6Unicast;
        let rows = all.into_iter().filter(|it| it.prefix.addr().is_ipv6() == v6);
        Ok(Box::new(Pages(Some(rows.collect()))))
    }

    fn peers_at(&self, address: IpAddr) -> Vec<PeerId> {
        let is_known = ["10.0.0.1", "10.0.0.2"].contains(&&*address.to_string());
        is_known.then_some(PeerId(1)).into_iter().collect()
    }

    fn watch(&self) -> Result<Box<dyn RouteWatch>, String> {
        Ok(Box::new(Changes(Arc::clone(&self.changes))))
    }
}

impl StatusSource for Small {
    fn status(&self) -> Status {
        Status {
            as_number: 64_512,
            router_id: "10.0.0.250".to_owned(),
            cluster_id: "244.0.0.1".to_owned(),
            listen: vec!["0.0.0.0:179".to_owned(), "[::]:179".to_owned()],
            families: vec![FamilyStatus {
                family: "ipv4-unicast".to_owned(),
                prefixes: 2,
                paths: 3,
                ..FamilyStatus::default()
            }],
            ..Status::default()
        }
    }

    fn peers(&self) -> Vec<PeerRow> {
        let peer = |n: u8, state: &str| PeerRow {
            address: format!("10.0.0.{n}"),
            role: "client".to_owned(),
            as_number: Some(64_512),
            router_id: Some(format!("10.0.0.{n}")),
            state: state.to_owned(),
            since_seconds: 3_700.0,
            families: vec!["ipv4-unicast".to_owned()],
            hold_time_seconds: Some(90),
            routes: vec![PeerRoutes {
                family: "ipv4-unicast".to_owned(),
                received: 7,
                best: 5,
                sent: 9,
            }],
            ..PeerRow::default()
        };
        let state = self.state.lock().expect("no panic while held").unwrap_or("idle");
        vec![peer(1, "established"), peer(2, state)]
    }

    fn peer(&self, address: IpAddr) -> Later<'_, Vec<PeerDetail>> {
        let rows = self.peers().into_iter().filter(move |it| it.address == address.to_string());
        let details = rows.map(|row| PeerDetail { row, ..PeerDetail::default() }).collect();
        Box::pin(std::future::ready(details))
    }

    fn live(&self) -> Vec<Check> {
        Vec::new()
    }

    fn ready(&self) -> Vec<Check> {
        let ok = !*self.is_busy.lock().expect("no panic while held");
        vec![Check { name: "running".to_owned(), ok, detail: String::new() }]
    }

    fn peer_groups(&self) -> Vec<PeerGroupRow> {
        let group = |name: &str, role: &str, ranges: &[&str]| PeerGroupRow {
            name: name.to_owned(),
            role: role.to_owned(),
            ranges: ranges.iter().map(ToString::to_string).collect(),
            as_number: Some(64_512),
            cluster_id: "244.0.0.1".to_owned(),
            hold_time_seconds: 90,
            ..PeerGroupRow::default()
        };
        vec![group("nodes", "client", &["10.0.0.0/8", "fd00::/16"]), group("edge", "external", &[])]
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }

    fn route_source(&self) -> Option<&dyn RouteSource> {
        Some(self)
    }
}
