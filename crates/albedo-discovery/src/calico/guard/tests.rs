use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;
use crate::calico::expand::{Identity, RouterIdSource, expand};
use crate::calico::{
    BgpPeer, Ipv4Host, Kind, Meta, Node, NodeBgp, PeerNodes, PeerRemote, Resource, Selector,
};
use albedo_types::{Asn, ClusterId};

const LIMITS: Limits = Limits {
    max_loss: 10,
    max_gone: 30,
    min_loss: 2,
    hold: Duration::from_secs(600),
    window: Duration::from_secs(60),
};

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn node(name: &str, last: u8, labels: &[(&str, &str)], cluster_id: Option<u32>) -> Resource {
    let bgp = NodeBgp {
        ipv4: Some(Ipv4Host::from(std::net::Ipv4Addr::new(10, 0, 0, last))),
        cluster_id: cluster_id.map(ClusterId),
        ..NodeBgp::default()
    };
    let meta = Meta { labels: labels.iter().copied().collect(), ..Meta::named(name) };
    Resource::Node(Box::new(Node { meta, bgp: Some(bgp), ..Node::default() }))
}

fn worker(index: u8, group: &str) -> Resource {
    node(&format!("w{index:03}"), index, &[("group", group)], None)
}

fn peer(name: &str, near: &str, far: &str) -> Resource {
    Resource::BgpPeer(Box::new(BgpPeer {
        meta: Meta::named(name),
        nodes: PeerNodes::Matching(Selector::parse(near).unwrap()),
        remote: PeerRemote::Nodes(Selector::parse(far).unwrap()),
        ..BgpPeer::default()
    }))
}

/// 40 workers of group a, two reflectors, and BGPPeers with each of the two; no mesh.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new();
    for index in 1..=40 {
        cluster.apply(worker(index, "a"));
    }
    cluster.apply(node("r1", 251, &[("reflector", "1")], Some(1)));
    cluster.apply(node("r2", 252, &[("reflector", "2")], Some(1)));
    cluster.apply(peer("first", "has(group)", "reflector == '1'"));
    cluster.apply(peer("second", "has(group)", "reflector == '2'"));
    cluster.apply(Resource::BgpConfiguration(Box::new(crate::calico::BgpConfiguration {
        meta: Meta::named("default"),
        node_to_node_mesh: Some(false),
        ..Default::default()
    })));
    cluster
}

fn speaker(cluster: &Cluster) -> Speaker {
    let identity = Identity::Node { name: "r1".into(), router_id: RouterIdSource::default() };
    expand(cluster, &identity).unwrap()
}

/// A guard and what is in force.
struct Bench {
    guard: Guard,
    current: Speaker,
}

impl Bench {
    fn new(cluster: &Cluster) -> Self {
        Self { guard: Guard::new(), current: speaker(cluster) }
    }

    fn offer(&mut self, seconds: u64, cluster: &Cluster) -> Option<Alarm> {
        let (proposed, standing) = (speaker(cluster), Standing::of(cluster));
        let now = at(seconds);
        match self.guard.offer(now, &self.current, &proposed, &standing, &LIMITS) {
            Decision::Apply(speaker) => {
                assert_eq!(speaker, proposed);
                self.current = speaker;
                assert!(!self.guard.is_holding());
                assert_eq!(self.guard.deadline(), None);
                None
            }
            Decision::Hold { in_force, alarm } => {
                self.current = in_force;
                assert!(self.guard.is_holding());
                Some(alarm)
            }
        }
    }
}

#[test]
fn a_lost_label_takes_nothing_away_until_the_delay_is_over() {
    let mut cluster = cluster();
    let mut bench = Bench::new(&cluster);
    let before = bench.current.clone();
    cluster.apply(node("r1", 251, &[], Some(1)));
    let alarm = bench.offer(100, &cluster).expect("it waits");
    assert_eq!(bench.current.sessions, before.sessions);
    assert_eq!(alarm.sessions.len(), 40);
    assert_eq!((alarm.since, alarm.until), (at(100), at(700)));
    assert_eq!(bench.guard.deadline(), Some(at(700)));
    assert_eq!(
        alarm.reasons,
        ["40 of 40 sessions would go or be made anew: Node_10_0_0_1 (w001, of BGPPeer first by \
             has(group) with group=a); Node_10_0_0_2 (w002, of BGPPeer first by has(group) with \
             group=a); Node_10_0_0_3 (w003, of BGPPeer first by has(group) with group=a); \
             Node_10_0_0_4 (w004, of BGPPeer first by has(group) with group=a); Node_10_0_0_5 \
             (w005, of BGPPeer first by has(group) with group=a); and 35 more"]
    );
    // The delay counts from the first time, not from the last.
    assert!(bench.offer(699, &cluster).is_some());
    assert!(bench.offer(700, &cluster).is_none());
    assert!(bench.current.sessions.is_empty());
}

#[test]
fn what_is_confirmed_applies_with_the_next_offer() {
    let mut cluster = cluster();
    let mut bench = Bench::new(&cluster);
    cluster.apply(node("r1", 251, &[], Some(1)));
    let alarm = bench.offer(0, &cluster).expect("it waits");
    assert!(!bench.guard.confirm(Digest(alarm.digest.0 ^ 1)));
    assert!(bench.offer(1, &cluster).is_some());
    let digest = alarm.digest.to_string().parse().unwrap();
    assert!(bench.guard.confirm(digest));
    assert!(bench.offer(2, &cluster).is_none());
    assert!(bench.current.sessions.is_empty());
    assert!(!bench.guard.confirm(alarm.digest), "nothing waits any more");
}

#[test]
fn what_was_confirmed_is_no_leave_for_more() {
    let mut cluster = cluster();
    let mut bench = Bench::new(&cluster);
    for index in 1..=10 {
        cluster.apply(worker(index, "a"));
        cluster.apply(node(&format!("w{index:03}"), index, &[], None));
    }
    let alarm = bench.offer(0, &cluster).expect("it waits");
    assert_eq!(alarm.sessions.len(), 10);
    for index in 11..=20 {
        cluster.apply(node(&format!("w{index:03}"), index, &[], None));
    }
    let more = bench.offer(1, &cluster).expect("it waits");
    assert_ne!(more.digest, alarm.digest);
    assert!(!bench.guard.confirm(alarm.digest), "other sessions wait now");
    assert!(bench.guard.confirm(more.digest));
    for index in 21..=30 {
        cluster.apply(node(&format!("w{index:03}"), index, &[], None));
    }
    let rest = bench.offer(2, &cluster).expect("the last ten wait");
    assert_eq!(rest.sessions.len(), 10);
    assert_eq!(bench.current.sessions.len(), 20);
}

#[test]
fn a_change_that_heals_leaves_nothing_behind() {
    let healthy = cluster();
    let mut bench = Bench::new(&healthy);
    let mut broken = healthy.clone();
    broken.remove(Kind::BgpPeer, "first");
    assert!(bench.offer(0, &broken).is_some());
    assert!(bench.offer(300, &healthy).is_none());
    // And waits anew if it comes back.
    let alarm = bench.offer(650, &broken).expect("it waits");
    assert_eq!(alarm.until, at(1_250));
}

#[test]
fn leave_to_go_ends_when_the_change_heals() {
    let healthy = cluster();
    let mut bench = Bench::new(&healthy);
    let mut broken = healthy.clone();
    broken.remove(Kind::BgpPeer, "first");
    let alarm = bench.offer(0, &broken).expect("it waits");
    assert!(bench.guard.confirm(alarm.digest));
    assert!(bench.offer(1, &healthy).is_none());
    assert!(bench.offer(2, &broken).is_some());
}

#[test]
fn what_is_added_meanwhile_applies_at_once() {
    let mut cluster = cluster();
    let mut bench = Bench::new(&cluster);
    for index in 1..=20 {
        cluster.apply(worker(index, "b"));
    }
    cluster.apply(peer("first", "group == 'a'", "reflector == '1'"));
    cluster.apply(worker(77, "a"));
    let mut faster = match peer("first", "group == 'a'", "reflector == '1'") {
        Resource::BgpPeer(peer) => *peer,
        _ => unreachable!("it is a peer"),
    };
    faster.keepalive_time = Some(Duration::from_secs(5));
    cluster.apply(Resource::BgpPeer(Box::new(faster)));
    let alarm = bench.offer(0, &cluster).expect("it waits");
    assert_eq!(alarm.sessions.len(), 20);
    assert_eq!(bench.current.sessions.len(), 41);
    let fast = bench.current.sessions.iter().filter(|it| it.keepalive_time.is_some()).count();
    assert_eq!(fast, 21, "settings of what stays apply too");
}

#[test]
fn a_few_sessions_go_at_once_and_many_few_do_not() {
    let mut cluster = cluster();
    let mut bench = Bench::new(&cluster);
    cluster.apply(peer("first", "group == 'a'", "reflector == '1'"));
    for index in 1..=4 {
        cluster.apply(worker(index, "b"));
        assert!(bench.offer(u64::from(index), &cluster).is_none(), "{index} of 40 is a tenth");
    }
    cluster.apply(worker(5, "b"));
    let alarm = bench.offer(5, &cluster).expect("the fifth within a minute");
    assert_eq!(alarm.sessions.len(), 1);
    // A minute after the first, it is a few again.
    assert!(bench.offer(64, &cluster).is_none());
    assert_eq!(bench.current.sessions.len(), 35);
}

#[test]
fn the_last_session_of_a_node_waits_alone() {
    let mut cluster = cluster();
    let mut bench = Bench::new(&cluster);
    cluster.apply(node("w001", 1, &[], None));
    cluster.apply(worker(2, "b"));
    cluster.apply(peer("first", "group == 'a'", "reflector == '1'"));
    let alarm = bench.offer(0, &cluster).expect("w001 would have nobody");
    assert_eq!(alarm.sessions.len(), 1);
    assert_eq!(
        alarm.reasons,
        ["1 would be the last of their node in the whole cluster: Node_10_0_0_1 (w001, of \
             BGPPeer first by has(group) with group=a)"]
    );
    // w002 still has the second reflector.
    assert_eq!(bench.current.sessions.len(), 39);
}

#[test]
fn nodes_that_are_deleted_go_at_once_unless_they_are_many() {
    let mut cluster = cluster();
    let mut bench = Bench::new(&cluster);
    for index in 1..=12_u8 {
        cluster.remove(Kind::Node, &format!("w{index:03}"));
        assert!(bench.offer(u64::from(index), &cluster).is_none(), "{index} of 40");
    }
    for index in 13..=40 {
        cluster.remove(Kind::Node, &format!("w{index:03}"));
    }
    let alarm = bench.offer(14, &cluster).expect("everybody is gone");
    assert_eq!(alarm.sessions.len(), 28);
    assert!(alarm.reasons[0].starts_with("28 of 28 sessions have no Node any more: "));
}

#[test]
fn a_node_with_another_address_is_a_node_that_went() {
    let mut cluster = cluster();
    let mut bench = Bench::new(&cluster);
    cluster.apply(node("w001", 101, &[("group", "a")], None));
    assert!(bench.offer(0, &cluster).is_none());
    assert_eq!(bench.current.sessions.len(), 40);
}

#[test]
fn another_as_for_everybody_waits() {
    let mut cluster = cluster();
    let mut configuration = cluster.default_configuration().unwrap().clone();
    configuration.as_number = Some(Asn(64_600));
    cluster.apply(Resource::BgpConfiguration(Box::new(configuration.clone())));
    let mut bench = Bench::new(&cluster);
    let before = bench.current.clone();
    configuration.as_number = None;
    cluster.apply(Resource::BgpConfiguration(Box::new(configuration)));
    let alarm = bench.offer(0, &cluster).expect("64512 again");
    assert_eq!(bench.current, before);
    assert!(alarm.reasons[0].contains(", its AS 64600 becomes 64512, our AS 64600 becomes 64512"));
}

#[test]
fn another_port_is_the_same_session() {
    let mut cluster = cluster();
    let mut configuration = cluster.default_configuration().unwrap().clone();
    let mut bench = Bench::new(&cluster);
    configuration.listen_port = std::num::NonZeroU16::new(1_790);
    cluster.apply(Resource::BgpConfiguration(Box::new(configuration)));
    assert!(bench.offer(0, &cluster).is_none());
}

#[test]
fn another_address_of_ours_is_the_same_session() {
    let mut cluster = cluster();
    let mut bench = Bench::new(&cluster);
    cluster.apply(node("r1", 249, &[("reflector", "1")], Some(1)));
    assert!(bench.offer(0, &cluster).is_none());
    assert_eq!(bench.current.sessions.len(), 40);
}

#[test]
fn one_of_two_addresses_that_nobody_names_any_more_is_a_loss() {
    let mut cluster = cluster();
    let addresses = ["10.0.9.1", "10.0.9.2"].map(|ip| ip.parse::<IpAddr>().unwrap());
    for (name, ip) in ["x", "y"].into_iter().zip(addresses) {
        cluster.apply(Resource::BgpPeer(Box::new(BgpPeer {
            meta: Meta::named(name),
            remote: PeerRemote::Address { ip, port: None, as_number: Some(Asn(64_512)) },
            ..BgpPeer::default()
        })));
    }
    let identity = Identity::External {
        addresses: addresses.map(|ip| (ip, None)).into(),
        asn: Asn(64_512),
        router_id: albedo_types::RouterId::new(1).unwrap(),
        cluster_id: ClusterId(1),
    };
    let current = expand(&cluster, &identity).unwrap();
    assert_eq!(current.sessions.len(), 2 * 42);
    cluster.remove(Kind::BgpPeer, "x");
    let proposed = expand(&cluster, &identity).unwrap();
    let standing = Standing::of(&cluster);
    let decision = Guard::new().offer(at(0), &current, &proposed, &standing, &LIMITS);
    assert_eq!(decision.in_force().sessions, current.sessions);
}

#[test]
fn without_an_end_it_waits_until_it_is_confirmed() {
    let mut cluster = cluster();
    let current = speaker(&cluster);
    cluster.remove(Kind::BgpPeer, "first");
    let (proposed, standing) = (speaker(&cluster), Standing::of(&cluster));
    let mut guard = Guard::new();
    let limits = Limits { hold: Duration::ZERO, ..LIMITS };
    for seconds in [0, 1_000_000] {
        match guard.offer(at(seconds), &current, &proposed, &standing, &limits) {
            Decision::Hold { in_force, alarm } => {
                assert_eq!(in_force.sessions, current.sessions);
                assert_eq!(alarm.until, Instant::NEVER);
                assert!(seconds == 0 || guard.confirm(alarm.digest));
            }
            Decision::Apply(_) => panic!("nobody has confirmed it"),
        }
    }
    let decision = guard.offer(at(1_000_001), &current, &proposed, &standing, &limits);
    assert_eq!(decision, Decision::Apply(proposed));
}

#[test]
fn a_guard_that_is_off_lets_everything_go() {
    let mut cluster = cluster();
    let current = speaker(&cluster);
    for index in 1..=40 {
        cluster.apply(node(&format!("w{index:03}"), index, &[], None));
    }
    let (proposed, standing) = (speaker(&cluster), Standing::of(&cluster));
    let limits = Limits { max_loss: 100, ..LIMITS };
    let decision = Guard::new().offer(at(0), &current, &proposed, &standing, &limits);
    assert_eq!(decision.in_force(), &proposed);
}

#[test]
fn the_first_sessions_of_all_are_no_loss() {
    let cluster = cluster();
    let mut bench = Bench::new(&cluster);
    bench.current.sessions.clear();
    assert!(bench.offer(0, &cluster).is_none());
    assert_eq!(bench.current.sessions.len(), 40);
}

#[test]
fn what_is_remembered_has_a_bound() {
    let mut guard = Guard::new();
    for second in 0..10_000 {
        guard.forget(at(second), &LIMITS);
        guard.note(Recent { at: at(second), plain: 1, gone: 0 }, &LIMITS);
        assert!(guard.recent.len() <= RECENT_MAX);
    }
    let counted: usize = guard.recent.iter().map(|recent| recent.plain).sum();
    assert!((59..=61).contains(&counted), "{counted}");
}

/// What a proposal has: for each worker, its label (none, a, b), or none at all.
type Labels = Vec<Option<&'static str>>;

fn labelled(labels: &Labels, selects_b: bool) -> Cluster {
    let mut cluster = cluster();
    for (index, label) in (1..=40).zip(labels) {
        match *label {
            None => _ = cluster.remove(Kind::Node, &format!("w{index:03}")),
            Some("") => _ = cluster.apply(node(&format!("w{index:03}"), index, &[], None)),
            Some(label) => _ = cluster.apply(worker(index, label)),
        }
    }
    if !selects_b {
        cluster.apply(peer("first", "group == 'a'", "reflector == '1'"));
    }
    cluster
}

fn any_labels() -> impl Strategy<Value = Labels> {
    let all = vec![Some("a"); 40];
    let few = (btree_set(0..40_usize, 0..8), any_label()).prop_map(move |(which, label)| {
        let mut labels = all.clone();
        which.into_iter().for_each(|index| labels[index] = label);
        labels
    });
    prop_oneof![2 => few, 1 => vec(any_label(), 40)]
}

fn any_label() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![Some("a"), Some("a"), Some("b"), Some(""), None])
}

proptest! {
    #[test]
    fn nothing_that_waits_is_taken_away(
        steps in vec((any_labels(), any::<bool>(), 0..90_u64), 1..12)
    ) {
        let mut bench = Bench::new(&cluster());
        let mut seconds = 0;
        let mut waits: BTreeMap<SessionKey, u64> = BTreeMap::new();
        let mut lately: Vec<(u64, usize)> = Vec::new();
        for (labels, selects_b, pause) in steps {
            seconds += pause;
            let cluster = labelled(&labels, selects_b);
            let (before, proposed) = (bench.current.clone(), speaker(&cluster));
            let alarm = bench.offer(seconds, &cluster);
            let keys = |speaker: &Speaker| -> BTreeSet<_> {
                speaker.sessions.iter().map(Session::key).collect()
            };
            let (old, new, there) = (keys(&before), keys(&proposed), keys(&bench.current));
            let held: BTreeSet<_> = alarm.iter().flat_map(|it| &it.sessions).copied().collect();
            // Exactly the proposal and what waits is in force, and what waits was.
            prop_assert_eq!(&there, &new.union(&held).copied().collect::<BTreeSet<_>>());
            prop_assert!(held.is_subset(&old) && held.is_disjoint(&new));
            // What waited before goes on waiting, heals, is over, or has become few.
            waits.retain(|key, _| held.contains(key));
            held.iter().for_each(|key| _ = waits.entry(*key).or_insert(seconds));
            prop_assert!(waits.values().all(|since| since + 600 > seconds));
            // No more goes than a share of what there was a minute ago, but for what has waited.
            let gone: Vec<_> = old.difference(&there).collect();
            let plain = gone.iter().filter(|key| has_node(&cluster, key)).count();
            let total = old.len() + lately.iter().map(|(_, count)| count).sum::<usize>();
            prop_assert!(seconds >= 600 || plain * 10 <= total || plain < 3);
            prop_assert!(seconds >= 600 || (gone.len() - plain) * 10 <= total * 3);
            lately.push((seconds, gone.len()));
            lately.retain(|(then, _)| then + 60 > seconds);
            prop_assert_eq!(bench.guard.is_holding(), alarm.is_some());
        }
    }

    #[test]
    fn what_is_confirmed_or_over_equals_the_proposal(
        labels in any_labels(), selects_b: bool, confirm: bool
    ) {
        let mut bench = Bench::new(&cluster());
        let cluster = labelled(&labels, selects_b);
        let alarm = bench.offer(0, &cluster);
        let later = if confirm { 1 } else { 600 };
        if let Some(alarm) = alarm.filter(|_| confirm) {
            prop_assert!(bench.guard.confirm(alarm.digest));
        }
        prop_assert_eq!(bench.offer(later, &cluster), None);
        prop_assert_eq!(bench.current, speaker(&cluster));
    }

    #[test]
    fn what_heals_is_as_before(labels in any_labels(), selects_b: bool) {
        let healthy = cluster();
        let mut bench = Bench::new(&healthy);
        bench.offer(0, &labelled(&labels, selects_b));
        prop_assert_eq!(bench.offer(1, &healthy), None);
        prop_assert_eq!(bench.current, speaker(&healthy));
    }
}

fn has_node(cluster: &Cluster, key: &SessionKey) -> bool {
    cluster.nodes().values().any(|node| node.ipv4().map(IpAddr::V4) == Some(key.address))
}
