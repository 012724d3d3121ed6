//! A writer of the Prometheus text format, for what the exporter cannot take: histograms that
//! are in buckets already and counters of fractions (see [`crate::names::Author`]).

use std::fmt::Write as _;

use crate::names::Metric;
use crate::snapshot::Buckets;

/// A label and its value.
pub(crate) type Label<'l> = (&'static str, &'l str);

/// Writes the head of a metric; all its samples must follow at once.
pub(crate) fn head(out: &mut String, metric: &Metric) {
    let Metric { name, help, kind, .. } = metric;
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {}", kind.name());
}

/// Writes one sample.
pub(crate) fn sample(out: &mut String, name: &str, labels: &[Label<'_>], value: f64) {
    out.push_str(name);
    write_labels(out, labels);
    let _ = writeln!(out, " {value}");
}

/// Writes the samples of one histogram.
pub(crate) fn histogram(out: &mut String, metric: &Metric, label: Label<'_>, buckets: &Buckets) {
    let bucket = format!("{}_bucket", metric.name);
    let all = buckets.bounds.iter().zip(&buckets.cumulative);
    for (bound, below) in all.filter(|(bound, _)| metric.bounds.contains(bound)) {
        let bound = bound.to_string();
        sample(out, &bucket, &[label, ("le", &bound)], *below as f64);
    }
    sample(out, &bucket, &[label, ("le", "+Inf")], buckets.count as f64);
    sample(out, &format!("{}_sum", metric.name), &[label], buckets.sum);
    sample(out, &format!("{}_count", metric.name), &[label], buckets.count as f64);
}

fn write_labels(out: &mut String, labels: &[Label<'_>]) {
    for (n, (name, value)) in labels.iter().enumerate() {
        out.push(if n == 0 { '{' } else { ',' });
        out.push_str(name);
        out.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                c => out.push(c),
            }
        }
        out.push('"');
    }
    if !labels.is_empty() {
        out.push('}');
    }
}

#[cfg(test)]
mod tests;
