//! Everything at once, at random: nodes that come, are lost, come back, say good-bye and start
//! anew while their old session stands, under policies and roles that change; and what each then
//! holds.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use albedo_engine::EngineConfig;
use albedo_fsm::GracefulOffer;
use albedo_rib::Policy;
use albedo_session::stats::SessionStats;
use albedo_session::{Profile, Settings};
use albedo_types::policy::{PrefixRange, Rule, Rules, Then, When};
use albedo_types::{Family, PeerRole, Prefix, Rng};
use albedo_wire::capability::{Capability, GracefulFamily, GracefulRestart};
use albedo_wire::frame::MessageType;
use albedo_wire::notification::Notification;
use albedo_wire::notification::codes::cease;
use albedo_wire::update::end_of_rib;

use crate::peer::{Peer, announce, block, open, prefix, withdraw};
use crate::setup::{Fixture, group, profile, settings};

const NODES: usize = 8;
/// Prefixes that are each node's own.
const EACH: u32 = 6;
const STEPS: u32 = 60;
/// How long nothing may come before a table counts as wrong.
const STUCK: Duration = Duration::from_secs(20);

/// LOCAL_PREF of each route, by the number of its prefix.
type Routes = BTreeMap<u32, u32>;

/// Of every node's prefixes, the first so many are hidden.
fn hiding(hidden: u32) -> Option<Arc<Policy>> {
    let nodes = 0..u32::try_from(NODES).unwrap();
    let all = nodes.flat_map(|node| (0..hidden).map(move |n| node * EACH + n));
    let prefixes = all.map(|n| PrefixRange::exactly(Prefix::V4(prefix(n)))).collect();
    let when = When { prefixes: Some(prefixes), ..When::default() };
    let rules = vec![Rule { when, then: Then::Reject, ..Rule::default() }];
    let compile = || Arc::new(Policy::compile(&Rules { rules, accepts_rest: true }).unwrap());
    (hidden > 0).then(compile)
}

/// What is configured for each of two groups, of which node `n` is in the group `n % 2`.
#[derive(Clone, Copy)]
struct Configured {
    import: [u32; 2],
    export: [u32; 2],
    role: [PeerRole; 2],
}

impl Configured {
    fn settings(&self) -> Settings {
        let of = |n: usize| {
            let mut profile = profile();
            profile.session.capabilities.graceful = Some(GracefulOffer {
                restart_time: Duration::from_secs(600),
                long_lived_stale_time: None,
                restarting: false,
                notification: false,
            });
            let (import, export) = (hiding(self.import[n]), hiding(self.export[n]));
            Profile { import, export, role: self.role[n], ..profile }
        };
        let mut all = settings(of(0));
        all.groups =
            vec![group("first", of(0), "127.1.0.0/24"), group("second", of(1), "127.1.1.0/24")];
        all
    }
}

#[derive(Default)]
struct Node {
    peer: Option<Peer>,
    routes: Routes,
    /// What it had when it was lost.
    kept: Option<Routes>,
}

fn address(n: usize) -> [u8; 4] {
    let n = u8::try_from(n).unwrap();
    [127, 1, n % 2, 10 + n]
}

fn route(n: u32, pref: u32) -> Vec<u8> {
    announce(&block(Ipv4Addr::new(10, 0, 0, 9), pref), [n])
}

impl Node {
    async fn up(&mut self, n: usize, fixture: &Fixture) {
        let mut peer = Peer::connect(address(n), fixture.at).await;
        let mut open = open(u32::from_be_bytes(address(n)), 90);
        let families = Family::ALL.map(|family| GracefulFamily {
            afi: family.afi(),
            safi: family.safi(),
            forwarding: true,
        });
        open.capabilities.push(Capability::GracefulRestart(GracefulRestart {
            restarting: false,
            notification: false,
            restart_time: 600,
            families: families.to_vec(),
        }));
        peer.handshake(&open).await;
        self.tell(&mut peer).await;
        for family in Family::ALL {
            peer.send(end_of_rib(family)).await;
        }
        (self.peer, self.kept) = (Some(peer), None);
    }

    /// Tells everything it has.
    async fn tell(&self, peer: &mut Peer) {
        for (n, pref) in &self.routes {
            peer.send(&route(*n, *pref)).await;
        }
    }

    /// Reads all that is there, and answers.
    async fn read(&mut self) {
        let Some(mut peer) = self.peer.take() else { return };
        let moment = Duration::from_millis(1);
        while let Ok(message) = tokio::time::timeout(moment, peer.message()).await {
            assert_ne!(message.kind, MessageType::Notification, "{message:?}");
            if message.kind == MessageType::RouteRefresh {
                self.tell(&mut peer).await;
            }
            peer.take(&message);
        }
        self.peer = Some(peer);
    }
}

struct World {
    fixture: Fixture,
    configured: Configured,
    nodes: Vec<Node>,
    rng: Rng,
    pref: u32,
}

impl World {
    fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.rng.below(bound.into())).unwrap()
    }

    fn reload(&self) {
        self.fixture.server.apply(self.configured.settings()).unwrap();
    }

    fn ended(&self) -> u64 {
        SessionStats::read(&self.fixture.server.stats().ended)
    }

    /// What a node is to hold.
    fn expected(&self, reader: usize) -> Routes {
        let Configured { import, export, role } = &self.configured;
        let mut all = Routes::new();
        for (n, node) in self.nodes.iter().enumerate().filter(|(n, _)| *n != reader) {
            let there = node.peer.as_ref().map(|_| &node.routes);
            let reflects = [role[n % 2], role[reader % 2]] != [PeerRole::NonClient; 2];
            let Some(routes) = there.or(node.kept.as_ref()).filter(|_| reflects) else { continue };
            let hidden = import[n % 2].max(export[reader % 2]);
            all.extend(routes.iter().filter(|(n, _)| *n % EACH >= hidden));
        }
        all
    }

    fn is_right(&self, n: usize) -> bool {
        let Some(peer) = &self.nodes[n].peer else { return true };
        let expected = self.expected(n);
        let has = |(n, pref): (&u32, &u32)| {
            let wanted = [&[0x40, 5, 4], &pref.to_be_bytes()[..]].concat();
            let attrs = peer.table.get(&prefix(*n));
            attrs.is_some_and(|attrs| attrs.windows(wanted.len()).any(|octets| octets == wanted))
        };
        peer.table.len() == expected.len() && expected.iter().all(has)
    }

    /// Reads until everybody holds what it is to hold.
    async fn settle(&mut self) {
        let since = albedo_engine::clock::now();
        while !(0..NODES).all(|n| self.is_right(n)) {
            for node in &mut self.nodes {
                node.read().await;
            }
            let wrong: Vec<usize> = (0..NODES).filter(|n| !self.is_right(*n)).collect();
            let stuck = albedo_engine::clock::now().since(since) > STUCK;
            assert!(wrong.is_empty() || !stuck, "the tables of {wrong:?} stay wrong");
        }
    }

    async fn step(&mut self) {
        let n = self.below(u32::try_from(NODES).unwrap()) as usize;
        let key = u32::try_from(n).unwrap() * EACH + self.below(EACH);
        let is_up = self.nodes[n].peer.is_some();
        match self.below(20) {
            0..4 if !is_up => self.nodes[n].up(n, &self.fixture).await,
            4..9 => {
                self.pref += 1;
                let Node { peer, routes, .. } = &mut self.nodes[n];
                routes.insert(key, self.pref);
                if let Some(peer) = peer {
                    peer.send(&route(key, self.pref)).await;
                }
            }
            9..11 => {
                let Node { peer, routes, .. } = &mut self.nodes[n];
                routes.remove(&key);
                if let Some(peer) = peer {
                    peer.send(&withdraw([key])).await;
                }
            }
            what @ 11..14 if is_up => self.end(n, what == 13).await,
            14 => {
                self.configured.export[n % 2] = self.below(3);
                self.reload();
            }
            // What is kept of somebody who is away stays as it was taken.
            15 if self.nodes.iter().all(|node| node.kept.is_none()) => {
                self.configured.import[n % 2] = self.below(3);
                self.reload();
            }
            16 => {
                let roles = [PeerRole::Client, PeerRole::NonClient];
                self.configured.role[n % 2] = roles[self.below(2) as usize];
                self.reload();
            }
            17 if is_up => {
                // It starts anew while its old session stands.
                self.settle().await;
                let old = self.nodes[n].peer.take();
                self.nodes[n].up(n, &self.fixture).await;
                drop(old);
            }
            18.. => self.settle().await,
            _ => {}
        }
    }

    /// A node goes, with a word or without.
    async fn end(&mut self, n: usize, says_so: bool) {
        self.settle().await;
        let ended = self.ended();
        let node = &mut self.nodes[n];
        let mut peer = node.peer.take().unwrap();
        if says_so {
            peer.send(&Notification::cease(cease::SHUTDOWN).encode()).await;
            while peer.next().await.is_some() {}
        } else {
            node.kept = Some(node.routes.clone());
        }
        drop(peer);
        self.fixture.until(|_| self.ended() > ended).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_happens_everybody_holds_what_it_should() {
    for seed in 0..12 {
        let configured = Configured { import: [0; 2], export: [0; 2], role: [PeerRole::Client; 2] };
        let shards = usize::try_from(1 + seed % 3).unwrap();
        let config = EngineConfig { shards, ..EngineConfig::default() };
        let fixture = Fixture::start_with(configured.settings(), &config);
        let nodes = (0..NODES).map(|_| Node::default()).collect();
        let mut world = World { fixture, configured, nodes, rng: Rng::new(seed), pref: 100 };
        for _ in 0..STEPS {
            world.step().await;
        }
        world.settle().await;
        drop(world.nodes);
        world.fixture.stop().await;
    }
}
