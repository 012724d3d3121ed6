//! One connection: lines in, answers out.
//!
//! An answer goes out in pieces of about [`PIECE_BYTES`], and the next page of routes is asked for
//! when the last one was taken; so a reader that is slow, or goes, costs one page.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use albedo_types::{Family, Prefix};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::answer::Answer;
use super::command::{self, Command, DENIED, Pattern, Refusal, RouteCommand, SYNTAX};
use super::protocols::{self, Shown};
use super::routes::{Routes, table};
use super::server::BirdStats;
use super::source::BirdSource;
use super::{Dialect, View, status};
use crate::routes::{RouteAsk, RouteSelect};

/// Octets of a command at most.
pub const LINE_MAX: usize = 4096;
/// A connection that does not take a piece of an answer for this long is cut.
pub const WRITE_MAX: Duration = Duration::from_secs(30);
/// A connection without a command for this long is closed: a person at `birdc` may think for a
/// while.
pub const IDLE_MAX: Duration = Duration::from_secs(600);

/// Octets of an answer that are gathered for one write.
const PIECE_BYTES: usize = 16 * 1024;

struct Connection<'a> {
    to: OwnedWriteHalf,
    answer: Answer,
    view: View,
    source: &'a dyn BirdSource,
    stats: &'a BirdStats,
}

/// Answers until the other side goes, or is cut.
pub(super) async fn run(
    stream: UnixStream,
    view: View,
    source: &dyn BirdSource,
    stats: &BirdStats,
) {
    let (from, to) = stream.into_split();
    let mut connection = Connection { to, answer: Answer::default(), view, source, stats };
    // Whoever has gone does not hear why.
    let _ = connection.talk(BufReader::with_capacity(LINE_MAX, from)).await;
}

impl Connection<'_> {
    async fn talk(&mut self, mut from: BufReader<OwnedReadHalf>) -> io::Result<()> {
        status::greet(&mut self.answer, &self.source.daemon(), self.view.dialect);
        self.send().await?;
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut limited = (&mut from).take(LINE_MAX as u64);
            let read = timeout(IDLE_MAX, limited.read_until(b'\n', &mut line)).await;
            let Ok(read) = read else { return Ok(()) };
            if read? == 0 {
                return Ok(());
            }
            if line.last() != Some(&b'\n') && line.len() == LINE_MAX {
                self.answer.end(9000, &format!("Command too long, expected at most {LINE_MAX}"));
                return self.send().await;
            }
            self.stats.commands.fetch_add(1, Ordering::Relaxed);
            self.command(&String::from_utf8_lossy(&line)).await?;
            self.send().await?;
        }
    }

    async fn command(&mut self, line: &str) -> io::Result<()> {
        match command::parse(line) {
            Ok(Command::Nothing) => {}
            Ok(Command::Status) => {
                let daemon = self.source.daemon();
                status::render(&mut self.answer, &daemon, self.view.dialect);
            }
            Ok(Command::Protocols { all, which }) => self.protocols(all, which).await,
            Ok(Command::Route(command)) => return self.routes(&command).await,
            Ok(Command::Restrict) => self.answer.end(16, "Access restricted"),
            Ok(Command::Echo) => self.answer.end(0, ""),
            Err(Refusal { code, text }) => self.answer.end(code, &text),
        }
        Ok(())
    }

    async fn protocols(&mut self, all: bool, which: Option<Pattern>) {
        let counts = if all { Some(self.source.counts().await) } else { None };
        let daemon = self.source.daemon();
        let protocols = self.source.protocols();
        let counts = counts.as_ref().map(Option::as_deref);
        let shown = Shown { view: self.view, daemon: &daemon, all: counts };
        let count = protocols::render(&mut self.answer, &protocols, which.as_ref(), &shown);
        match (count, which) {
            (0, Some(_)) => self.answer.end(8003, "No protocols match"),
            (0, None) => {
                protocols::head(&mut self.answer, self.view.dialect);
                self.answer.end(0, "");
            }
            _ => self.answer.end(0, ""),
        }
    }

    /// The families that a command is about: those of the socket, of the table, of the prefix.
    fn families(&self, command: &RouteCommand) -> Vec<Family> {
        let of_prefix = match command.select {
            RouteSelect::All => None,
            RouteSelect::Exact(prefix)
            | RouteSelect::Within(prefix)
            | RouteSelect::Longest(prefix) => Some(match prefix {
                Prefix::V4(_) => Family::Ipv4Unicast,
                Prefix::V6(_) => Family::Ipv6Unicast,
            }),
        };
        let is_meant = |family: &Family| {
            let agrees = |wanted: Option<Family>| wanted.is_none_or(|wanted| wanted == *family);
            agrees(self.view.family) && agrees(command.family) && agrees(of_prefix)
        };
        Family::ALL.into_iter().filter(is_meant).collect()
    }

    async fn routes(&mut self, command: &RouteCommand) -> io::Result<()> {
        let source = self.source;
        let (daemon, protocols) = (source.daemon(), source.protocols());
        let shown = protocols.iter().filter(|protocol| self.view.shows(protocol));
        let from = match &command.protocol {
            None => None,
            Some(name) => match shown.into_iter().find(|protocol| *protocol.name == **name) {
                Some(protocol) => Some(protocol.peer),
                None => {
                    let text = format!("syntax error, unexpected `{name}`, expected a protocol");
                    self.answer.end(SYNTAX, &text);
                    return Ok(());
                }
            },
        };
        let families = self.families(command);
        let mut routes = Routes::new(self.view.dialect, &daemon, command.all, &protocols);
        for family in &families {
            let from = match from {
                // A protocol without a session has no routes.
                Some(None) => continue,
                Some(peer) => peer,
                None => None,
            };
            let RouteCommand { select, best_only, .. } = *command;
            let mut pages = match source.routes(RouteAsk {
                family: *family,
                select,
                from,
                to: None,
                best_only,
            }) {
                Ok(pages) => pages,
                Err(why) => {
                    self.answer.end(DENIED, &why);
                    return Ok(());
                }
            };
            loop {
                match pages.next().await {
                    Ok(Some(page)) => {
                        let answer = (!command.count).then_some(&mut self.answer);
                        routes.page(answer, *family, &page);
                    }
                    Ok(None) => break,
                    Err(why) => {
                        self.answer.end(DENIED, &why);
                        return Ok(());
                    }
                }
                if self.answer.len() >= PIECE_BYTES {
                    self.send().await?;
                }
            }
        }
        let found = (routes.routes, routes.networks);
        self.end_routes(command, &families, found);
        Ok(())
    }

    /// The end of an answer with so many routes, and prefixes among them.
    fn end_routes(&mut self, command: &RouteCommand, families: &[Family], found: (u64, u64)) {
        let (count, networks) = found;
        if command.count {
            let all: u64 = families.iter().map(|family| self.source.paths(*family)).sum();
            let all = all.max(count);
            let tables = match (self.view.dialect, families) {
                (Dialect::Bird2, [one]) => format!(" in table {}", table(*one)),
                (Dialect::Bird2, _) => " in 2 tables".to_owned(),
                (Dialect::Calico, _) => String::new(),
            };
            let text = format!("{count} of {all} routes for {networks} networks{tables}");
            self.answer.end(14, &text);
        } else if count == 0 && command.select != RouteSelect::All {
            let text = match self.view.dialect {
                Dialect::Calico => "Network not in table",
                Dialect::Bird2 => "Network not found",
            };
            self.answer.end(8001, text);
        } else {
            self.answer.end(0, "");
        }
    }

    /// Sends what was gathered; whoever takes none of it for [`WRITE_MAX`] is cut.
    async fn send(&mut self) -> io::Result<()> {
        let octets = self.answer.take();
        for piece in octets.chunks(PIECE_BYTES) {
            match timeout(WRITE_MAX, self.to.write_all(piece)).await {
                Ok(written) => written?,
                Err(_) => {
                    self.stats.slow.fetch_add(1, Ordering::Relaxed);
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        }
        Ok(())
    }
}
