//! The events of a fleet's single sessions: connecting, the handshake (RFC 4271 §8), keepalives,
//! and what is read.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Fleet, HANDSHAKE_MAX, PROBLEMS_MAX};
use crate::build::{self, HEADER_LEN, KEEPALIVE, MESSAGE_LEN_MAX, kind};
use crate::model::NodeId;
use crate::parse::{self, Fault};
use crate::poll::Interest;
use crate::session::Stage;

impl Fleet {
    pub(super) fn connect(&mut self, n: usize) {
        self.counters.connects += 1;
        let deadline = Instant::now() + self.settings.connect_retry;
        let session = &mut self.sessions[n];
        let target = self.targets[session.target];
        session.stage = Stage::Connecting(deadline);
        let result =
            session.connect(target, self.settings.key.as_ref()).and_then(|()| match session.fd() {
                Some(fd) => self.poller.add(&fd, n as u64, Interest::ReadWrite),
                None => Ok(()),
            });
        if let Err(error) = result {
            self.sessions[n].drop_connection();
            self.sessions[n].stage = Stage::Waiting(deadline);
            self.problem(n, &format!("cannot connect to {target}: {error}"));
        }
    }

    pub(super) fn tick(&mut self, now: Instant) {
        self.expire_cover(now);
        for n in 0..self.sessions.len() {
            let session = &mut self.sessions[n];
            match session.stage {
                Stage::Waiting(at) | Stage::Connecting(at) if now >= at => self.connect(n),
                Stage::OpenSent(at) | Stage::OpenConfirm(at) if now >= at => {
                    self.lose(n, "the target did not complete the handshake");
                }
                Stage::Established if !session.hold_time.is_zero() => {
                    // Whoever does not read hears nothing, and that is not the target's fault.
                    if session.throttle.is_none() && now >= session.heard + session.hold_time {
                        // We would send a NOTIFICATION: nothing is kept (RFC 4724 §4).
                        session.peer_restart = None;
                        self.lose(n, "nothing heard of the target for the hold time");
                    } else if now >= session.keepalive_due {
                        session.keepalive_due = now + session.hold_time / 3;
                        session.push(Arc::from(KEEPALIVE));
                        self.flush(n);
                    }
                }
                _ => {}
            }
            if self.sessions[n].is_deaf {
                self.read_slowly(n, now);
            }
        }
    }

    pub(super) fn on_room(&mut self, n: usize) {
        if let Stage::Connecting(retry_at) = self.sessions[n].stage {
            if self.sessions[n].connected().is_err() {
                // Refused or dropped, as with a full backlog: an attempt, not a problem.
                self.sessions[n].drop_connection();
                self.sessions[n].stage = Stage::Waiting(retry_at);
                return;
            }
            let seconds = u16::try_from(self.settings.hold_time.as_secs()).unwrap_or(u16::MAX);
            let (router_id, graceful) =
                (self.sessions[n].node.router_id, self.sessions[n].graceful);
            let (asn, families) = (self.settings.asn, &self.settings.families);
            let open = build::open_graceful(asn, seconds, router_id, families, graceful);
            self.sessions[n].stage = Stage::OpenSent(Instant::now() + HANDSHAKE_MAX);
            self.sessions[n].push(open.into());
        }
        self.flush(n);
    }

    pub(super) fn flush(&mut self, n: usize) {
        let session = &mut self.sessions[n];
        let is_empty = match session.flush() {
            Ok(is_empty) => is_empty,
            Err(error) => return self.lose(n, &format!("writing failed: {error}")),
        };
        if session.wants_room == is_empty
            && let Some(fd) = session.fd()
        {
            let interest = Interest::of(!session.is_deaf, !is_empty);
            match self.poller.modify(&fd, n as u64, interest) {
                Ok(()) => session.wants_room = !is_empty,
                Err(error) => self.lose(n, &format!("watching failed: {error}")),
            }
        }
    }

    pub(super) fn on_readable(&mut self, n: usize) {
        if matches!(self.sessions[n].stage, Stage::Waiting(_) | Stage::Connecting(_))
            || !self.sessions[n].stage.is_on()
        {
            return;
        }
        if self.sessions[n].throttle.is_none() || !self.turn_deaf(n) {
            self.read(n, usize::MAX);
        }
    }

    /// Reads once, at most so many octets.
    pub(super) fn read(&mut self, n: usize, limit: usize) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let session = &mut self.sessions[n];
        let start = session.partial.len();
        let end = buffer.len().min(start.saturating_add(limit));
        buffer[..start].copy_from_slice(&session.partial);
        match session.read(&mut buffer[start..end]) {
            Ok(0) => self.lose(n, "the target closed the connection"),
            Ok(read) => {
                self.counters.reads += 1;
                self.counters.octets_in += read as u64;
                session.octets_in += read as u64;
                session.partial.clear();
                self.on_bytes(n, &buffer[..start + read]);
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => self.lose(n, &format!("reading failed: {error}")),
        }
        self.buffer = buffer;
    }

    fn on_bytes(&mut self, n: usize, mut bytes: &[u8]) {
        let now = Instant::now();
        self.sessions[n].heard = now;
        if let Some(watch) = self.watch_mut() {
            watch.read_at(now);
        }
        let result = loop {
            match parse::split(bytes, MESSAGE_LEN_MAX) {
                Ok(Some(message)) => {
                    bytes = &bytes[message.len()..];
                    if let Err(fault) = self.on_message(n, message) {
                        break Err(fault);
                    }
                    if self.sessions[n].fd().is_none() {
                        return; // The message ended the session.
                    }
                }
                Ok(None) => break Ok(()),
                Err(fault) => break Err(fault),
            }
        };
        self.recount(n, now);
        match result {
            Ok(()) => self.sessions[n].partial.extend_from_slice(bytes),
            Err(fault) => self.convict(n, fault),
        }
    }

    fn on_message(&mut self, n: usize, message: &[u8]) -> Result<(), Fault> {
        let body = &message[HEADER_LEN..];
        match (message[18], self.sessions[n].stage) {
            (kind::UPDATE, Stage::Established) => {
                self.counters.updates_in += 1;
                let session = &mut self.sessions[n];
                session.update_octets += message.len() as u64;
                if build::is_end_of_rib(message) {
                    session.ends += 1;
                    session.ended_at = Some(session.heard);
                }
                let checker = &mut self.checkers[self.sessions[n].target];
                if let Some(table) = &mut self.tables[n] {
                    checker.update(&self.model, table, message)?;
                    self.look_at_cover(n, self.sessions[n].heard);
                }
            }
            (kind::OPEN, Stage::OpenSent(until)) => {
                let open = parse::Open::read(body)?;
                if open.asn != self.settings.asn {
                    let (is, wanted) = (open.asn, self.settings.asn);
                    self.lose(n, &format!("the target has AS {is}, expected {wanted}"));
                    return Ok(());
                }
                self.checkers[self.sessions[n].target].learn_cluster(open.router_id);
                let theirs = Duration::from_secs(open.hold_time.into());
                self.sessions[n].hold_time = theirs.min(self.settings.hold_time);
                let keep = open.restart_time.map(|seconds| Duration::from_secs(seconds.into()));
                self.sessions[n].peer_restart = keep;
                self.sessions[n].stage = Stage::OpenConfirm(until);
                self.sessions[n].push(Arc::from(KEEPALIVE));
                self.flush(n);
            }
            (kind::KEEPALIVE, Stage::OpenConfirm(_)) => {
                let session = &mut self.sessions[n];
                session.stage = Stage::Established;
                (session.ends, session.ended_at) = (0, None);
                session.keepalive_due = Instant::now() + session.hold_time / 3;
                self.established += 1;
                if !self.is_initial_held {
                    let initial = Arc::clone(&self.sessions[n].node.initial);
                    self.send(n as NodeId, initial);
                }
            }
            (kind::KEEPALIVE, Stage::Established) => {}
            (kind::ROUTE_REFRESH, Stage::Established) => {
                let initial = Arc::clone(&self.sessions[n].node.initial);
                self.send(n as NodeId, initial);
            }
            (kind::NOTIFICATION, _) => {
                self.sessions[n].peer_restart = None;
                let (code, subcode) = (body.first().unwrap_or(&0), body.get(1).unwrap_or(&0));
                self.lose(n, &format!("the target sent NOTIFICATION {code}/{subcode}"));
            }
            (other, stage) => {
                let words = format!("the target sent message type {other} in state {stage:?}");
                self.lose(n, &words);
            }
        }
        Ok(())
    }

    /// Ends a session that failed and has it tried anew. Before it was up that is an attempt that
    /// failed, which daemons with a short backlog or a start delay make plenty of.
    pub(super) fn lose(&mut self, n: usize, why: &str) {
        if self.sessions[n].is_expendable {
            return self.give_up(n);
        }
        let session = &mut self.sessions[n];
        let was_established = session.is_established();
        session.drop_connection();
        session.stage = Stage::Waiting(Instant::now() + self.settings.connect_retry);
        if let Some(table) = &mut self.tables[n] {
            table.clear(&self.model);
            self.recount(n, Instant::now());
        }
        if was_established {
            self.established -= 1;
            self.counters.losses += 1;
            self.problem(n, why);
        } else {
            self.counters.refusals += 1;
            self.last_refusal = Some(format!("{}: {why}", self.sessions[n].node.source.ip()));
        }
    }

    /// Ends a session because the target sent what no daemon may send.
    fn convict(&mut self, n: usize, fault: Fault) {
        let why = format!("malformed message from the target: {fault}");
        let session = &self.sessions[n];
        let is_counted = session.is_established() && !session.is_expendable;
        self.lose(n, &why);
        if !is_counted {
            self.problem(n, &why);
        }
    }

    pub(super) fn problem(&mut self, n: usize, what: &str) {
        self.counters.problems += 1;
        if self.problems.len() < PROBLEMS_MAX {
            let from = self.sessions[n].node.source.ip();
            self.problems.push(format!("{from}: {what}"));
        }
    }
}
