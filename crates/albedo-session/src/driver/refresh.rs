//! ROUTE-REFRESH, both ways.
//!
//! What a peer asks for is answered at most once for each family and interval; what it asks for
//! meanwhile is answered when that is over, by one answer however often it has asked.
//! A peer that announces everything again says where that begins and ends: what it has not
//! announced by then is gone.
//!
//! RFC 2918, RFC 7313.

use albedo_types::{Family, Instant};
use albedo_wire::route_refresh::{RouteRefresh, Subtype};

use super::{Driver, Live};
use crate::stats::SessionStats;

/// What a peer has asked for again, of one family.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    /// When the next answer may begin.
    next: Instant,
    /// Whether it is waited for.
    waits: bool,
}

impl Driver {
    /// The peer asks for a family again, or sends one again.
    pub(super) fn refresh(&mut self, refresh: RouteRefresh, at: Instant) {
        let Some(family) = Family::from_wire(refresh.afi, refresh.safi) else { return };
        match refresh.subtype {
            Subtype::Request => self.asked_again(family, at),
            Subtype::Begin => self.begin_refresh(family, at),
            Subtype::End => self.end_refresh(family),
            Subtype::Unknown(_) => {}
        }
    }

    fn asked_again(&mut self, family: Family, at: Instant) {
        let interval = self.setup.profile.refresh_interval;
        let Some(live) = &mut self.live else { return };
        let asked = &mut live.asked[family.index()];
        if at < asked.next {
            SessionStats::count(&self.server.stats.refreshes_coalesced);
            asked.waits = true;
            return;
        }
        *asked = Asked { next: at + interval, waits: false };
        live.answer(family);
    }

    /// When the next answer that waits is due.
    pub(super) fn refresh_due(&self) -> Option<Instant> {
        let asked = self.live.iter().flat_map(|live| &live.asked);
        asked.filter(|asked| asked.waits).map(|asked| asked.next).min()
    }

    /// Answers what has waited long enough.
    pub(super) fn answer_refreshes(&mut self, at: Instant) {
        let interval = self.setup.profile.refresh_interval;
        let Some(live) = &mut self.live else { return };
        for family in Family::ALL {
            let asked = &mut live.asked[family.index()];
            if asked.waits && asked.next <= at {
                *asked = Asked { next: at + interval, waits: false };
                live.answer(family);
            }
        }
    }

    /// Tells the peer everything again, as if it had asked (soft out).
    pub(super) fn tell_again(&mut self) {
        let Some(live) = &mut self.live else { return };
        for family in live.negotiated.families.iter() {
            live.answer(family);
        }
    }

    fn begin_refresh(&mut self, family: Family, at: Instant) {
        let limits = &self.setup.profile.retention.limits;
        let Some(live) = &mut self.live else { return };
        let retention = self.retention.get_or_insert_default();
        if retention.begin_refresh(at, family, limits) {
            live.port.stale(family);
        }
        self.show_retention();
    }

    fn end_refresh(&mut self, family: Family) {
        let Some(live) = &mut self.live else { return };
        if self.retention.as_mut().is_some_and(|retention| retention.end_refresh(family)) {
            live.port.sweep(family);
        }
        self.show_retention();
    }

    /// Forgets what there is no need to remember, and shows the rest.
    fn show_retention(&mut self) {
        self.retention = self.retention.take().filter(|retention| !retention.is_idle());
        self.show_kept();
    }
}

impl Live {
    /// Sends a family again, or, if the peer has not been told of it yet, notes that it asked.
    fn answer(&mut self, family: Family) {
        let mut postponed = self.postponed.iter_mut();
        match postponed.find(|postponed| postponed.key.family == family) {
            Some(postponed) => postponed.refresh = Some(self.enhanced_refresh),
            None => self.port.refresh(family, self.enhanced_refresh),
        }
    }
}
