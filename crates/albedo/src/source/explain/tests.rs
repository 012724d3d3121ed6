use super::*;

#[test]
fn the_kernel_s_table_is_read() {
    let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n   \
                 0: 0100007F:00B3 0200007F:1F90 01 0000012C:00000000 01:00000014 00000000\n   \
                 1: 0100007F:00B3 0300007F:1F90 01 00000000:00000000 00:00000000 00000000\n";
    let local: SocketAddr = "127.0.0.1:179".parse().unwrap();
    if cfg!(target_endian = "little") {
        assert_eq!(queue_of(table, local, "127.0.0.2:8080".parse().unwrap()), Some(300));
        assert_eq!(queue_of(table, local, "127.0.0.3:8080".parse().unwrap()), Some(0));
    }
    assert_eq!(queue_of(table, local, "127.0.0.4:8080".parse().unwrap()), None);
    assert_eq!(queue_of("", local, local), None);
}

#[test]
fn times_are_points_or_how_long_ago() {
    let ago = read_time("5m").unwrap();
    let passed = wall().duration_since(ago).unwrap();
    assert!((Duration::from_secs(300)..Duration::from_secs(330)).contains(&passed));
    let point = read_time("2026-01-31T12:00:00Z").unwrap();
    assert_eq!(written(point), "2026-01-31T12:00:00.000Z");
    let error = read_time("yesterday").unwrap_err();
    assert!(error.starts_with("at: found \"yesterday\", expected how long ago"), "{error}");
}

#[test]
fn every_rule_has_a_sentence() {
    let rules = [
        Rule::SplitHorizon,
        Rule::NotChosen,
        Rule::Reflection,
        Rule::NoAdvertise,
        Rule::NoExport,
        Rule::LongLivedStale,
        Rule::Policy,
        Rule::TooLong,
    ];
    let sentences: std::collections::BTreeSet<_> = rules.into_iter().map(sentence).collect();
    assert_eq!(sentences.len(), rules.len());
}

#[test]
fn the_past_is_told_as_far_as_it_is_remembered() {
    let id = |n| RouterId::new(n);
    let change = |seconds, before, after| albedo_rib::journal::Change {
        at: Instant::ZERO + Duration::from_secs(seconds),
        version: seconds,
        before,
        after,
    };
    let names = Names::of(&[]);
    // Times are told from the start of the clock, which is now for a test.
    let at = |explanation: &Explanation, time| {
        let mut explained = Explained::default();
        tell_past(&mut explained, explanation, Some(time), &names);
        explained.at.unwrap()
    };
    // A little later than it was, so that no rounding matters.
    let start = when(Instant::ZERO) + Duration::from_millis(100);
    let second = Duration::from_secs(1);
    let mut explanation = Explanation {
        history: vec![change(20, id(1), id(2)), change(10, None, id(1))],
        ..Explanation::default()
    };
    assert_eq!(at(&explanation, start + 5 * second).best, None);
    assert_eq!(at(&explanation, start + 15 * second).best.as_deref(), Some("0.0.0.1"));
    assert_eq!(at(&explanation, start + 25 * second).best.as_deref(), Some("0.0.0.2"));
    assert!(!at(&explanation, start - second).is_remembered, "before the process began");
    explanation.forgotten = Some(Instant::ZERO + 9 * second);
    assert!(!at(&explanation, start + 5 * second).is_remembered);
    assert!(at(&explanation, start + 15 * second).is_remembered);
}
