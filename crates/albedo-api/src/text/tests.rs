//! The text, to the letter.

use super::*;
use crate::names;

#[test]
fn a_histogram_is_cumulative_and_ends_in_infinity() {
    // One of them is counted and not shown.
    let bounds: &[f64] = &[0.001, 0.5, 1.0, 10.0];
    let buckets = Buckets { bounds, cumulative: vec![1, 3, 3, 3], count: 4, sum: 62.25 };
    let mut out = String::new();
    head(&mut out, &names::CONVERGENCE);
    histogram(&mut out, &names::CONVERGENCE, ("family", "ipv4"), &buckets);
    let expected = "\
# HELP albedo_convergence_seconds Time from the read that brought the first update of a batch to \
the write that handed its messages to the last peer that keeps up.
# TYPE albedo_convergence_seconds histogram
albedo_convergence_seconds_bucket{family=\"ipv4\",le=\"0.001\"} 1
albedo_convergence_seconds_bucket{family=\"ipv4\",le=\"1\"} 3
albedo_convergence_seconds_bucket{family=\"ipv4\",le=\"10\"} 3
albedo_convergence_seconds_bucket{family=\"ipv4\",le=\"+Inf\"} 4
albedo_convergence_seconds_sum{family=\"ipv4\"} 62.25
albedo_convergence_seconds_count{family=\"ipv4\"} 4
";
    assert_eq!(out, expected);
    assert_eq!(buckets.quantile(0.25), Some(0.001));
    assert_eq!(buckets.quantile(0.5), Some(0.5));
    assert_eq!(buckets.quantile(0.99), Some(f64::INFINITY));
    assert_eq!(Buckets::default().quantile(0.5), None);
}

#[test]
fn label_values_are_escaped() {
    let mut out = String::new();
    sample(&mut out, "x", &[("a", "\"\\\n"), ("b", "")], 0.5);
    sample(&mut out, "y", &[], 3.0);
    assert_eq!(out, "x{a=\"\\\"\\\\\\n\",b=\"\"} 0.5\ny 3\n");
}
