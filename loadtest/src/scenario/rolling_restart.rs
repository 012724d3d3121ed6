//! `rolling-restart`: groups of a cluster's nodes restart one after the other, and the others are
//! to be told of nothing but that.

use std::io;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::build::{self, Graceful};
use crate::check::Expectation;
use crate::fleet::Settings;
use crate::latency::Recorder;
use crate::model::{ABSENT, NodeId, PrefixId};
use crate::outcome::{Figure, Outcome};
use crate::run::{Conduct, Run};
use crate::scenario::{Start, cluster};
use crate::session::Goodbye;

/// The restart time that nodes announce, in seconds, as Calico's do by default.
pub const RESTART_TIME: u16 = 120;

/// How a node's session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum How {
    /// FIN without a NOTIFICATION, as when a process dies.
    Fin,
    /// RST.
    Rst,
    /// NOTIFICATION 6/2, Administrative Shutdown.
    Cease,
}

impl How {
    pub(super) const fn goodbye(self) -> Goodbye {
        match self {
            Self::Fin => Goodbye::Close,
            Self::Rst => Goodbye::Reset,
            Self::Cease => Goodbye::Cease,
        }
    }
}

/// What happens to the nodes.
#[derive(Clone, Copy, Debug)]
pub struct Rolling {
    /// Per cent of the nodes that restart at a time.
    pub share: f64,
    /// How many groups restart; without it, until everybody has.
    pub rounds: Option<u32>,
    /// How sessions end.
    pub how: How,
    /// Whether nodes restart gracefully (RFC 4724), so that their routes are kept.
    pub is_graceful: bool,
    /// Time between the end of a session, or everybody's being exact without it, and its return.
    pub away: Duration,
}

/// What was counted over all rounds.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    octets_uninvolved: u64,
    octets_needed: u64,
    withdrawn_elsewhere: u64,
    withdrawn_returning: u64,
}

impl Rolling {
    /// Whether this can be played.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, nodes: u32) -> Result<(), String> {
        if !(self.share > 0.0 && self.share < 100.0) || self.group_len(nodes) >= nodes {
            let share = self.share;
            return Err(format!("a share of {share} %: expected some nodes of {nodes}, not all"));
        }
        if self.rounds == Some(0) {
            return Err("0 rounds: expected at least one".to_owned());
        }
        if self.is_graceful && self.how == How::Cease {
            return Err("a session that ends with NOTIFICATION does not restart gracefully \
                        (RFC 4724): expected --how fin or --how rst"
                .to_owned());
        }
        if self.is_graceful && self.away >= Duration::from_secs(RESTART_TIME.into()) {
            let away = humantime::format_duration(self.away);
            return Err(format!(
                "{away} away: expected less than {RESTART_TIME}s, when gracefully"
            ));
        }
        Ok(())
    }

    fn group_len(&self, nodes: u32) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a u32, and a share is positive"
        )]
        let len = (f64::from(nodes) * self.share / 100.0).round() as u32;
        len.max(1)
    }

    /// Who restarts together, in the nodes' order; beyond the last node the first ones follow.
    fn groups(&self, nodes: u32) -> Vec<Vec<NodeId>> {
        let len = self.group_len(nodes);
        let Some(rounds) = self.rounds else {
            let firsts = (0..nodes).step_by(len as usize);
            return firsts.map(|first| (first..(first + len).min(nodes)).collect()).collect();
        };
        let at = |n: u64| {
            #[expect(clippy::cast_possible_truncation, reason = "below a u32")]
            let node = (n % u64::from(nodes)) as NodeId;
            node
        };
        let (rounds, len) = (u64::from(rounds), u64::from(len));
        (0..rounds).map(|round| (round * len..(round + 1) * len).map(at).collect()).collect()
    }

    /// Plays it with a cluster.
    ///
    /// # Errors
    /// As [`run`](crate::run::run).
    pub fn run(
        &self,
        settings: Settings,
        shape: &cluster::Shape,
        start: Start,
        conduct: &Conduct,
    ) -> io::Result<Outcome> {
        let mut run = Run::new(settings, shape.plan(start), conduct)?;
        self.announce_grace(&mut run, shape.nodes, false);
        let expected = run.nodes().map(|node| u64::from(run.fleet.model.wanted_count(node))).sum();
        if !run.bring_up()? {
            return Ok(run.close());
        }
        run.start_clock()?;
        run.out.routes_expected = expected;
        let (mut sums, mut sync) = (Sums::default(), Recorder::new());
        let groups = self.groups(shape.nodes);
        let rounds = groups.len();
        let mut is_good = true;
        for group in groups {
            is_good = self.round(&mut run, shape, &group, (&mut sums, &mut sync))?;
            if !is_good {
                break;
            }
        }
        if is_good {
            run.extend();
            run.until_exact()?;
        }
        self.tell(&mut run, (sums, rounds), &sync);
        let mut out = run.close();
        // All sessions were up and all tables exact when the clock was started.
        (out.seconds_to_established, out.seconds_to_half) = (None, None);
        out.seconds_to_first_exact = None;
        Ok(out)
    }

    /// One group restarts; false where not everybody became exact in time.
    fn round(
        &self,
        run: &mut Run,
        shape: &cluster::Shape,
        group: &[NodeId],
        (sums, sync): (&mut Sums, &mut Recorder),
    ) -> io::Result<bool> {
        let mut is_member = vec![false; shape.nodes as usize];
        for &node in group {
            is_member[node as usize] = true;
        }
        let before = of_others(run, &is_member);
        let is_done = self.restart(run, group, &is_member, sync)?;
        let after = of_others(run, &is_member);
        sums.octets_uninvolved += after.0 - before.0;
        sums.withdrawn_elsewhere += after.1 - before.1;
        // Their tables are new: what is in the counts happened after their return.
        let returned = group.iter().filter_map(|&node| run.fleet.table(node));
        sums.withdrawn_returning += returned.map(|table| table.lost).sum::<u64>();
        if !self.is_graceful {
            let others = u64::from(shape.nodes) - group.len() as u64;
            sums.octets_needed += octets_needed(shape, group) * others;
        }
        Ok(is_done)
    }

    fn restart(
        &self,
        run: &mut Run,
        group: &[NodeId],
        is_member: &[bool],
        sync: &mut Recorder,
    ) -> io::Result<bool> {
        let routes = run.fleet.routes_of(|owner| is_member[owner as usize]);
        let gone: Vec<(PrefixId, u8)> = routes.iter().map(|&(id, _)| (id, ABSENT)).collect();
        for &node in group {
            run.fleet.stop(node, self.how.goodbye());
        }
        run.mark(format!("{} nodes go", group.len()));
        if !self.is_graceful {
            run.fleet.expect_all(&gone);
            run.extend();
            if !run.until(run.deadline(), |fleet| fleet.is_settled())? {
                return Ok(false);
            }
        }
        if !self.away.is_zero() {
            run.idle(self.away)?;
        }
        run.fleet.expect_all(&routes);
        let mut started = Vec::new();
        for &node in group {
            if self.is_graceful {
                let graceful = Graceful { seconds: RESTART_TIME, is_restarting: true };
                run.fleet.set_graceful(node, Some(graceful));
            }
            started.push(Instant::now());
            run.fleet.start(node);
        }
        run.mark(format!("{} nodes return", group.len()));
        run.extend();
        let is_done = run.until(run.deadline(), |fleet| fleet.is_settled())?;
        for (&node, start) in group.iter().zip(started) {
            if let Some(exact) = run.fleet.exact_at()[node as usize] {
                sync.record(exact.saturating_duration_since(start));
            }
        }
        Ok(is_done)
    }

    fn announce_grace(&self, run: &mut Run, nodes: u32, is_restarting: bool) {
        if self.is_graceful {
            for node in 0..nodes {
                let graceful = Graceful { seconds: RESTART_TIME, is_restarting };
                run.fleet.set_graceful(node, Some(graceful));
            }
        }
    }

    fn tell(&self, run: &mut Run, (sums, rounds): (Sums, usize), sync: &Recorder) {
        run.out.latencies.insert("sync".to_owned(), sync.latency());
        let extra = &mut run.out.extra;
        extra.insert("rounds".to_owned(), Figure::count(rounds as u64));
        extra.insert("octets_uninvolved".to_owned(), Figure::octets(sums.octets_uninvolved));
        extra.insert("octets_needed".to_owned(), Figure::octets(sums.octets_needed));
        extra.insert("withdrawn_elsewhere".to_owned(), Figure::count(sums.withdrawn_elsewhere));
        extra.insert("withdrawn_returning".to_owned(), Figure::count(sums.withdrawn_returning));
        // Where nothing has to be sent there is no ratio: the octets themselves tell.
        if sums.octets_needed > 0 {
            #[expect(clippy::cast_precision_loss, reason = "figures are looked at")]
            let waste = sums.octets_uninvolved as f64 / sums.octets_needed as f64;
            extra.insert("waste".to_owned(), Figure::ratio(waste));
        }
        if self.is_graceful {
            let helps = |node: &NodeId| run.fleet.session(*node).peer_restart.is_some();
            let count = run.nodes().filter(helps).count() as u64;
            run.out.extra.insert("graceful_sessions".to_owned(), Figure::count(count));
        }
    }
}

/// Octets of UPDATEs that all but the members got, and routes wrongly withdrawn from them.
fn of_others(run: &Run, is_member: &[bool]) -> (u64, u64) {
    let others = run.nodes().filter(|&node| !is_member[node as usize]);
    others.fold((0, 0), |(octets, lost), node| {
        let more = run.fleet.table(node).map_or(0, |table| table.lost);
        (octets + run.fleet.session(node).update_octets, lost + more)
    })
}

/// Octets that one uninvolved node has to be sent when a group goes and returns: one withdrawal
/// of everything, and everybody's announcements, each packed as tightly as messages allow.
fn octets_needed(shape: &cluster::Shape, group: &[NodeId]) -> u64 {
    let mut out = Vec::new();
    for family in shape.families() {
        let all: Vec<_> = group.iter().flat_map(|&node| shape.blocks(node, family)).collect();
        build::withdraw(family, &all, &mut out);
        for &node in group {
            let mut set = shape.attributes(node, family);
            if shape.rules.expectation == Expectation::Reflected {
                let originator = shape.router_id(node).to_bits();
                // Any cluster id has as many octets as the target's.
                set = set.reflected(originator).with_cluster(shape.cluster_id);
            }
            build::announce(&set, family, &shape.blocks(node, family), &mut out);
        }
    }
    out.len() as u64
}

#[cfg(test)]
mod tests {
    use super::{How, Rolling, octets_needed};
    use crate::check::Rules;
    use crate::scenario::cluster;
    use std::time::Duration;

    const ROLLING: Rolling = Rolling {
        share: 5.0,
        rounds: None,
        how: How::Fin,
        is_graceful: false,
        away: Duration::ZERO,
    };

    #[test]
    fn everybody_restarts_once_unless_rounds_are_given() {
        let groups = ROLLING.groups(1000);
        assert_eq!((groups.len(), groups[0].len()), (20, 50));
        let all: Vec<u32> = groups.into_iter().flatten().collect();
        assert_eq!(all, (0..1000).collect::<Vec<u32>>());
        let uneven = Rolling { share: 30.0, ..ROLLING }.groups(10);
        assert_eq!(uneven, [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7, 8], vec![9]]);
        let four = Rolling { rounds: Some(4), share: 40.0, ..ROLLING }.groups(5);
        assert_eq!(four, [[0, 1], [2, 3], [4, 0], [1, 2]]);
    }

    #[test]
    fn what_cannot_be_played_is_refused() {
        assert!(ROLLING.check(1000).is_ok() && ROLLING.check(2).is_ok());
        for share in [0.0, -1.0, 100.0, 99.9, f64::NAN] {
            assert!(Rolling { share, ..ROLLING }.check(100).is_err(), "{share}");
        }
        assert!(Rolling { rounds: Some(0), ..ROLLING }.check(100).is_err());
        let graceful = Rolling { is_graceful: true, ..ROLLING };
        assert!(graceful.check(100).is_ok());
        assert!(Rolling { how: How::Cease, ..graceful }.check(100).is_err());
        let long = Rolling { away: Duration::from_secs(120), ..graceful };
        let words = "2m away: expected less than 120s, when gracefully";
        assert_eq!(long.check(100), Err(words.to_owned()));
    }

    #[test]
    fn needed_octets_are_one_withdrawal_and_each_nodes_announcement() {
        let shape = cluster::Shape {
            nodes: 5,
            blocks_v4: 3,
            blocks_v6: 0,
            source_net: "10.1.0.0/16".parse().expect("a network"),
            local_pref: 100,
            rules: Rules::REFLECTED,
            cluster_id: 1,
        };
        // A /26 takes 5 octets; ORIGIN 4, AS_PATH 3, NEXT_HOP 7, LOCAL_PREF 7, ORIGINATOR_ID 7,
        // CLUSTER_LIST 7.
        let withdrawal = 23 + 2 * 3 * 5;
        let announcement = 23 + 35 + 3 * 5;
        assert_eq!(octets_needed(&shape, &[1, 2]), withdrawal + 2 * announcement);
    }
}
