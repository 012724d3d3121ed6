//! Two sessions against each other, both connecting, over a network that delays as it likes.
//!
//! Whatever the order in which connections and messages arrive, both must end up Established on
//! the same connection and stay there.

use std::collections::VecDeque;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// A TCP connection between the two.
#[derive(Debug)]
struct Wire {
    /// Which of the two made it.
    maker: usize,
    /// For each side: whether it has it.
    open: [bool; 2],
    /// For each side: what is on its way to it; `None` is the end of the stream.
    toward: [VecDeque<Option<Vec<u8>>>; 2],
    /// The accepting side has not been told yet.
    unaccepted: bool,
    /// The making side has not been told yet.
    unconfirmed: bool,
}

#[derive(Debug)]
struct Net {
    rigs: [Rig; 2],
    wires: Vec<Wire>,
    /// For each side and direction: its wire.
    slots: [[Option<usize>; 2]; 2],
    ups: [usize; 2],
}

impl Net {
    fn new(ids: [u32; 2], seed: u64) -> Self {
        let rig = |n: usize| {
            let config = SessionConfig { router_id: RouterId::new(ids[n]).unwrap(), ..config() };
            Rig { session: Session::new(config, seed + n as u64), now: Instant::ZERO }
        };
        let mut net =
            Self { rigs: [rig(0), rig(1)], wires: Vec::new(), slots: [[None; 2]; 2], ups: [0; 2] };
        net.input(0, Event::Start);
        net.input(1, Event::Start);
        net
    }

    fn input(&mut self, side: usize, event: Event<'_>) {
        let now = self.rigs[side].now;
        self.rigs[side].session.handle(now, event);
        self.act(side, None);
    }

    fn act(&mut self, side: usize, accepting: Option<usize>) {
        while let Some(action) = self.rigs[side].session.poll_action() {
            match action {
                Action::Connect => {
                    self.slots[side][0] = Some(self.wires.len());
                    self.wires.push(Wire {
                        maker: side,
                        open: [side == 0, side == 1],
                        toward: [VecDeque::new(), VecDeque::new()],
                        unaccepted: true,
                        unconfirmed: true,
                    });
                }
                Action::Send(id, message) => {
                    let wire = self.slots[side][id.index()].unwrap();
                    self.wires[wire].toward[1 - side].push_back(Some(message));
                    let now = self.rigs[side].now;
                    self.rigs[side].session.handle(now, Event::Written(id));
                }
                Action::Close(id, _) => {
                    let wire = self.slots[side][id.index()].take().unwrap();
                    self.close(side, wire);
                }
                Action::Adopt => self.slots[side][1] = accepting,
                Action::Reject(message) => {
                    let wire = accepting.unwrap();
                    if let Some(message) = message {
                        self.wires[wire].toward[1 - side].push_back(Some(message));
                    }
                    self.close(side, wire);
                }
                Action::Up(_) => self.ups[side] += 1,
                Action::Down(_) | Action::Failed(_) | Action::Refresh(_) | Action::Warn(_) => {}
            }
        }
    }

    fn close(&mut self, side: usize, wire: usize) {
        self.wires[wire].open[side] = false;
        self.wires[wire].toward[1 - side].push_back(None);
    }

    /// What can happen now, without time going on.
    fn possible(&self) -> Vec<(usize, usize, bool)> {
        let mut out = Vec::new();
        for (n, wire) in self.wires.iter().enumerate() {
            let accepting = 1 - wire.maker;
            if wire.unaccepted {
                out.push((n, accepting, true));
            } else if wire.open[accepting] && !wire.toward[accepting].is_empty() {
                out.push((n, accepting, false));
            }
            if !wire.unaccepted && wire.open[wire.maker] {
                let waiting = !wire.toward[wire.maker].is_empty();
                if wire.unconfirmed || waiting {
                    out.push((n, wire.maker, wire.unconfirmed));
                }
            }
        }
        out
    }

    fn happen(&mut self, (n, side, begins): (usize, usize, bool)) {
        let maker = self.wires[n].maker;
        if begins && side != maker {
            self.wires[n].unaccepted = false;
            self.wires[n].open[side] = true;
            let now = self.rigs[side].now;
            self.rigs[side].session.handle(now, Event::Accepted);
            self.act(side, Some(n));
            return;
        }
        if begins {
            self.wires[n].unconfirmed = false;
            return self.input(side, Event::Connected(ConnId::Outgoing));
        }
        let id = if side == maker { ConnId::Outgoing } else { ConnId::Incoming };
        assert_eq!(self.slots[side][id.index()], Some(n));
        match self.wires[n].toward[side].pop_front().unwrap() {
            Some(message) => self.input(side, Event::Message(id, frame(&message))),
            None => {
                self.wires[n].open[side] = false;
                self.slots[side][id.index()] = None;
                let reason = CloseReason::Closed { octets_of_message: 0 };
                self.input(side, Event::Closed(id, reason));
            }
        }
    }

    /// Lets the earliest timer of either side pass.
    fn wait(&mut self) {
        let due = |rig: &Rig| rig.session.poll_timeout().map_or(Instant::NEVER, |(at, _)| at);
        let side = usize::from(due(&self.rigs[1]) < due(&self.rigs[0]));
        let at = due(&self.rigs[side]).max(self.rigs[0].now);
        for rig in &mut self.rigs {
            rig.now = at;
        }
        self.rigs[side].session.handle_timeout(at);
        self.act(side, None);
    }

    fn agreed(&self) -> bool {
        let both = self.rigs.iter().all(|rig| rig.session.state() == StateName::Established);
        let same = (0..2).any(|maker| {
            let wire = self.slots[maker][0];
            wire.is_some() && wire == self.slots[1 - maker][1]
        });
        both && same
    }
}

proptest! {
    #[test]
    fn two_speakers_agree_on_one_connection(
        ids in prop_oneof![Just([1u32, 2]), Just([2, 1]), Just([0x8000_0000, 0x7fff_ffff])],
        seed: u64,
        choices in proptest::collection::vec(any::<prop::sample::Index>(), 1..120),
    ) {
        let mut net = Net::new(ids, seed >> 1);
        for choice in &choices {
            let possible = net.possible();
            match possible.len() {
                0 => net.wait(),
                n => net.happen(possible[choice.index(n)]),
            }
        }
        // Whatever happened so far, a network that delivers brings them together for good.
        for _ in 0..400 {
            match net.possible().first() {
                Some(&next) => net.happen(next),
                None => net.wait(),
            }
        }
        while let Some(&next) = net.possible().first() {
            net.happen(next);
        }
        prop_assert!(net.agreed(), "{net:?}");
        let ups = net.ups;
        for _ in 0..100 {
            match net.possible().first() {
                Some(&next) => net.happen(next),
                None => net.wait(),
            }
        }
        prop_assert_eq!(ups, net.ups, "it stays up");
    }
}
