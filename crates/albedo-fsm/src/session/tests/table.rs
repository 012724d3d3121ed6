//! Every transition: for each state, what each event leads to and what is said.
//!
//! A scene lists the events that do something, with the state after it and the actions in short
//! words, and names those that do nothing; together they must be all events.

use std::string::String;
use std::vec::Vec;

use super::*;

/// All events, by the names the scenes use. Those about a connection are about the outgoing one.
const EVENTS: [&str; 26] = [
    "Start",
    "Stop",
    "Leave",
    "Connected",
    "Connected incoming",
    "ConnectFailed",
    "Accepted",
    "Closed",
    "OPEN",
    "OPEN of a wrong AS",
    "OPEN malformed",
    "UPDATE",
    "KEEPALIVE",
    "ROUTE-REFRESH",
    "NOTIFICATION 6/4",
    "NOTIFICATION 2/1",
    "NOTIFICATION 3/1",
    "DecodeFailed",
    "DataWaiting",
    "Written",
    "timer IdleHold",
    "timer ConnectRetry",
    "timer OpenWait",
    "timer Hold",
    "timer Keepalive",
    "timer SendHold",
];

struct Scene {
    name: &'static str,
    make: fn() -> Rig,
    state: StateName,
    /// Event, state after it, actions.
    does: &'static [(&'static str, StateName, &'static str)],
    /// Events that change no state and say nothing; timers that do not run.
    ignores: &'static [&'static str],
}

fn dialing() -> Rig {
    Rig::started(config())
}

fn waiting() -> Rig {
    let mut rig = dialing();
    rig.input(Event::ConnectFailed);
    rig
}

fn passive() -> Rig {
    Rig::started(SessionConfig { passive: true, ..config() })
}

fn open_sent() -> Rig {
    let mut rig = dialing();
    rig.input(Event::Connected(ConnId::Outgoing));
    rig
}

fn holding() -> Rig {
    let mut rig = open_sent();
    rig.receive(ConnId::Outgoing, &update());
    rig
}

fn open_confirm() -> Rig {
    let mut rig = open_sent();
    let open = open_of(PEER_ID, LOCAL_AS, Graceful::No);
    rig.receive(ConnId::Outgoing, &open.encode());
    rig
}

fn established(graceful: Graceful) -> Rig {
    let mut rig = dialing();
    rig.establish(&open_of(PEER_ID, LOCAL_AS, graceful));
    // What may have crossed our connection has come by now.
    rig.now += Duration::from_secs(10);
    rig
}

use StateName::{Active, Connect, Established, Idle, OpenConfirm, OpenSent};

const SCENES: [Scene; 10] = [
    Scene {
        name: "Idle, not started",
        make: || Rig::new(config()),
        state: Idle,
        does: &[
            ("Start", Connect, "connect"),
            ("Connected", Idle, "close out"),
            ("Accepted", Idle, "reject"),
        ],
        ignores: &[
            "Stop",
            "Leave",
            "Connected incoming",
            "ConnectFailed",
            "Closed",
            "OPEN",
            "OPEN of a wrong AS",
            "OPEN malformed",
            "UPDATE",
            "KEEPALIVE",
            "ROUTE-REFRESH",
            "NOTIFICATION 6/4",
            "NOTIFICATION 2/1",
            "NOTIFICATION 3/1",
            "DecodeFailed",
            "DataWaiting",
            "Written",
            "timer IdleHold",
            "timer ConnectRetry",
            "timer OpenWait",
            "timer Hold",
            "timer Keepalive",
            "timer SendHold",
        ],
    },
    Scene {
        name: "Idle, kept away",
        make: holding,
        state: Idle,
        does: &[
            ("Start", Connect, "connect"),
            ("Connected", Idle, "close out"),
            ("Accepted", Idle, "reject"),
            ("timer IdleHold", Connect, "connect"),
        ],
        ignores: &[
            "Stop",
            "Leave",
            "Connected incoming",
            "ConnectFailed",
            "Closed",
            "OPEN",
            "OPEN of a wrong AS",
            "OPEN malformed",
            "UPDATE",
            "KEEPALIVE",
            "ROUTE-REFRESH",
            "NOTIFICATION 6/4",
            "NOTIFICATION 2/1",
            "NOTIFICATION 3/1",
            "DecodeFailed",
            "DataWaiting",
            "Written",
            "timer ConnectRetry",
            "timer OpenWait",
            "timer Hold",
            "timer Keepalive",
            "timer SendHold",
        ],
    },
    Scene {
        name: "Connect",
        make: dialing,
        state: Connect,
        does: &[
            ("Stop", Idle, "close out"),
            ("Leave", Idle, "close out"),
            ("Connected", OpenSent, "out<OPEN"),
            ("ConnectFailed", Active, ""),
            ("Accepted", OpenSent, "adopt, in<OPEN"),
            ("timer ConnectRetry", Connect, "close out, connect"),
        ],
        ignores: &[
            "Start",
            "Connected incoming",
            "Closed",
            "OPEN",
            "OPEN of a wrong AS",
            "OPEN malformed",
            "UPDATE",
            "KEEPALIVE",
            "ROUTE-REFRESH",
            "NOTIFICATION 6/4",
            "NOTIFICATION 2/1",
            "NOTIFICATION 3/1",
            "DecodeFailed",
            "DataWaiting",
            "Written",
            "timer IdleHold",
            "timer OpenWait",
            "timer Hold",
            "timer Keepalive",
            "timer SendHold",
        ],
    },
    Scene {
        name: "Active, of a peer we connect to",
        make: waiting,
        state: Active,
        does: &[
            ("Stop", Idle, ""),
            ("Leave", Idle, ""),
            ("Connected", Active, "close out"),
            ("Accepted", OpenSent, "adopt, in<OPEN"),
            ("timer ConnectRetry", Connect, "connect"),
        ],
        ignores: &[
            "Start",
            "Connected incoming",
            "ConnectFailed",
            "Closed",
            "OPEN",
            "OPEN of a wrong AS",
            "OPEN malformed",
            "UPDATE",
            "KEEPALIVE",
            "ROUTE-REFRESH",
            "NOTIFICATION 6/4",
            "NOTIFICATION 2/1",
            "NOTIFICATION 3/1",
            "DecodeFailed",
            "DataWaiting",
            "Written",
            "timer IdleHold",
            "timer OpenWait",
            "timer Hold",
            "timer Keepalive",
            "timer SendHold",
        ],
    },
    Scene {
        name: "Active, of a peer we wait for",
        make: passive,
        state: Active,
        does: &[
            ("Stop", Idle, ""),
            ("Leave", Idle, ""),
            ("Connected", Active, "close out"),
            ("Accepted", OpenSent, "adopt, in<OPEN"),
        ],
        ignores: &[
            "Start",
            "Connected incoming",
            "ConnectFailed",
            "Closed",
            "OPEN",
            "OPEN of a wrong AS",
            "OPEN malformed",
            "UPDATE",
            "KEEPALIVE",
            "ROUTE-REFRESH",
            "NOTIFICATION 6/4",
            "NOTIFICATION 2/1",
            "NOTIFICATION 3/1",
            "DecodeFailed",
            "DataWaiting",
            "Written",
            "timer IdleHold",
            "timer ConnectRetry",
            "timer OpenWait",
            "timer Hold",
            "timer Keepalive",
            "timer SendHold",
        ],
    },
    Scene {
        name: "OpenSent",
        make: open_sent,
        state: OpenSent,
        does: &[
            ("Stop", Idle, "out<6/2, linger out, failed stopped"),
            ("Leave", Idle, "close out, failed left"),
            ("Accepted", OpenSent, "adopt, in<OPEN"),
            ("Closed", Active, "failed lost"),
            ("OPEN", OpenConfirm, "out<KEEPALIVE"),
            ("OPEN of a wrong AS", Idle, "out<2/2, linger out, failed protocol"),
            ("OPEN malformed", Idle, "out<2/1, linger out, failed protocol"),
            ("UPDATE", Idle, "out<5/1, linger out, failed protocol"),
            ("KEEPALIVE", Idle, "out<5/1, linger out, failed protocol"),
            ("ROUTE-REFRESH", Idle, "out<5/1, linger out, failed protocol"),
            ("NOTIFICATION 6/4", Active, "close out, failed told"),
            ("NOTIFICATION 2/1", Idle, "close out, failed told"),
            ("NOTIFICATION 3/1", Idle, "close out, failed told"),
            ("DecodeFailed", Idle, "out<1/1, linger out, failed protocol"),
            ("timer OpenWait", Active, "out<4/0, linger out, failed openwait"),
        ],
        ignores: &[
            "Start",
            "Connected",
            "Connected incoming",
            "ConnectFailed",
            "DataWaiting",
            "Written",
            "timer IdleHold",
            "timer ConnectRetry",
            "timer Hold",
            "timer Keepalive",
            "timer SendHold",
        ],
    },
    Scene {
        name: "OpenConfirm",
        make: open_confirm,
        state: OpenConfirm,
        does: &[
            ("Stop", Idle, "out<6/2, linger out, failed stopped"),
            ("Leave", Idle, "close out, failed left"),
            ("Accepted", OpenConfirm, "adopt, in<OPEN"),
            ("Closed", Active, "failed lost"),
            ("OPEN", Idle, "out<5/2, linger out, failed protocol"),
            ("OPEN of a wrong AS", Idle, "out<5/2, linger out, failed protocol"),
            ("OPEN malformed", Idle, "out<5/2, linger out, failed protocol"),
            ("UPDATE", Idle, "out<5/2, linger out, failed protocol"),
            ("KEEPALIVE", Established, "up out"),
            ("ROUTE-REFRESH", Idle, "out<5/2, linger out, failed protocol"),
            ("NOTIFICATION 6/4", Active, "close out, failed told"),
            ("NOTIFICATION 2/1", Idle, "close out, failed told"),
            ("NOTIFICATION 3/1", Idle, "close out, failed told"),
            ("DecodeFailed", Idle, "out<1/1, linger out, failed protocol"),
            ("timer Hold", Active, "out<4/0, linger out, failed hold"),
            ("timer Keepalive", OpenConfirm, "out<KEEPALIVE"),
        ],
        ignores: &[
            "Start",
            "Connected",
            "Connected incoming",
            "ConnectFailed",
            "DataWaiting",
            "Written",
            "timer IdleHold",
            "timer ConnectRetry",
            "timer OpenWait",
            "timer SendHold",
        ],
    },
    Scene {
        name: "Established, peer without graceful restart",
        make: || established(Graceful::No),
        state: Established,
        does: &[
            ("Stop", Idle, "out<6/2, linger out, down stopped"),
            ("Leave", Idle, "close out, down left"),
            ("Accepted", Established, "reject 6/7"),
            ("Closed", Active, "down lost"),
            ("OPEN", Idle, "out<5/3, linger out, down protocol"),
            ("OPEN of a wrong AS", Idle, "out<5/3, linger out, down protocol"),
            ("OPEN malformed", Idle, "out<5/3, linger out, down protocol"),
            ("ROUTE-REFRESH", Established, "refresh Request"),
            ("NOTIFICATION 6/4", Active, "close out, down told"),
            ("NOTIFICATION 2/1", Idle, "close out, down told"),
            ("NOTIFICATION 3/1", Idle, "close out, down told"),
            ("DecodeFailed", Idle, "out<1/1, linger out, down protocol"),
            ("timer Hold", Active, "out<4/0, linger out, down hold"),
            ("timer Keepalive", Established, "out<KEEPALIVE"),
            ("timer SendHold", Active, "out<8/0, linger out, down sendhold"),
        ],
        ignores: &[
            "Start",
            "Connected",
            "Connected incoming",
            "ConnectFailed",
            "UPDATE",
            "KEEPALIVE",
            "DataWaiting",
            "Written",
            "timer IdleHold",
            "timer ConnectRetry",
            "timer OpenWait",
        ],
    },
    Scene {
        name: "Established, peer with graceful restart",
        make: || established(Graceful::Yes),
        state: Established,
        does: &[
            ("Stop", Idle, "out<6/2, linger out, down stopped"),
            ("Leave", Idle, "close out, down left"),
            ("Accepted", OpenSent, "close out, down replaced, adopt, in<OPEN"),
            ("Closed", Active, "down lost"),
            ("OPEN", Idle, "out<5/3, linger out, down protocol"),
            ("OPEN of a wrong AS", Idle, "out<5/3, linger out, down protocol"),
            ("OPEN malformed", Idle, "out<5/3, linger out, down protocol"),
            ("ROUTE-REFRESH", Established, "refresh Request"),
            ("NOTIFICATION 6/4", Active, "close out, down told"),
            ("NOTIFICATION 2/1", Idle, "close out, down told"),
            ("NOTIFICATION 3/1", Idle, "close out, down told"),
            ("DecodeFailed", Idle, "out<1/1, linger out, down protocol"),
            // Silent, so that the peer keeps our routes (K8).
            ("timer Hold", Active, "close out, down hold"),
            ("timer Keepalive", Established, "out<KEEPALIVE"),
            ("timer SendHold", Active, "out<8/0, linger out, down sendhold"),
        ],
        ignores: &[
            "Start",
            "Connected",
            "Connected incoming",
            "ConnectFailed",
            "UPDATE",
            "KEEPALIVE",
            "DataWaiting",
            "Written",
            "timer IdleHold",
            "timer ConnectRetry",
            "timer OpenWait",
        ],
    },
    Scene {
        name: "Established, peer with long-lived graceful restart",
        make: || established(Graceful::LongLived),
        state: Established,
        does: &[
            ("Stop", Idle, "out<6/2, linger out, down stopped"),
            ("Leave", Idle, "close out, down left"),
            ("Accepted", OpenSent, "close out, down replaced, adopt, in<OPEN"),
            ("Closed", Active, "down lost"),
            ("OPEN", Idle, "out<5/3, linger out, down protocol"),
            ("OPEN of a wrong AS", Idle, "out<5/3, linger out, down protocol"),
            ("OPEN malformed", Idle, "out<5/3, linger out, down protocol"),
            ("ROUTE-REFRESH", Established, "refresh Request"),
            ("NOTIFICATION 6/4", Active, "close out, down told"),
            ("NOTIFICATION 2/1", Idle, "close out, down told"),
            ("NOTIFICATION 3/1", Idle, "close out, down told"),
            ("DecodeFailed", Idle, "out<1/1, linger out, down protocol"),
            // Silent, so that the peer keeps our routes.
            ("timer Hold", Active, "close out, down hold"),
            ("timer Keepalive", Established, "out<KEEPALIVE"),
            ("timer SendHold", Active, "out<8/0, linger out, down sendhold"),
        ],
        ignores: &[
            "Start",
            "Connected",
            "Connected incoming",
            "ConnectFailed",
            "UPDATE",
            "KEEPALIVE",
            "DataWaiting",
            "Written",
            "timer IdleHold",
            "timer ConnectRetry",
            "timer OpenWait",
        ],
    },
];

/// Lets the named timer pass, after whatever must happen first so that it is reached; `None` if it
/// does not run.
fn pass(rig: &mut Rig, wanted: &str) -> Option<String> {
    for _ in 0..100 {
        let (at, name) = rig.session.poll_timeout()?;
        if std::format!("{name:?}") == wanted {
            return Some(rig.next_timeout().1);
        }
        rig.now = at;
        match name {
            // In the way of the send hold timer, and only of that.
            TimerName::Hold => {
                rig.input(Event::DataWaiting(ConnId::Outgoing));
            }
            TimerName::Keepalive => {
                rig.session.handle_timeout(at);
                rig.said();
            }
            TimerName::SendHold => {
                rig.input(Event::Written(ConnId::Outgoing));
            }
            TimerName::IdleHold | TimerName::ConnectRetry | TimerName::OpenWait => return None,
        }
    }
    None
}

fn apply(rig: &mut Rig, event: &str) -> Option<String> {
    let out = ConnId::Outgoing;
    let message = |rig: &mut Rig, bytes: &[u8]| Some(rig.receive(out, bytes));
    let open = open_of(PEER_ID, LOCAL_AS, Graceful::No);
    Some(match event {
        "Start" => rig.input(Event::Start),
        "Stop" => rig.input(Event::Stop { subcode: 2, text: "bye" }),
        "Leave" => rig.input(Event::Leave),
        "Connected" => rig.input(Event::Connected(out)),
        "Connected incoming" => rig.input(Event::Connected(ConnId::Incoming)),
        "ConnectFailed" => rig.input(Event::ConnectFailed),
        "Accepted" => rig.input(Event::Accepted),
        "Closed" => {
            let reason = CloseReason::Closed { octets_of_message: 0 };
            rig.input(Event::Closed(out, reason))
        }
        "OPEN" => return message(rig, &open.encode()),
        "OPEN of a wrong AS" => {
            return message(rig, &open_of(PEER_ID, Asn(1), Graceful::No).encode());
        }
        "OPEN malformed" => {
            let mut bytes = open.encode();
            bytes[19] = 3;
            return message(rig, &bytes);
        }
        "UPDATE" => return message(rig, &update()),
        "KEEPALIVE" => return message(rig, &KEEPALIVE),
        "ROUTE-REFRESH" => return message(rig, &refresh_request()),
        "NOTIFICATION 6/4" => return message(rig, &Notification::cease(4).encode()),
        "NOTIFICATION 2/1" => return message(rig, &Notification::unsupported_version().encode()),
        "NOTIFICATION 3/1" => return message(rig, &Notification::malformed_attributes().encode()),
        "DecodeFailed" => rig.input(Event::DecodeFailed(out, Notification::not_synchronised())),
        "DataWaiting" => rig.input(Event::DataWaiting(out)),
        "Written" => rig.input(Event::Written(out)),
        timer => return pass(rig, timer.strip_prefix("timer ").unwrap()),
    })
}

#[test]
fn every_event_in_every_state() {
    for scene in &SCENES {
        let listed: Vec<&str> = scene.does.iter().map(|row| row.0).collect();
        let mut all: Vec<&str> = listed.iter().chain(scene.ignores).copied().collect();
        all.sort_unstable();
        let mut expected = EVENTS.to_vec();
        expected.sort_unstable();
        assert_eq!(all, expected, "{}: each event once", scene.name);

        assert_eq!((scene.make)().session.state(), scene.state, "{}", scene.name);
        for (event, state, actions) in scene.does {
            let mut rig = (scene.make)();
            let said = apply(&mut rig, event);
            assert_eq!(said.as_deref(), Some(*actions), "{}: {event}", scene.name);
            assert_eq!(rig.session.state(), *state, "{}: {event}", scene.name);
        }
        for event in scene.ignores {
            let mut rig = (scene.make)();
            let said = apply(&mut rig, event);
            let is_timer = event.starts_with("timer ");
            let nothing = if is_timer { None } else { Some("") };
            assert_eq!(said.as_deref(), nothing, "{}: {event}", scene.name);
            if !is_timer && !matches!(*event, "Stop" | "Leave") {
                assert_eq!(rig.session.state(), scene.state, "{}: {event}", scene.name);
            }
        }
    }
}

#[test]
fn the_subcodes_of_unexpected_messages_carry_the_type() {
    let scenes: [(fn() -> Rig, u8); 3] =
        [(open_sent, 1), (open_confirm, 2), (|| established(Graceful::No), 3)];
    for (make, subcode) in scenes {
        let mut rig = make();
        let open = open_of(PEER_ID, LOCAL_AS, Graceful::No).encode();
        // In OpenSent an OPEN is what is expected, an UPDATE is not; else the other way round.
        let message = if subcode == 1 { update() } else { open };
        rig.receive(ConnId::Outgoing, &message);
        let sent = rig.session.reason().unwrap().sent.clone().unwrap();
        assert_eq!((sent.code, sent.subcode), (5, subcode));
        assert_eq!(sent.data, [message[18]]);
    }
}

#[test]
fn a_stop_ends_an_idle_hold() {
    for event in [Event::Stop { subcode: 3, text: "" }, Event::Leave] {
        let mut rig = holding();
        assert!(rig.session.poll_timeout().is_some());
        assert_eq!(rig.input(event), "");
        assert_eq!(rig.session.poll_timeout(), None);
    }
}

#[test]
fn the_text_of_a_stop_is_sent() {
    let mut rig = established(Graceful::No);
    rig.session.handle(rig.now, Event::Stop { subcode: 4, text: "upgrade" });
    let Some(Action::Send(ConnId::Outgoing, message)) = rig.session.poll_action() else {
        panic!("nothing sent");
    };
    let sent = Notification::decode(frame(&message).body).unwrap();
    assert_eq!((sent.subcode, sent.text().as_deref()), (4, Some("upgrade")));
}

#[test]
fn dynamic_and_passive_peers_are_never_connected_to() {
    for config in
        [SessionConfig { passive: true, ..config() }, SessionConfig { dynamic: true, ..config() }]
    {
        let mut rig = Rig::new(config);
        assert_eq!(rig.input(Event::Start), "");
        assert_eq!(rig.input(Event::Accepted), "adopt, in<OPEN");
        let lost = CloseReason::Closed { octets_of_message: 0 };
        assert_eq!(rig.input(Event::Closed(ConnId::Incoming, lost)), "failed lost");
        assert_eq!(rig.session.poll_timeout(), None);
        rig.input(Event::Accepted);
        rig.receive(ConnId::Incoming, &update());
        assert_eq!(rig.session.state(), Idle);
        assert_eq!(rig.next_timeout(), (TimerName::IdleHold, String::new()));
        assert_eq!((rig.session.state(), rig.session.poll_timeout()), (Active, None));
    }
}

#[test]
fn a_second_incoming_connection_takes_the_place_of_the_first() {
    let mut rig = passive();
    rig.input(Event::Accepted);
    let said = rig.input(Event::Accepted);
    assert_eq!(said, "close in, failed replaced, adopt, in<OPEN");
    let open = open_of(PEER_ID, LOCAL_AS, Graceful::Yes).encode();
    rig.receive(ConnId::Incoming, &open);
    assert_eq!(rig.session.state(), OpenConfirm);
    let said = rig.input(Event::Accepted);
    assert_eq!(said, "close in, failed replaced, adopt, in<OPEN");
    rig.receive(ConnId::Incoming, &open);
    rig.receive(ConnId::Incoming, &KEEPALIVE);
    let said = rig.input(Event::Accepted);
    assert_eq!(said, "close in, down replaced, adopt, in<OPEN");
    assert_eq!(rig.session.state(), OpenSent);
}
