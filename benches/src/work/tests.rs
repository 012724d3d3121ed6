use std::collections::BTreeSet;

use super::*;
use crate::input::Keys;

fn handled(name: &str, input: &Input) -> usize {
    let work = Workload::of(name).unwrap();
    (work.prepare)(input)()
}

#[test]
fn every_workload_does_all_there_is_to_do() {
    for shape in Input::SHAPES {
        let input = Input::of(shape).unwrap();
        let messages = input.sources.iter().flat_map(crate::shard::frames).count();
        let prefixes: BTreeSet<String> = input
            .sets()
            .flat_map(|set| match &set.keys {
                Keys::V4(keys) => keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
                Keys::V6(keys) => keys.iter().map(ToString::to_string).collect(),
            })
            .collect();
        assert_eq!(handled("decode", &input), input.routes(), "{shape}");
        assert_eq!(handled("pack", &input), 2 * input.routes(), "{shape}");
        for name in ["intern-new", "intern-known", "encode"] {
            assert_eq!(handled(name, &input), messages, "{name}/{shape}");
        }
        assert_eq!(handled("shard-announce", &input), prefixes.len(), "{shape}");
        assert_eq!(handled("query", &input), prefixes.len(), "{shape}");
        assert_eq!(handled("tally", &input), input.sources.len(), "{shape}");
    }
}

#[test]
fn readers_of_a_log_get_everything_that_is_not_their_own() {
    let input = Input::of("cluster").unwrap();
    // One message a session, which comes out with ORIGINATOR_ID and CLUSTER_LIST (RFC 4456 §8).
    const REFLECTION_BYTES: usize = 7 + 7;
    let len = |n: usize| input.sources[n].stream.len() + REFLECTION_BYTES;
    let step = input.sources.len().div_ceil(16);
    let family = |n: usize| input.sources[n].family;
    let expected: usize = (0..input.sources.len())
        .step_by(step)
        .map(|reader| {
            let others = (0..input.sources.len()).filter(|n| *n != reader);
            others.filter(|n| family(*n) == family(reader)).map(len).sum::<usize>()
        })
        .sum();
    assert_eq!(handled("log-replay", &input), expected);
    assert_eq!(handled("log-append", &input), input.sources.len());
}

#[test]
fn every_workload_does_the_same_each_time() {
    let names: BTreeSet<&str> = ALL.iter().map(|work| work.name).collect();
    assert_eq!(names.len(), ALL.len(), "a name is of one workload");
    for shape in Input::SHAPES {
        let input = Input::of(shape).unwrap();
        for work in ALL {
            let first = (work.prepare)(&input)();
            assert!(first > 0, "{}/{shape}", work.name);
            assert_eq!((work.prepare)(&input)(), first, "{}/{shape}", work.name);
        }
    }
}
