//! What a script is made of; any four octets are a step of one, so scripts shrink and replay.

use albedo_rib::Keep;
use albedo_types::{Family, PeerRole, Rng};

/// Nodes that a script has, up or down.
pub const SLOTS: usize = 6;
/// Prefixes of each family that a script has.
pub const PREFIXES: usize = 12;
/// Path identifiers that a node announces a prefix under.
pub const PATH_IDS: u32 = 3;

/// A step of a script; one that makes no sense where it stands does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say which node, prefix or shard, and how many")]
pub enum Op {
    /// A node's session comes up and joins its groups.
    Up { slot: usize, role: PeerRole },
    /// A node is lost for good.
    Down { slot: usize },
    /// A node's session is lost, and of each family this is kept.
    Lose { slot: usize, keep: [Keep; Family::COUNT] },
    /// What is still stale of a node's routes goes: its End-of-RIB, or a timer.
    Sweep { slot: usize, family: Family },
    /// What is stale of a node's routes is long-lived stale.
    LongLived { slot: usize, family: Family },
    /// A node announces a prefix, or again with other attributes.
    Announce { slot: usize, prefix: usize, path_id: u32, spec: usize },
    /// A node withdraws a prefix.
    Withdraw { slot: usize, prefix: usize, path_id: u32 },
    /// A node announces many prefixes with the same attributes.
    Burst { slot: usize, first: usize, count: usize, spec: usize },
    /// A node withdraws many prefixes.
    Retreat { slot: usize, first: usize, count: usize },
    /// A node's role changes, client to non-client or back.
    Role { slot: usize },
    /// A node's policy changes: another cluster, and thereby another group.
    Regroup { slot: usize },
    /// A node joins the groups that it is in already.
    Rejoin { slot: usize },
    /// A node asks for a family again.
    Refresh { slot: usize, family: Family },
    /// A node stops reading, or goes on.
    Stall { slot: usize, on: bool },
    /// A node reads a few messages.
    Read { slot: usize, messages: usize },
    /// A shard takes a batch of letters.
    Turn { shard: usize, letters: usize },
    /// A shard looks through its tombstones.
    Bury { shard: usize },
    /// Everybody does all there is to do, and is looked at.
    Quiet,
}

impl Op {
    /// The step that four octets stand for.
    #[must_use]
    pub fn decode([kind, a, b, c]: [u8; 4]) -> Self {
        let slot = usize::from(a) % SLOTS;
        let (b, c) = (usize::from(b), usize::from(c));
        let prefix = b % (2 * PREFIXES);
        let family = Family::ALL[b % Family::COUNT];
        let path_id = if c % 5 == 0 { u32::from(kind) % PATH_IDS } else { 0 };
        match kind {
            0..48 => Self::Turn { shard: usize::from(a), letters: 1 + b % 12 },
            48..96 => Self::Read { slot, messages: 1 + if c % 4 == 0 { b % 16 } else { b % 3 } },
            96..128 => Self::Announce { slot, prefix, path_id, spec: c },
            128..144 => Self::Withdraw { slot, prefix, path_id },
            144..160 => Self::Burst { slot, first: prefix, count: 2 + c % 9, spec: c / 9 },
            160..168 => Self::Retreat { slot, first: prefix, count: 2 + c % 9 },
            168..186 => Self::Up { slot, role: role(b) },
            186..192 => Self::Down { slot },
            192..202 => Self::Lose { slot, keep: [keep(b), keep(c)] },
            202..207 => Self::Sweep { slot, family },
            207..211 => Self::LongLived { slot, family },
            211..217 => Self::Role { slot },
            217..220 => Self::Regroup { slot },
            220..221 => Self::Rejoin { slot },
            221..232 => Self::Refresh { slot, family },
            232..236 => Self::Stall { slot, on: b % 2 == 0 },
            236..252 => Self::Bury { shard: usize::from(a) },
            252.. => Self::Quiet,
        }
    }

    /// A script of `len` steps.
    #[must_use]
    pub fn script(seed: u64, len: usize) -> Vec<Self> {
        let mut rng = Rng::new(seed);
        let mut step = || {
            let octets = rng.next_u64().to_be_bytes();
            Self::decode([octets[0], octets[1], octets[2], octets[3]])
        };
        (0..len).map(|_| step()).collect()
    }
}

const fn keep(n: usize) -> Keep {
    match n % 8 {
        0 => Keep::Nothing,
        1..5 => Keep::Fresh,
        _ => Keep::All,
    }
}

const fn role(n: usize) -> PeerRole {
    match n % 8 {
        0..5 => PeerRole::Client,
        5..7 => PeerRole::NonClient,
        _ => PeerRole::External,
    }
}
