use albedo_types::PeerId;

use super::*;

fn asks(query: RoutesQuery, from: &[PeerId]) -> Result<Vec<RouteAsk>, String> {
    query.asks(from, &[PeerId(1), PeerId(2)]).map(Vec::from)
}

fn with(prefix: &str, matching: Option<&str>) -> RoutesQuery {
    let matching = matching.map(str::to_owned);
    RoutesQuery { prefix: Some(prefix.to_owned()), matching, ..RoutesQuery::default() }
}

#[test]
fn without_a_prefix_both_families_are_read() {
    let found = asks(RoutesQuery::default(), &[]).unwrap();
    assert_eq!(found.iter().map(|ask| ask.family).collect::<Vec<_>>(), Family::ALL);
    assert!(found.iter().all(|ask| ask.select == RouteSelect::All && ask.from.is_none()));
    let one = RoutesQuery { family: Some("ipv6".to_owned()), ..RoutesQuery::default() };
    assert_eq!(asks(one, &[]).unwrap().len(), 1);
}

#[test]
fn a_prefix_is_meant_as_it_is_said() {
    let prefix: Prefix = "10.1.2.0/26".parse().unwrap();
    let host: Prefix = "10.1.2.3/32".parse().unwrap();
    for (text, matching, wanted) in [
        ("10.1.2.0/26", None, RouteSelect::Exact(prefix)),
        ("10.1.2.0/26", Some("exact"), RouteSelect::Exact(prefix)),
        ("10.1.2.0/26", Some("longest"), RouteSelect::Longest(prefix)),
        ("10.1.2.0/26", Some("longer"), RouteSelect::Within(prefix)),
        ("10.1.2.3", None, RouteSelect::Longest(host)),
        ("10.1.2.3", Some("exact"), RouteSelect::Exact(host)),
    ] {
        let found = asks(with(text, matching), &[]).unwrap();
        assert_eq!(found.iter().map(|ask| ask.select).collect::<Vec<_>>(), [wanted], "{text}");
        assert_eq!(found[0].family, Family::Ipv4Unicast);
    }
    let found = asks(with("fd00::1", None), &[]).unwrap();
    assert_eq!(found[0].family, Family::Ipv6Unicast);
}

#[test]
fn a_peer_may_have_several_sessions_or_none() {
    let query = || RoutesQuery { from: Some([10, 0, 0, 2].into()), ..with("10.0.0.0/8", None) };
    let peers = [PeerId(3), PeerId(9)];
    let found = asks(query(), &peers).unwrap();
    let from: Vec<_> = found.iter().map(|ask| ask.from).collect();
    assert_eq!(from, peers.map(Some));
    assert_eq!(asks(query(), &[]).unwrap(), [], "a peer that is not there has announced nothing");
    let told = RoutesQuery { to: Some([10, 0, 0, 3].into()), ..query() };
    let found = asks(told, &peers).unwrap();
    let pairs: Vec<_> = found.iter().map(|ask| (ask.from.unwrap().0, ask.to.unwrap().0)).collect();
    assert_eq!(pairs, [(3, 1), (3, 2), (9, 1), (9, 2)]);
}

#[test]
fn what_makes_no_sense_is_told() {
    let bad = |query, wanted: &str| {
        let found = asks(query, &[]).unwrap_err();
        assert!(found.starts_with(wanted), "{found}");
    };
    bad(with("10.1.2.0/33", None), "prefix: found \"10.1.2.0/33\", expected an address");
    bad(with("10.1.2.0/26", Some("near")), "match: found \"near\", expected exact, longer");
    let alone = RoutesQuery { matching: Some("longer".to_owned()), ..RoutesQuery::default() };
    bad(alone, "match: expected a prefix");
    let other = RoutesQuery { family: Some("ipv6".to_owned()), ..with("10.0.0.0/8", None) };
    bad(other, "family: found another one than that of 10.0.0.0/8");
    let none = RoutesQuery { family: Some("vpn".to_owned()), ..RoutesQuery::default() };
    bad(none, "family: found \"vpn\", expected ipv4 or ipv6");
}
