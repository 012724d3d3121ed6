//! Policies, limits of routes, lists of attributes, and keys of ranges.

use albedo_types::policy::{Change, Community, PrefixRange, Rule, Rules, Side, Then, When};

use super::*;

fn with_rules(rules: &str) -> String {
    format!("{BASE}peerGroups:\n  - name: g\n    importPolicy:\n      rules:\n{rules}")
}

fn rules(text: &str) -> Vec<Rule> {
    good(&with_rules(text)).groups[0].settings.import_policy.as_ref().unwrap().rules.clone()
}

/// The first fault, without its excerpt.
fn fault(text: &str) -> String {
    let faults = parse("bad.yaml", text, Path::new(""), &surroundings()).unwrap_err();
    let fault = &faults.faults()[0];
    format!("{}:{} {}: {}, {}", fault.line, fault.column, fault.key, fault.found, fault.allowed)
}

fn range(text: &str, min: u8, max: u8) -> PrefixRange {
    PrefixRange { prefix: text.parse().unwrap(), min, max }
}

#[test]
fn u9_a_rule_of_everything() {
    let found = rules(
        "        - families: [ipv4-unicast]
          prefixes: [10.0.0.0/8, {prefix: 10.0.0.0/8, ge: 24}, {prefix: 10.0.0.0/8, le: 26},
                     {prefix: 10.0.0.0/8, ge: 24, le: 26}]
          notPrefixes: [10.9.0.0/16]
          communities: [\"64512:1\", \"64512:1:2\", no-export]
          asPathPrefix: [64512, 64512, 64513]
          nextHops: [192.0.2.0/24]
          localPref: {min: 100, max: 200}
          peer: external
          set:
            clearCommunities: true
            removeCommunities: [\"1:2\"]
            addCommunities: [\"3:4\"]
            localPref: 300
            med: 0
            prependAsPath: [64512, 64512]
          action: accept
        - {localPref: 7, action: reject}
",
    );
    let expected = Rule {
        when: When {
            families: Some([Family::Ipv4Unicast].into_iter().collect()),
            prefixes: Some(vec![
                range("10.0.0.0/8", 8, 8),
                range("10.0.0.0/8", 24, 32),
                range("10.0.0.0/8", 8, 26),
                range("10.0.0.0/8", 24, 26),
            ]),
            not_prefixes: vec![range("10.9.0.0/16", 16, 16)],
            communities: Some(vec![
                Community::Standard(64512 << 16 | 1),
                Community::Large([64512, 1, 2]),
                Community::Standard(0xffff_ff01),
            ]),
            as_path_prefix: vec![Asn(64512), Asn(64512), Asn(64513)],
            next_hops: Some(vec!["192.0.2.0/24".parse().unwrap()]),
            local_pref: Some((100, 200)),
            peer: Some(Side::External),
        },
        change: Change {
            clear_communities: true,
            remove_communities: vec![Community::Standard(1 << 16 | 2)],
            add_communities: vec![Community::Standard(3 << 16 | 4)],
            local_pref: Some(300),
            med: Some(0),
            prepend: vec![Asn(64512), Asn(64512)],
        },
        then: Then::Accept,
    };
    let when = When { local_pref: Some((7, 7)), ..When::default() };
    assert_eq!(found, [expected, Rule { when, then: Then::Reject, ..Rule::default() }]);
}

#[test]
fn u9_a_peer_takes_its_group_s_policies_or_its_own() {
    let config = good(&format!(
        "{BASE}peerGroups:
  - name: g
    importPolicy: {{default: reject, rules: [{{peer: internal, action: accept}}]}}
    exportPolicy: {{rules: []}}
peers:
  - {{address: 10.0.0.2, group: g}}
  - {{address: 10.0.0.3, group: g, importPolicy: off, exportPolicy: {{default: reject}}}}
"
    ));
    let [group, first, second] =
        [&config.groups[0].settings, &config.peers[0].settings, &config.peers[1].settings];
    assert_eq!(first.import_policy, group.import_policy);
    assert!(!group.import_policy.as_ref().unwrap().accepts_rest);
    let rest = |accepts_rest| Some(Rules { rules: Vec::new(), accepts_rest }.into());
    assert_eq!((&group.export_policy, &first.export_policy), (&rest(true), &rest(true)));
    assert_eq!((&second.import_policy, &second.export_policy), (&None, &rest(false)));
}

#[test]
fn u9_faults_of_rules_point_at_the_line() {
    let at = |rest: &str| format!("peerGroups[0].importPolicy.rules{rest}");
    for (text, expected) in [
        (
            "        - prefixes: [{prefix: 10.0.0.0/8, ge: 26, le: 24}]
          action: accept\n",
            format!("7:47 {}: ge 26 with le 24, ge up to le", at("[0].prefixes[0].ge")),
        ),
        (
            "        - prefixes: [{prefix: 10.0.0.0/8, le: 33}]\n          action: accept\n",
            format!(
                "7:47 {}: le 33 for 10.0.0.0/8, a length from 8 to 32",
                at("[0].prefixes[0].le")
            ),
        ),
        (
            "        - {prefixes: [\"fd00::/8\"], families: [ipv4-unicast], action: accept}\n",
            format!(
                "7:22 {}: only prefixes of other families, so that it never holds, a prefix of \
                 the families of the rule: ipv4-unicast",
                at("[0].prefixes")
            ),
        ),
        (
            "        - {action: accept}\n        - {peer: internal, action: reject}\n",
            format!(
                "8:11 {}: a rule behind {}, which decides for every route, a rule that is asked \
                 for some route",
                at("[1]"),
                at("[0]")
            ),
        ),
        (
            "        - {communities: [\"70000:1\"], action: accept}\n",
            format!(
                "7:26 {}: `70000:1`, a community such as \"64512:100\" or \"64512:1:2\", or a \
                 well-known one by its name",
                at("[0].communities[0]")
            ),
        ),
    ] {
        assert_eq!(fault(&with_rules(text)), expected, "{text}");
    }
}

#[test]
fn u9_rules_that_contradict_themselves_are_told() {
    let at = |rest: &str| format!("peerGroups[0].importPolicy.rules{rest}");
    for (text, expected) in [
        (
            "        - {set: {med: 1}, action: reject}\n",
            format!(
                "7:17 {}: changes to a route that is rejected, a rule that accepts, or next",
                at("[0].set")
            ),
        ),
        (
            "        - {peer: internal, action: next}\n",
            format!(
                "7:11 {}: a rule that changes nothing and decides nothing, set, or another action",
                at("[0]")
            ),
        ),
        (
            "        - {peer: internal}\n",
            format!("7:11 {}: no action, accept, reject or next", at("[0]")),
        ),
        (
            "        - {localPref: {min: 9, max: 3}, action: accept}\n",
            format!("7:37 {}: max 3 below min 9, min up to max", at("[0].localPref.max")),
        ),
        (
            "        - {prefixes: [], action: accept}\n",
            format!(
                "7:22 {}: an empty list, at least one: a prefix such as 10.0.0.0/8 whose bits \
                 beyond the length are zero, or a mapping with prefix, ge, le",
                at("[0].prefixes")
            ),
        ),
        (
            "        - {set: {prependAsPath: [1,1,1,1,1,1,1,1,1,1,1]}, action: accept}\n",
            format!("7:33 {}: 11 AS numbers, at most 10", at("[0].set.prependAsPath")),
        ),
    ] {
        assert_eq!(fault(&with_rules(text)), expected, "{text}");
    }
}

#[test]
fn u9_bounds_of_a_policy_are_told() {
    let many = |count| "        - {peer: internal, action: accept}\n".repeat(count);
    assert_eq!(rules(&many(POLICY_RULES_MAX)).len(), POLICY_RULES_MAX);
    let told = fault(&with_rules(&many(POLICY_RULES_MAX + 1)));
    assert!(told.ends_with("1025 rules, at most 1024"), "{told}");
    let prefixes = |count: usize| {
        let one = "10.0.0.0/8, ".repeat(count);
        format!("        - {{prefixes: [{one}], action: accept}}\n")
    };
    assert_eq!(rules(&prefixes(POLICY_PREFIXES_MAX)).len(), 1);
    let told = fault(&with_rules(&prefixes(POLICY_PREFIXES_MAX + 1)));
    assert!(told.ends_with("65537 prefixes in all rules, at most 65536"), "{told}");
}

#[test]
fn x1_limits_and_what_they_do() {
    let config = good(&format!(
        "{BASE}peers:
  - address: 10.0.0.2
    maxPrefixes:
      ipv4-unicast: 10
      warnAt: 50
      restartAfter: 30s
      countRejected: true
      countPaths: false
  - {{address: 10.0.0.3, maxPrefixes: {{ipv6-unicast: 1, action: shutdown}}}}
"
    ));
    let limits = config.peers[0].settings.max_prefixes;
    assert_eq!(limits.get(Family::Ipv4Unicast), NonZeroU32::new(10));
    assert_eq!((limits.warn_at, limits.action), (50, LimitAction::Restart));
    assert_eq!(limits.restart_after, Some(Duration::from_secs(30)));
    assert_eq!((limits.count_rejected, limits.count_paths), (true, false));
    assert_eq!(config.peers[1].settings.max_prefixes.action, LimitAction::Shutdown);
    let told = fault(&format!(
        "{BASE}peers: [{{address: 10.0.0.2, maxPrefixes: {{action: warn, restartAfter: 5s}}}}]\n"
    ));
    assert!(told.ends_with("restartAfter without a restart, action restart beside it"), "{told}");
}

#[test]
fn e14_e15_lists_and_limits_of_attributes() {
    let config = good(&format!(
        "{BASE}peers:
  - address: 10.0.0.2
    discardAttributes: [\"20-23\", 128]
    withdrawAttributes: [99]
    maxAsPathLength: 750
    maxClusterListLength: 10
"
    ));
    let settings = &config.peers[0].settings;
    assert_eq!(settings.discard_attributes, [(20, 23), (128, 128)]);
    assert_eq!(settings.withdraw_attributes, [(99, 99)]);
    assert_eq!((settings.max_as_path_length, settings.max_cluster_list_length), (750, 10));
    for wrong in ["0", "2", "\"9-20\"", "\"23-20\"", "256", "x"] {
        let text = format!("{BASE}peers: [{{address: 10.0.0.2, discardAttributes: [{wrong}]}}]\n");
        let told = fault(&text);
        assert!(told.contains("a type from 4 to 255 or a range"), "{told}");
    }
}

#[test]
fn s3_nobody_inside_a_keyed_range_is_without_a_key() {
    let text = |inner: &str, peer: &str| {
        format!(
            "{BASE}peerGroups:
  - {{name: keyed, ranges: [10.0.0.0/8], password: a}}
  - {{name: inner, ranges: [10.1.0.0/16]{inner}}}
peers: [{{address: 10.2.0.1{peer}}}, {{address: 11.0.0.1}}]
"
        )
    };
    good(&text(", password: b", ", password: c"));
    let told = fault(&text("", ", password: c"));
    assert_eq!(
        told,
        "5:28 peerGroups[1].ranges[0]: `10.1.0.0/16` without a password inside `10.0.0.0/8`, a \
         password: bad.yaml:4:28 has one, which holds for everybody in there"
    );
    let told = fault(&text(", password: b", ""));
    assert!(told.starts_with("6:19 peers[0].address: `10.2.0.1` without a password"), "{told}");
}

#[test]
fn a4_paths_of_a_prefix_are_a_number_or_all() {
    let config = good(&format!(
        "{BASE}peerGroups:
  - {{name: g, ranges: [10.0.0.0/8], sendPaths: all, bestExternal: true}}
peers:
  - {{address: 10.0.0.2, group: g, sendPaths: 4, bestExternal: false}}
  - {{address: 10.0.0.3, group: g, refreshInterval: 200ms}}
"
    ));
    assert_eq!(config.groups[0].settings.send_paths, albedo_types::PATHS_MAX);
    let [first, second] = [0, 1].map(|n| &config.peers[n].settings);
    assert_eq!((first.send_paths, first.best_external), (4, false));
    assert_eq!((second.send_paths, second.best_external), (16, true));
    assert_eq!(second.refresh_interval, Duration::from_millis(200));
    for wrong in ["0", "17", "-1", "many"] {
        let told = fault(&format!("{BASE}peers: [{{address: 10.0.0.2, sendPaths: {wrong}}}]\n"));
        assert!(told.ends_with("1 (the best one), 2 to 16, or all (16 at most)"), "{told}");
    }
}

#[test]
fn a4_which_paths_of_a_prefix_is_a_mode_and_all_of_them_unless_a_number_is_said() {
    use PathsMode::{Best, Diverse, Equal, PerNeighbourAs};
    let config = good(&format!(
        "{BASE}peerGroups:
  - {{name: g, ranges: [10.0.0.0/8], sendPathsMode: equal, receivePaths: 4}}
peers:
  - {{address: 10.0.0.2, group: g}}
  - {{address: 10.0.0.3, group: g, sendPathsMode: perNeighborAs, sendPaths: 3}}
  - {{address: 10.0.0.4, group: g, sendPathsMode: best, receivePaths: 65535}}
  - {{address: 10.0.0.5, sendPathsMode: diverse}}
"
    ));
    let settings = config.peers.iter().map(|peer| &peer.settings);
    let read = settings.map(|one| (one.send_paths_mode, one.send_paths, one.receive_paths));
    let expected = [
        (Equal, 16, Some(4)),
        (PerNeighbourAs, 3, Some(4)),
        (Best, 1, Some(65_535)),
        (Diverse, 16, None),
    ];
    assert_eq!(read.collect::<Vec<_>>(), expected);
}
