//! The rig that the tests of the session share: a peer's messages, and actions in short words.

use std::format;
use std::string::String;
use std::vec::Vec;

use core::time::Duration;

use albedo_types::{Asn, Family, FamilySet, HoldTime, RouterId};
use albedo_wire::capability::{Capability, GracefulFamily, GracefulRestart, LongLived};
use albedo_wire::frame::{Frame, KEEPALIVE, split};
use albedo_wire::notification::Notification;
use albedo_wire::open::{ExpectedAs, Open};
use albedo_wire::route_refresh::{RouteRefresh, Subtype};

use super::*;
use crate::action::DownReason;
use crate::config::LocalCapabilities;
use crate::event::CloseReason;
use crate::timer::TimerName;

mod clocks;
mod collisions;
mod hard_reset;
mod pair;
mod random;
mod refresh;
mod table;

const LOCAL_AS: Asn = Asn(64512);
const LOCAL_ID: u32 = 0x0a00_0001;
const PEER_ID: u32 = 0x0a00_0005;

fn config() -> SessionConfig {
    let router_id = RouterId::new(LOCAL_ID).unwrap();
    SessionConfig::new(LOCAL_AS, router_id, ExpectedAs::Internal)
}

/// What else the peer's OPEN offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Graceful {
    No,
    /// Capability 64 without a family: the speaker knows what an End-of-RIB is, no more.
    Aware,
    Yes,
    LongLived,
}

fn open_of(router_id: u32, asn: Asn, graceful: Graceful) -> Open {
    let mut capabilities = std::vec![
        Capability::multiprotocol(Family::Ipv4Unicast),
        Capability::RouteRefresh,
        Capability::FourOctetAs(asn),
    ];
    if graceful != Graceful::No {
        let (afi, safi) = (Family::Ipv4Unicast.afi(), Family::Ipv4Unicast.safi());
        let families = if graceful == Graceful::Aware {
            Vec::new()
        } else {
            std::vec![GracefulFamily { afi, safi, forwarding: true }]
        };
        let offer = GracefulRestart { families, ..GracefulRestart::default() };
        capabilities.push(Capability::GracefulRestart(offer));
    }
    if graceful == Graceful::LongLived {
        capabilities.push(Capability::LongLived(LongLived::default()));
    }
    Open {
        as_field: asn.to_two_octets(),
        hold_time: 90,
        router_id,
        capabilities,
        ignored: Vec::new(),
    }
}

fn frame(message: &[u8]) -> Frame<'_> {
    split(message, true).unwrap().unwrap()
}

fn update() -> Vec<u8> {
    let mut message = std::vec![0xff; 16];
    message.extend_from_slice(&[0, 23, 2, 0, 0, 0, 0]);
    message
}

fn refresh_request() -> Vec<u8> {
    RouteRefresh::new(Family::Ipv4Unicast, Subtype::Request).encode()
}

/// A session and the time.
#[derive(Debug)]
struct Rig {
    session: Session,
    now: Instant,
}

impl Rig {
    fn new(config: SessionConfig) -> Self {
        Self { session: Session::new(config, 1), now: Instant::ZERO }
    }

    fn started(config: SessionConfig) -> Self {
        let mut rig = Self::new(config);
        rig.input(Event::Start);
        rig
    }

    fn input(&mut self, event: Event<'_>) -> String {
        self.session.handle(self.now, event);
        self.said()
    }

    fn receive(&mut self, id: ConnId, message: &[u8]) -> String {
        self.input(Event::Message(id, frame(message)))
    }

    /// Lets time go to the next deadline and the timer pass.
    fn next_timeout(&mut self) -> (TimerName, String) {
        let (at, name) = self.session.poll_timeout().unwrap();
        assert!(at >= self.now);
        self.now = at;
        self.session.handle_timeout(at);
        (name, self.said())
    }

    /// What was said, in short words.
    fn said(&mut self) -> String {
        let mut out = Vec::new();
        while let Some(action) = self.session.poll_action() {
            out.push(describe(&action));
        }
        out.join(", ")
    }

    /// To Established, on an outgoing connection.
    fn establish(&mut self, open: &Open) -> String {
        self.input(Event::Connected(ConnId::Outgoing));
        self.receive(ConnId::Outgoing, &open.encode());
        self.receive(ConnId::Outgoing, &KEEPALIVE)
    }
}

fn short(id: ConnId) -> &'static str {
    match id {
        ConnId::Outgoing => "out",
        ConnId::Incoming => "in",
    }
}

fn describe(action: &Action) -> String {
    match action {
        Action::Connect => "connect".into(),
        Action::Send(id, message) => format!("{}<{}", short(*id), describe_message(message)),
        Action::Close(id, close) if close.linger => format!("linger {}", short(*id)),
        Action::Close(id, _) => format!("close {}", short(*id)),
        Action::Adopt => "adopt".into(),
        Action::Reject(None) => "reject".into(),
        Action::Reject(Some(message)) => format!("reject {}", describe_message(message)),
        Action::Up(up) => format!("up {}", short(up.conn)),
        Action::Down(down) => format!("down {}", describe_reason(&down.reason)),
        Action::Failed(down) => format!("failed {}", describe_reason(&down.reason)),
        Action::Refresh(refresh) => format!("refresh {:?}", refresh.subtype),
        Action::Warn(warning) => format!("warn {warning}"),
    }
}

fn describe_message(message: &[u8]) -> String {
    let frame = frame(message);
    assert_eq!(frame.len, message.len(), "one whole message");
    match frame.kind {
        MessageType::Notification => {
            let sent = Notification::decode(frame.body).unwrap();
            format!("{}/{}", sent.code, sent.subcode)
        }
        kind => format!("{kind}"),
    }
}

fn describe_reason(reason: &DownReason) -> &'static str {
    match reason {
        DownReason::Stopped => "stopped",
        DownReason::Left => "left",
        DownReason::Notification => "told",
        DownReason::Protocol => "protocol",
        DownReason::HoldExpired { .. } => "hold",
        DownReason::OpenWaitExpired { .. } => "openwait",
        DownReason::SendHoldExpired { .. } => "sendhold",
        DownReason::Lost(_) => "lost",
        DownReason::Replaced => "replaced",
    }
}

#[test]
fn reasons_are_one_line_of_words() {
    let mut rig = Rig::started(config());
    rig.establish(&open_of(PEER_ID, LOCAL_AS, Graceful::No));
    let bye = Notification::cease_with_text(2, "new\nkernel").encode();
    rig.receive(ConnId::Outgoing, &bye);
    let words = format!("{}", rig.session.reason().unwrap());
    let expected = "ended by the peer; received cease: administrative shutdown (6/2): \
                    \"new\\nkernel\"";
    assert_eq!(words, expected);
    let reasons = [
        (CloseReason::Closed { octets_of_message: 0 }, "connection closed by the peer"),
        (
            CloseReason::Closed { octets_of_message: 7 },
            "connection closed by the peer after 7 octets of a message",
        ),
        (CloseReason::from("reset"), "connection failed: reset"),
    ];
    for (reason, words) in reasons {
        let mut rig = Rig::started(config());
        rig.establish(&open_of(PEER_ID, LOCAL_AS, Graceful::No));
        assert_eq!(rig.input(Event::Closed(ConnId::Outgoing, reason)), "down lost");
        assert_eq!(format!("{}", rig.session.reason().unwrap()), words);
    }
}

/// A peer that keeps routes over a NOTIFICATION as well: our OPEN and its own set N.
fn keeping(ours: bool, theirs: bool) -> Rig {
    let mut open = open_of(PEER_ID, LOCAL_AS, Graceful::Yes);
    for capability in &mut open.capabilities {
        if let Capability::GracefulRestart(offer) = capability {
            offer.notification = theirs;
        }
    }
    let mut rig = Rig::started(config());
    rig.input(Event::Connected(ConnId::Outgoing));
    rig.receive(ConnId::Outgoing, &open.encode());
    // What we said is what was sent, so it is put in where it lies.
    if let Some(Conn::OpenConfirm(state)) = &mut rig.session.conns[ConnId::Outgoing.index()] {
        let offer = GracefulRestart { notification: ours, ..GracefulRestart::default() };
        state.up.local_open.capabilities.push(Capability::GracefulRestart(offer));
    }
    rig.receive(ConnId::Outgoing, &KEEPALIVE);
    rig
}

#[test]
fn g17_an_end_for_good_is_a_hard_reset_where_notifications_keep_routes() {
    for (ours, theirs, subcode, said) in [
        (true, true, 2, "out<6/9, linger out, down stopped"),
        (true, true, 3, "out<6/9, linger out, down stopped"),
        (true, true, 4, "out<6/4, linger out, down stopped"),
        (true, false, 2, "out<6/2, linger out, down stopped"),
        (false, true, 2, "out<6/2, linger out, down stopped"),
    ] {
        let mut rig = keeping(ours, theirs);
        assert_eq!(rig.input(Event::Stop { subcode, text: "bye" }), said);
        let words = format!("{}", rig.session.reason().unwrap());
        let wraps = words.contains("hard reset (6/9) for cease");
        assert_eq!(wraps, ours && theirs && subcode != 4, "{words}");
    }
}

#[test]
fn only_dynamic_sessions_are_disposable_and_only_unused() {
    let open = open_of(PEER_ID, LOCAL_AS, Graceful::No);
    let mut rig = Rig::started(SessionConfig { dynamic: true, ..config() });
    assert_eq!(rig.session.disposable_at(), Some(Instant::ZERO));
    rig.input(Event::Accepted);
    assert_eq!(rig.session.disposable_at(), None);
    rig.receive(ConnId::Incoming, &open.encode());
    rig.receive(ConnId::Incoming, &KEEPALIVE);
    let lost = CloseReason::Closed { octets_of_message: 0 };
    rig.input(Event::Closed(ConnId::Incoming, lost));
    assert_eq!(rig.session.disposable_at(), Some(Instant::ZERO));
    // One that broke the session is remembered for a while.
    rig.input(Event::Accepted);
    rig.receive(ConnId::Incoming, &update());
    assert!(rig.session.disposable_at().unwrap() > rig.now);
    assert_eq!(rig.session.failures(), 1);
    let configured = Rig::started(config());
    assert_eq!(configured.session.disposable_at(), None);
}

#[test]
fn up_tells_the_terms_and_both_opens() {
    let mut rig = Rig::started(config());
    rig.input(Event::Connected(ConnId::Outgoing));
    let open = open_of(PEER_ID, LOCAL_AS, Graceful::Yes);
    rig.receive(ConnId::Outgoing, &open.encode());
    rig.session.handle(rig.now, Event::Message(ConnId::Outgoing, frame(&KEEPALIVE)));
    let Some(Action::Up(up)) = rig.session.poll_action() else {
        panic!("not up");
    };
    assert_eq!(up.conn, ConnId::Outgoing);
    assert_eq!(up.remote_open, open);
    assert_eq!(up.local_open, rig.session.config().open());
    assert_eq!(up.negotiated.families, FamilySet::of(Family::Ipv4Unicast));
    assert_eq!(up.negotiated.hold_time, HoldTime::DEFAULT);
    assert_eq!(up.negotiated.peer_router_id.get(), PEER_ID);
}

#[test]
fn a_capability_that_cannot_be_read_is_a_warning() {
    let mut rig = Rig::started(config());
    rig.input(Event::Connected(ConnId::Outgoing));
    let mut open = open_of(PEER_ID, LOCAL_AS, Graceful::No);
    open.capabilities.push(Capability::Unknown { code: 71, value: std::vec![1, 2, 3] });
    let said = rig.receive(ConnId::Outgoing, &open.encode());
    let words = "warn ignored capability 71 (long-lived graceful restart) with a malformed value \
                 of 3 octets at octet 28, out<KEEPALIVE";
    assert_eq!(said, words);
    assert_eq!(rig.session.state(), StateName::OpenConfirm);
}

#[test]
fn c5_a_peer_that_is_left_to_connect_first_is_dialled_only_when_it_has_not_for_the_delay() {
    let delay = Duration::from_secs(60);
    let mut rig = Rig::new(SessionConfig { connect_delay: delay, ..config() });
    assert_eq!(rig.input(Event::Start), "");
    let due = |rig: &Rig| rig.session.poll_timeout().map(|(at, _)| at.since(rig.now));
    let in_time = |wait: Option<Duration>| wait.is_some_and(|wait| wait > delay / 2);
    assert!(in_time(due(&rig)));
    rig.now += due(&rig).unwrap();
    rig.session.handle_timeout(rig.now);
    assert_eq!(rig.said(), "connect");
    // It cannot be reached: it has the same time again.
    assert_eq!(rig.input(Event::ConnectFailed), "");
    assert!(in_time(due(&rig)));
    // It comes: nobody dials.
    rig.input(Event::Accepted);
    let (_, timer) = rig.session.poll_timeout().unwrap();
    assert_eq!(timer, TimerName::OpenWait);
}

#[test]
fn settings_change_with_the_next_open() {
    let mut rig = Rig::started(SessionConfig { passive: true, ..config() });
    rig.session.config_mut().capabilities = LocalCapabilities {
        families: FamilySet::of(Family::Ipv6Unicast),
        ..LocalCapabilities::default()
    };
    rig.session.handle(rig.now, Event::Accepted);
    assert_eq!(rig.session.poll_action(), Some(Action::Adopt));
    let Some(Action::Send(ConnId::Incoming, message)) = rig.session.poll_action() else {
        panic!("no OPEN");
    };
    let open = Open::decode(frame(&message).body).unwrap();
    assert_eq!(open.families(), FamilySet::of(Family::Ipv6Unicast));
}
