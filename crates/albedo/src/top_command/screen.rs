//! What is on the screen: a head as of `albedo status`, and peers in an order.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Instant;

use albedo_api::{PeerRow, Status};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Row, Table};

use crate::ask_command::{Overview, convergence};
use crate::words::{age, brief, bytes};

/// By what peers are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// Those that are not up first, the latest to change before others.
    #[default]
    State,
    /// Who sends most messages.
    Received,
    /// Who is sent most messages.
    Sent,
    /// By address.
    Address,
}

/// A peer, and how many messages a second come and go.
#[derive(Clone, Debug)]
struct Seen {
    peer: PeerRow,
    rates: [f64; 2],
}

/// The screen.
#[derive(Debug)]
pub(super) struct Screen {
    target: String,
    status: Status,
    not_ready: Vec<String>,
    peers: Vec<Seen>,
    before: Option<(Instant, HashMap<String, [u64; 2]>)>,
    /// Seconds of work of all shards when it was looked last, and the share of a core since.
    busy: (f64, f64),
    order: Order,
    top: usize,
    /// Why the last look came to nothing.
    lost: Option<String>,
}

impl Screen {
    pub(super) fn new(target: String) -> Self {
        Self {
            target,
            status: Status::default(),
            not_ready: Vec::new(),
            peers: Vec::new(),
            before: None,
            busy: (0.0, 0.0),
            order: Order::default(),
            top: 0,
            lost: None,
        }
    }

    /// Takes what was seen.
    pub(super) fn take(&mut self, at: Instant, (overview, peers): (Overview, Vec<PeerRow>)) {
        let passed = self.before.as_ref().map(|(before, _)| (at - *before).as_secs_f64());
        let passed = passed.unwrap_or(overview.status.uptime_seconds).max(0.001);
        let rate = |peer: &PeerRow| {
            let counts = self.before.as_ref().map(|(_, counts)| counts.get(&peer.address));
            // Whoever has come anew has no rate yet; at first it is that since the start.
            let last = match counts {
                None => [0, 0],
                Some(None) => peer.messages,
                Some(Some(last)) => *last,
            };
            #[expect(clippy::cast_precision_loss, reason = "counts of messages")]
            let rate = |n: usize| peer.messages[n].saturating_sub(last[n]) as f64 / passed;
            [rate(0), rate(1)]
        };
        self.peers =
            peers.iter().map(|peer| Seen { peer: peer.clone(), rates: rate(peer) }).collect();
        let counts = peers.iter().map(|peer| (peer.address.clone(), peer.messages)).collect();
        self.before = Some((at, counts));
        let busy: f64 = overview.status.shards.iter().map(|shard| shard.busy_seconds).sum();
        self.busy = (busy, (busy - self.busy.0).max(0.0) / passed);
        self.status = overview.status;
        self.not_ready = overview.not_ready;
        self.lost = None;
        self.sort();
    }

    /// Nothing was seen.
    pub(super) fn lose(&mut self, why: &str) {
        self.lost = Some(why.to_owned());
    }

    pub(super) fn order(&mut self, order: Order) {
        self.order = order;
        self.top = 0;
        self.sort();
    }

    pub(super) fn scroll(&mut self, rows: isize) {
        let last = self.peers.len().saturating_sub(1);
        self.top = self.top.saturating_add_signed(rows).min(last);
    }

    fn sort(&mut self) {
        let address = |seen: &Seen| seen.peer.address.parse::<std::net::IpAddr>().ok();
        match self.order {
            Order::Address => self.peers.sort_by_key(address),
            Order::State => self.peers.sort_by(|a, b| {
                let key = |seen: &Seen| seen.peer.is_up();
                let since = a.peer.since_seconds.total_cmp(&b.peer.since_seconds);
                key(a).cmp(&key(b)).then(since)
            }),
            Order::Received => self.by_rate(0),
            Order::Sent => self.by_rate(1),
        }
    }

    fn by_rate(&mut self, n: usize) {
        self.peers
            .sort_by(|a, b| Reverse(a.rates[n].to_bits()).cmp(&Reverse(b.rates[n].to_bits())));
    }

    fn head(&self) -> Vec<Line<'_>> {
        let status = &self.status;
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let mut lines = vec![
            Line::from(format!(
                "Albedo {} at {}, up for {}, AS {}, router id {}",
                status.version,
                self.target,
                age(status.uptime_seconds),
                status.as_number,
                status.router_id
            )),
            Line::styled(format!("Converged: {}", convergence(status)), bold),
        ];
        let ready =
            if self.not_ready.is_empty() { "yes".to_owned() } else { self.not_ready.join("; ") };
        lines.push(Line::from(format!(
            "Ready: {ready}   Peers: {} of {} up   Groups: {}   Work: {:.1} % of a core   \
             Memory: {}",
            status.sessions_up,
            status.sessions_all,
            status.update_groups,
            self.busy.1 * 100.0,
            status.memory_bytes.map_or_else(|| "-".to_owned(), bytes),
        )));
        for family in &status.families {
            let time = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), brief);
            lines.push(Line::from(format!(
                "{}: {} prefixes, {} paths, p50 {}, p99 {}",
                family.family,
                family.prefixes,
                family.paths,
                time(family.convergence_p50_seconds),
                time(family.convergence_p99_seconds),
            )));
        }
        let keys = "q quit   order: s state, i received, o sent, a address   arrows scroll";
        lines.push(match &self.lost {
            Some(why) => Line::styled(why.as_str(), bold),
            None => Line::from(keys),
        });
        lines
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let head = self.head();
        let height = u16::try_from(head.len()).unwrap_or(u16::MAX);
        let [above, below] =
            Layout::vertical([Constraint::Length(height), Constraint::Min(0)]).areas(frame.area());
        frame.render_widget(Paragraph::new(head), above);
        let names = ["PEER", "NAME", "STATE", "AGE", "IN/S", "OUT/S", "REASON"];
        let rows = self.peers.iter().skip(self.top).take(below.height.into()).map(|seen| {
            let peer = &seen.peer;
            Row::new([
                peer.address.clone(),
                peer.name.clone().unwrap_or_default(),
                peer.state.clone(),
                age(peer.since_seconds),
                format!("{:.1}", seen.rates[0]),
                format!("{:.1}", seen.rates[1]),
                if peer.is_up() {
                    String::new()
                } else {
                    peer.last_reason.clone().unwrap_or_default()
                },
            ])
        });
        let widths = [
            Constraint::Length(16),
            Constraint::Length(20),
            Constraint::Length(11),
            Constraint::Length(7),
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Min(10),
        ];
        let reversed = Style::new().add_modifier(Modifier::REVERSED);
        let table = Table::new(rows, widths).header(Row::new(names).style(reversed));
        frame.render_widget(table, below);
    }
}

#[cfg(test)]
mod tests;
