//! OPEN messages: those of real routers, and generated ones.

use albedo_types::{Afi, Asn, Safi};
use albedo_wire::capability::{AddPath, AddPathMode, Capability, GracefulFamily, GracefulRestart};
use albedo_wire::frame;
use albedo_wire::open::Open;
use proptest::prelude::*;

use crate::data;
use crate::facts::hex;
use crate::mrt::{Item, items};
use crate::theirs::{bgpkit, netgauze};

/// Whether an OPEN has the wide form, in which lengths of optional parameters have two octets:
/// 255 stands in the place of the first parameter's type (RFC 9072 §2).
fn is_wide(octets: &[u8]) -> bool {
    octets[28] != 0 && octets.get(29) == Some(&255)
}

/// What all three say of an OPEN: AS field, hold time, identifier, number of capabilities.
///
/// Netgauze has no RFC 9072: it takes the 255 for a parameter type that does not exist. So it is
/// not asked about the wide form, which is the only one for more than 255 octets of parameters
/// (RFC 9072 §2).
fn check(octets: &[u8]) -> Open {
    let frame = frame::split(octets, false).unwrap().unwrap();
    let open = Open::decode(frame.body).unwrap_or_else(|error| panic!("{error}: {}", hex(octets)));
    let ours = (open.as_field, open.hold_time, open.router_id, open.capabilities.len());
    if !is_wide(octets) {
        let theirs = netgauze::takes_open(octets)
            .unwrap_or_else(|error| panic!("netgauze: {error}: {}", hex(octets)));
        assert_eq!(ours, theirs, "netgauze: {}", hex(octets));
    }
    let theirs = bgpkit::takes_open(octets)
        .unwrap_or_else(|error| panic!("bgpkit: {error}: {}", hex(octets)));
    assert_eq!(ours, theirs, "bgpkit: {}", hex(octets));
    open
}

#[test]
fn recorded_opens_are_read_alike_and_written_again() {
    let names = [
        "ris-updates.et-header.2015.gz",
        "ris-updates.20160811.1600.gz",
        "small/mrtparse-bird_bgp",
        "small/mrtparse-bird6_bgp",
        "small/mrtparse-openbgpd_bgp",
        "small/mrtparse-quagga_bgp",
    ];
    let mut seen = 0;
    for name in names {
        let Some(recording) = data::read(name) else {
            return;
        };
        for item in items(&recording) {
            if let Item::Message { octets, .. } = item
                && octets.get(18) == Some(&1)
            {
                let open = check(&octets);
                assert_eq!(check(&open.encode()), open, "{name}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 13);
}

#[test]
fn rfc9072_s2_the_wide_form_begins_where_the_short_one_ends() {
    for len in 0..=255_usize {
        // Two capabilities of 2 + 100 and 2 + `len` octets: 253 octets fit the short form.
        let unknown = |len: usize| Capability::Unknown { code: 200, value: vec![7; len] };
        let open = Open {
            as_field: 64512,
            hold_time: 90,
            router_id: 0x0a00_0001,
            capabilities: vec![unknown(100), unknown(len)],
            ignored: Vec::new(),
        };
        let octets = open.encode();
        assert_eq!(is_wide(&octets), len > 149, "{len}");
        assert_eq!(check(&octets), open);
        // When Netgauze learns the wide form, it can be asked about it as well.
        assert_eq!(netgauze::takes_open(&octets).is_err(), len > 149, "{len}");
    }
}

fn family() -> impl Strategy<Value = (Afi, Safi)> {
    prop::sample::select(vec![(Afi(1), Safi(1)), (Afi(2), Safi(1)), (Afi(1), Safi(2))])
}

fn capability() -> impl Strategy<Value = Capability> {
    let modes =
        prop::sample::select(vec![AddPathMode::Receive, AddPathMode::Send, AddPathMode::Both]);
    let add_path = (family(), modes).prop_map(|((afi, safi), mode)| AddPath { afi, safi, mode });
    let graceful = (family(), any::<bool>()).prop_map(|((afi, safi), forwarding)| GracefulFamily {
        afi,
        safi,
        forwarding,
    });
    prop_oneof![
        family().prop_map(|(afi, safi)| Capability::Multiprotocol { afi, safi }),
        Just(Capability::RouteRefresh),
        Just(Capability::ExtendedMessage),
        Just(Capability::EnhancedRouteRefresh),
        (1_u32..).prop_map(|asn| Capability::FourOctetAs(Asn(asn))),
        prop::collection::vec(add_path, 1..3).prop_map(Capability::AddPath),
        (0_u16..4096, any::<bool>(), prop::collection::vec(graceful, 0..3)).prop_map(
            |(restart_time, restarting, families)| {
                Capability::GracefulRestart(GracefulRestart {
                    restarting,
                    notification: false,
                    restart_time,
                    families,
                })
            }
        ),
        prop::collection::vec(any::<u8>(), 0..100)
            .prop_map(|value| Capability::Unknown { code: 200, value }),
    ]
}

proptest! {
    #[test]
    fn generated_opens_are_taken(
        as_field in 1_u16..,
        hold_time in 3_u16..,
        // RFC 6286 allows any but 0; one of the others still wants an address of a host.
        router_id in 1_u32..0xe000_0000,
        capabilities in prop::collection::vec(capability(), 0..6),
    ) {
        let open = Open { as_field, hold_time, router_id, capabilities, ignored: Vec::new() };
        prop_assert_eq!(check(&open.encode()), open);
    }

    #[test]
    fn damaged_opens_that_all_take_are_read_alike(
        capabilities in prop::collection::vec(capability(), 0..6),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let open = Open {
            as_field: 64512,
            hold_time: 90,
            router_id: 0x0a00_0001,
            capabilities,
            ignored: Vec::new(),
        };
        let mut octets = open.encode();
        let body = octets.len() - 19;
        for (at, octet) in changes {
            octets[19 + at.index(body)] = octet;
        }
        let frame = frame::split(&octets, false).unwrap().unwrap();
        let Ok(open) = Open::decode(frame.body) else {
            return Ok(());
        };
        let ours = (open.as_field, open.hold_time, open.router_id);
        if let Ok((asn, hold_time, id, _)) = netgauze::takes_open(&octets) {
            prop_assert_eq!(ours, (asn, hold_time, id), "netgauze: {}", hex(&octets));
        }
        if let Ok((asn, hold_time, id, _)) = bgpkit::takes_open(&octets) {
            prop_assert_eq!(ours, (asn, hold_time, id), "bgpkit: {}", hex(&octets));
        }
    }
}
