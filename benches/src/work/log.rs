//! A group's log: written by the shard, read by everybody.

use std::hint::black_box;
use std::sync::Arc;

use albedo_rib::{At, Follower, Log, Output, Segment};
use albedo_types::{Family, PeerId};
use bytes::Bytes;

use super::Step;
use crate::input::Input;
use crate::shard::{World, group};

/// One log for each family.
type Logs = [Log<Arc<Segment>>; Family::COUNT];

/// What a shard answers where every message is a turn of its own, as in steady churn.
fn outputs(input: &Input) -> Vec<Output> {
    let (mut world, batches) = World::new(input);
    world.announce(batches, 1);
    world.settle();
    world.take()
}

/// Puts what the shard answered into the logs; how many segments were appended.
fn write(logs: &mut Logs, outputs: Vec<Output>) -> usize {
    let mut appended = 0;
    for output in outputs {
        match output {
            Output::Append { group, segment } => {
                logs[group.index()].append(Arc::new(segment));
                appended += 1;
            }
            Output::Rebase { group, base, version, seq, grace } => {
                let base = base.into_iter().map(Arc::new).collect();
                drop(logs[group.index()].rebase(base, version, seq, grace));
            }
            _ => {}
        }
    }
    appended
}

/// Every segment appended, and every base put in place.
pub(super) fn append(input: &Input) -> Step<'_> {
    let mut logs = Logs::default();
    let mut outputs = Some(outputs(input));
    Box::new(move || write(&mut logs, outputs.take().expect("appended once")))
}

/// Readers that start at the base and read to the end.
const READERS: usize = 16;
/// Slices that are gathered for one write.
const GATHER: usize = 256;

/// Some of the sources read everything that is not their own, as slices for vectored writes.
pub(super) fn replay(input: &Input) -> Step<'_> {
    let mut logs = Logs::default();
    write(&mut logs, outputs(input));
    let step = input.sources.len().div_ceil(READERS);
    let readers: Vec<(PeerId, Family)> =
        input.sources.iter().step_by(step).map(|source| (source.peer, source.family)).collect();
    let mut pieces = Vec::with_capacity(GATHER);
    Box::new(move || {
        let read = |(peer, family): &(PeerId, Family)| {
            read(&logs[group(*family).index()], *peer, &mut pieces)
        };
        readers.iter().map(read).sum()
    })
}

/// Reads a log from its base to its end; how many bytes that is.
fn read(log: &Log<Arc<Segment>>, peer: PeerId, pieces: &mut Vec<Bytes>) -> usize {
    let mut follower = Follower::default();
    assert!(follower.start(log.base(), log.end_seq()).is_none(), "a new reader asks nothing");
    let mut bytes = 0;
    loop {
        match log.at(follower.cursor()) {
            At::Segment(segment, next) => {
                segment.view(peer, follower.skip(), |range| {
                    bytes += range.len();
                    pieces.push(segment.bytes().slice(range));
                });
                follower.pass(next, segment.version);
                if pieces.len() >= GATHER {
                    black_box(&*pieces);
                    pieces.clear();
                }
            }
            At::End => {
                follower.reach_end(log.end_seq(), log.version());
                break;
            }
            At::Behind => unreachable!("nobody writes meanwhile"),
        }
    }
    black_box(&*pieces);
    pieces.clear();
    assert!(follower.is_synced(), "the end of the log is behind the initial table");
    bytes
}
