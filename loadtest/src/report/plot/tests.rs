use super::*;
use crate::outcome::Unit;

#[test]
fn text_is_escaped() {
    assert_eq!(escape("<a href='x'>\"&\u{1}\n"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;\u{fffd}\n");
}

#[test]
fn labels_of_events_never_lie_over_each_other() {
    let mut places = crate::rng::Rng::new(7);
    for count in [0usize, 1, 2, 5, 12, 60, 200] {
        for _ in 0..50 {
            let mut xs: Vec<f64> =
                (0..count).map(|_| LEFT + f64::from(places.below(708))).collect();
            xs.sort_by(f64::total_cmp);
            let widths: Vec<f64> =
                (0..count).map(|_| CHAR * f64::from(1 + places.below(32))).collect();
            let labels = place_labels(&xs, &widths);
            let shown: Vec<(f64, Label)> =
                xs.iter().zip(&labels).filter_map(|(x, label)| Some((*x, (*label)?))).collect();
            assert!(count == 0 || !shown.is_empty());
            for (n, (x, label)) in shown.iter().enumerate() {
                assert!(label.left >= 0.0 && label.right <= WIDTH && label.row < ROWS_MAX);
                for (other_x, other) in &shown[n + 1..] {
                    assert!(!collide(label, *x, other, *other_x), "{label:?} {other:?}");
                }
            }
        }
    }
}

#[test]
fn a_label_near_the_right_edge_lies_left_of_its_line() {
    let labels = place_labels(&[WIDTH - RIGHT], &[100.0]);
    assert!(labels[0].is_some_and(|label| label.is_left_of_line && label.row == 0));
    let beside = place_labels(&[100.0, 110.0], &[80.0, 80.0]);
    let rows: Vec<_> = beside.iter().map(|label| label.map(|label| label.row)).collect();
    // The first one reaches over the second one's line, so it lies above it.
    assert_eq!(rows, [Some(1), Some(0)]);
    assert!(beside.iter().flatten().all(|label| !label.is_left_of_line));
}

#[test]
fn long_labels_are_cut_and_whole_in_the_tooltip() {
    let what = "a very long event: ".repeat(5);
    let plot = Plot {
        id: "x",
        title: "t".to_owned(),
        description: "d".to_owned(),
        x: Axis::until("time", Unit::Seconds, 10.0),
        y: Axis::linear("share", Unit::Ratio, 1.0),
        lines: Vec::new(),
        events: vec![Mark { at: 2.0, what: what.clone() }],
    };
    let svg = plot.figure();
    assert!(svg.contains(&format!("<title>{what} at 2 s</title>")), "{svg}");
    assert!(svg.contains('…'));
}

#[test]
fn one_point_is_a_dot_and_none_is_nothing() {
    let line = |points: Vec<(f64, f64)>| Line {
        name: "n".to_owned(),
        colour: 7,
        weight: Weight::Median,
        is_stepped: true,
        points,
    };
    let plot = |points| Plot {
        id: "x",
        title: "t".to_owned(),
        description: "d".to_owned(),
        x: Axis::until("time", Unit::Seconds, 0.0),
        y: Axis::linear("share", Unit::Ratio, 1.0),
        lines: vec![line(points)],
        events: Vec::new(),
    };
    assert!(plot(vec![(0.0, 0.5)]).figure().contains("<circle class=\"median c1 dashed\""));
    let none = plot(vec![]).figure();
    assert!(!none.contains("<circle") && !none.contains("NaN"));
    let two = plot(vec![(0.0, 0.5), (1.0, 1.0)]).figure();
    assert!(two.contains("H780.0V12.0"), "{two}");
}
