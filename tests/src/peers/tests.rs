//! What the daemons print, as they print it, against what the scenarios make of it.

use super::{Seen, Session, are_same, bird, frr, gobgp};
use crate::net::net;

fn seen(prefix: &str, next_hop: &str, local_pref: u32) -> Seen {
    Seen {
        net: net(prefix),
        from: "10.0.0.1".parse().expect("address"),
        next_hop: next_hop.parse().expect("address"),
        local_pref: Some(local_pref),
        originator: Some(next_hop.parse().expect("address")),
        clusters: vec!["10.0.0.1".parse().expect("address")],
    }
}

#[test]
fn bird_routes_are_read() {
    let text = "BIRD 1.6.8 ready.
10.244.11.0/26     blackhole [static1 20:04:46] * (200)
\tType: static unicast univ
10.244.12.0/26     via 10.0.0.12 on eth0 [RR 20:04:47 from 10.0.0.1] * (100/-) [i]
\tType: BGP unicast univ
\tBGP.origin: IGP
\tBGP.as_path: 
\tBGP.next_hop: 10.0.0.12
\tBGP.local_pref: 100
\tBGP.originator_id: 10.0.0.12
\tBGP.cluster_list: 10.0.0.1
                   unreachable [R2 20:04:48 from 10.0.0.2] (100/-) [i]
\tType: BGP unicast univ
\tBGP.next_hop: 10.0.0.12
\tBGP.local_pref: 100
\tBGP.originator_id: 10.0.0.12
\tBGP.cluster_list: 10.0.0.2 10.0.0.1
10.244.13.0/26       unicast [RR 20:04:48.889 from 10.0.0.1] * (100) [i]
\tvia 10.0.0.13 on eth0
\tType: BGP univ
\tBGP.next_hop: 10.0.0.13
\tBGP.local_pref: 2147482623
\tBGP.originator_id: 10.0.0.13
\tBGP.cluster_list: 10.0.0.1
";
    let mut second = seen("10.244.12.0/26", "10.0.0.12", 100);
    second.from = "10.0.0.2".parse().expect("address");
    second.clusters.insert(0, "10.0.0.2".parse().expect("address"));
    let expected = [
        seen("10.244.12.0/26", "10.0.0.12", 100),
        second,
        seen("10.244.13.0/26", "10.0.0.13", 2_147_482_623),
    ];
    assert_eq!(bird::parse_routes(text).expect("routes"), expected);
}

#[test]
fn bird_sessions_are_read() {
    let text = "BIRD 1.6.8 ready.
name     proto    table    state  since       info
static1  Static   master   up     20:04:47    
RR       BGP      master   up     20:04:47    Established   
R2       BGP      master   start  20:04:48    Active        Socket: Connection closed
";
    let session = |neighbour: &str, up: bool, mark: &str| Session {
        neighbour: neighbour.to_owned(),
        up,
        mark: mark.to_owned(),
    };
    let expected = [session("R2", false, "20:04:48"), session("RR", true, "20:04:47")];
    assert_eq!(bird::parse_sessions(text), expected);
}

#[test]
fn bird_counts_of_bgp_are_summed_and_no_others() {
    let text = "BIRD 2.0.12 ready.
direct1    Direct     ---        up     20:04:46.717  
  Channel ipv4
    Routes:         2 imported, 0 exported, 2 preferred
ipv4x1     BGP        ---        up     20:04:46.717  Established   
  Channel ipv4
    Routes:         577703 imported, 0 exported, 577703 preferred
ipv6x1     BGP        ---        up     20:04:46.717  Established   
  Channel ipv6
    Routes:         1 imported, 0 exported, 1 preferred
";
    assert_eq!(bird::parse_imported(text).expect("counts"), 577_704);
}

#[test]
fn frr_routes_are_read() {
    let text = r#"{"vrfId": 0, "routes": { "10.244.11.0/26": [
        {"prefix":"10.244.11.0/26","version":3},
        {"aspath":{"string":"Local"},"origin":"IGP","locPrf":2147482623,"valid":true,
         "originatorId":"10.0.0.11","clusterList":{"list":["10.0.0.1"]},
         "nexthops":[{"ip":"10.0.0.11","afi":"ipv4","used":true}],
         "peer":{"peerId":"10.0.0.1","routerId":"10.0.0.1","type":"internal"}}],
      "10.244.13.0/26": [{"prefix":"10.244.13.0/26"},
        {"origin":"IGP","local":true,"nexthops":[{"ip":"0.0.0.0"}],
         "peer":{"peerId":"0.0.0.0","routerId":"10.0.0.13"}}] } }"#;
    let expected = [seen("10.244.11.0/26", "10.0.0.11", 2_147_482_623)];
    assert_eq!(frr::parse_routes(text).expect("routes"), expected);
}

#[test]
fn frr_sessions_are_read() {
    let text = r#"{"ipv4Unicast":{"peers":{"10.0.0.1":{"state":"Established",
        "connectionsEstablished":1,"connectionsDropped":0}}},
        "ipv6Unicast":{"peers":{"fd00::1":{"state":"Active",
        "connectionsEstablished":2,"connectionsDropped":3}}}}"#;
    let sessions = frr::parse_sessions(text).expect("sessions");
    let found: Vec<_> = sessions
        .iter()
        .map(|session| (session.neighbour.as_str(), session.up, session.mark.as_str()))
        .collect();
    assert_eq!(found, [("10.0.0.1", true, "1 0"), ("fd00::1", false, "2 3")]);
}

#[test]
fn gobgp_routes_are_read() {
    let text = r#"{"10.244.11.0/26":[{"nlri":{"prefix":"10.244.11.0/26"},"best":true,
        "attrs":[{"type":1,"value":0},{"type":2,"as_paths":[]},
        {"type":3,"nexthop":"10.0.0.11"},{"type":5,"value":2147482623},
        {"type":9,"value":"10.0.0.11"},{"type":10,"value":["10.0.0.1"]}],
        "source-id":"10.0.0.1","neighbor-ip":"10.0.0.1"}],
        "10.244.14.0/26":[{"nlri":{"prefix":"10.244.14.0/26"},
        "attrs":[{"type":1,"value":0},{"type":3,"nexthop":"10.0.0.14"}]}]}"#;
    let expected = [seen("10.244.11.0/26", "10.0.0.11", 2_147_482_623)];
    assert_eq!(gobgp::parse_routes(text).expect("routes"), expected);
    assert!(gobgp::parse_routes("{}").expect("no routes").is_empty());
}

#[test]
fn gobgp_sessions_are_read() {
    let text = r#"[{"conf":{"neighbor_address":"10.0.0.1"},"state":{"session_state":6},
        "timers":{"state":{"uptime":{"seconds":12}}}}]"#;
    let sessions = gobgp::parse_sessions(text).expect("sessions");
    assert!(sessions[0].up);
    assert_eq!(sessions[0].mark, "12 null");
}

#[test]
fn a_session_is_the_same_when_its_instant_is_told_a_little_differently() {
    let session =
        |up: bool, mark: &str| Session { neighbour: "n".to_owned(), up, mark: mark.to_owned() };
    let first = session(true, "23:26:10.999");
    assert!(first.is_same(&first) && first.is_same(&session(true, "23:26:11.000")));
    assert!(!first.is_same(&session(false, "23:26:10.999")));
    assert!(!first.is_same(&session(true, "23:26:11.200")));
    // Whole seconds jump by one, and no more.
    assert!(session(true, "23:26:10").is_same(&session(true, "23:26:11")));
    assert!(!session(true, "23:26:10").is_same(&session(true, "23:26:12")));
    assert!(!session(true, "23:26:10").is_same(&session(true, "23:26:10.9")));
    assert!(!session(true, "1 0").is_same(&session(true, "1 1")));
    let sessions = |mark: &str| vec![vec![session(true, "1 0")], vec![session(true, mark)]];
    assert!(are_same(&sessions("23:26:10.946"), &sessions("23:26:10.947")));
    assert!(!are_same(&sessions("23:26:10.946"), &sessions("23:27:10.946")));
    assert!(!are_same(&sessions("1 0")[..1], &sessions("1 0")));
}
