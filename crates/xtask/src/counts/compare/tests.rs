use super::*;

fn record(counts: &[(&str, u64)]) -> Record {
    let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    let setting = Setting { rustc: "rustc 1.0".into(), ..Setting::default() };
    Record { setting, counts }
}

#[test]
fn regression_beyond_the_tolerance_fails_with_both_numbers() {
    let recorded = record(&[("decode/table", 1_000_000)]);
    let at = compare(&recorded, &record(&[("decode/table", 1_030_000)]));
    assert_eq!(at.failures, Vec::<String>::new(), "3 % are allowed");
    let above = compare(&recorded, &record(&[("decode/table", 1_030_001)]));
    let [failure] = above.failures.as_slice() else { panic!("{above:?}") };
    for part in ["decode/table", "1000000", "1030001", "1.0300", "3 %"] {
        assert!(failure.contains(part), "{part} in {failure}");
    }
    assert!(above.lines.iter().any(|line| line.contains(failure)), "{above:?}");
}

#[test]
fn improvement_beyond_the_tolerance_passes_and_asks_to_be_recorded() {
    let recorded = record(&[("pack/table", 1_000)]);
    let within = compare(&recorded, &record(&[("pack/table", 970)]));
    assert!(!within.lines.iter().any(|line| line.contains("--record")), "{within:?}");
    let better = compare(&recorded, &record(&[("pack/table", 969)]));
    assert!(better.failures.is_empty(), "{better:?}");
    let asks = |line: &String| line.contains("--record") && line.contains("969");
    assert!(better.lines.iter().any(asks), "{better:?}");
}

#[test]
fn workload_that_is_new_or_gone_fails() {
    let both = record(&[("base/cluster", 10), ("pack/table", 10)]);
    let one = record(&[("pack/table", 10)]);
    let gone = compare(&both, &one);
    assert_eq!(gone.failures.len(), 1);
    assert!(gone.failures[0].contains("base/cluster"), "{gone:?}");
    let new = compare(&one, &both);
    assert_eq!(new.failures.len(), 1);
    assert!(new.failures[0].contains("base/cluster: 10 instructions"), "{new:?}");
    assert!(compare(&both, &both).failures.is_empty());
}

#[test]
fn other_compiler_is_told_and_is_no_failure() {
    let recorded = record(&[("pack/table", 10)]);
    let mut counted = recorded.clone();
    counted.setting.rustc = "rustc 1.1".into();
    let report = compare(&recorded, &counted);
    assert!(report.failures.is_empty(), "{report:?}");
    let tells = |line: &String| line.contains("rustc 1.0") && line.contains("rustc 1.1");
    assert!(report.lines.iter().any(tells), "{report:?}");
}

#[test]
fn large_counts_do_not_overflow_the_comparison() {
    assert!(!is_above(u64::MAX, u64::MAX) && !is_below(u64::MAX, u64::MAX));
    assert!(is_above(u64::MAX, u64::MAX / 2) && is_below(1, u64::MAX));
}

#[test]
fn file_is_read_as_it_was_written_and_refused_otherwise() {
    let written = record(&[("base/cluster", 10), ("pack/table", 20)]);
    let text = written.to_json().expect("json");
    assert_eq!(Record::from_json(&text).expect("our own"), written);
    for bad in ["", "{}", &text.replace("20", "0"), &text.replace("rustc", "cc")] {
        assert!(Record::from_json(bad).is_err(), "{bad}");
    }
}

#[test]
fn total_is_read_from_the_tools_file() {
    let file = "version: 1\ncmd: counts\nevents: Ir\n\nfn=(1) f\n1 7\n\ntotals: 3779190\n";
    assert_eq!(total(file).expect("a sum"), 3_779_190);
    assert!(total("events: Ir Dr\ntotals: 1 2\n").is_err());
    assert!(total("events: Ir\n").is_err());
}
