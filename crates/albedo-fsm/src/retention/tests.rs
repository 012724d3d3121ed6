use std::vec::Vec;

use albedo_types::{Asn, HoldTime, RouterId};
use albedo_wire::capability::{GracefulFamily, GracefulRestart, LongLived, LongLivedFamily};

use super::*;
use crate::config::{GracefulOffer, SessionConfig};
use crate::event::{CloseReason, ConnId};
use albedo_wire::open::ExpectedAs;

const V4: Family = Family::Ipv4Unicast;
const V6: Family = Family::Ipv6Unicast;
const RESTART: u64 = 120;

/// What a peer offers: restart time, N, and for each family F of both kinds and the stale time.
#[derive(Clone, Copy, Debug)]
struct Offer {
    restart: u16,
    notification: bool,
    /// By family: listed in 64, with F.
    graceful: [Option<bool>; 2],
    /// By family: listed in 71, with F and this time.
    long_lived: [Option<(bool, u32)>; 2],
    /// Whether 71 is sent at all.
    aware: bool,
    /// R.
    restarted: bool,
}

/// A stock node: graceful restart for IPv4, capability 71 without families.
const NODE: Offer = Offer {
    restart: RESTART as u16,
    notification: false,
    graceful: [Some(true), None],
    long_lived: [None, None],
    aware: true,
    restarted: true,
};
const LLGR: Offer = Offer { long_lived: [Some((true, 3600)), None], ..NODE };

fn local(offer: Option<GracefulOffer>) -> Open {
    let router_id = RouterId::new(1).unwrap();
    let mut config = SessionConfig::new(Asn(64512), router_id, ExpectedAs::Internal);
    config.capabilities.graceful = offer;
    config.open()
}

fn ours() -> GracefulOffer {
    GracefulOffer {
        restart_time: Duration::from_secs(30),
        long_lived_stale_time: Some(Duration::from_secs(86_400)),
        restarting: false,
        notification: true,
    }
}

fn terms_with(offer: Offer, ours: Option<GracefulOffer>, limits: &RetentionLimits) -> Terms {
    let (afi, safi) = (|f: Family| f.afi(), |f: Family| f.safi());
    let graceful = Family::ALL.into_iter().filter_map(|family| {
        let forwarding = offer.graceful[family.index()]?;
        Some(GracefulFamily { afi: afi(family), safi: safi(family), forwarding })
    });
    let long_lived = Family::ALL.into_iter().filter_map(|family| {
        let (forwarding, stale_time) = offer.long_lived[family.index()]?;
        Some(LongLivedFamily { afi: afi(family), safi: safi(family), forwarding, stale_time })
    });
    let mut capabilities: Vec<Capability> = Family::ALL.map(Capability::multiprotocol).into();
    capabilities.push(Capability::GracefulRestart(GracefulRestart {
        restarting: offer.restarted,
        notification: offer.notification,
        restart_time: offer.restart,
        families: graceful.collect(),
    }));
    if offer.aware {
        capabilities.push(Capability::LongLived(LongLived { families: long_lived.collect() }));
    }
    let remote = Open {
        as_field: 64512,
        hold_time: HoldTime::DEFAULT.as_secs(),
        router_id: 9,
        capabilities,
        ignored: Vec::new(),
    };
    let local = local(ours);
    let negotiated = Negotiated::from_opens(&local, &remote).unwrap();
    Terms::new(&local, &negotiated, limits)
}

fn terms(offer: Offer) -> Terms {
    terms_with(offer, Some(ours()), &RetentionLimits::default())
}

fn at(secs: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(secs)
}

fn down(reason: DownReason) -> Down {
    Down::new(ConnId::Incoming, reason)
}

fn closed() -> Down {
    down(DownReason::Lost(CloseReason::Closed { octets_of_message: 0 }))
}

fn hold() -> Down {
    down(DownReason::HoldExpired { after: Duration::from_secs(90) })
}

/// A retention with what it said.
#[derive(Default)]
struct Rig(Retention);

impl Rig {
    fn lost(&mut self, secs: u64, offer: Offer) -> [Kept; 2] {
        self.0.lost(at(secs), &terms(offer), &closed())
    }

    fn up(&mut self, secs: u64, offer: Offer) -> Vec<Change> {
        let mut said = Vec::new();
        let limits = RetentionLimits::default();
        self.0.up(at(secs), &terms(offer), &limits, |change| said.push(change));
        said
    }

    /// The next deadline, in seconds, and what is said then.
    fn next(&mut self) -> Option<(u64, Vec<Change>)> {
        let deadline = self.0.poll_timeout()?;
        let mut said = Vec::new();
        self.0.timeout(deadline, |change| said.push(change));
        Some((deadline.since(Instant::ZERO).as_secs(), said))
    }
}

#[test]
fn g2_connection_loss_keeps_the_families_listed_for_the_peers_restart_time() {
    let mut rig = Rig::default();
    assert!(!rig.0.is_kept());
    assert_eq!(rig.lost(10, NODE), [Kept::Fresh, Kept::Nothing]);
    assert!(rig.0.is_kept());
    assert_eq!(rig.0.phase(V4).0.name(), Some("restarting"));
    assert_eq!(rig.0.phase(V6), (Phase::Synced, None));
    assert_eq!(rig.next(), Some((10 + RESTART, [Change::Sweep(V4)].into())));
    assert_eq!((rig.next(), rig.0.is_kept()), (None, false));
}

#[test]
fn g2_the_restart_time_is_bounded_by_ours() {
    let limits =
        RetentionLimits { restart_max: Duration::from_secs(7), ..RetentionLimits::default() };
    let terms = terms_with(NODE, Some(ours()), &limits);
    let mut retention = Retention::default();
    retention.lost(at(0), &terms, &closed());
    assert_eq!(retention.poll_timeout(), Some(at(7)));
}

#[test]
fn g2_what_ends_a_session_decides_what_is_kept() {
    let cease = Notification::cease(codes::cease::SHUTDOWN);
    let hard = Notification::hard_reset(&cease);
    let told =
        |notification: &Notification| down(DownReason::Notification).received(notification.clone());
    let tells = |notification: &Notification| down(DownReason::Protocol).sent(notification.clone());
    let expired = || hold().sent(Notification::hard_reset(&Notification::hold_timer_expired()));
    let with_n = Offer { notification: true, ..NODE };
    let long_n = Offer { notification: true, ..LLGR };
    let four = Notification::hold_timer_expired();
    // By the end of the session: kept with a stock node, with RFC 8538, with LLGR, with both.
    for (end, kept) in [
        (closed(), [true; 4]),
        (down(DownReason::Replaced), [true; 4]),
        (hold(), [false, true, true, true]),
        (hold().sent(four), [false, true, false, true]),
        (expired(), [false; 4]),
        (told(&cease), [false, true, false, true]),
        (told(&hard), [false; 4]),
        (tells(&Notification::new(3, 1)), [false, true, false, true]),
        (tells(&hard), [false; 4]),
        (down(DownReason::Stopped), [false; 4]),
        (down(DownReason::Left), [false; 4]),
    ] {
        let offers = [NODE, with_n, LLGR, long_n];
        let found = offers.map(|offer| {
            let mut retention = Retention::default();
            let keep = retention.lost(at(0), &terms(offer), &end);
            assert_eq!(retention.is_kept(), keep[0] == Kept::Fresh);
            retention.is_kept()
        });
        assert_eq!(found, kept, "{end}");
    }
}

#[test]
fn rfc8538_s4_both_have_to_say_n() {
    let with_n = Offer { notification: true, ..NODE };
    let silent = GracefulOffer { notification: false, ..ours() };
    let limits = RetentionLimits::default();
    let told = down(DownReason::Notification).received(Notification::cease(4));
    for (offer, mine, kept) in
        [(with_n, ours(), true), (NODE, ours(), false), (with_n, silent, false)]
    {
        let mut retention = Retention::default();
        retention.lost(at(0), &terms_with(offer, Some(mine), &limits), &told);
        assert_eq!(retention.is_kept(), kept);
    }
    // Where we do not offer graceful restart at all, nothing is kept.
    let mut retention = Retention::default();
    retention.lost(at(0), &terms_with(with_n, None, &limits), &closed());
    assert!(!retention.is_kept());
}

#[test]
fn g4_without_the_family_its_f_bit_or_the_capability_it_is_swept_at_once() {
    let unlisted = Offer { graceful: [None, Some(true)], ..NODE };
    let no_forwarding = Offer { graceful: [Some(false), None], ..NODE };
    let limits = RetentionLimits::default();
    for offer in [unlisted, no_forwarding] {
        let mut rig = Rig::default();
        rig.lost(0, NODE);
        assert_eq!(rig.up(5, offer), [Change::Sweep(V4)]);
        assert!(!rig.0.is_kept());
    }
    let mut rig = Rig::default();
    rig.lost(0, NODE);
    let mut said = Vec::new();
    rig.0.up(at(5), &Terms::default(), &limits, |change| said.push(change));
    assert_eq!(said, [Change::Sweep(V4)]);
}

#[test]
fn g4_a_peer_that_has_not_restarted_has_a_moment_to_announce_its_routes_again() {
    let hung = Offer { graceful: [Some(false), None], restarted: false, ..NODE };
    let mut rig = Rig::default();
    rig.lost(0, NODE);
    assert_eq!(rig.up(5, hung), []);
    assert!(rig.0.end_of_rib(V4), "what was not announced goes with End-of-RIB");
    assert!(!rig.0.is_kept());
    rig.lost(10, NODE);
    assert_eq!(rig.up(15, hung), []);
    let grace = RETURN_GRACE.as_secs();
    assert_eq!(rig.next(), Some((15 + grace, [Change::Sweep(V4)].into())), "or soon without one");
    // A family that it does not list is not coming back, and our own bound is shorter still.
    let unlisted = Offer { graceful: [None, Some(false)], ..hung };
    rig.lost(20, NODE);
    assert_eq!(rig.up(25, unlisted), [Change::Sweep(V4)]);
    let limits = RetentionLimits { stale_path: Duration::from_secs(1), ..Default::default() };
    rig.lost(30, NODE);
    rig.0.up(at(35), &terms(hung), &limits, |_| ());
    assert_eq!(rig.next(), Some((36, [Change::Sweep(V4)].into())));
}

#[test]
fn rfc9494_s4_2_long_lived_routes_wait_a_moment_too_if_there_was_no_restart() {
    let hung = Offer { long_lived: [Some((false, 60)), None], restarted: false, ..LLGR };
    let mut rig = Rig::default();
    rig.lost(0, LLGR);
    rig.next();
    assert_eq!(rig.up(200, hung), []);
    let grace = RETURN_GRACE.as_secs();
    assert_eq!(rig.next(), Some((200 + grace, [Change::Sweep(V4)].into())));
}

#[test]
fn k4_and_g5_with_f_it_waits_for_end_of_rib() {
    let mut rig = Rig::default();
    rig.lost(0, NODE);
    assert_eq!(rig.up(5, NODE), []);
    assert_eq!(rig.0.phase(V4).0.name(), Some("resyncing"));
    assert!(!rig.0.end_of_rib(V6), "of the other family");
    assert!(rig.0.end_of_rib(V4));
    assert!(!rig.0.end_of_rib(V4), "once");
    assert_eq!((rig.next(), rig.0.is_kept()), (None, false));
}

#[test]
fn k3_the_guard_is_longer_than_a_stock_node_may_be_silent() {
    let mut rig = Rig::default();
    rig.lost(0, NODE);
    rig.up(50, NODE);
    assert_eq!(rig.next(), Some((50 + 360, [Change::Sweep(V4)].into())));
    assert!(STALE_PATH_DEFAULT > Duration::from_secs(240));
}

#[test]
fn g6_a_second_loss_before_end_of_rib_deletes_what_was_stale() {
    let mut rig = Rig::default();
    assert_eq!(rig.lost(0, NODE)[0], Kept::Fresh);
    rig.up(5, NODE);
    assert_eq!(rig.lost(7, NODE)[0], Kept::Fresh, "not those of the first");
    assert_eq!(rig.next(), Some((7 + RESTART, [Change::Sweep(V4)].into())));
}

#[test]
fn g13_after_the_restart_time_the_stale_time_begins() {
    let mut rig = Rig::default();
    assert_eq!(rig.lost(0, LLGR)[0], Kept::Fresh);
    assert_eq!(rig.next(), Some((RESTART, [Change::LongLived(V4)].into())));
    assert_eq!(rig.0.phase(V4), (Phase::LongLived, Some(at(RESTART + 3600))));
    // G16.
    assert_eq!(rig.next(), Some((RESTART + 3600, [Change::Sweep(V4)].into())));
    assert!(!rig.0.is_kept());
}

#[test]
fn g13_without_a_restart_time_it_begins_at_once() {
    for offer in [Offer { restart: 0, ..LLGR }, Offer { graceful: [None, None], ..LLGR }] {
        let mut rig = Rig::default();
        assert_eq!(rig.lost(3, offer), [Kept::Fresh, Kept::Nothing]);
        assert_eq!(rig.next(), Some((3, [Change::LongLived(V4)].into())));
        assert_eq!(rig.0.poll_timeout(), Some(at(3 + 3600)));
    }
    // With neither, nothing is kept.
    let mut rig = Rig::default();
    assert_eq!(rig.lost(3, Offer { restart: 0, ..NODE }), [Kept::Nothing; 2]);
}

#[test]
fn g13_the_stale_time_is_bounded_by_ours_and_needs_us_to_offer_it() {
    let limits =
        RetentionLimits { stale_max: Duration::from_secs(60), ..RetentionLimits::default() };
    let lost = |terms: Terms| {
        let mut retention = Retention::default();
        retention.lost(at(0), &terms, &closed());
        let mut said = Vec::new();
        retention.timeout(at(RESTART), |change| said.push(change));
        (said, retention.poll_timeout())
    };
    let bounded = lost(terms_with(LLGR, Some(ours()), &limits));
    assert_eq!(bounded, ([Change::LongLived(V4)].into(), Some(at(RESTART + 60))));
    let without = GracefulOffer { long_lived_stale_time: None, ..ours() };
    let refused = lost(terms_with(LLGR, Some(without), &limits));
    assert_eq!(refused, ([Change::Sweep(V4)].into(), None));
}

#[test]
fn rfc9494_s4_2_the_stale_time_goes_on_while_the_session_is_up_again() {
    let mut rig = Rig::default();
    rig.lost(0, LLGR);
    rig.next();
    assert_eq!(rig.up(RESTART + 3500, LLGR), []);
    assert_eq!(rig.next(), Some((RESTART + 3600, [Change::Sweep(V4)].into())));
    // What came meanwhile goes as well if the session is lost before it is in sync.
    assert_eq!(rig.lost(RESTART + 3700, LLGR)[0], Kept::Nothing);
    assert!(!rig.0.is_kept());
    // In sync once, everything begins anew.
    rig.up(RESTART + 3800, LLGR);
    rig.0.end_of_rib(V4);
    assert_eq!(rig.lost(RESTART + 3900, LLGR)[0], Kept::Fresh);
    assert_eq!(rig.0.poll_timeout(), Some(at(RESTART + 3900 + RESTART)));
}

#[test]
fn rfc9494_s4_2_consecutive_restarts_keep_what_was_stale_and_its_time() {
    let mut rig = Rig::default();
    rig.lost(0, LLGR);
    rig.next();
    rig.up(200, LLGR);
    assert_eq!(rig.lost(210, LLGR)[0], Kept::All);
    assert_eq!(rig.next(), Some((210 + RESTART, [Change::LongLived(V4)].into())));
    rig.up(400, LLGR);
    assert_eq!(rig.lost(410, LLGR)[0], Kept::All);
    rig.next();
    assert_eq!(rig.next(), Some((RESTART + 3600, [Change::Sweep(V4)].into())), "of the first loss");
}

#[test]
fn rfc9494_s4_2_long_lived_routes_are_kept_by_the_f_bit_of_their_own_capability() {
    for (offer, kept) in [
        (
            Offer { long_lived: [Some((true, 60)), None], graceful: [Some(false), None], ..NODE },
            true,
        ),
        (Offer { long_lived: [Some((false, 60)), None], ..NODE }, false),
        (NODE, false),
    ] {
        let mut rig = Rig::default();
        rig.lost(0, LLGR);
        rig.next();
        assert_eq!(rig.up(200, offer).is_empty(), kept, "{offer:?}");
        assert_eq!(rig.0.is_kept(), kept);
    }
}

#[test]
fn cleared_it_has_nothing_to_wait_for() {
    let mut rig = Rig::default();
    rig.lost(0, LLGR);
    rig.0.clear();
    assert_eq!((rig.next(), rig.0.is_kept()), (None, false));
}

fn begins(rig: &mut Rig, secs: u64) -> bool {
    rig.0.begin_refresh(at(secs), V4, &RetentionLimits::default())
}

#[test]
fn rr2_what_was_not_sent_again_goes_at_the_end_of_the_refresh() {
    let mut rig = Rig::default();
    assert!(begins(&mut rig, 10));
    assert_eq!(rig.0.phase(V4).0.name(), Some("refreshing"));
    assert!(rig.0.is_kept() && !rig.0.is_idle());
    assert!(!rig.0.end_of_rib(V4), "that is another end");
    assert!(rig.0.end_refresh(V4));
    assert!(rig.0.is_idle());
    assert!(!rig.0.end_refresh(V4), "an end without a beginning says nothing");
}

#[test]
fn rr2_a_second_beginning_restarts_and_a_timer_ends_what_has_no_end() {
    let guard = STALE_PATH_DEFAULT.as_secs();
    let mut rig = Rig::default();
    assert!(begins(&mut rig, 10));
    assert!(!begins(&mut rig, 10), "at once it is no other one");
    assert!(begins(&mut rig, 30));
    assert_eq!(rig.next(), Some((30 + guard, [Change::Sweep(V4)].into())));
    assert!(rig.0.is_idle());
}

#[test]
fn rr2_no_refresh_begins_before_the_end_of_rib_of_a_peer_that_is_back() {
    let mut rig = Rig::default();
    rig.lost(0, NODE);
    rig.up(5, NODE);
    assert!(!begins(&mut rig, 6));
    assert!(!rig.0.end_refresh(V4));
    assert!(rig.0.end_of_rib(V4));
    assert!(begins(&mut rig, 7));
}

#[test]
fn rr2_a_loss_in_the_middle_of_a_refresh_keeps_what_it_had_not_come_to() {
    let mut rig = Rig::default();
    assert!(begins(&mut rig, 10));
    assert_eq!(rig.lost(20, NODE), [Kept::All, Kept::Nothing]);
    assert_eq!(rig.next(), Some((20 + RESTART, [Change::Sweep(V4)].into())));
}
