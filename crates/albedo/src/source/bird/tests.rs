use albedo_session::stats::SessionStats;
use albedo_session::status::{Detail, PeerShared};
use albedo_types::PeerId;

use super::*;

fn peer(address: &str, name: Option<&str>) -> PeerStatus {
    let detail = Detail { configured_name: name.map(Into::into), ..Detail::default() };
    PeerStatus {
        addr: (address.parse::<std::net::IpAddr>().unwrap(), 179).into(),
        dynamic: name.is_none(),
        listener: None,
        role: PeerRole::External,
        state: 2,
        since: Instant::ZERO,
        has_policy: [true, false],
        established: 0,
        shared: PeerShared::for_tests(Arc::new(SessionStats::default()), detail.clone()),
        detail,
    }
}

#[test]
fn no_two_protocols_have_one_name() {
    let peers = [
        peer("10.0.0.7", None),
        peer("10.0.0.8", Some("Mesh_10_0_0_8")),
        // Two links, and somebody who has the second one's name.
        peer("fe80::1", None),
        peer("fe80::1", None),
        peer("fd00::2", Some("Node_fe80__1_2")),
        peer("10.0.0.9", Some("Node_10_0_0_10")),
        peer("10.0.0.10", None),
    ];
    let mut names = Names::new(&peers);
    let names: Vec<String> = peers.iter().map(|peer| names.of(peer).to_string()).collect();
    let expected = [
        "Node_10_0_0_7",
        "Mesh_10_0_0_8",
        "Node_fe80__1",
        "Node_fe80__1_3",
        "Node_fe80__1_2",
        "Node_10_0_0_10",
        "Node_10_0_0_10_2",
    ];
    assert_eq!(names, expected);
}

#[test]
fn what_is_not_known_of_a_peer_is_left_out() {
    let mut down = peer("10.0.0.7", None);
    down.detail.reason = "ended by us: hold timer expired (4)".to_owned();
    down.detail.peer = Some(PeerId(3));
    let shown = protocol(&down, "Node_10_0_0_7".into(), 5, 64_512);
    assert_eq!((shown.state, shown.since, shown.peer), ("Active", 5, Some(PeerId(3))));
    assert_eq!(shown.last_reason.as_deref(), Some("ended by us: hold timer expired (4)"));
    assert_eq!((shown.asn, shown.hold_time, shown.local), (None, None, None));
    assert!(shown.families.is_empty() && shown.is_external && !shown.is_client);
    assert_eq!(shown.has_policy, [true, false]);
}

#[test]
fn states_are_in_the_order_of_the_sessions() {
    for (bird, ours) in STATES.iter().zip(albedo_api::names::SESSION_STATES) {
        assert_eq!(bird.to_lowercase(), ours.replace('_', ""));
    }
}
