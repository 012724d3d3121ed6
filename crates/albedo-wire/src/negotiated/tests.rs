use std::string::ToString;
use std::vec;
use std::vec::Vec;

use albedo_types::Safi;
use proptest::collection::vec as many;
use proptest::prelude::*;

use super::*;
use crate::capability::tests::any_capability;
use crate::capability::{AddPathMode, ExtendedNextHop, GracefulFamily};

fn open(capabilities: Vec<Capability>) -> Open {
    Open { as_field: 64512, hold_time: 90, router_id: 7, capabilities, ignored: Vec::new() }
}

fn mp(family: Family) -> Capability {
    Capability::multiprotocol(family)
}

fn add_paths(families: &[(Family, AddPathMode)]) -> Capability {
    let entry = |&(family, mode): &(Family, AddPathMode)| AddPath {
        afi: family.afi(),
        safi: family.safi(),
        mode,
    };
    Capability::AddPath(families.iter().map(entry).collect())
}

const V4: FamilySet = FamilySet::of(Family::Ipv4Unicast);
const V6: FamilySet = FamilySet::of(Family::Ipv6Unicast);

#[test]
fn families_are_those_of_both() {
    let both = open(vec![mp(Family::Ipv4Unicast), mp(Family::Ipv6Unicast)]);
    let ipv6 = open(vec![mp(Family::Ipv6Unicast)]);
    let silent = open(Vec::new());
    let families =
        |local, remote| Negotiated::from_opens(local, remote).map(|terms| terms.families);
    assert_eq!(families(&both, &both), Ok(FamilySet::ALL));
    assert_eq!(families(&both, &ipv6), Ok(V6));
    assert_eq!(families(&both, &silent), Ok(V4));
    assert_eq!(families(&silent, &both), Ok(V4));
    let missed = Notification::unsupported_capability(&[1, 4, 0, 2, 0, 1]);
    assert_eq!(families(&ipv6, &silent), Err(missed));
}

#[test]
fn a_family_we_do_not_speak_is_no_family() {
    let flowspec = Capability::Multiprotocol { afi: Afi(1), safi: Safi(133) };
    // The peer offered something by code 1, so IPv4 unicast is not implied.
    let error = Negotiated::from_opens(&open(Vec::new()), &open(vec![flowspec]));
    assert_eq!(error.unwrap_err().subcode, 7);
}

#[test]
fn nothing_is_had_without_capabilities() {
    let terms = Negotiated::from_opens(&open(Vec::new()), &open(Vec::new())).unwrap();
    let expected = Negotiated {
        families: V4,
        as4: false,
        extended_message_tx: false,
        extended_message_rx: false,
        add_path_rx: FamilySet::EMPTY,
        add_path_tx: FamilySet::EMPTY,
        paths_limit: [0; Family::COUNT],
        extended_next_hop_rx: FamilySet::EMPTY,
        extended_next_hop_tx: FamilySet::EMPTY,
        route_refresh: false,
        enhanced_refresh: false,
        graceful: None,
        long_lived: None,
        hold_time: HoldTime::DEFAULT,
        peer_asn: Asn(64512),
        peer_router_id: RouterId::new(7).unwrap(),
        peer_fqdn: None,
    };
    assert_eq!(terms, expected);
}

#[test]
fn one_sided_offers_count_where_the_rfc_says_so() {
    let full = open(vec![
        mp(Family::Ipv4Unicast),
        Capability::RouteRefresh,
        Capability::ExtendedMessage,
        Capability::FourOctetAs(Asn(70000)),
        Capability::EnhancedRouteRefresh,
        Capability::ExtendedNextHop(vec![ExtendedNextHop {
            afi: Afi(1),
            safi: Safi(1),
            next_hop: Afi(2),
        }]),
    ]);
    let bare = open(Vec::new());
    let ours = Negotiated::from_opens(&full, &bare).unwrap();
    assert!(ours.extended_message_rx && !ours.extended_message_tx);
    assert_eq!((ours.extended_next_hop_rx, ours.extended_next_hop_tx), (V4, FamilySet::EMPTY));
    assert!(!ours.as4 && !ours.route_refresh && !ours.enhanced_refresh);
    let theirs = Negotiated::from_opens(&bare, &full).unwrap();
    assert!(!theirs.extended_message_rx && theirs.extended_message_tx);
    assert_eq!((theirs.extended_next_hop_rx, theirs.extended_next_hop_tx), (FamilySet::EMPTY, V4));
    assert_eq!(theirs.peer_asn, Asn(70000));
    let both = Negotiated::from_opens(&full, &full).unwrap();
    assert!(both.as4 && both.route_refresh && both.enhanced_refresh);
}

#[test]
fn the_old_refresh_code_is_enough() {
    let ours = open(vec![Capability::RouteRefresh]);
    let old = open(vec![Capability::OldRouteRefresh]);
    assert!(Negotiated::from_opens(&ours, &old).unwrap().route_refresh);
}

#[test]
fn a1_add_path_needs_a_sender_and_a_receiver() {
    use AddPathMode::{Both, Receive, Send};
    for (ours, theirs, rx, tx) in [
        (Receive, Both, true, false),
        (Receive, Send, true, false),
        (Receive, Receive, false, false),
        (Send, Both, false, true),
        (Send, Receive, false, true),
        (Send, Send, false, false),
        (Both, Both, true, true),
    ] {
        let local = open(vec![mp(Family::Ipv4Unicast), add_paths(&[(Family::Ipv4Unicast, ours)])]);
        let remote = open(vec![
            mp(Family::Ipv4Unicast),
            // A family that is not negotiated does not count.
            add_paths(&[(Family::Ipv6Unicast, Both), (Family::Ipv4Unicast, theirs)]),
        ]);
        let terms = Negotiated::from_opens(&local, &remote).unwrap();
        let set = |on| if on { V4 } else { FamilySet::EMPTY };
        assert_eq!(
            (terms.add_path_rx, terms.add_path_tx),
            (set(rx), set(tx)),
            "{ours:?} {theirs:?}"
        );
    }
}

#[test]
fn add_path_may_come_in_a_capability_for_each_family() {
    use AddPathMode::{Both, Receive};
    let families = || [mp(Family::Ipv4Unicast), mp(Family::Ipv6Unicast)];
    let each = open(
        [add_paths(&[(Family::Ipv4Unicast, Both)]), add_paths(&[(Family::Ipv6Unicast, Both)])]
            .into_iter()
            .chain(families())
            .collect(),
    );
    let both = [(Family::Ipv4Unicast, Receive), (Family::Ipv6Unicast, Receive)];
    let local = open([add_paths(&both)].into_iter().chain(families()).collect());
    let terms = Negotiated::from_opens(&local, &each).unwrap();
    assert_eq!((terms.add_path_rx, terms.add_path_tx), (FamilySet::ALL, FamilySet::EMPTY));
}

#[test]
fn the_last_graceful_restart_counts() {
    let graceful = |restart_time| {
        Capability::GracefulRestart(GracefulRestart {
            restart_time,
            families: vec![GracefulFamily { afi: Afi(1), safi: Safi(1), forwarding: true }],
            ..GracefulRestart::default()
        })
    };
    let remote = open(vec![graceful(5), graceful(120)]);
    let terms = Negotiated::from_opens(&open(Vec::new()), &remote).unwrap();
    assert_eq!(terms.graceful.unwrap().restart_time, 120);
}

#[test]
fn long_lived_needs_graceful_restart() {
    let long_lived = Capability::LongLived(LongLived::default());
    let alone = open(vec![long_lived.clone()]);
    assert_eq!(Negotiated::from_opens(&open(Vec::new()), &alone).unwrap().long_lived, None);
    let graceful = Capability::GracefulRestart(GracefulRestart::default());
    let both = open(vec![long_lived, graceful]);
    let terms = Negotiated::from_opens(&open(Vec::new()), &both).unwrap();
    assert_eq!(terms.long_lived, Some(LongLived::default()));
}

#[test]
fn hold_time_is_the_smaller_and_off_wins() {
    for (ours, theirs, agreed) in [(90, 240, 90), (240, 90, 90), (90, 0, 0), (0, 90, 0), (3, 3, 3)]
    {
        let local = Open { hold_time: ours, ..open(Vec::new()) };
        let remote = Open { hold_time: theirs, ..open(Vec::new()) };
        let terms = Negotiated::from_opens(&local, &remote).unwrap();
        assert_eq!(terms.hold_time.as_secs(), agreed);
    }
}

#[test]
fn impossible_opens_are_refused() {
    let zero = Open { router_id: 0, ..open(Vec::new()) };
    let error = Negotiated::from_opens(&open(Vec::new()), &zero);
    assert_eq!(error, Err(Notification::bad_identifier()));
    let short = Open { hold_time: 2, ..open(Vec::new()) };
    let error = Negotiated::from_opens(&open(Vec::new()), &short);
    assert_eq!(error, Err(Notification::unacceptable_hold_time()));
}

#[test]
fn names_are_joined() {
    let named = |host: &str, domain: &str| {
        let (host, domain) = (host.to_string(), domain.to_string());
        let remote = open(vec![Capability::Fqdn { host, domain }]);
        Negotiated::from_opens(&open(Vec::new()), &remote).unwrap().peer_fqdn
    };
    assert_eq!(named("node-1", "").as_deref(), Some("node-1"));
    assert_eq!(named("node-1", "example.org").as_deref(), Some("node-1.example.org"));
    assert_eq!(named("", ""), None);
}

proptest! {
    #[test]
    fn both_sides_see_the_same_session(
        a in many(any_capability(), 0..10), b in many(any_capability(), 0..10),
    ) {
        let (a, b) = (open(a), open(b));
        let (ours, theirs) = (Negotiated::from_opens(&a, &b), Negotiated::from_opens(&b, &a));
        prop_assert_eq!(ours.is_ok(), theirs.is_ok());
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            prop_assert!(!ours.families.is_empty());
            prop_assert_eq!(ours.families, theirs.families);
            prop_assert_eq!(ours.as4, theirs.as4);
            prop_assert_eq!(ours.hold_time, theirs.hold_time);
            prop_assert_eq!(ours.add_path_tx, theirs.add_path_rx);
            prop_assert_eq!(ours.add_path_rx, theirs.add_path_tx);
            prop_assert_eq!(ours.extended_message_tx, theirs.extended_message_rx);
            prop_assert_eq!(ours.extended_next_hop_tx, theirs.extended_next_hop_rx);
        }
    }
}
