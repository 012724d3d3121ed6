//! Several paths of a prefix, as a group is told them.

use core::num::NonZeroU8;

use albedo_types::{PATHS_MAX, PathsMode};
use albedo_wire::frame;
use albedo_wire::update::{RawUpdate, UpdateContext};

use super::*;
use crate::group::Paths;

fn several(max: u8) -> GroupKey {
    in_mode(PathsMode::Best, max)
}

fn in_mode(mode: PathsMode, max: u8) -> GroupKey {
    let paths = Paths::several(mode, NonZeroU8::new(max).unwrap());
    GroupKey { paths, ..key(PeerRole::Client) }
}

/// A set with this LOCAL_PREF, told apart by it.
fn preferred(local_pref: u32) -> Arc<AttrSet> {
    let mut block = [0x40u8, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 10, 0, 0, 9, 0x40, 5, 4].to_vec();
    block.extend(local_pref.to_be_bytes());
    let parts = Parts {
        family: FAMILY,
        summary: Summary { local_pref, ..Summary::default() },
        external: false,
        cluster: ClusterId(1),
        block: &block,
        mp_next_hop: None,
    };
    Arc::new(AttrSet::new(&parts))
}

/// Identifiers withdrawn and announced, in order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    withdrawn: Vec<PathId>,
    announced: Vec<PathId>,
}

impl Driver {
    fn reader(&mut self, max: u8) {
        self.up(READER, PeerRole::Client);
        self.apply(Input::Join { peer: READER, group: GROUP, key: several(max), from: None });
    }

    /// A source whose number its address and identifier tell.
    fn source(&mut self, n: u32) -> PeerId {
        let source = PeerId(2 + n);
        let addr = IpAddr::from([10, 0, (n / 200 + 1) as u8, (n % 200) as u8]);
        let router_id = RouterId::new(n + 9).unwrap();
        let info = PeerInfo { addr, router_id, role: PeerRole::Client };
        self.apply(Input::PeerUp { peer: source, info });
        source
    }

    fn says(&mut self) -> Said {
        let segments = self.flush();
        said(&segments)
    }
}

fn said(segments: &[Segment]) -> Said {
    let context = UpdateContext {
        add_path: albedo_types::FamilySet::ALL,
        ..UpdateContext::internal(albedo_types::Asn(64_512))
    };
    let mut said = Said::default();
    for segment in segments {
        let mut rest = &segment.bytes()[..];
        while let Some(frame) = frame::split(rest, true).unwrap() {
            let raw = RawUpdate::split(frame.body, &context).unwrap();
            said.withdrawn.extend(raw.withdrawn_prefixes(&context).map(|route| route.unwrap().0));
            said.announced.extend(raw.announced_prefixes(&context).map(|route| route.unwrap().0));
            rest = &rest[frame.len..];
        }
    }
    said
}

#[test]
fn a3_a_change_of_rank_alone_is_told_to_nobody() {
    let mut driver = Driver::new(Limits::default());
    driver.reader(2);
    let sources = [2, 3, 4].map(PeerId);
    for (source, local_pref) in sources.into_iter().zip([300, 200, 100]) {
        driver.up(source, PeerRole::Client);
        driver.routes(source, 1, Some(&preferred(local_pref)));
    }
    let first = driver.says();
    assert_eq!((first.withdrawn.len(), first.announced.len()), (0, 2));
    assert!(!first.announced.contains(&PathId(0)));

    // What is third best goes and comes back: nobody has it.
    driver.routes(sources[2], 1, None);
    assert_eq!(driver.says(), Said::default());
    driver.routes(sources[2], 1, Some(&preferred(100)));
    assert_eq!(driver.says(), Said::default());

    // The second becomes the best: it is told with its new attributes, the other one is not.
    driver.routes(sources[1], 1, Some(&preferred(400)));
    let [best, second] = [first.announced[0], first.announced[1]];
    let again = driver.says();
    assert_eq!((again.withdrawn.len(), again.announced.len()), (0, 1));
    let changed = again.announced[0];
    assert!([best, second].contains(&changed), "under the identifier it had");

    // The third takes a place: who loses it is withdrawn.
    driver.routes(sources[2], 1, Some(&preferred(350)));
    let third = driver.says();
    let unchanged = if changed == best { second } else { best };
    assert_eq!(third.withdrawn, [unchanged]);
    assert_eq!(third.announced.len(), 1);

    // The best goes; the one that was pushed out comes back as what it was.
    driver.routes(sources[1], 1, None);
    let last = driver.says();
    assert_eq!(last, Said { withdrawn: vec![changed], announced: vec![unchanged] });
}

#[test]
fn a4_a6_an_anycast_prefix_of_a_thousand_sources_stays_within_the_bound() {
    const SOURCES: u32 = 1000;
    let mut driver = Driver::new(Limits::default());
    driver.reader(u8::MAX);
    let mut said = 0;
    for n in 0..SOURCES {
        let source = driver.source(n);
        driver.routes(source, 1, Some(&preferred(100)));
        if n % 100 == 99 {
            let now = driver.says();
            assert!(now.announced.len() <= usize::from(PATHS_MAX), "{n}: {now:?}");
            said += now.announced.len();
            said -= now.withdrawn.len();
            assert_eq!(said, usize::from(PATHS_MAX), "what a reader holds");
        }
    }
    // A late reader begins with as many.
    let late = PeerId(2 + SOURCES);
    driver.apply(Input::PeerUp {
        peer: late,
        info: PeerInfo {
            addr: IpAddr::from([10, 1, 0, 0]),
            router_id: RouterId::new(5000).unwrap(),
            role: PeerRole::Client,
        },
    });
    let key = GroupKey { as4: false, ..several(u8::MAX) };
    driver.apply(Input::Join { peer: late, group: GroupId(1), key, from: None });
    let mut base = Vec::new();
    while driver.shard.has_work() {
        for output in driver.step() {
            if let Output::Rebase { base: written, .. } = output {
                base = written;
            }
        }
    }
    assert_eq!(said_len(&base), (0, usize::from(PATHS_MAX)));
}

#[test]
fn a4_of_a_thousand_equal_paths_the_bound_is_told_and_none_that_is_worse_takes_a_place() {
    const SOURCES: u32 = 1000;
    let mut driver = Driver::new(Limits::default());
    driver.up(READER, PeerRole::Client);
    let key = in_mode(PathsMode::Equal, 16);
    driver.apply(Input::Join { peer: READER, group: GROUP, key, from: None });
    let sources: Vec<PeerId> = (0..SOURCES).map(|n| driver.source(n)).collect();
    for source in &sources {
        driver.routes(*source, 1, Some(&preferred(100)));
    }
    assert_eq!(driver.says().announced.len(), 16);
    // Two that are better than all others take all places, and give them back.
    for source in &sources[500..502] {
        driver.routes(*source, 1, Some(&preferred(200)));
    }
    let better = driver.says();
    assert_eq!((better.withdrawn.len(), better.announced.len()), (16, 2));
    for source in &sources[500..502] {
        driver.routes(*source, 1, None);
    }
    let back = driver.says();
    assert_eq!((back.withdrawn.len(), back.announced.len()), (2, 16));
    // One that is worse than they are is told to nobody.
    driver.routes(sources[500], 1, Some(&preferred(99)));
    assert_eq!(driver.says(), Said::default());
}

fn said_len(segments: &[Segment]) -> (usize, usize) {
    let said = said(segments);
    (said.withdrawn.len(), said.announced.len())
}

#[test]
fn nothing_is_kept_for_identifiers_once_nobody_has_them() {
    let mut driver = Driver::new(Limits::default());
    driver.reader(2);
    let source = PeerId(2);
    driver.up(source, PeerRole::Client);
    driver.routes(source, 5, Some(&preferred(100)));
    driver.flush();
    driver.routes(source, 5, None);
    driver.flush();
    // Five prefixes and five paths.
    assert_eq!(driver.shard.stats(FAMILY).tombstones, 10);
    let version = driver.shard.version(FAMILY);
    // The log's base is older than they are, so they stay until there is a new one.
    driver.apply(Input::Refresh { peer: READER, family: FAMILY });
    while driver.shard.has_work() {
        driver.step();
    }
    driver.shard.bury(FAMILY, version);
    assert_eq!(driver.shard.stats(FAMILY).tombstones, 0);
    driver.apply(Input::PeerDown { peer: READER });
    driver.apply(Input::PeerDown { peer: source });
    driver.flush();
    assert!(driver.shard.is_empty());
}
