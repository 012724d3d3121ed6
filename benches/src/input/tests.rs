use std::collections::BTreeSet;

use super::*;

fn keys(input: &Input) -> BTreeSet<String> {
    input
        .sets()
        .flat_map(|set| match &set.keys {
            Keys::V4(keys) => keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
            Keys::V6(keys) => keys.iter().map(ToString::to_string).collect(),
        })
        .collect()
}

#[test]
fn cluster_has_one_set_a_session_and_no_block_twice() {
    let input = Input::of("cluster").unwrap();
    assert_eq!(input.sources.len(), 1_000);
    assert!(input.sources.iter().all(|source| source.sets.len() == 1 && source.routes() == 4));
    assert_eq!(keys(&input).len(), input.routes());
    let blocks: BTreeSet<_> = input.sets().map(|set| (&set.block, set.next_hop)).collect();
    assert_eq!(blocks.len(), input.sources.len());
}

#[test]
fn table_has_small_sets_large_ones_and_second_sources() {
    let input = Input::of("table").unwrap();
    assert_eq!(keys(&input).len(), 10_000);
    let sizes: Vec<usize> = input.sets().map(|set| set.keys.len()).collect();
    let single = sizes.iter().filter(|size| **size == 1).count();
    assert!((sizes.len() / 3..sizes.len() * 2 / 3).contains(&single), "{single} of one prefix");
    assert!(sizes.iter().any(|size| *size > 256), "one of hundreds");
    assert!(input.routes() > 13_000, "{} routes", input.routes());
}

#[test]
fn same_input_every_time() {
    for shape in Input::SHAPES {
        let (a, b) = (Input::of(shape).unwrap(), Input::of(shape).unwrap());
        let streams = |input: &Input| -> Vec<Vec<u8>> {
            input.sources.iter().map(|source| source.stream.clone()).collect()
        };
        assert_eq!(streams(&a), streams(&b), "{shape}");
    }
    assert!(Input::of("other").is_none());
}
