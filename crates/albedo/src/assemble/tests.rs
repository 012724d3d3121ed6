//! What each setting comes to.

use std::path::Path;

use albedo_config::Surroundings;
use albedo_types::{Asn, HoldTime, PeerRole};

use super::*;

pub(crate) fn config(text: &str) -> Config {
    let surroundings = Surroundings { overrides: Vec::new(), cores: 2 };
    albedo_config::parse("test.yaml", text, Path::new(""), &surroundings)
        .unwrap_or_else(|faults| panic!("{faults}"))
}

pub(crate) const FULL: &str = "
asNumber: 64512
routerId: 10.0.0.1
clusterId: 10.0.0.7
listen: ['127.0.0.1:1179']
peerGroups:
  - name: nodes
    asNumber: internal
    role: client
    ranges: ['10.1.0.0/16', 'fd00::/8']
    families: [ipv4-unicast]
    holdTime: 30s
    clusterId: 10.0.0.8
    password: secret
  - name: routers
    asNumber: external
    role: external
    passive: true
    gracefulRestart: off
peers:
  - {address: 10.9.0.2, group: nodes, description: other-rack, passive: false, port: 1790}
  - {address: 192.0.2.9, group: routers, asNumber: 65001, ttlSecurity: 1}
limits: {sessions: 5000, perRange: 4000, sessionsPerSource: 3, acceptRate: 500, retainedPeers: 70}
";

#[test]
fn groups_and_peers_become_profiles() {
    let config = config(FULL);
    let settings = settings(&config, 0).unwrap();
    let [nodes, routers] = &settings.groups[..] else { panic!("two groups") };
    assert_eq!((&*nodes.name, nodes.ranges.len(), nodes.range_limit), ("nodes", 2, Some(4000)));
    let session = &nodes.profile.session;
    assert!(session.dynamic && session.passive);
    assert_eq!(session.local_asn, Asn(64512));
    assert_eq!(session.peer_asn, ExpectedAs::Internal);
    assert_eq!(session.hold_time, HoldTime::from_secs(30).unwrap());
    assert_eq!(session.capabilities.families.iter().count(), 1);
    let offer = session.capabilities.graceful.unwrap();
    let times = (offer.restart_time.as_secs(), offer.long_lived_stale_time.unwrap().as_secs());
    assert_eq!((times, offer.notification), ((30, 86_400), true));
    let limits = nodes.profile.retention.limits;
    let seconds = [limits.restart_max, limits.stale_max, limits.stale_path].map(|t| t.as_secs());
    assert_eq!(seconds, [4095, 86_400, 360]);
    assert_eq!(nodes.profile.role, PeerRole::Client);
    assert_eq!(nodes.profile.cluster_id, ClusterId(0x0a00_0008));
    assert_eq!(nodes.profile.key, Some(Md5Key::new(b"secret").unwrap()));
    assert!(routers.profile.session.capabilities.graceful.is_none());
    assert_eq!(routers.profile.role, PeerRole::External);

    let [rack, router] = &settings.peers[..] else { panic!("two peers") };
    assert_eq!(rack.addr, "10.9.0.2:1790".parse().unwrap());
    assert_eq!(rack.description.as_deref(), Some("other-rack"));
    assert!(rack.profile.session.dials());
    assert_eq!(rack.profile.key, nodes.profile.key);
    assert_eq!(router.profile.session.peer_asn, ExpectedAs::Is(Asn(65001)));
    assert_eq!(router.profile.socket.hops, Hops::Security { hops: 1 });
    assert!(!router.profile.session.dials());

    let limits = settings.limits;
    assert_eq!((limits.sessions, limits.half_open_per_source), (5000, 3));
    assert_eq!((limits.accepts_per_second, limits.retained), (500, 70));
    assert_eq!(settings.listen, ["127.0.0.1:1179".parse().unwrap()]);
}

#[test]
fn every_cluster_id_is_known_to_the_shards_once() {
    let config = config(FULL);
    let expected = [ClusterId(0x0a00_0007), ClusterId(0x0a00_0008)];
    assert_eq!(clusters(&config), expected);
    let engine = engine_config(&config, 4);
    assert_eq!(
        (engine.clusters, engine.seed, engine.shards),
        (expected.to_vec(), 4, config.shards)
    );
}

#[test]
fn the_same_file_twice_changes_nothing() {
    assert_eq!(settings(&config(FULL), 0).unwrap(), settings(&config(FULL), 0).unwrap());
    let renamed = FULL.replace("other-rack", "this-rack");
    let (old, new) = (settings(&config(FULL), 0).unwrap(), settings(&config(&renamed), 0).unwrap());
    assert_eq!(old.peers[0].profile, new.peers[0].profile, "a description needs no new session");
    assert_ne!(old.peers[0], new.peers[0]);
}

const POLICIES: &str = "
asNumber: 64512
routerId: 10.0.0.7
peerGroups:
  - name: nodes
    ranges: [\"10.0.0.0/8\"]
    importPolicy: {default: reject, rules: [{prefixes: [10.244.0.0/16], action: accept}]}
    maxPrefixes: {ipv4-unicast: 5, action: restart, restartAfter: 30s, warnAt: 50}
    discardAttributes: [\"20-22\", 99]
    withdrawAttributes: [128]
    maxAsPathLength: 750
    maxClusterListLength: 7
peers:
  - {address: 11.0.0.2, group: nodes}
  - {address: 11.0.0.3, group: nodes, importPolicy: off, exportPolicy: {default: reject}}
";

#[test]
fn u9_policies_are_compiled_once_and_shared() {
    let settings = settings(&config(POLICIES), 5).unwrap();
    let nodes = settings.groups[0].profile.import.as_ref().unwrap();
    let first = settings.peers[0].profile.import.as_ref().unwrap();
    assert!(Arc::ptr_eq(nodes, first));
    assert_eq!(nodes.len(), 1);
    let second = &settings.peers[1].profile;
    assert!(second.import.is_none() && second.export.as_ref().unwrap().is_empty());
    assert!(settings.peers.iter().all(|peer| peer.profile.clusters == 5));
    // What the configuration takes, compiles.
    assert_eq!(albedo_config::POLICY_RULES_MAX, albedo_rib::policy::RULES_MAX);
    assert_eq!(albedo_config::POLICY_PREFIXES_MAX, albedo_rib::policy::RANGES_MAX);
}

#[test]
fn x1_e14_e15_limits_and_lists_reach_the_session() {
    let settings = settings(&config(POLICIES), 0).unwrap();
    let intake = &settings.groups[0].profile.intake;
    assert_eq!(intake.limit.max, [std::num::NonZeroU32::new(5), None]);
    let after = LimitAction::RestartAfter(std::time::Duration::from_secs(30));
    assert_eq!((intake.limit.action, intake.limit.warn_at), (after, 50));
    assert_eq!(intake.discard.iter().collect::<Vec<_>>(), [20, 21, 22, 99]);
    assert_eq!(intake.withdraw.iter().collect::<Vec<_>>(), [128]);
    let limits = intake.limits;
    assert_eq!((limits.as_path_elements(), limits.cluster_list_entries()), (750, 7));
}
