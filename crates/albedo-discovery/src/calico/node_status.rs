//! `CalicoNodeStatus`: somebody asks to be told about a node, every so many seconds.
//!
//! It takes no part in what a reflector does, so it is no [`Kind`](super::Kind): it is read apart,
//! and leniently.

use std::net::IpAddr;
use std::time::Duration;

use albedo_types::Prefix;
use serde_json::{Value, json};

/// The plural of its kind, in paths and keys.
pub const PLURAL: &str = "caliconodestatuses";
/// Routes of a family that are told at most.
pub const ROUTES_MAX: usize = 1_000;
/// The longest period that counts, in seconds.
const PERIOD_MAX: u64 = 86_400;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusRequest {
    /// The object's name.
    pub name: String,
    /// The node that it is about.
    pub node: String,
    /// Whether `classes` has `Agent`.
    pub agent: bool,
    /// Whether it has `BGP`.
    pub bgp: bool,
    /// Whether it has `Routes`.
    pub routes: bool,
    /// `updatePeriodSeconds`; `None` is off. Absent is 10 s, as Calico has it.
    pub period: Option<Duration>,
}

impl StatusRequest {
    /// Reads an object; `None` if it is no such request. Classes that are not known are none.
    #[must_use]
    pub fn read(document: &Value) -> Option<Self> {
        let spec = &document["spec"];
        let has = |class: &str| {
            let classes = spec["classes"].as_array().into_iter().flatten();
            classes.filter_map(Value::as_str).any(|found| found == class)
        };
        let seconds = match &spec["updatePeriodSeconds"] {
            Value::Null => 10,
            seconds => seconds.as_u64()?.min(PERIOD_MAX),
        };
        Some(Self {
            name: document["metadata"]["name"].as_str()?.to_owned(),
            node: spec["node"].as_str()?.to_owned(),
            agent: has("Agent"),
            bgp: has("BGP"),
            routes: has("Routes"),
            period: (seconds > 0).then(|| Duration::from_secs(seconds)),
        })
    }
}

/// How a node is. Times are texts, of which only `now` has a form that somebody reads: RFC 3339.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeReport {
    /// Now.
    pub now: String,
    /// The program and its version.
    pub version: String,
    /// Our BGP identifier.
    pub router_id: String,
    /// When it started.
    pub booted: String,
    /// When the configuration in force was read.
    pub configured: String,
    /// Whether a start is over.
    pub is_ready: bool,
    /// Its sessions.
    pub peers: Vec<PeerReport>,
    /// Its routes; of a family the first [`ROUTES_MAX`].
    pub routes: Vec<RouteReport>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerReport {
    /// The peer's address.
    pub address: IpAddr,
    /// Its name, which begins with `Mesh_`, `Global_` or else.
    pub name: String,
    /// As BIRD says it, such as `Established`.
    pub state: &'static str,
    /// Since when.
    pub since: String,
}

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteReport {
    /// What it leads to.
    pub prefix: Prefix,
    /// The next hop.
    pub gateway: Option<IpAddr>,
    /// Who announced it.
    pub peer: IpAddr,
}

impl NodeReport {
    /// The `status` of an object that asks for these classes.
    #[must_use]
    pub fn status(&self, request: &StatusRequest) -> Value {
        let mut status = json!({"lastUpdated": self.now});
        if request.agent {
            status["agent"] = json!({"birdV4": self.agent(false), "birdV6": self.agent(true)});
        }
        if request.bgp {
            status["bgp"] = self.bgp();
        }
        if request.routes {
            let routes = |v6| self.routes.iter().filter(move |it| is_v6(it.prefix) == v6);
            status["routes"] = json!({
                "routesV4": routes(false).map(route).collect::<Vec<_>>(),
                "routesV6": routes(true).map(route).collect::<Vec<_>>(),
            });
        }
        status
    }

    /// Calico has a daemon for each family; ours is there in those that it has peers in.
    fn agent(&self, v6: bool) -> Value {
        let is_there = self.peers.iter().any(|peer| peer.address.is_ipv6() == v6);
        json!({
            "state": if is_there && self.is_ready { "Ready" } else { "NotReady" },
            "version": self.version,
            "routerID": self.router_id,
            "lastBootTime": self.booted,
            "lastReconfigurationTime": self.configured,
        })
    }

    fn bgp(&self) -> Value {
        let peers = |v6| self.peers.iter().filter(move |peer| peer.address.is_ipv6() == v6);
        let up = |v6| peers(v6).filter(|peer| peer.state == "Established").count();
        json!({
            "numberEstablishedV4": up(false),
            "numberEstablishedV6": up(true),
            "numberNotEstablishedV4": peers(false).count() - up(false),
            "numberNotEstablishedV6": peers(true).count() - up(true),
            "peersV4": peers(false).map(peer).collect::<Vec<_>>(),
            "peersV6": peers(true).map(peer).collect::<Vec<_>>(),
        })
    }
}

const fn is_v6(prefix: Prefix) -> bool {
    matches!(prefix, Prefix::V6(_))
}

fn peer(peer: &PeerReport) -> Value {
    let kind = match peer.name.split('_').next() {
        Some("Mesh") => "NodeMesh",
        Some("Global") => "GlobalPeer",
        _ => "NodePeer",
    };
    let (state, since) = (peer.state, &peer.since);
    json!({"peerIP": peer.address, "type": kind, "state": state, "since": since})
}

/// A reflector has no table of the kernel's, so every route is one of the RIB.
fn route(route: &RouteReport) -> Value {
    let gateway = route.gateway.map(|it| it.to_string()).unwrap_or_default();
    json!({
        "type": "RIB",
        "destination": route.prefix.to_string(),
        "gateway": gateway,
        "interface": "",
        "learnedFrom": {"sourceType": "BGPPeer", "peerIP": route.peer},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_leniently() {
        let document = json!({
            "metadata": {"name": "s"},
            "spec": {"node": "rr-1", "classes": ["BGP", "Other"], "updatePeriodSeconds": 30},
        });
        let request = StatusRequest::read(&document).expect("a request");
        assert_eq!((&*request.name, &*request.node), ("s", "rr-1"));
        assert!(request.bgp && !request.agent && !request.routes);
        assert_eq!(request.period, Some(Duration::from_secs(30)));
        let period = |value: Value| {
            let mut document = document.clone();
            document["spec"]["updatePeriodSeconds"] = value;
            StatusRequest::read(&document).map(|request| request.period)
        };
        assert_eq!(period(json!(0)), Some(None));
        assert_eq!(period(Value::Null), Some(Some(Duration::from_secs(10))));
        assert_eq!(period(json!(1_000_000)), Some(Some(Duration::from_secs(PERIOD_MAX))));
        assert_eq!(period(json!("x")), None);
        assert_eq!(StatusRequest::read(&json!({"metadata": {"name": "s"}})), None);
    }

    #[test]
    fn a_status_has_the_classes_that_were_asked_for() {
        let peer = |address: &str, name: &str, state| PeerReport {
            address: address.parse().unwrap(),
            name: name.to_owned(),
            state,
            since: "then".to_owned(),
        };
        let report = NodeReport {
            now: "2026-03-01T12:00:00Z".to_owned(),
            version: "albedo 1".to_owned(),
            is_ready: true,
            peers: vec![
                peer("10.0.0.7", "Node_10_0_0_7", "Established"),
                peer("10.0.0.8", "Global_10_0_0_8", "Active"),
            ],
            routes: vec![RouteReport {
                prefix: "10.244.1.0/26".parse().unwrap(),
                gateway: Some("10.0.0.7".parse().unwrap()),
                peer: "10.0.0.7".parse().unwrap(),
            }],
            ..NodeReport::default()
        };
        let request = |classes: &[&str]| {
            let spec = json!({"node": "n", "classes": classes});
            StatusRequest::read(&json!({"metadata": {"name": "s"}, "spec": spec})).unwrap()
        };
        assert_eq!(report.status(&request(&[])), json!({"lastUpdated": "2026-03-01T12:00:00Z"}));
        let all = report.status(&request(&["Agent", "BGP", "Routes"]));
        assert_eq!(all["agent"]["birdV4"]["state"], "Ready");
        assert_eq!(all["agent"]["birdV6"]["state"], "NotReady");
        assert_eq!(all["bgp"]["numberEstablishedV4"], 1);
        assert_eq!(all["bgp"]["numberNotEstablishedV4"], 1);
        let first = json!({
            "peerIP": "10.0.0.7", "type": "NodePeer", "state": "Established", "since": "then",
        });
        assert_eq!(all["bgp"]["peersV4"][0], first);
        assert_eq!(all["bgp"]["peersV4"][1]["type"], "GlobalPeer");
        let route = json!({
            "type": "RIB", "destination": "10.244.1.0/26", "gateway": "10.0.0.7", "interface": "",
            "learnedFrom": {"sourceType": "BGPPeer", "peerIP": "10.0.0.7"},
        });
        assert_eq!(all["routes"], json!({"routesV4": [route], "routesV6": []}));
    }
}
