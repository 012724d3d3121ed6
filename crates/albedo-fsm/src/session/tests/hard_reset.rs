//! RFC 8538: what is said to a peer that keeps routes after a NOTIFICATION.

use super::*;

/// A session whose both sides say N, or only one of them.
fn established(ours: bool, theirs: bool) -> Rig {
    let mut config = config();
    config.capabilities.graceful = Some(crate::config::GracefulOffer {
        restart_time: Duration::from_secs(30),
        long_lived_stale_time: None,
        restarting: false,
        notification: ours,
    });
    let mut rig = Rig::started(config);
    let mut open = open_of(PEER_ID, LOCAL_AS, Graceful::Yes);
    for capability in &mut open.capabilities {
        if let Capability::GracefulRestart(graceful) = capability {
            graceful.notification = theirs;
        }
    }
    rig.establish(&open);
    rig
}

fn sent(rig: &mut Rig) -> Notification {
    rig.said();
    rig.session.reason().and_then(|down| down.sent.clone()).unwrap()
}

#[test]
fn rfc8538_s3_a_cease_to_a_peer_that_would_keep_routes_is_a_hard_reset() {
    let stop = Event::Stop { subcode: 2, text: "bye" };
    let cease = Notification::cease_with_text(2, "bye");
    for (ours, theirs) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut rig = established(ours, theirs);
        rig.input(stop.clone());
        let expected =
            if ours && theirs { Notification::hard_reset(&cease) } else { cease.clone() };
        assert_eq!(sent(&mut rig), expected, "{ours} {theirs}");
    }
}

#[test]
fn rfc8538_s4_other_notifications_are_what_they_are() {
    let mut rig = established(true, true);
    rig.session.handle(rig.now, Event::DecodeFailed(ConnId::Outgoing, Notification::new(3, 1)));
    assert_eq!(sent(&mut rig), Notification::new(3, 1));
    // Too many routes are the peer's to repair, and nothing to keep.
    let mut rig = established(true, true);
    let many = Notification::max_prefixes(Family::Ipv4Unicast, 5);
    rig.session.handle(rig.now, Event::DecodeFailed(ConnId::Outgoing, many.clone()));
    assert_eq!(sent(&mut rig), Notification::hard_reset(&many));
}
