//! Attribute sets: made, found again, and compared.

use std::hint::black_box;

use albedo_engine::{Scratch, Source as From};
use albedo_rib::decision::{self, Path};
use albedo_rib::{PeerInfo, Summary};
use albedo_types::{PathId, Rng};
use albedo_wire::update::{RawUpdate, UpdateContext};

use super::Step;
use crate::input::Input;
use crate::shard::{context, from, intern, interner, updates};

/// Attributes that nobody has sent before: judged, rewritten, remembered.
pub(super) fn intern_new(input: &Input) -> Step<'_> {
    let (context, messages) = messages(input);
    let (interner, mut scratch) = (interner(), Scratch::default());
    let mut sets = Vec::with_capacity(messages.len());
    // A map grows by leaps that say nothing of a set: it gets its size here.
    for (source, update) in &messages {
        sets.push(intern(&interner, source, update, &context, &mut scratch));
    }
    sets.clear();
    assert!(interner.is_empty(), "sets go with their last user");
    Box::new(move || {
        for (source, update) in &messages {
            sets.push(intern(&interner, source, update, &context, &mut scratch));
        }
        sets.len()
    })
}

/// Attributes that were seen before: found.
pub(super) fn intern_known(input: &Input) -> Step<'_> {
    let (context, messages) = messages(input);
    let (interner, mut scratch) = (interner(), Scratch::default());
    let mut sets = Vec::with_capacity(messages.len());
    for (source, update) in &messages {
        sets.push(intern(&interner, source, update, &context, &mut scratch));
    }
    Box::new(move || {
        for (source, update) in &messages {
            black_box(intern(&interner, source, update, &context, &mut scratch));
        }
        sets.len()
    })
}

fn messages(input: &Input) -> (UpdateContext, Vec<(From, RawUpdate<'_>)>) {
    let context = context();
    let mut messages = Vec::new();
    for source in &input.sources {
        let from = from(source);
        messages.extend(updates(source, &context).map(|update| (from, update)));
    }
    (context, messages)
}

/// Most candidates of a prefix that is decided here.
const CANDIDATES_MAX: u64 = 8;
/// Prefixes decided.
const DECISIONS: usize = 4_000;

/// The best of two to eight candidates, drawn from the input's.
pub(super) fn decision(input: &Input) -> Step<'_> {
    let (context, interner, mut scratch) = (context(), interner(), Scratch::default());
    let mut known: Vec<(Summary, PeerInfo)> = Vec::new();
    for source in &input.sources {
        let from = from(source);
        for update in updates(source, &context) {
            let set = intern(&interner, &from, &update, &context, &mut scratch);
            known.push((set.summary, source.info));
        }
    }
    let mut rng = Rng::new(1);
    let mut draw = |bound| usize::try_from(rng.below(bound)).expect("below a usize");
    let prefixes: Vec<Vec<usize>> = (0..DECISIONS)
        .map(|_| (0..2 + draw(CANDIDATES_MAX - 1)).map(|_| draw(known.len() as u64)).collect())
        .collect();
    Box::new(move || {
        let decided = prefixes.iter().filter(|candidates| {
            let best = decision::best(candidates.len(), |n| {
                let (summary, peer) = &known[candidates[n]];
                let path_id = PathId(u32::try_from(n).expect("a few"));
                Path::new(summary, peer, path_id, false)
            });
            black_box(best).is_some()
        });
        decided.count()
    })
}
