//! A shard at work: routes come, their source goes, a reader comes, a reader was away.

use std::net::{IpAddr, Ipv4Addr};

use albedo_rib::limits::QUERY_STEP_ENTRIES;
use albedo_rib::query::{Bookmark, Query, Tally};
use albedo_rib::{GroupKey, Input as Told, Keep, Output, PeerInfo, Position, Resume};
use albedo_types::{Family, GroupId, PeerId, PeerRole, RouterId};
use albedo_wire::frame;

use super::Step;
use crate::input::{Input, Source};
use crate::shard::{World, group, key};

/// Routes to a turn of the shard.
const TURN_ROUTES: usize = 1_024;

/// All routes of all sources, up to the finished segments.
pub(super) fn announce(input: &Input) -> Step<'_> {
    let (mut world, batches) = World::new(input);
    let mut batches = Some(batches);
    Box::new(move || {
        world.announce(batches.take().expect("announced once"), TURN_ROUTES);
        world.prefixes()
    })
}

/// A shard that was told everything, and has nothing left to do.
fn filled(input: &Input) -> World {
    let (mut world, batches) = World::new(input);
    world.announce(batches, TURN_ROUTES);
    world.settle();
    world.out.clear();
    world
}

/// The sources that are lost: one in five; of a full table's it is the largest.
fn lost(input: &Input) -> impl Iterator<Item = &Source> {
    input.sources.iter().step_by(5)
}

/// The loss of sources.
pub(super) fn loss(input: &Input) -> Step<'_> {
    let mut world = filled(input);
    let routes: usize = lost(input).map(Source::routes).sum();
    Box::new(move || {
        for source in lost(input) {
            world.tell(Told::PeerDown { peer: source.peer });
        }
        world.turn();
        routes
    })
}

/// Sources are lost, come back, announce every other of their messages again, and send End-of-RIB
/// (RFC 4724): half of their routes are the same as before, the other half is swept.
pub(super) fn restart(input: &Input) -> Step<'_> {
    let (mut world, batches) = World::new(input);
    let is_lost = |peer: PeerId| lost(input).any(|source| source.peer == peer);
    let of_lost = batches.iter().filter(|(peer, _)| is_lost(*peer));
    let mut again: Vec<_> = of_lost.step_by(2).cloned().collect();
    world.announce(batches, TURN_ROUTES);
    world.settle();
    world.out.clear();
    Box::new(move || {
        for Source { peer, info, family, .. } in lost(input) {
            world.tell(Told::PeerLost { peer: *peer, keep: [Keep::Fresh; Family::COUNT] });
            world.join(*peer, *info, group(*family), key(*family));
        }
        world.announce(std::mem::take(&mut again), TURN_ROUTES);
        for Source { peer, family, .. } in lost(input) {
            world.tell(Told::Sweep { peer: *peer, family: *family });
        }
        world.settle();
        let swept = |family: &Family| world.shard.stats(*family).swept;
        Family::ALL.iter().map(swept).sum::<u64>() as usize
    })
}

/// The index of a peer that announces nothing.
fn reader(input: &Input, family: Family) -> (PeerId, PeerInfo) {
    let n = u32::try_from(input.sources.len() + family.index()).expect("few peers");
    let addr = Ipv4Addr::new(10, 9, 0, 1);
    let router_id = RouterId::from_addr(addr).expect("not zero");
    (PeerId(n), PeerInfo { addr: IpAddr::V4(addr), router_id, role: PeerRole::Client })
}

/// A new group's first member: its base is written.
pub(super) fn base(input: &Input) -> Step<'_> {
    let mut world = filled(input);
    let readers = Family::ALL.map(|family| {
        let message_len_max = u32::try_from(frame::MESSAGE_LEN_MAX_EXTENDED).expect("16 bits");
        let key = GroupKey { message_len_max, ..key(family) };
        let group = GroupId(group(family).0 + 100);
        (reader(input, family), group, key)
    });
    Box::new(move || {
        for ((peer, info), group, key) in &readers {
            world.join(*peer, *info, *group, key.clone());
        }
        world.settle();
        let base = |output: &Output| match output {
            Output::Rebase { base, .. } => base.iter().map(|segment| segment.messages).sum(),
            _ => 0,
        };
        world.out.iter().map(base).sum::<u32>() as usize
    })
}

/// A shard whose readers missed the second half of the table and the loss of sources after it,
/// and what they ask.
fn behind(input: &Input) -> (World, [Told; Family::COUNT]) {
    let (mut world, mut batches) = World::new(input);
    for family in Family::ALL {
        let (peer, info) = reader(input, family);
        world.join(peer, info, group(family), key(family));
    }
    let rest = batches.split_off(batches.len() / 2);
    world.announce(batches, TURN_ROUTES);
    let versions = Family::ALL.map(|family| world.shard.version(family));
    world.announce(rest, TURN_ROUTES);
    for source in lost(input) {
        world.tell(Told::PeerDown { peer: source.peer });
    }
    world.settle();
    world.out.clear();
    let questions = Family::ALL.map(|family| {
        let position = Position { version: versions[family.index()], complete: true };
        let (peer, _) = reader(input, family);
        Told::CatchUp { peer, family, from: Resume { position, request: 1 } }
    });
    (world, questions)
}

/// Readers that were away are told what changed.
pub(super) fn catch_up(input: &Input) -> Step<'_> {
    let (mut world, questions) = behind(input);
    let mut questions = Some(questions);
    Box::new(move || {
        for told in questions.take().expect("caught up once") {
            world.tell(told);
        }
        catch_up_all(&mut world)
    })
}

/// Turns until everybody was handed the last chunk; bytes of all chunks.
fn catch_up_all(world: &mut World) -> usize {
    let (mut bytes, mut seen) = (0, 0);
    while world.shard.has_work() {
        world.turn();
        let mut more = Vec::new();
        for output in &world.out[seen..] {
            if let Output::CatchUp { peer, group: id, bytes: chunk, done, .. } = output {
                bytes += chunk.len();
                let family = Family::ALL.into_iter().find(|family| group(*family) == *id);
                let family = family.expect("a group of a family");
                if done.is_none() {
                    more.push(Told::More { peer: *peer, family });
                }
            }
        }
        seen = world.out.len();
        for told in more {
            world.tell(told);
        }
    }
    bytes
}

/// The best routes of all prefixes are read, page by page, and dropped.
pub(super) fn query(input: &Input) -> Step<'_> {
    let world = filled(input);
    Box::new(move || {
        let mut routes = 0;
        for family in Family::ALL {
            let (query, mut from) = (Query::best_of(family), Some(Bookmark::default()));
            while let Some(begin) = from {
                let page = world.shard.read(&query, begin, &mut QUERY_STEP_ENTRIES.clone());
                routes += page.routes.len();
                from = page.next;
            }
        }
        routes
    })
}

/// The routes of each peer are counted.
pub(super) fn tally(input: &Input) -> Step<'_> {
    let world = filled(input);
    Box::new(move || {
        let mut peers = 0;
        for family in Family::ALL {
            let (mut tally, mut from) = (Tally::default(), Some(Bookmark::default()));
            while let Some(begin) = from {
                let page = world.shard.tally(family, begin, &mut QUERY_STEP_ENTRIES.clone());
                tally.add(&page.tally);
                from = page.next;
            }
            let has_some = |source: &&Source| tally.of(source.peer).imported > 0;
            peers += input.sources.iter().filter(has_some).count();
        }
        peers
    })
}

#[cfg(test)]
mod tests;
