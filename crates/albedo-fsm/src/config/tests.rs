use core::num::NonZeroU16;
use std::vec;
use std::vec::Vec;

use albedo_wire::frame::split;

use super::*;

fn config() -> SessionConfig {
    let router_id = RouterId::new(0x0a00_0001).unwrap();
    SessionConfig::new(Asn(70000), router_id, ExpectedAs::Any)
}

fn codes(open: &Open) -> Vec<u8> {
    open.capabilities.iter().map(Capability::code).collect()
}

#[test]
fn golden_open_with_everything() {
    let mut config = config();
    config.capabilities = LocalCapabilities {
        graceful: Some(GracefulOffer {
            restart_time: Duration::from_secs(120),
            long_lived_stale_time: Some(Duration::from_secs(86400)),
            restarting: false,
            notification: true,
        }),
        fqdn: Some(Fqdn { host: "rr-1".into(), domain: "".into() }),
        software_version: Some("Albedo".into()),
        ..LocalCapabilities::default()
    };
    let message = config.open().encode();
    let frame = split(&message, false).unwrap().unwrap();
    let expected = [
        &[4, 0x5b, 0xa0, 0, 90, 10, 0, 0, 1, 89, 2, 87][..],
        &[1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1],
        &[2, 0],
        &[5, 6, 0, 1, 0, 1, 0, 2],
        &[6, 0],
        &[64, 10, 0x40, 120, 0, 1, 1, 0x80, 0, 2, 1, 0x80],
        &[65, 4, 0, 1, 0x11, 0x70],
        &[69, 8, 0, 1, 1, 1, 0, 2, 1, 1],
        &[70, 0],
        &[71, 14, 0, 1, 1, 0x80, 1, 0x51, 0x80, 0, 2, 1, 0x80, 1, 0x51, 0x80],
        &[73, 6, 4, b'r', b'r', b'-', b'1', 0],
        &[75, 7, 6, b'A', b'l', b'b', b'e', b'd', b'o'],
    ];
    assert_eq!(frame.body, expected.concat());
}

#[test]
fn what_is_off_is_not_offered() {
    let mut config = config();
    assert_eq!(codes(&config.open()), [1, 1, 2, 5, 6, 65, 69, 70]);
    config.capabilities = LocalCapabilities {
        families: FamilySet::of(Family::Ipv6Unicast),
        add_path: None,
        extended_message: false,
        ..LocalCapabilities::default()
    };
    // IPv6 next hops for IPv4 routes need IPv4.
    assert_eq!(codes(&config.open()), [1, 2, 65, 70]);
    config.capabilities.graceful = Some(GracefulOffer {
        restart_time: Duration::from_secs(9000),
        long_lived_stale_time: None,
        restarting: true,
        notification: false,
    });
    let open = config.open();
    assert_eq!(codes(&open), [1, 2, 64, 65, 70]);
    let graceful = open.capabilities.iter().find_map(|capability| match capability {
        Capability::GracefulRestart(graceful) => Some(graceful.clone()),
        _ => None,
    });
    let expected = GracefulRestart {
        restarting: true,
        notification: false,
        restart_time: RESTART_TIME_MAX,
        families: vec![GracefulFamily {
            afi: Family::Ipv6Unicast.afi(),
            safi: Family::Ipv6Unicast.safi(),
            forwarding: true,
        }],
    };
    assert_eq!(graceful, Some(expected));
}

#[test]
fn a4_what_we_want_of_paths_is_said_where_we_receive_them() {
    let mut config = config();
    config.capabilities.paths_limit = NonZeroU16::new(4);
    let open = config.open();
    assert_eq!(codes(&open), [1, 1, 2, 5, 6, 65, 69, 70, 76]);
    let entry = |family: Family| PathsLimit { afi: family.afi(), safi: family.safi(), limit: 4 };
    let expected = Capability::PathsLimit(Family::ALL.map(entry).to_vec());
    assert_eq!(open.capabilities.last(), Some(&expected));
    for silent in [None, Some(AddPathMode::Send)] {
        config.capabilities.add_path = silent;
        assert!(!codes(&config.open()).contains(&76), "{silent:?}");
    }
}

#[test]
fn stale_times_are_cut_at_what_the_wire_holds() {
    let capabilities = LocalCapabilities::default();
    for (secs, sent) in [(86_400, 86_400), (1 << 24, STALE_TIME_MAX), (u64::MAX, STALE_TIME_MAX)] {
        let long_lived = capabilities.long_lived(Duration::from_secs(secs));
        assert!(long_lived.families.iter().all(|entry| entry.stale_time == sent));
        assert_eq!(long_lived.families.len(), 2);
    }
}

#[test]
fn k5_forwarding_is_said_to_have_gone_on_unless_configured_otherwise() {
    let mut config = config();
    config.capabilities.graceful = Some(GracefulOffer {
        notification: false,
        restart_time: Duration::from_secs(30),
        long_lived_stale_time: Some(Duration::from_secs(86400)),
        restarting: true,
    });
    for forwarding in [true, false] {
        config.capabilities.forwarding = forwarding;
        let open = config.open();
        let graceful = open.capabilities.iter().find_map(|capability| match capability {
            Capability::GracefulRestart(offer) => Some(offer),
            _ => None,
        });
        let long_lived = open.capabilities.iter().find_map(|capability| match capability {
            Capability::LongLived(offer) => Some(offer),
            _ => None,
        });
        let (graceful, long_lived) = (graceful.unwrap(), long_lived.unwrap());
        assert!(graceful.restarting);
        assert_eq!((graceful.families.len(), long_lived.families.len()), (2, 2));
        assert!(graceful.families.iter().all(|family| family.forwarding == forwarding));
        assert!(long_lived.families.iter().all(|family| family.forwarding == forwarding));
    }
}
