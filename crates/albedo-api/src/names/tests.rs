//! The table holds to its own rules.

use std::collections::HashSet;

use super::*;

#[test]
fn no_name_is_there_twice() {
    let names: HashSet<_> = ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), ALL.len());
}

#[test]
fn names_follow_the_rules() {
    for metric in ALL.iter().chain(peers::ALL) {
        let name = metric.name;
        assert!(name.starts_with("albedo_") || name.starts_with("process_"), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
        for reserved in ["_count", "_sum", "_bucket"] {
            assert!(!name.ends_with(reserved), "{name}");
        }
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert!(metric.help.ends_with('.'), "{name}: {}", metric.help);
    }
}

#[test]
fn no_label_grows_with_peers_or_prefixes() {
    let few = [
        "stage",
        "family",
        "state",
        "direction",
        "type",
        "code",
        "treatment",
        "reason",
        "result",
        "door",
    ];
    for metric in ALL {
        for label in metric.labels {
            let known = few.contains(label) || ["shard", "version"].contains(label);
            // Ten peers at most.
            let is_ranked = metric.labels[0] == "rank";
            assert!(known || is_ranked, "{}: {label}", metric.name);
        }
    }
}

#[test]
fn every_bound_that_is_shown_is_counted() {
    use albedo_engine::stats::{FAST, SLOW};
    for (metric, counted) in [
        (&CONVERGENCE, &FAST),
        (&UPDATE_DELIVERY, &FAST),
        (&SESSION_SYNC, &SLOW),
        (&WITHDRAW_CONVERGENCE, &SLOW),
    ] {
        for bound in metric.bounds {
            assert!(counted.seconds.contains(bound), "{}: {bound}", metric.name);
        }
        assert_eq!(metric.bounds.first(), Some(&0.0001), "{}", metric.name);
    }
}

mod reference {
    use std::fmt::Write as _;
    use std::fs;

    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/METRICS.md");
    const MARKS: [&str; 2] = ["<!-- metrics: begin -->\n", "<!-- metrics: end -->\n"];
    const PEER_MARKS: [&str; 2] = ["<!-- peers: begin -->\n", "<!-- peers: end -->\n"];

    fn values(label: &str) -> String {
        let list = |values: &[&str]| values.join(", ");
        match label {
            "family" => list(&families()),
            "state" => list(&SESSION_STATES),
            "direction" => list(&DIRECTIONS),
            "type" => list(&MESSAGE_TYPES),
            "code" => list(&NOTIFICATION_CODES),
            "treatment" => list(&TREATMENTS),
            "stage" => list(&STAGES),
            "door" => list(&DOORS),
            "shard" => "0, 1, …".to_owned(),
            "rank" => "1 … 10".to_owned(),
            _ => String::new(),
        }
    }

    fn unit(metric: &Metric) -> &'static str {
        match metric.name {
            name if name.contains("_timestamp_seconds") => "seconds since 1970",
            name if name.contains("seconds") => "seconds",
            name if name.contains("bytes") => "octets",
            name if name.contains("successful") || name.contains("connected") => "0 or 1",
            _ => "count",
        }
    }

    fn rows<'m>(metrics: impl IntoIterator<Item = &'m Metric>) -> String {
        let mut out =
            "| Name | Type | Unit | Labels | Meaning |\n| --- | --- | --- | --- | --- |\n"
                .to_owned();
        for metric in metrics {
            let labels = metric.labels.iter().map(|label| match values(label) {
                values if values.is_empty() => format!("`{label}`"),
                values => format!("`{label}` ({values})"),
            });
            let labels = labels.collect::<Vec<_>>().join("; ");
            let bounds: Vec<String> = metric.bounds.iter().map(ToString::to_string).collect();
            let bounds = match bounds.as_slice() {
                [] => String::new(),
                bounds => format!(" Buckets up to {} s.", bounds.join(", ")),
            };
            let Metric { name, kind, help, .. } = metric;
            let kind = kind.name();
            let unit = unit(metric);
            // Writing to a string cannot fail.
            let _ = writeln!(out, "| `{name}` | {kind} | {unit} | {labels} | {help}{bounds} |");
        }
        out
    }

    fn put(text: &str, marks: [&str; 2], rows: &str) -> String {
        let (head, rest) = text.split_once(marks[0]).expect("a beginning");
        let (_, tail) = rest.split_once(marks[1]).expect("an end");
        format!("{head}{}{rows}{}{tail}", marks[0], marks[1])
    }

    /// `ALBEDO_BLESS=1` writes what it should be.
    #[test]
    fn tells_every_metric_as_the_table_does() {
        let text = fs::read_to_string(FILE).unwrap();
        let wanted = put(&text, MARKS, &rows(ALL));
        let wanted = put(&wanted, PEER_MARKS, &rows(peers::ALL));
        if std::env::var_os("ALBEDO_BLESS").is_some() {
            fs::write(FILE, &wanted).unwrap();
        } else {
            assert!(text == wanted, "docs/METRICS.md is not what the table says: ALBEDO_BLESS=1");
        }
    }
}
