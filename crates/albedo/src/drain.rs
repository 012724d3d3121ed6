//! Sending the clients away, a portion at a time, and telling how far that has come.
//!
//! With other reflectors there, clients get a Cease, drop our routes and go on with theirs, and in
//! portions so that nobody has to take a whole cluster at once.
//! The last reflector does not do that unasked: with `force` it lets everybody go at once and
//! without a word, and nobody is told that the others have gone, so that all keep what they have.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use albedo_api::control::{DrainMode, DrainPhase, DrainRequest, DrainStatus, DrainedClient};
use albedo_engine::clock::now;
use albedo_session::{Farewell, PeerStatus, Server};
use albedo_types::{Instant, PeerRole};

/// How often a drain takes a step.
const STEP: Duration = Duration::from_millis(100);

/// The drain of a program that runs.
#[derive(Debug)]
pub(crate) struct Drain {
    server: Server,
    message: Mutex<String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    status: DrainStatus,
    /// In the order of the clients of the status.
    addresses: Vec<IpAddr>,
    begun: Instant,
    dismissed: usize,
    limit: Duration,
    /// Tells a drain from one before that was cancelled.
    generation: u64,
}

/// Other reflectors that are there and have told everything they have.
pub(crate) fn mates(peers: &[PeerStatus]) -> usize {
    let ready = |peer: &&PeerStatus| peer.role == PeerRole::NonClient && peer.shared.is_heard();
    peers.iter().filter(ready).count()
}

impl State {
    fn is_running(&self) -> bool {
        self.status.phase == DrainPhase::Draining
    }

    /// How many should have been sent away by now.
    fn share(&self, at: Instant) -> usize {
        let all = self.addresses.len();
        let over = Duration::from_secs(self.status.over_seconds.into());
        let passed = at.since(self.begun);
        if passed >= over {
            return all;
        }
        // The first one goes at once.
        (all * (passed.as_millis() as usize) / (over.as_millis() as usize) + 1).min(all)
    }

    /// Notes who has left; whether it is over.
    fn look(&mut self, here: &HashSet<IpAddr>, at: Instant) -> bool {
        let after = at.since(self.begun).as_secs_f64();
        for (client, address) in self.status.clients.iter_mut().zip(&self.addresses) {
            if client.left_after_seconds.is_none() && !here.contains(address) {
                client.left_after_seconds = Some(after);
            }
        }
        if self.status.left_over() == 0 {
            self.status.phase = DrainPhase::Drained;
        } else if at.since(self.begun) >= self.limit {
            self.status.phase = DrainPhase::Expired;
        }
        !self.is_running()
    }
}

impl Drain {
    pub(crate) fn new(server: Server, message: &str) -> Arc<Self> {
        let message = Mutex::new(message.to_owned());
        Arc::new(Self { server, message, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }

    /// The word to the other operators, after a reload.
    pub(crate) fn set_message(&self, message: &str) {
        *self.message.lock().expect("nothing panics while it holds this lock") = message.into();
    }

    /// Whether clients are sent away, or have been.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.state().status.phase, DrainPhase::None | DrainPhase::Planned)
    }

    /// Whether clients were let go without a word: they are still ours, though they are not here.
    pub(crate) fn is_silent(&self) -> bool {
        self.is_on() && self.state().status.mode == DrainMode::Silent
    }

    pub(crate) fn status(&self) -> DrainStatus {
        self.state().status.clone()
    }

    /// What a drain would be.
    fn plan(&self, request: &DrainRequest) -> Result<(DrainStatus, Vec<IpAddr>), String> {
        let peers = self.server.snapshot();
        let mates = mates(&peers);
        if mates == 0 && !request.force {
            return Err("no other reflector is there that has told everything: clients would be \
                        left to what they have; --force does it nevertheless, without a word"
                .to_owned());
        }
        let is_client =
            |peer: &&PeerStatus| peer.is_established() && peer.role != PeerRole::NonClient;
        let clients: Vec<&PeerStatus> = peers.iter().filter(is_client).collect();
        let status = DrainStatus {
            phase: DrainPhase::Planned,
            mode: if mates == 0 { DrainMode::Silent } else { DrainMode::Cease },
            mates,
            over_seconds: if mates == 0 { 0 } else { request.over_seconds },
            clients: clients.iter().map(|peer| client(peer)).collect(),
        };
        Ok((status, clients.iter().map(|peer| peer.addr.ip()).collect()))
    }

    /// Begins, or only tells.
    pub(crate) fn begin(self: &Arc<Self>, request: &DrainRequest) -> Result<DrainStatus, String> {
        let mut state = self.state();
        if state.status.phase != DrainPhase::None {
            return Err("a drain is on already; --cancel ends it".to_owned());
        }
        let (status, addresses) = self.plan(request)?;
        if request.dry_run {
            return Ok(status);
        }
        let silent = status.mode == DrainMode::Silent;
        self.server.begin_drain(silent);
        let generation = state.generation + 1;
        *state = State {
            status: DrainStatus { phase: DrainPhase::Draining, ..status },
            addresses,
            begun: now(),
            dismissed: 0,
            limit: Duration::from_secs(request.limit_seconds.into()),
            generation,
        };
        let clients = state.addresses.len();
        let (mates, over) = (state.status.mates, state.status.over_seconds);
        tracing::info!(clients, mates, silent, over, "draining");
        let drain = Arc::clone(self);
        tokio::spawn(async move {
            while !drain.step(generation) {
                tokio::time::sleep(STEP).await;
            }
        });
        Ok(state.status.clone())
    }

    /// One step; whether it was the last.
    fn step(&self, generation: u64) -> bool {
        let mut state = self.state();
        if state.generation != generation || !state.is_running() {
            return true;
        }
        let at = now();
        let share = state.share(at);
        // With the last portion goes whoever came up in the meantime.
        let max = if share == state.addresses.len() { usize::MAX } else { share - state.dismissed };
        state.dismissed = share;
        let farewell = match state.status.mode {
            DrainMode::Silent => Farewell::Restart,
            DrainMode::Cease => {
                let text = self.message.lock().expect("nothing panics while it holds this lock");
                Farewell::Shutdown { text: text.clone() }
            }
        };
        if max > 0 {
            self.server.dismiss(max, &farewell);
        }
        let here = self.server.snapshot().iter().map(|peer| peer.addr.ip()).collect();
        let over = state.look(&here, at);
        if over {
            let left_over = state.status.left_over();
            tracing::info!(left_over, "drain is over");
        }
        over
    }

    /// Lets everybody in again.
    pub(crate) fn cancel(&self) -> Result<DrainStatus, String> {
        let mut state = self.state();
        match (state.status.phase, state.status.mode) {
            (DrainPhase::None | DrainPhase::Planned, _) => Err("no drain is on".to_owned()),
            // Nobody knows any more what the clients still hold: only a start sorts that out.
            (_, DrainMode::Silent) => Err("clients were let go without a word and keep our \
                                           routes: restart the program to let them in again"
                .to_owned()),
            _ => {
                let generation = state.generation + 1;
                *state = State { generation, ..State::default() };
                self.server.end_drain();
                tracing::info!("drain cancelled");
                Ok(state.status.clone())
            }
        }
    }
}

fn client(peer: &PeerStatus) -> DrainedClient {
    let detail = &peer.detail;
    DrainedClient {
        address: peer.addr.ip().to_string(),
        name: detail.name.clone().or_else(|| detail.description.as_deref().map(Into::into)),
        left_after_seconds: None,
    }
}

#[cfg(test)]
mod tests;
