//! Dynamic neighbours that are known from our last life, dialled where their group says so.
//!
//! Each of them is dialled once after the start, and from then on only when it has had no session
//! and made no connection for [`DIAL_AGAIN`]. Whoever has a connection already, up or coming up,
//! is left alone: to a node that is up a second connection means that we have restarted, and twice
//! in a row makes it drop our routes (RFC 4724 §5). Two that cross do the same to BIRD 1.6, so this
//! is for nodes that do not connect by themselves.
//!
//! All outgoing connections of the server share one bound, whoever asked for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use albedo_engine::clock::now;
use albedo_types::Instant;

use crate::admission::{Owner, Source};
use crate::guards::Seat;
use crate::registry::{Origin, SessionKey};
use crate::status::Detail;
use crate::supervisor::Inner;

/// Connections that are being made at the same time.
pub const DIALS_MAX: usize = 256;
/// How long one may take: time for two repetitions of the SYN.
pub const DIAL_PATIENCE: Duration = Duration::from_secs(4);
/// How long a known neighbour is waited for before it is dialled again.
pub const DIAL_AGAIN: Duration = Duration::from_secs(60);
/// How often one is dialled in vain before it is given up.
pub const DIAL_TRIES_MAX: u32 = 60;
/// How often the known neighbours are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// A dynamic neighbour of our last life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Where it is dialled.
    pub remote: SocketAddr,
    /// The listener that it used to come to.
    pub local: SocketAddr,
}

#[derive(Debug)]
struct Entry {
    known: Known,
    /// When it was seen or dialled last; `None` before the first time.
    last: Option<Instant>,
    tries: u32,
}

impl Entry {
    /// Whether it is to be dialled, now that it is there or not.
    fn is_due(&mut self, is_there: bool, at: Instant) -> bool {
        if is_there {
            (self.last, self.tries) = (Some(at), 0);
            return false;
        }
        let due = self.last.is_none_or(|last| at.since(last) >= DIAL_AGAIN);
        if due {
            self.last = Some(at);
            self.tries += 1;
        }
        due
    }

    const fn is_given_up(&self) -> bool {
        self.tries >= DIAL_TRIES_MAX
    }
}

/// Dials until nobody is left to be dialled.
pub(crate) async fn run(inner: Arc<Inner>, known: Vec<Known>) {
    let entry = |known| Entry { known, last: None, tries: 0 };
    let mut entries: Vec<Entry> = known.into_iter().map(entry).collect();
    while !entries.is_empty() {
        let at = now();
        for entry in &mut entries {
            let is_there = inner.is_there(&entry.known);
            if entry.is_due(is_there, at) {
                inner.dial(&entry.known);
            }
        }
        entries.retain(|entry| !entry.is_given_up());
        tokio::time::sleep(LOOK).await;
    }
}

impl Inner {
    /// Whether a known neighbour has a session, or a connection that may become one.
    pub(crate) fn is_there(&self, known: &Known) -> bool {
        let key = SessionKey::dynamic(Source::of(known.remote), known.local);
        self.registry().slots.contains_key(&key)
    }

    /// Dials a known neighbour where its group says so, unless it is there.
    pub(crate) fn dial(self: &Arc<Self>, known: &Known) {
        let source = Source::of(known.remote);
        let key = SessionKey::dynamic(source, known.local);
        let mut registry = self.registry();
        if registry.stopping || registry.draining || registry.slots.contains_key(&key) {
            return;
        }
        let Ok(Owner::Range(range)) = self.admission().owner(source, known.local.ip()) else {
            return;
        };
        let settings = Arc::clone(&registry.settings);
        let Some(group) = settings.groups.get(range.group).filter(|group| group.dial) else {
            return;
        };
        if self.admission().take_seat(range).is_err() {
            return;
        }
        let seat = Seat::taken(self, range.prefix);
        let detail = Detail { group: Arc::clone(&group.name), ..Detail::default() };
        let (profile, origin) = (Arc::clone(&group.profile), Origin::Range(range.prefix));
        let from = Some(known.local.ip());
        self.spawn(&mut registry, key, known.remote, origin, profile, detail, Some(seat), from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn c5_who_never_comes_is_given_up() {
        let addr = SocketAddr::from(([127, 0, 0, 1], 179));
        let mut entry = Entry { known: Known { remote: addr, local: addr }, last: None, tries: 0 };
        let mut dialled = 0;
        // As long as it is on the list, once a minute.
        for minute in 0.. {
            if entry.is_given_up() {
                break;
            }
            dialled += u32::from(entry.is_due(false, at(60 * minute)));
        }
        assert_eq!(dialled, DIAL_TRIES_MAX);
    }

    #[test]
    fn c5_once_at_first_and_then_only_after_a_minute_without_it() {
        let addr = SocketAddr::from(([127, 0, 0, 1], 179));
        let mut entry = Entry { known: Known { remote: addr, local: addr }, last: None, tries: 0 };
        assert!(entry.is_due(false, at(1)));
        assert!(!entry.is_due(false, at(60)));
        assert!(entry.is_due(false, at(61)));
        assert_eq!(entry.tries, 2);
        // It came by itself, and counts anew from when it was seen last.
        assert!(!entry.is_due(true, at(121)));
        assert!(!entry.is_due(true, at(300)));
        assert_eq!(entry.tries, 0);
        assert!(!entry.is_due(false, at(359)));
        assert!(entry.is_due(false, at(360)));
        // One that is there at the start is not dialled at all.
        entry.last = None;
        assert!(!entry.is_due(true, at(400)));
    }
}
