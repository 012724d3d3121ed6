use alloc::sync::Arc;
use core::net::IpAddr;
use core::time::Duration;

use albedo_types::{ClusterId, PathId, PeerRole, RouterId};

use super::*;
use crate::attrs::{AttrSet, Parts, Summary};
use crate::group::LongLivedExport;
use crate::input::{Position, Resume};
use crate::peer::PeerInfo;
use crate::segment::Segment;

mod several;
mod stale;

const FAMILY: Family = Family::Ipv4Unicast;
const SOURCE: PeerId = PeerId(0);
const READER: PeerId = PeerId(1);
const GROUP: GroupId = GroupId(0);

fn key(role: PeerRole) -> GroupKey {
    GroupKey {
        family: FAMILY,
        role,
        cluster_id: ClusterId(1),
        as4: true,
        message_len_max: 4096,
        external: None,
        next_hop: None,
        long_lived: LongLivedExport::default(),
        no_llgr_on_hosts: false,
        policy: None,
        paths: crate::group::Paths::Best,
    }
}

fn set() -> Arc<AttrSet> {
    let parts = Parts {
        family: FAMILY,
        summary: Summary::default(),
        external: false,
        cluster: ClusterId(1),
        block: &[0x40, 1, 1, 0],
        mp_next_hop: None,
    };
    Arc::new(AttrSet::new(&parts))
}

/// A set with an attribute of this many octets.
fn dear(len: u16) -> Arc<AttrSet> {
    let mut block = [0x40u8, 1, 1, 0, 0xd0, 32].to_vec();
    block.extend(len.to_be_bytes());
    block.extend(core::iter::repeat_n(0, len.into()));
    let parts = Parts {
        family: FAMILY,
        summary: Summary::default(),
        external: false,
        cluster: ClusterId(1),
        block: &block,
        mp_next_hop: None,
    };
    Arc::new(AttrSet::new(&parts))
}

struct Driver {
    shard: Shard,
    now: Instant,
    out: Vec<Output>,
}

impl Driver {
    fn new(limits: Limits) -> Self {
        Self { shard: Shard::new(1, limits), now: Instant::ZERO, out: Vec::new() }
    }

    fn apply(&mut self, input: Input) {
        self.now += Duration::from_secs(1);
        self.shard.apply(input, self.now, &mut self.out);
    }

    fn up(&mut self, peer: PeerId, role: PeerRole) {
        let addr = IpAddr::from([10, 0, 0, u8::try_from(peer.0 + 1).unwrap()]);
        let info = PeerInfo { addr, router_id: RouterId::new(peer.0 + 1).unwrap(), role };
        self.apply(Input::PeerUp { peer, info });
    }

    fn join(&mut self, peer: PeerId, role: PeerRole) {
        self.apply(Input::Join { peer, group: GROUP, key: key(role), from: None });
    }

    fn routes(&mut self, peer: PeerId, count: u32, set: Option<&Arc<AttrSet>>) {
        self.routes_from(peer, 0, count, set);
    }

    fn routes_from(&mut self, peer: PeerId, first: u32, count: u32, set: Option<&Arc<AttrSet>>) {
        let mut batch = RouteBatch::default();
        for n in first..first + count {
            batch.note(FAMILY, set);
            batch.v4.push((PathId(0), Ipv4Prefix::from_bits(n << 8, 24).unwrap()));
        }
        self.apply(Input::Routes { peer, batch });
    }

    /// Ends the batch; what was appended.
    fn flush(&mut self) -> Vec<Segment> {
        self.shard.flush(self.now, &mut self.out);
        let out = core::mem::take(&mut self.out).into_iter();
        out.filter_map(|output| match output {
            Output::Append { segment, .. } => Some(segment),
            _ => None,
        })
        .collect()
    }

    fn step(&mut self) -> Vec<Output> {
        self.shard.step(self.now, &mut self.out);
        core::mem::take(&mut self.out)
    }
}

#[test]
fn what_made_no_difference_is_not_when_the_next_batch_began() {
    let mut driver = Driver::new(Limits::default());
    driver.up(SOURCE, PeerRole::Client);
    driver.up(READER, PeerRole::Client);
    driver.join(READER, PeerRole::Client);
    // A peer without routes is lost long before a route comes.
    driver.up(PeerId(2), PeerRole::Client);
    driver.apply(Input::PeerDown { peer: PeerId(2) });
    driver.now += Duration::from_secs(3600);
    driver.routes(SOURCE, 1, Some(&set()));
    let at = driver.now;
    let segments = driver.flush();
    assert_eq!((segments[0].born, segments[0].loss), (at, false));
    driver.apply(Input::PeerDown { peer: SOURCE });
    assert!(driver.flush()[0].loss);
}

#[test]
fn what_lost_peers_leave_behind_shares_a_message() {
    let mut driver = Driver::new(Limits::default());
    let sources = [SOURCE, PeerId(5), PeerId(6), PeerId(7)];
    for (n, source) in (0..).zip(sources) {
        driver.up(source, PeerRole::Client);
        driver.join(source, PeerRole::Client);
        driver.routes_from(source, 4 * n, 4, Some(&set()));
    }
    driver.up(READER, PeerRole::Client);
    driver.join(READER, PeerRole::Client);
    driver.flush();
    for source in &sources[..3] {
        driver.apply(Input::PeerDown { peer: *source });
    }
    // The last one is there and withdraws by itself: it must step over its own.
    driver.routes_from(sources[3], 12, 4, None);
    let segments = driver.flush();
    let seen = |peer: PeerId| {
        let mut octets = 0;
        segments[0].view(peer, 0, |range| octets += range.len());
        octets
    };
    let message = |prefixes: usize| 19 + 4 + prefixes * 4;
    assert_eq!((segments.len(), segments[0].messages), (1, 2));
    assert_eq!(seen(READER), message(12) + message(4));
    assert_eq!(seen(sources[3]), message(12));
    assert!(segments[0].loss);
}

#[test]
fn last_reader_takes_the_tombstones_with_it() {
    let mut driver = Driver::new(Limits::default());
    driver.up(SOURCE, PeerRole::Client);
    driver.up(READER, PeerRole::Client);
    driver.join(READER, PeerRole::Client);
    driver.routes(SOURCE, 3, Some(&set()));
    driver.flush();
    driver.apply(Input::PeerDown { peer: SOURCE });
    driver.flush();
    assert_eq!(driver.shard.stats(FAMILY).tombstones, 3);
    driver.apply(Input::PeerDown { peer: READER });
    assert!(driver.shard.is_empty(), "without a flush that nothing asks for");
}

#[test]
fn base_of_one_large_set_is_packed_in_bounded_steps_and_segments() {
    let limits = Limits { rebase_step_entries: 10, base_segment_bytes: 60, ..Limits::default() };
    let mut driver = Driver::new(limits);
    driver.up(SOURCE, PeerRole::Client);
    driver.routes(SOURCE, 100, Some(&set()));
    driver.flush();
    driver.up(READER, PeerRole::Client);
    driver.join(READER, PeerRole::Client);
    let mut steps = 0;
    let base = loop {
        steps += 1;
        let rebased = driver.step().into_iter().find_map(|output| match output {
            Output::Rebase { base, .. } => Some(base),
            _ => None,
        });
        if let Some(base) = rebased {
            break base;
        }
    };
    assert_eq!(steps, 11 + 10, "ten entries a step, once to collect and once to pack");
    let message = 19 + 4 + 4 + 10 * 4;
    assert!(base.iter().all(|segment| segment.bytes().len() <= message));
    assert_eq!(base.len(), 10);
}

#[test]
fn laggards_share_what_one_step_looks_at() {
    let limits = Limits { catch_up_step_entries: 8, ..Limits::default() };
    let mut driver = Driver::new(limits);
    driver.up(SOURCE, PeerRole::Client);
    driver.routes(SOURCE, 8, Some(&set()));
    driver.flush();
    for n in 1..=5 {
        driver.up(PeerId(n), PeerRole::Client);
        driver.join(PeerId(n), PeerRole::Client);
    }
    while driver.shard.has_work() {
        driver.step();
    }
    for n in 1..=5 {
        let position = Position { version: 0, complete: false };
        let from = Resume { position, request: 1 };
        driver.apply(Input::CatchUp { peer: PeerId(n), family: FAMILY, from });
    }
    for n in 1..=5 {
        let answered = driver.step();
        let [Output::CatchUp { peer, done: Some(_), .. }] = &answered[..] else {
            panic!("one answer a step: {answered:?}");
        };
        assert_eq!(*peer, PeerId(n), "in the order of the questions");
    }
    assert!(!driver.shard.has_work());
    assert_eq!(driver.shard.stats(FAMILY).catch_ups, 0);
}

#[test]
fn cheap_routes_are_not_excused_by_a_dear_base() {
    // One route with a large block makes the first base; then come many small ones that flap.
    let limits = Limits { log_garbage_min_bytes: 2000, log_grace_bytes: 0, ..Limits::default() };
    let mut driver = Driver::new(limits);
    driver.up(SOURCE, PeerRole::Client);
    let dear = dear(3000);
    driver.routes(SOURCE, 1, Some(&dear));
    driver.flush();
    driver.up(READER, PeerRole::Client);
    driver.join(READER, PeerRole::Client);
    while driver.shard.has_work() {
        driver.step();
    }
    let sets = [set(), set()];
    let mut cost = 0;
    let mut rebases = 0;
    for n in 0..200 {
        driver.routes(SOURCE, 100, Some(&sets[n % 2]));
        cost += driver.flush().iter().map(Segment::cost).sum::<usize>();
        while driver.shard.has_work() {
            let rebased = |output: &Output| matches!(output, Output::Rebase { .. });
            rebases += driver.step().iter().filter(|output| rebased(output)).count();
        }
    }
    // A hundred routes cost about 620 bytes; by the dear base they would be 300 kB.
    assert!(cost > 100_000);
    assert!(rebases > 20, "{rebases} bases for {cost} bytes");
}

#[test]
fn index_over_a_peers_routes_shrinks_with_them() {
    let mut driver = Driver::new(Limits::default());
    driver.up(SOURCE, PeerRole::Client);
    driver.routes(SOURCE, 1000, Some(&set()));
    driver.flush();
    assert_eq!(driver.shard.v4.indexed(SOURCE), 1000);
    driver.routes(SOURCE, 990, None);
    driver.flush();
    assert!(driver.shard.v4.indexed(SOURCE) <= 2 * 10 + 64);
    driver.apply(Input::PeerDown { peer: SOURCE });
    driver.flush();
    assert!(driver.shard.is_empty());
}

#[test]
fn who_joins_while_a_base_is_written_waits_for_it() {
    let limits = Limits { rebase_step_entries: 10, ..Limits::default() };
    let mut driver = Driver::new(limits);
    driver.up(SOURCE, PeerRole::Client);
    driver.up(READER, PeerRole::Client);
    driver.join(READER, PeerRole::Client);
    driver.routes(SOURCE, 30, Some(&set()));
    driver.flush();
    while driver.shard.has_work() {
        driver.step();
    }
    // Without a base under way a joiner begins at once, also where the log has a tail.
    let late = [PeerId(2), PeerId(3), PeerId(4)];
    driver.up(late[0], PeerRole::Client);
    driver.join(late[0], PeerRole::Client);
    let starts = |out: &[Output], wanted: PeerId| {
        out.iter().any(|output| matches!(output, Output::Start { peer, .. } if *peer == wanted))
    };
    assert!(starts(&core::mem::take(&mut driver.out), late[0]));
    driver.apply(Input::Refresh { peer: READER, family: FAMILY });
    assert!(driver.shard.has_work(), "the base is older than the question");
    driver.step();
    driver.up(late[1], PeerRole::Client);
    driver.join(late[1], PeerRole::Client);
    driver.apply(Input::Refresh { peer: late[0], family: FAMILY });
    assert!(driver.out.is_empty(), "both wait for the base that is being written");
    let mut rebases = 0;
    while driver.shard.has_work() {
        let out = driver.step();
        let rebased = out.iter().any(|output| matches!(output, Output::Rebase { .. }));
        rebases += usize::from(rebased);
        for peer in [READER, late[0], late[1]] {
            assert_eq!(starts(&out, peer), rebased, "with the new base");
        }
    }
    assert_eq!(rebases, 1, "one base for all of them");
}

#[test]
fn who_joins_behind_changes_is_in_sync_behind_them() {
    const LATE: PeerId = PeerId(2);
    let mut driver = Driver::new(Limits::default());
    for peer in [SOURCE, READER, LATE] {
        driver.up(peer, PeerRole::Client);
    }
    let starts = |out: &[Output]| {
        let start = |output: &Output| match output {
            Output::Start { peer, end_seq, .. } => Some((*peer, *end_seq)),
            _ => None,
        };
        out.iter().filter_map(start).collect::<Vec<_>>()
    };
    // A group that is there already, and one that is made for the first who joins: both begin with
    // an empty table, and its first routes are not in the log yet.
    driver.join(READER, PeerRole::Client);
    assert_eq!(starts(&driver.out), [(READER, 0)]);
    driver.out.clear();
    let set = set();
    driver.routes(SOURCE, 3, Some(&set));
    driver.join(LATE, PeerRole::Client);
    let (group, key) = (GroupId(1), key(PeerRole::NonClient));
    driver.apply(Input::Join { peer: SOURCE, group, key, from: None });
    assert_eq!(starts(&driver.out), []);
    let now = driver.now;
    driver.shard.flush(now, &mut driver.out);
    let appended = |output: &Output| matches!(output, Output::Append { .. });
    let started = |output: &Output| matches!(output, Output::Start { .. });
    let last = driver.out.iter().rposition(appended).unwrap();
    assert!(last < driver.out.iter().position(started).unwrap());
    assert_eq!(starts(&driver.out), [(LATE, 1), (SOURCE, 1)]);
    // Once is enough.
    driver.out.clear();
    driver.routes_from(SOURCE, 3, 1, Some(&set));
    driver.shard.flush(now, &mut driver.out);
    assert_eq!(starts(&driver.out), []);
}

#[test]
fn log_does_not_keep_what_dear_routes_cost_that_are_gone() {
    let limits = Limits { log_garbage_min_bytes: 2000, log_grace_bytes: 0, ..Limits::default() };
    let mut driver = Driver::new(limits);
    driver.up(SOURCE, PeerRole::Client);
    let (dear_ones, cheap_ones) = (PeerId(2), PeerId(3));
    driver.up(dear_ones, PeerRole::Client);
    driver.up(cheap_ones, PeerRole::Client);
    for n in 0..60u32 {
        let mut batch = RouteBatch::default();
        let (peer, set) = if n < 20 { (dear_ones, dear(3000)) } else { (cheap_ones, set()) };
        batch.note(FAMILY, Some(&set));
        batch.v4.push((PathId(0), Ipv4Prefix::from_bits(n << 8, 24).unwrap()));
        driver.apply(Input::Routes { peer, batch });
    }
    driver.flush();
    driver.up(READER, PeerRole::Client);
    driver.join(READER, PeerRole::Client);
    while driver.shard.has_work() {
        driver.step();
    }
    // A third of the routes goes, and with it nearly all of the bytes.
    driver.apply(Input::PeerDown { peer: dear_ones });
    driver.flush();
    let mut cost = None;
    while driver.shard.has_work() {
        let rebased = driver.step().into_iter().find_map(|output| match output {
            Output::Rebase { base, .. } => Some(base.iter().map(Segment::cost).sum::<usize>()),
            _ => None,
        });
        cost = cost.or(rebased);
    }
    assert!(cost.expect("a new base is due") < 4000, "{cost:?}");
}
