//! Connection collision: every order in which two connections can come up (RFC 4271 §6.8).

use std::string::ToString;
use std::vec;
use std::vec::Vec;

use super::*;

/// Who the peer is, and whose connection is kept.
const PEERS: [(u32, Asn, ConnId); 4] = [
    (LOCAL_ID - 1, LOCAL_AS, ConnId::Outgoing),
    (LOCAL_ID + 1, LOCAL_AS, ConnId::Incoming),
    (LOCAL_ID, Asn(64511), ConnId::Outgoing),
    (LOCAL_ID, Asn(64513), ConnId::Incoming),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Comes,
    Open,
    Keepalive,
}

/// All orders of the three steps of each connection.
fn orders() -> Vec<Vec<(ConnId, Step)>> {
    const STEPS: [Step; 3] = [Step::Comes, Step::Open, Step::Keepalive];
    let mut all = Vec::new();
    for mask in 0u32..64 {
        if mask.count_ones() != 3 {
            continue;
        }
        let mut next = [0; 2];
        let mut order = Vec::new();
        for bit in 0..6 {
            let id = ConnId::ALL[usize::from(mask >> bit & 1 == 1)];
            order.push((id, STEPS[next[id.index()]]));
            next[id.index()] += 1;
        }
        all.push(order);
    }
    assert_eq!(all.len(), 20);
    all
}

/// What must come out: the winner, unless the other was Established before the winner's OPEN.
fn survivor(order: &[(ConnId, Step)], winner: ConnId) -> ConnId {
    let place = |wanted| order.iter().position(|step| *step == wanted).unwrap();
    let loser = winner.other();
    if place((loser, Step::Keepalive)) < place((winner, Step::Open)) { loser } else { winner }
}

#[test]
fn c1_c4_every_order_leaves_one_connection() {
    for (peer_id, peer_asn, winner) in PEERS {
        let open = open_of(peer_id, peer_asn, Graceful::No).encode();
        for order in orders() {
            let config = SessionConfig { peer_asn: ExpectedAs::Any, ..config() };
            let mut rig = Rig::started(config);
            // Whether the peer still has the connection.
            let mut alive = [true; 2];
            let mut said = Vec::new();
            for (id, step) in &order {
                if !alive[id.index()] {
                    continue;
                }
                let words = match (step, id) {
                    (Step::Comes, ConnId::Outgoing) => rig.input(Event::Connected(*id)),
                    (Step::Comes, ConnId::Incoming) => rig.input(Event::Accepted),
                    (Step::Open, _) => rig.receive(*id, &open),
                    (Step::Keepalive, _) => rig.receive(*id, &KEEPALIVE),
                };
                for id in ConnId::ALL {
                    let close =
                        [std::format!("linger {}", short(id)), std::format!("close {}", short(id))];
                    let rejected = id == ConnId::Incoming && words.contains("reject");
                    if rejected || close.iter().any(|close| words.contains(close.as_str())) {
                        alive[id.index()] = false;
                    }
                }
                said.push(words);
            }
            let expected = survivor(&order, winner);
            let story = std::format!("{peer_id:x} {peer_asn} {order:?}: {said:?}");
            assert!(alive[expected.index()] && !alive[expected.other().index()], "{story}");
            assert_eq!(rig.session.state(), StateName::Established, "{story}");
            let ups: Vec<_> = said.iter().filter(|words| words.contains("up ")).collect();
            assert_eq!(ups.len(), 1, "{story}");
            assert!(ups[0].contains(&std::format!("up {}", short(expected))), "{story}");
        }
    }
}

#[test]
fn c2_the_loser_is_told_6_7() {
    for (peer_id, peer_asn, winner) in PEERS {
        let open = open_of(peer_id, peer_asn, Graceful::No).encode();
        let mut rig = Rig::started(SessionConfig { peer_asn: ExpectedAs::Any, ..config() });
        rig.input(Event::Connected(ConnId::Outgoing));
        rig.input(Event::Accepted);
        let loser = winner.other();
        assert_eq!(rig.receive(loser, &open), std::format!("{}<KEEPALIVE", short(loser)));
        let said = rig.receive(winner, &open);
        let (kept, lost) = (short(winner), short(loser));
        assert_eq!(said, std::format!("{lost}<6/7, linger {lost}, {kept}<KEEPALIVE"));
        assert_eq!(rig.session.failures(), 0, "a collision is no failure");
        // Nothing of the closed one is heard any more.
        assert_eq!(rig.receive(loser, &KEEPALIVE), "");
        assert_eq!(rig.session.state(), StateName::OpenConfirm);
    }
}

#[test]
fn a_winner_in_open_sent_does_not_block_the_other() {
    // The peer has the higher identifier, so its connection should win; it never speaks on it.
    let open = open_of(LOCAL_ID + 1, LOCAL_AS, Graceful::No).encode();
    let mut rig = Rig::started(config());
    rig.input(Event::Connected(ConnId::Outgoing));
    rig.input(Event::Accepted);
    rig.receive(ConnId::Outgoing, &open);
    let said = rig.receive(ConnId::Outgoing, &KEEPALIVE);
    assert_eq!(said, "in<6/7, linger in, up out");
}

#[test]
fn an_attempt_that_would_lose_is_given_up() {
    let open = open_of(LOCAL_ID + 1, LOCAL_AS, Graceful::No).encode();
    let mut rig = Rig::started(config());
    rig.input(Event::Accepted);
    assert_eq!(rig.receive(ConnId::Incoming, &open), "close out, in<KEEPALIVE");
    // One that would win goes on, until the other is Established.
    let open = open_of(LOCAL_ID - 1, LOCAL_AS, Graceful::No).encode();
    let mut rig = Rig::started(config());
    rig.input(Event::Accepted);
    assert_eq!(rig.receive(ConnId::Incoming, &open), "in<KEEPALIVE");
    assert_eq!(rig.receive(ConnId::Incoming, &KEEPALIVE), "close out, up in");
}

#[test]
fn the_failure_of_one_connection_leaves_the_other() {
    let open = open_of(LOCAL_ID + 1, LOCAL_AS, Graceful::No).encode();
    let lost = || Event::Closed(ConnId::Outgoing, CloseReason::from("reset"));
    let broken = || Event::DecodeFailed(ConnId::Outgoing, Notification::not_synchronised());
    for (event, words) in [
        (lost(), "failed lost".to_string()),
        (broken(), "out<1/1, linger out, failed protocol".to_string()),
    ] {
        let mut rig = Rig::started(config());
        rig.input(Event::Connected(ConnId::Outgoing));
        rig.input(Event::Accepted);
        assert_eq!(rig.input(event), words);
        assert_eq!(rig.session.state(), StateName::OpenSent);
        let said =
            vec![rig.receive(ConnId::Incoming, &open), rig.receive(ConnId::Incoming, &KEEPALIVE)];
        assert_eq!(said, ["in<KEEPALIVE", "up in"]);
    }
}

#[test]
fn c5_a_passive_peer_has_no_collision() {
    let open = open_of(LOCAL_ID - 1, LOCAL_AS, Graceful::No).encode();
    let mut rig = Rig::started(SessionConfig { passive: true, ..config() });
    rig.input(Event::Accepted);
    assert_eq!(rig.receive(ConnId::Incoming, &open), "in<KEEPALIVE");
    assert_eq!(rig.receive(ConnId::Incoming, &KEEPALIVE), "up in");
}

#[test]
fn rfc4724_s5_without_a_family_a_new_connection_replaces_nothing() {
    for (graceful, said) in [
        (Graceful::No, "reject 6/7"),
        (Graceful::Aware, "reject 6/7"),
        (Graceful::Yes, "close out, down replaced, adopt, in<OPEN"),
    ] {
        let mut rig = Rig::started(config());
        rig.establish(&open_of(PEER_ID, LOCAL_AS, graceful));
        rig.now += Duration::from_secs(5);
        assert_eq!(rig.input(Event::Accepted), said, "{graceful:?}");
    }
}

#[test]
fn c5_a_connection_that_crossed_ours_is_no_restart_of_the_peer() {
    let mut rig = Rig::started(config());
    rig.establish(&open_of(PEER_ID, LOCAL_AS, Graceful::Yes));
    // Without a word, and the session goes on.
    for millis in [0, 1, 4_998] {
        rig.now += Duration::from_millis(millis);
        assert_eq!(rig.input(Event::Accepted), "reject");
        assert_eq!(rig.session.state(), StateName::Established);
    }
    rig.now += Duration::from_millis(1);
    assert_eq!(rig.input(Event::Accepted), "close out, down replaced, adopt, in<OPEN");
    // The peer's own connection is not one of ours that it can have crossed.
    rig.receive(ConnId::Incoming, &open_of(PEER_ID, LOCAL_AS, Graceful::Yes).encode());
    assert_eq!(rig.receive(ConnId::Incoming, &KEEPALIVE), "up in");
    assert_eq!(rig.input(Event::Accepted), "close in, down replaced, adopt, in<OPEN");
}
