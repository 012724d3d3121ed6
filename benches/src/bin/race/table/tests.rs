use super::{render, render_chapter};
use crate::contestant::Contestant;
use crate::machine::Machine;
use crate::outcome::{Entry, Outcome};
use crate::race::{Chapter, Results};
use crate::scenario::Scenario;

fn entry(contestant: Contestant, cores: Option<usize>, walls: &[f64]) -> Entry {
    let run = |&wall: &f64| Outcome {
        complete: wall > 0.0,
        figures: [("wall".to_owned(), wall), ("peak".to_owned(), 2e6)].into(),
        problems: vec!["10.1.0.1: a route\nis missing".to_owned(), "more".to_owned()],
        ..Outcome::default()
    };
    Entry { contestant, cores, runs: walls.iter().map(run).collect() }
}

fn chapter(entries: Vec<Entry>) -> Chapter {
    let scenario = Scenario::by_names(&["cluster-100".to_owned()]).expect("a scenario")[0];
    let Scenario { name, arguments, columns, .. } = scenario;
    Chapter { scenario: name, arguments, columns, entries }
}

#[test]
fn ratios_and_failures_are_shown() {
    let chapter = chapter(vec![
        entry(Contestant::Albedo, None, &[0.5]),
        entry(Contestant::Bird, None, &[3.0, -1.0, 1.0, 2.0]),
        entry(Contestant::Gobgp, None, &[-1.0, -1.0]),
        entry(Contestant::Floor, None, &[0.25]),
    ]);
    let mut out = String::new();
    render_chapter(&chapter, &mut out);
    for expected in [
        "### cluster-100: `cluster --nodes 100 --blocks 4`\n",
        "| Daemon | wall s | CPU s | peak MB |",
        "| Albedo | 0.500 | - | 2.00 | - | - | - | 1/1 |",
        "| BIRD 1.6 | 2.00 (1.00–3.00) | - | 2.00 | - | - | - | 3/4, **failed** |",
        "| GoBGP | - | - | - | - | - | - | 0/2, **failed** |",
        "\nGoBGP failed: 10.1.0.1: a route (and 1 more)\n",
        "| wall s | 0.250 (0.167–0.500), BIRD 1.6 | 2.00 |\n",
    ] {
        assert!(out.contains(expected), "{expected} is missing from {out}");
    }
}

#[test]
fn scaling_is_against_the_fewest_cores() {
    let walls = |cores, walls: &[f64]| entry(Contestant::Albedo, Some(cores), walls);
    let chapter = chapter(vec![walls(1, &[4.0]), walls(2, &[2.0]), walls(8, &[1.0])]);
    let mut out = String::new();
    render_chapter(&chapter, &mut out);
    assert!(out.contains("\nAlbedo, 8 cores: wall s 0.250 × that of Albedo, 1 core.\n"), "{out}");
    assert!(out.contains("\nAlbedo, 2 cores: wall s 0.500 × that of Albedo, 1 core.\n"), "{out}");
    assert!(!out.contains("best rival"), "{out}");
}

#[test]
fn the_head_names_machine_command_and_versions() {
    let results = Results {
        schema: "x",
        machine: Machine { date: "2026-01-02".to_owned(), cores: 2, ..Machine::default() },
        command: "cargo xtask race --rounds 1".to_owned(),
        versions: [("FRR", "8.4.4".to_owned()), ("Albedo", "0.1.0".to_owned())].into(),
        notes: vec!["GoBGP, which is not installed".to_owned()],
        chapters: Vec::new(),
        bars: Vec::new(),
    };
    let out = render(&results);
    assert!(out.starts_with("Machine: 2026-01-02;"), "{out}");
    assert!(out.contains("Command: `cargo xtask race --rounds 1`\n"), "{out}");
    assert!(out.contains("Versions: Albedo (0.1.0), FRR (8.4.4).\n"), "{out}");
    assert!(out.contains("\nNot measured: GoBGP, which is not installed.\n"), "{out}");
}
