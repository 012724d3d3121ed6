use super::{Against, BARS, Limit, Standing, judge, needs, render};
use crate::contestant::Contestant;
use crate::outcome::{Entry, Outcome, Spread};
use crate::race::Chapter;
use crate::scenario::{ALL, Scenario};

fn entry(contestant: Contestant, figures: &[(&str, f64)], complete: bool) -> Entry {
    let figures = figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let runs = vec![Outcome { complete, figures, ..Outcome::default() }];
    Entry { contestant, cores: None, runs }
}

fn chapter(name: &str, entries: Vec<Entry>) -> Chapter {
    let scenario = Scenario::by_names(&[name.to_owned()]).expect("a scenario")[0];
    let Scenario { name, arguments, columns, .. } = scenario;
    Chapter { scenario: name, arguments, columns, entries }
}

/// The standing of the only bar on a figure against something.
fn standing(chapters: &[Chapter], figure: &str, against: &str) -> Standing {
    let verdicts = judge(chapters);
    let mut found = verdicts.iter().filter(|v| v.figure == figure && v.against.contains(against));
    let standing = found.next().expect("a bar").standing.clone();
    assert!(found.next().is_none(), "two bars on {figure} against {against}");
    standing
}

#[test]
fn bars_are_of_scenarios_that_there_are() {
    for bar in BARS {
        assert!(ALL.iter().any(|scenario| scenario.name == bar.scenario), "{bar:?}");
        if let Against::Own(other) = bar.against {
            assert!(needs(other), "{bar:?}");
        }
    }
    assert!(!needs("cluster-100"));
}

#[test]
fn a_ratio_is_held_against_its_bar() {
    let chapters = [chapter(
        "table-200k",
        vec![
            entry(Contestant::Albedo, &[("wall", 0.25), ("cpu", 0.5), ("peak", 5e7)], true),
            entry(Contestant::Frr, &[("wall", 1.25), ("cpu", 2.0)], true),
            entry(Contestant::Bird2, &[("peak", 4e7)], true),
            entry(Contestant::Floor, &[("wall", 0.125)], true),
        ],
    )];
    assert_eq!(standing(&chapters, "wall", "floor"), Standing::Ok(Spread::exactly(2.0)));
    assert_eq!(standing(&chapters, "wall", "FRR"), Standing::Ok(Spread::exactly(0.2)));
    assert_eq!(standing(&chapters, "cpu", "FRR"), Standing::Missed(Spread::exactly(0.25)));
    assert_eq!(standing(&chapters, "peak", "BIRD 2"), Standing::Missed(Spread::exactly(1.25)));
    let out = render(&judge(&chapters));
    assert!(
        out.contains("| table-200k | cpu | × FRR's | ≤ 1/6 | 0.250 | 0.250–0.250 | **missed** |"),
        "{out}"
    );
    assert!(out.contains("| × the floor's | ≤ 2.5 | 2.00 | 2.00–2.00 | ok |"), "{out}");
}

#[test]
fn the_best_rival_is_the_one_with_the_least_and_is_named() {
    let chapters = [chapter(
        "cluster-1000",
        vec![
            entry(Contestant::Albedo, &[("wall", 0.25), ("cpu", 0.1)], true),
            entry(Contestant::Frr, &[("wall", 5.0), ("cpu", 8.0)], true),
            entry(Contestant::Bird, &[("wall", 9.0), ("cpu", 4.0)], true),
            // It was fast because it was wrong.
            entry(Contestant::Gobgp, &[("wall", 0.1), ("cpu", 0.1)], false),
        ],
    )];
    assert_eq!(
        standing(&chapters, "wall", "best rival's, FRR"),
        Standing::Ok(Spread::exactly(0.05))
    );
    assert_eq!(
        standing(&chapters, "cpu", "best rival's, BIRD 1.6"),
        Standing::Ok(Spread::exactly(0.025))
    );
}

#[test]
fn what_is_not_measured_is_not_reached() {
    let ours = || entry(Contestant::Albedo, &[("wall", 0.25), ("cpu", 0.1)], true);
    let failed = entry(Contestant::Frr, &[("wall", 9.0), ("cpu", 9.0)], false);
    let chapters = [chapter("sync-1000", vec![ours(), failed])];
    let unmeasured = standing(&chapters, "wall", "FRR");
    assert_eq!(unmeasured, Standing::Unmeasured("no complete run of FRR has `wall`".to_owned()));
    assert!(judge(&chapters).iter().all(|verdict| !verdict.is_ok()));
    let chapters = [chapter("sync-1000", vec![ours()])];
    let unmeasured = standing(&chapters, "cpu", "FRR");
    assert_eq!(unmeasured, Standing::Unmeasured("FRR did not take part".to_owned()));
    let zero = entry(Contestant::Frr, &[("wall", 0.0)], true);
    let chapters = [chapter("sync-1000", vec![ours(), zero])];
    assert!(matches!(standing(&chapters, "wall", "FRR"), Standing::Unmeasured(_)));
}

#[test]
fn albedo_failing_misses_every_bar() {
    let mut ours = entry(Contestant::Albedo, &[("peak", 1.0), ("cpu_per_update", 1.0)], true);
    ours.runs.push(Outcome::failed("a route is missing".to_owned()));
    let chapters = [chapter("cluster-5000", vec![ours])];
    let why = "Albedo was complete in 1 of 2 runs".to_owned();
    assert_eq!(standing(&chapters, "peak", "-"), Standing::Failed(why));
    assert_eq!(standing(&chapters, "complete", "-"), Standing::Missed(Spread::exactly(0.5)));
    assert!(
        render(&judge(&chapters)).contains("| **missed**: Albedo was complete in 1 of 2 runs |")
    );
}

#[test]
fn one_scenario_may_be_held_against_another() {
    let run = |name, cost| {
        chapter(name, vec![entry(Contestant::Albedo, &[("cpu_per_update", cost)], true)])
    };
    let chapters = [run("cluster-1000", 2.0), run("cluster-5000", 2.5)];
    let reached = standing(&chapters, "cpu_per_update", "cluster-1000");
    assert_eq!(reached, Standing::Ok(Spread::exactly(1.25)));
    assert!(matches!(
        standing(&chapters[1..], "cpu_per_update", "cluster-1000"),
        Standing::Unmeasured(why) if why == "cluster-1000 was not played"
    ));
}

#[test]
fn a_busy_generator_is_told() {
    let mut ours = entry(Contestant::Albedo, &[("wall", 0.5)], true);
    ours.runs[0].generator_bound = true;
    let floor = entry(Contestant::Floor, &[("wall", 0.5)], true);
    let out = render(&judge(&[chapter("cluster-2000", vec![ours, floor])]));
    assert!(out.contains("| ok; the generator was the limit |"), "{out}");
}

#[test]
fn bars_are_inclusive_and_in_words() {
    assert!(Limit::AtMost(2.0).holds(2.0) && !Limit::AtMost(2.0).holds(2.01));
    assert!(Limit::AtLeast(1.0).holds(1.0) && !Limit::AtLeast(1.0).holds(0.99));
    assert!(Limit::Octets(10.0).holds(10.0) && !Limit::Octets(10.0).holds(11.0));
    assert_eq!(Limit::AtMost(1.0 / 20.0).words(), "≤ 1/20");
    assert_eq!(Limit::AtMost(0.0).words(), "≤ 0");
    assert_eq!(Limit::AtMost(1.3).words(), "≤ 1.3");
    assert_eq!(Limit::AtMost(1.0).words(), "≤ 1");
    assert_eq!(Limit::Octets(250.0 * super::MIB).words(), "≤ 250 MiB");
    assert!(judge(&[]).is_empty() && render(&[]).is_empty());
}
