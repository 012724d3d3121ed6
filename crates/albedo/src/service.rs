//! What a supervisor such as systemd is told, and what it passes on.
//!
//! `sd_notify(3)`: that the program is ready, reloads and stops, a line about how it stands, and a
//! sign of life that the shards' workers feed. Without `NOTIFY_SOCKET` nobody is told anything.
//! `sd_listen_fds(3)`: sockets that were open before the program.

use std::sync::Arc;
use std::time::Duration;

use albedo_api::{Check, Status, StatusSource};
use albedo_session::Inherited;
use anyhow::{Context as _, Result};
use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// How often the line about how it stands is made; it is sent if it is another one.
const LOOK: Duration = Duration::from_secs(2);
/// Signs of life in the time in which one is demanded, so that a late one is no death.
const SIGNS: u32 = 3;

/// Sockets for sessions that were passed on.
///
/// # Errors
///
/// What was passed on is no listening TCP socket.
pub(crate) fn inherited() -> Result<Inherited> {
    let mut passed = ListenFd::from_env();
    let mut listeners = Vec::with_capacity(passed.len());
    for n in 0..passed.len() {
        let listener = passed.take_tcp_listener(n).with_context(|| {
            format!("socket activation: descriptor {} is no TCP socket", n + FIRST_DESCRIPTOR)
        })?;
        listeners.extend(listener);
    }
    Inherited::new(listeners).context("socket activation")
}

/// `SD_LISTEN_FDS_START`.
const FIRST_DESCRIPTOR: usize = 3;

/// Tells it; a supervisor that has gone is no reason to stop.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the supervisor cannot be told");
    }
}

/// The start goes on, and waits for something.
pub(crate) fn waits(what: &str) {
    tell(&[NotifyState::Status(&format!("waits {what}"))]);
}

/// It works, or works again.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is read again; [`ready`] says that this is over.
pub(crate) fn reloading() {
    let now = NotifyState::monotonic_usec_now();
    match now {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// It ends.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// The task that tells how it stands, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Supervised(JoinHandle<()>);

impl Drop for Supervised {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Says that it works, and from then on how it stands.
pub(crate) fn begin(source: Arc<dyn StatusSource>) -> Supervised {
    ready();
    let demanded = sd_notify::watchdog_enabled();
    Supervised(tokio::spawn(async move {
        let mut ticks = tokio::time::interval(look_every(demanded));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = String::new();
        loop {
            ticks.tick().await;
            if demanded.is_some() && is_alive(&source.live()) {
                tell(&[NotifyState::Watchdog]);
            }
            let line = line(&source.status(), &source.ready());
            if line != said {
                tell(&[NotifyState::Status(&line)]);
                said = line;
            }
        }
    }))
}

/// How often is looked: what is demanded, or what is enough for people.
fn look_every(demanded: Option<Duration>) -> Duration {
    demanded.map_or(LOOK, |demanded| (demanded / SIGNS).clamp(Duration::from_millis(1), LOOK))
}

/// Whether there is a sign of life: one shard that does not turn is a hang, whoever else works.
fn is_alive(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.ok)
}

/// How it stands, in one line.
fn line(status: &Status, ready: &[Check]) -> String {
    let standing = match ready.iter().find(|check| !check.ok) {
        Some(check) => format!("not ready, {}", check.detail),
        None => match status.oldest_undelivered_seconds {
            Some(seconds) if seconds >= 1.0 => format!("behind by {seconds:.0} s"),
            _ => "converged".to_owned(),
        },
    };
    let (up, all) = (status.sessions_up, status.sessions_all);
    let prefixes: u64 = status.families.iter().map(|family| family.prefixes).sum();
    let fault = if status.config_fault.is_some() { "; the last reload was refused" } else { "" };
    format!("{standing}; {up} of {all} sessions up, {prefixes} prefixes{fault}")
}

#[cfg(test)]
mod tests {
    use albedo_api::FamilyStatus;

    use super::*;

    fn check(ok: bool, detail: &str) -> Check {
        Check { name: "check".into(), ok, detail: detail.into() }
    }

    #[test]
    fn one_shard_that_hangs_is_no_sign_of_life() {
        assert!(is_alive(&[check(true, ""), check(true, "")]));
        assert!(!is_alive(&[check(true, ""), check(false, "last turned 12.0 s ago")]));
    }

    #[test]
    fn signs_come_three_times_as_often_as_demanded() {
        let seconds = Duration::from_secs;
        assert_eq!(look_every(None), LOOK);
        assert_eq!(look_every(Some(seconds(3))), seconds(1));
        assert_eq!(look_every(Some(seconds(60))), LOOK);
        assert_eq!(look_every(Some(Duration::from_micros(1))), Duration::from_millis(1));
    }

    #[test]
    fn the_line_says_how_it_stands() {
        let family = |prefixes| FamilyStatus { prefixes, ..FamilyStatus::default() };
        let mut status = Status {
            sessions_up: 2,
            sessions_all: 3,
            families: vec![family(40), family(2)],
            ..Status::default()
        };
        let ready = [check(true, "takes sessions")];
        assert_eq!(line(&status, &ready), "converged; 2 of 3 sessions up, 42 prefixes");
        status.oldest_undelivered_seconds = Some(0.2);
        assert!(line(&status, &ready).starts_with("converged; "));
        status.oldest_undelivered_seconds = Some(12.3);
        status.config_fault = Some("a fault".into());
        let text = "behind by 12 s; 2 of 3 sessions up, 42 prefixes; the last reload was refused";
        assert_eq!(line(&status, &ready), text);
        let waits = [check(true, ""), check(false, "waits for the first peer")];
        assert!(line(&status, &waits).starts_with("not ready, waits for the first peer; "));
    }
}
