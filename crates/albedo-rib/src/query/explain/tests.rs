//! Each rule by its name; whether the verdict is right is asked of random worlds in `albedo-sim`.

use alloc::sync::Arc;
use core::net::IpAddr;
use core::num::NonZeroU8;
use core::time::Duration;

use albedo_types::policy::Rules;
use albedo_types::{Asn, ClusterId, Ipv4Prefix, PathsMode, RouterId};

use super::*;
use crate::attrs::{AttrSet, Parts, Summary};
use crate::group::ExternalKey;
use crate::input::{Input, Keep, RouteBatch};
use crate::limits::Limits;
use crate::peer::PeerInfo;
use crate::policy::Policy;
use crate::shard::Shard;

const FAMILY: Family = Family::Ipv4Unicast;
/// Peers by their indices.
const CLIENT: PeerId = PeerId(0);
const OTHER: PeerId = PeerId(1);
const MATE: PeerId = PeerId(2);
const MATE_2: PeerId = PeerId(3);
const OUTSIDE: PeerId = PeerId(4);
/// One whose session has no group.
const MUTE: PeerId = PeerId(5);

fn set(marks: Marks, local_pref: u32, octets: usize) -> Arc<AttrSet> {
    let summary = Summary { marks, local_pref, ..Summary::default() };
    // ORIGIN, and an unknown attribute for the length.
    let mut block = vec![0x40, 1, 1, 0];
    if octets > 0 {
        block.extend([0xd0, 99]);
        block.extend(u16::try_from(octets).unwrap().to_be_bytes());
        block.extend(core::iter::repeat_n(7, octets));
    }
    let parts = Parts {
        family: FAMILY,
        summary,
        external: false,
        cluster: ClusterId(1),
        block: &block,
        mp_next_hop: None,
    };
    Arc::new(AttrSet::new(&parts))
}

fn prefix() -> Ipv4Prefix {
    "10.1.2.0/26".parse().unwrap()
}

fn key(role: PeerRole) -> GroupKey {
    GroupKey {
        family: FAMILY,
        role,
        cluster_id: ClusterId(1),
        as4: true,
        message_len_max: 4096,
        external: (role == PeerRole::External).then_some(ExternalKey { local_asn: Asn(64512) }),
        next_hop: None,
        long_lived: LongLivedExport::Withheld,
        no_llgr_on_hosts: false,
        policy: None,
        paths: Paths::Best,
    }
}

struct Rib {
    shard: Shard,
    now: Instant,
}

impl Rib {
    /// Everybody is there, in the groups of these keys.
    fn new(adapt: impl Fn(PeerId, GroupKey) -> GroupKey) -> Self {
        let mut rib = Self { shard: Shard::new(1, Limits::default()), now: Instant::ZERO };
        for (peer, role) in [
            (CLIENT, PeerRole::Client),
            (OTHER, PeerRole::Client),
            (MATE, PeerRole::NonClient),
            (MATE_2, PeerRole::NonClient),
            (OUTSIDE, PeerRole::External),
            (MUTE, PeerRole::Client),
        ] {
            let last = u8::try_from(peer.0 + 1).unwrap();
            let addr = IpAddr::from([10, 0, 0, last]);
            let router_id = RouterId::new(u32::from(last)).unwrap();
            rib.apply(Input::PeerUp { peer, info: PeerInfo { addr, router_id, role } });
            if peer != MUTE {
                let group = GroupId(peer.0);
                let key = adapt(peer, key(role));
                rib.apply(Input::Join { peer, group, key, from: None });
            }
        }
        rib
    }

    fn apply(&mut self, input: Input) {
        self.now += Duration::from_secs(1);
        let mut out = Vec::new();
        self.shard.apply(input, self.now, &mut out);
        self.shard.flush(self.now, &mut out);
        self.shard.step(self.now, &mut out);
    }

    fn route(&mut self, peer: PeerId, attrs: Option<&Arc<AttrSet>>) {
        let mut batch = RouteBatch::default();
        batch.note(FAMILY, attrs);
        batch.v4.push((PathId(0), prefix()));
        self.apply(Input::Routes { peer, batch });
    }

    fn explain(&self, to: PeerId) -> Explanation {
        self.shard.explain(Prefix::V4(prefix()), Some(to))
    }

    /// The rules by which routes are kept from a peer, and how many it is told.
    fn verdict(&self, to: PeerId) -> (Vec<Rule>, usize) {
        let verdict = self.explain(to).verdict.unwrap();
        (verdict.kept.iter().map(|kept| kept.rule).collect(), verdict.told.len())
    }
}

fn plain(_: PeerId, key: GroupKey) -> GroupKey {
    key
}

#[test]
fn rfc4456_s6_own_routes_and_those_between_non_clients_are_kept() {
    let mut rib = Rib::new(plain);
    rib.route(MATE, Some(&set(Marks::NONE, 100, 0)));
    assert_eq!(rib.verdict(CLIENT), (vec![], 1));
    assert_eq!(rib.verdict(OUTSIDE), (vec![], 1));
    assert_eq!(rib.verdict(MATE), (vec![Rule::SplitHorizon], 0));
    assert_eq!(rib.verdict(MATE_2), (vec![Rule::Reflection], 0));
    let mute = rib.explain(MUTE).verdict.unwrap();
    assert_eq!(mute, Verdict::default(), "a peer without a group is told nothing");
}

#[test]
fn of_several_routes_the_others_are_not_chosen() {
    let mut rib = Rib::new(plain);
    rib.route(CLIENT, Some(&set(Marks::NONE, 100, 0)));
    rib.route(OTHER, Some(&set(Marks::NONE, 200, 0)));
    let verdict = rib.explain(MATE).verdict.unwrap();
    assert_eq!((verdict.told.len(), verdict.told[0].from), (1, OTHER));
    assert_eq!(verdict.kept[0].rule, Rule::NotChosen);
    // Its own is the best of all, so it is told nothing.
    assert_eq!(rib.verdict(OTHER), (vec![Rule::NotChosen, Rule::SplitHorizon], 0));
}

#[test]
fn rfc7911_each_path_that_is_chosen_is_told_under_an_identifier() {
    let two = NonZeroU8::new(2).unwrap();
    let mut rib =
        Rib::new(|_, key| GroupKey { paths: Paths::several(PathsMode::Best, two), ..key });
    for (peer, pref) in [(CLIENT, 100), (OTHER, 200), (OUTSIDE, 300)] {
        rib.route(peer, Some(&set(Marks::NONE, pref, 0)));
    }
    let verdict = rib.explain(MATE).verdict.unwrap();
    let told: Vec<_> = verdict.told.iter().map(|told| told.from).collect();
    assert_eq!(told, [OTHER, OUTSIDE]);
    assert!(verdict.told.iter().all(|told| told.told_id != PathId(0)));
    assert_eq!(verdict.kept[0].rule, Rule::NotChosen);
    let own = rib.explain(OUTSIDE).verdict.unwrap();
    assert_eq!(own.kept.last().unwrap().rule, Rule::SplitHorizon);
}

#[test]
fn rfc1997_communities_keep_a_route() {
    let mut rib = Rib::new(plain);
    rib.route(CLIENT, Some(&set(Marks::NO_ADVERTISE, 100, 0)));
    assert_eq!(rib.verdict(OTHER), (vec![Rule::NoAdvertise], 0));
    rib.route(CLIENT, Some(&set(Marks::NO_EXPORT, 100, 0)));
    assert_eq!(rib.verdict(OTHER), (vec![], 1));
    assert_eq!(rib.verdict(OUTSIDE), (vec![Rule::NoExport], 0));
    rib.route(CLIENT, Some(&set(Marks::LLGR_STALE, 100, 0)));
    assert_eq!(rib.verdict(OTHER), (vec![Rule::LongLivedStale], 0));
}

#[test]
fn a_policy_and_the_length_of_a_message_keep_a_route() {
    let none = Policy::compile(&Rules { rules: Vec::new(), accepts_rest: false }).unwrap();
    let none = Arc::new(none);
    let mut rib = Rib::new(|peer, key| GroupKey {
        policy: (peer == OTHER).then(|| Arc::clone(&none)),
        ..key
    });
    rib.route(CLIENT, Some(&set(Marks::NONE, 100, 0)));
    assert_eq!(rib.verdict(OTHER), (vec![Rule::Policy], 0));
    assert_eq!(rib.verdict(MATE), (vec![], 1));
    rib.route(CLIENT, Some(&set(Marks::NONE, 100, 4090)));
    assert_eq!(rib.verdict(MATE), (vec![Rule::TooLong], 0));
}

#[test]
fn the_journal_tells_who_was_the_best_and_when() {
    let mut rib = Rib::new(plain);
    rib.route(CLIENT, Some(&set(Marks::NONE, 100, 0)));
    let first = rib.now;
    rib.route(OTHER, Some(&set(Marks::NONE, 200, 0)));
    // It changes nothing for anybody.
    rib.route(CLIENT, Some(&set(Marks::NONE, 150, 0)));
    rib.apply(Input::PeerLost { peer: OTHER, keep: [Keep::Nothing; Family::COUNT] });
    let last = rib.now;
    let explanation = rib.explain(MATE);
    assert!(explanation.is_there && explanation.version == 3, "{explanation:?}");
    let id = |n| RouterId::new(n);
    let history: Vec<_> = explanation
        .history
        .iter()
        .map(|change| (change.version, change.before, change.after))
        .collect();
    assert_eq!(history, [(3, id(2), id(1)), (2, id(1), id(2)), (1, None, id(1))]);
    assert_eq!((explanation.history[0].at, explanation.history[2].at), (last, first));
    assert_eq!(explanation.forgotten, None);
    rib.route(CLIENT, None);
    let gone = rib.explain(MATE);
    assert!(!gone.is_there && gone.verdict.unwrap().told.is_empty());
    assert_eq!(gone.history[0].after, None);
    assert_eq!(gone.history.len(), 4);
}
