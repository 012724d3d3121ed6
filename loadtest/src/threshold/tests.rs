use std::time::Duration;

use super::*;
use crate::latency::Recorder;

fn runs(walls: &[f64]) -> Vec<Outcome> {
    let run = |(n, wall): (usize, &f64)| {
        let mut recorder = Recorder::new();
        recorder.record(Duration::from_millis(10 * (n as u64 + 1)));
        let mut run = Outcome { seconds_to_last_exact: Some(*wall), ..Outcome::default() };
        run.latencies.insert("delivery".to_owned(), recorder.latency());
        run.latencies.insert("lateness".to_owned(), Recorder::new().latency());
        run.extra.insert("stalled".to_owned(), Figure::ratio(0.25));
        run
    };
    walls.iter().enumerate().map(run).collect()
}

fn judge(text: &str) -> Result<bool, String> {
    let figures = Figures::of(&runs(&[1.0, 2.0, 4.0]));
    text.parse::<Threshold>()?.judge(&figures).map(|verdict| verdict.is_met)
}

#[test]
fn conditions_hold_or_do_not() {
    let cases = [
        ("wall > 1500ms", true),
        ("wall>2s", false),
        ("wall >= 2s", true),
        ("wall < 2", false),
        ("wall <= 2", true),
        ("max(wall) > 3.9s", true),
        ("max( wall ) > 4s", false),
        ("min(wall) == 1", true),
        ("min (wall) != 1", false),
        ("p99 > 15ms", true),
        ("p50 > 25ms", false),
        ("max > 19ms", true),
        ("max(max) > 25ms", true),
        ("delivery_p99.9 > 15ms", true),
        ("stalled > 20%", true),
        ("stalled > 0.3", false),
        ("updates == 0", true),
        ("octets > 1MiB", false),
    ];
    for (text, is_met) in cases {
        assert_eq!(judge(text), Ok(is_met), "{text}");
    }
}

#[test]
fn what_cannot_be_judged_is_said() {
    let no = judge("wal > 1s").unwrap_err();
    assert!(no.contains("`wal`") && no.contains(" wall") && no.contains("stalled"), "{no}");
    assert!(no.contains("p99.9"), "{no}");
    let unit = judge("updates > 5ms").unwrap_err();
    assert!(unit.contains("a count") && unit.contains("a time"), "{unit}");
    assert!(judge("lateness_p50 > 5ms").is_err(), "an empty distribution has no ranks");
    for wrong in ["wall", "wall 5", "> 5", "wall = 5", "a b > 5", "mean(wall) > 1", "wall > x"] {
        assert!(wrong.parse::<Threshold>().is_err(), "{wrong}");
    }
}

#[test]
fn short_names_mean_the_main_distribution_or_the_only_one() {
    let p99: Threshold = "p99 > 1us".parse().expect("a threshold");
    let mut one = runs(&[1.0]);
    let verdict = p99.judge(&Figures::of(&one)).expect("the main one");
    assert_eq!(verdict.figure, "delivery_p99");
    let delivery = one[0].latencies.remove("delivery").expect("it is there");
    one[0].latencies.clear();
    assert!(p99.judge(&Figures::of(&one)).is_err());
    one[0].latencies.insert("sync".to_owned(), delivery.clone());
    assert_eq!(p99.judge(&Figures::of(&one)).map(|v| v.figure), Ok("sync_p99".to_owned()));
    one[0].latencies.insert("other".to_owned(), delivery.clone());
    assert!(p99.judge(&Figures::of(&one)).is_err(), "two, and neither is the main one");
    one[0].latencies.insert("with".to_owned(), delivery);
    assert_eq!(p99.judge(&Figures::of(&one)).map(|v| v.figure), Ok("with_p99".to_owned()));
}

#[test]
fn much_is_known_before_the_run() {
    let check = |text: &str, is_watched| {
        text.parse::<Threshold>().expect("a threshold").check_beforehand(is_watched)
    };
    assert!(check("cpu > 1s", false).unwrap_err().contains("--pid"));
    assert_eq!(check("cpu > 1s", true), Ok(()));
    assert!(check("wall > 5MB", true).is_err());
    assert!(check("p99 > 5%", true).is_err());
    // It may be the scenario's own.
    assert_eq!(check("stalled > 5%", false), Ok(()));
}
