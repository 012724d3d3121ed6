//! The workloads: one for each thing that happens to a route on its way.
//!
//! `prepare` does what is not to be measured; the step that it returns is what is, and is to be
//! done once.
//! A step keeps what it makes until it is dropped, so that dropping is not measured, and says how
//! many things it handled, which does not change as long as it does the same work.

use crate::input::Input;

mod attrs;
mod log;
mod rib;
mod wire;

/// What is measured; says how many things it handled.
pub type Step<'a> = Box<dyn FnMut() -> usize + 'a>;

/// A workload.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Its name.
    pub name: &'static str,
    /// What a step handles and counts.
    pub unit: &'static str,
    /// Gets ready.
    pub prepare: fn(&Input) -> Step<'_>,
}

const fn row(name: &'static str, unit: &'static str, prepare: fn(&Input) -> Step<'_>) -> Workload {
    Workload { name, unit, prepare }
}

/// All workloads, in the order of an UPDATE's way.
pub const ALL: [Workload; 15] = [
    row("decode", "routes", wire::decode),
    row("intern-new", "messages", attrs::intern_new),
    row("intern-known", "messages", attrs::intern_known),
    row("decision", "decisions", attrs::decision),
    row("shard-announce", "prefixes", rib::announce),
    row("shard-loss", "routes", rib::loss),
    row("shard-restart", "routes", rib::restart),
    row("encode", "messages", wire::encode),
    row("pack", "routes", wire::pack),
    row("log-append", "segments", log::append),
    row("log-replay", "bytes", log::replay),
    row("base", "messages", rib::base),
    row("catch-up", "bytes", rib::catch_up),
    row("query", "routes", rib::query),
    row("tally", "peers", rib::tally),
];

impl Workload {
    /// The workload of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        ALL.into_iter().find(|workload| workload.name == name)
    }
}

#[cfg(test)]
mod tests;
