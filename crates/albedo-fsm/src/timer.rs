//! Timers, by name, and how they are spread (RFC 4271 §10).

use core::time::Duration;

use albedo_types::Rng;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerName {
    /// The peer is kept away after it broke a session.
    IdleHold,
    /// The next attempt to connect, or the end of the patience with this one.
    ConnectRetry,
    /// The peer's OPEN should be here.
    OpenWait,
    /// Something should have been heard. Before this one passes, look into the socket.
    Hold,
    /// A KEEPALIVE is to be sent.
    Keepalive,
    /// The peer should have taken something (RFC 9687).
    SendHold,
}

/// `duration`, less up to a quarter of it (RFC 4271 §10): what should not happen everywhere at
/// the same time.
pub(crate) fn jittered(duration: Duration, rng: &mut Rng) -> Duration {
    let quarter = u64::try_from(duration.as_nanos() / 4).unwrap_or(u64::MAX - 1);
    duration.saturating_sub(Duration::from_nanos(rng.below(quarter.saturating_add(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_its_quarter_and_uses_it() {
        let mut rng = Rng::new(1);
        let whole = Duration::from_secs(100);
        let all: std::vec::Vec<_> = (0..1000).map(|_| jittered(whole, &mut rng)).collect();
        let (min, max) = (*all.iter().min().unwrap(), *all.iter().max().unwrap());
        assert!(min >= Duration::from_secs(75) && min < Duration::from_secs(76), "{min:?}");
        assert!(max <= whole && max > Duration::from_secs(99), "{max:?}");
        assert_eq!(jittered(Duration::ZERO, &mut rng), Duration::ZERO);
        assert!(jittered(Duration::MAX, &mut rng) > Duration::from_secs(1));
    }
}
