use albedo_wire::frame;
use albedo_wire::update::RawUpdate;

use super::*;
use crate::shard::context;

/// Routes announced and withdrawn in finished messages.
fn routes(bytes: &[u8]) -> (usize, usize) {
    let context = context();
    let (mut rest, mut announced, mut withdrawn) = (bytes, 0, 0);
    while let Some(frame) = frame::split(rest, true).unwrap() {
        let update = RawUpdate::split(frame.body, &context).unwrap();
        announced += update.announced_prefixes(&context).map(Result::unwrap).count();
        withdrawn += update.withdrawn_prefixes(&context).map(Result::unwrap).count();
        if let Some(reach) = update.mp_reach {
            let keys = reach.prefixes::<albedo_types::Ipv6Prefix>(&context);
            announced += keys.map(Result::unwrap).count();
        }
        if let Some(unreach) = update.mp_unreach {
            let keys = unreach.prefixes::<albedo_types::Ipv6Prefix>(&context);
            withdrawn += keys.map(Result::unwrap).count();
        }
        rest = &rest[frame.len..];
    }
    assert!(rest.is_empty());
    (announced, withdrawn)
}

#[test]
fn readers_that_were_away_are_told_exactly_what_they_missed() {
    let input = Input::of("cluster").unwrap();
    let (mut world, questions) = behind(&input);
    for told in questions {
        world.tell(told);
    }
    let bytes = catch_up_all(&mut world);
    let chunks = world.out.iter().filter_map(|output| match output {
        Output::CatchUp { bytes, .. } => Some(bytes),
        _ => None,
    });
    let all: Vec<u8> = chunks.flatten().copied().collect();
    assert_eq!(all.len(), bytes);
    let gone: usize = lost(&input).map(Source::routes).sum();
    let second_half = &input.sources[input.sources.len() / 2..];
    let new: usize = second_half
        .iter()
        .filter(|source| lost(&input).all(|lost| lost.peer != source.peer))
        .map(Source::routes)
        .sum();
    assert_eq!(routes(&all), (new, gone));
}

#[test]
fn loss_leaves_what_the_other_sources_have() {
    let input = Input::of("table").unwrap();
    let mut world = filled(&input);
    let before = world.prefixes();
    for source in lost(&input) {
        world.tell(Told::PeerDown { peer: source.peer });
    }
    world.turn();
    let withdrawn: usize = world
        .out
        .iter()
        .map(|output| match output {
            Output::Append { segment, .. } => routes(segment.bytes()).1,
            _ => 0,
        })
        .sum();
    assert!(withdrawn > 0 && world.prefixes() < before);
    let private = before - world.prefixes();
    assert!(withdrawn >= private, "{withdrawn} withdrawn of {private}");
}

#[test]
fn base_of_a_new_group_shows_every_prefix_once() {
    let input = Input::of("table").unwrap();
    let mut world = filled(&input);
    let family = Family::Ipv4Unicast;
    let (peer, info) = reader(&input, family);
    world.join(peer, info, GroupId(100), GroupKey { message_len_max: 65_535, ..key(family) });
    world.settle();
    let bases = world.out.iter().filter_map(|output| match output {
        Output::Rebase { group: GroupId(100), base, .. } => Some(base),
        _ => None,
    });
    let shown: usize = bases.flatten().map(|segment| routes(segment.bytes()).0).sum();
    assert_eq!(shown, world.prefixes());
}

#[test]
fn restart_sweeps_half_of_what_the_lost_sources_had() {
    for shape in ["table", "cluster"] {
        let input = Input::of(shape).unwrap();
        let routes: usize = lost(&input).map(Source::routes).sum();
        let swept = restart(&input)();
        assert!(swept >= routes / 4 && swept <= routes * 3 / 4, "{swept} of {routes}, {shape}");
    }
}
