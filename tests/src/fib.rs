//! A watch over many kernel tables at once: which routes were missing, from when to when.
//!
//! Each namespace's table is a file that is opened once and read again and again, so that a look
//! at two hundred of them needs neither processes nor threads. Beside it the kernel tells of each
//! change ([`changes`]), so that what no look caught is known, too.

mod changes;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::mem;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::lab::{Host, Node};
use crate::net::Net;
use changes::Changes;

/// The pause between two looks at all tables.
const PAUSE: Duration = Duration::from_millis(10);
/// The longest that may lie between two looks for a watch to be worth anything.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);

/// One namespace's IPv4 routes, as the kernel has them.
#[derive(Debug)]
pub struct Table {
    file: File,
    text: String,
    nets: BTreeSet<Net>,
}

impl Table {
    /// Opens the table of a node.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    pub fn open(node: &Node) -> Result<Self> {
        let file = node.inside(|| File::open("/proc/thread-self/net/route"))?;
        let file = file.context("/proc/thread-self/net/route")?;
        Ok(Self { file, text: String::new(), nets: BTreeSet::new() })
    }

    /// The prefixes that packets are forwarded for.
    ///
    /// # Errors
    /// When the kernel prints what is not understood.
    pub fn forwarded(&mut self) -> Result<&BTreeSet<Net>> {
        self.look().map(|_| &self.nets)
    }

    /// Reads the table; whether it has changed since it was last read.
    fn look(&mut self) -> Result<bool> {
        let mut text = String::with_capacity(self.text.len() + 1024);
        self.file.rewind().context("route table")?;
        self.file.read_to_string(&mut text).context("route table")?;
        if text == self.text {
            return Ok(false);
        }
        self.nets = parse(&text)?;
        self.text = text;
        Ok(true)
    }
}

/// Reads a table: interface, destination and gateway in the machine's order of octets, flags, …,
/// mask. Routes that lead nowhere, such as blackholes, have no interface.
fn parse(text: &str) -> Result<BTreeSet<Net>> {
    let mut nets = BTreeSet::new();
    for line in text.lines().skip(1) {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [interface, destination, _, _, _, _, _, mask, ..] = columns[..] else {
            return Err(anyhow!("a route of {} columns: {line}", columns.len()));
        };
        if interface == "*" {
            continue;
        }
        let number = |text| u32::from_str_radix(text, 16).map(u32::from_be);
        let address = Ipv4Addr::from_bits(number(destination).context("destination")?);
        let length = number(mask).context("mask")?.leading_ones();
        nets.insert(Net::new(address.into(), u8::try_from(length).context("mask")?)?);
    }
    Ok(nets)
}

/// A time during which a route was missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where.
    pub host: Host,
    /// The route.
    pub net: Net,
    /// The first look that missed it, after the beginning of the watch.
    pub from: Duration,
    /// The first look that found it again; `None` if none did.
    pub until: Option<Duration>,
    /// Looks in a row that missed it.
    pub looks: u32,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} missing from {:.2?}", self.net, self.host.v4(), self.from)?;
        match self.until {
            Some(until) => write!(f, " to {until:.2?}"),
            None => write!(f, " to the end"),
        }
    }
}

/// What a watch has seen.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How long it went on.
    pub elapsed: Duration,
    /// Times that all tables were looked at.
    pub looks: u32,
    /// The longest time between two looks.
    pub longest_pause: Duration,
    /// All gaps, in order of their beginning.
    pub gaps: Vec<Gap>,
    /// Routes that were taken out and put back with the very next change of the table: BIRD 1.6
    /// replaces a kernel route like this.
    pub replaced: u32,
    /// Routes that were taken out and not put back at once, whether a look caught it or not.
    pub lost: BTreeSet<(Host, Net)>,
}

impl Report {
    /// Whether nothing was missing at any look, nor lost between two.
    ///
    /// # Errors
    /// What was missing.
    pub fn ensure_whole(&self) -> Result<()> {
        let shown: Vec<String> = self.gaps.iter().take(8).map(Gap::to_string).collect();
        ensure!(self.gaps.is_empty(), "{} gaps: {}", self.gaps.len(), shown.join("; "));
        self.ensure_replaced_only()
    }

    /// Whether nothing was missing but routes in the middle of being replaced: every route that was
    /// taken out was put back with the next change of that table.
    ///
    /// # Errors
    /// What was lost.
    pub fn ensure_replaced_only(&self) -> Result<()> {
        let shown = self.lost.iter().take(8);
        let shown: Vec<_> = shown.map(|(host, net)| format!("{net} at {}", host.v4())).collect();
        ensure!(self.lost.is_empty(), "{} routes lost: {}", self.lost.len(), shown.join("; "));
        let open = self.gaps.iter().find(|gap| gap.until.is_none());
        ensure!(open.is_none(), "{}", open.map_or_else(String::new, Gap::to_string));
        Ok(())
    }
}

/// What each table has to hold.
pub type Expected = BTreeMap<Host, BTreeSet<Net>>;

/// What a watch has seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// As [`Report::replaced`].
    pub replaced: u32,
    /// As [`Report::lost`].
    pub lost: BTreeSet<(Host, Net)>,
}

/// Asks the watching thread how it stands, and to expect something else from then on.
struct Question {
    expected: Option<Expected>,
    answer: SyncSender<Standing>,
}

/// A running watch.
#[derive(Debug)]
pub struct Watch {
    start: Instant,
    questions: Sender<Question>,
    over: Arc<AtomicBool>,
    gaps: Arc<AtomicU32>,
    thread: JoinHandle<Result<Report>>,
}

impl Watch {
    /// Begins to look at the tables of the nodes.
    ///
    /// # Errors
    /// When a table cannot be opened.
    pub fn begin(nodes: &[Node], expected: Expected) -> Result<Self> {
        let mut tables = Vec::new();
        for node in nodes {
            let expected = expected.get(&node.host).cloned().unwrap_or_default();
            let (table, changes) = (Table::open(node)?, Changes::open(node)?);
            let host = node.host;
            tables.push(Watched { host, table, changes, expected, is_new: true });
        }
        let over = Arc::new(AtomicBool::new(false));
        let gaps = Arc::new(AtomicU32::new(0));
        let (told, count) = (Arc::clone(&over), Arc::clone(&gaps));
        // Whoever asks waits for the answer, so there is one at a time.
        let (questions, asked) = mpsc::channel();
        let thread = thread::spawn(move || look(tables, &told, &count, &asked));
        Ok(Self { start: Instant::now(), questions, over, gaps, thread })
    }

    /// Expects something else of the tables from now on: what is asked for no more can be lost from
    /// here on, and no earlier. A table that is not named is not asked for anything.
    ///
    /// # Errors
    /// When the watch has come to an end by itself.
    pub fn expect(&self, expected: Expected) -> Result<Standing> {
        self.ask(Some(expected))
    }

    /// What was seen so far.
    ///
    /// # Errors
    /// As [`Watch::expect`].
    pub fn standing(&self) -> Result<Standing> {
        self.ask(None)
    }

    fn ask(&self, expected: Option<Expected>) -> Result<Standing> {
        let (answer, answered) = mpsc::sync_channel(1);
        let sent = self.questions.send(Question { expected, answer });
        sent.map_err(|_| anyhow!("the watch has ended"))?;
        answered.recv().context("the watch has ended")
    }

    /// How long it has gone on.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Whether anything was missing so far.
    #[must_use]
    pub fn has_gaps(&self) -> bool {
        self.gaps.load(Ordering::Relaxed) > 0
    }

    /// Ends it; what was seen.
    ///
    /// # Errors
    /// When a table could not be read.
    pub fn end(self) -> Result<Report> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the watching thread died"))?
    }
}

struct Watched {
    host: Host,
    table: Table,
    changes: Changes,
    expected: BTreeSet<Net>,
    /// Whether something else is expected than at the last look.
    is_new: bool,
}

/// Answers who asks; what has come by then is judged by what was expected until then.
fn answer(question: Question, tables: &mut [Watched]) -> Result<()> {
    let mut standing = Standing::default();
    for Watched { host, changes, expected, is_new, .. } in tables {
        changes.read(expected)?;
        let ledger = changes.ledger();
        standing.replaced += ledger.replaced;
        standing.lost.extend(ledger.lost.iter().map(|net| (*host, *net)));
        if let Some(new) = &question.expected {
            *expected = new.get(host).cloned().unwrap_or_default();
            *is_new = true;
        }
    }
    // Who has asked may be gone.
    let _ = question.answer.send(standing);
    Ok(())
}

fn look(
    mut tables: Vec<Watched>,
    over: &AtomicBool,
    gaps: &AtomicU32,
    asked: &Receiver<Question>,
) -> Result<Report> {
    let start = Instant::now();
    let mut report = Report::default();
    let mut open = Open::new();
    let mut last = start;
    loop {
        // The last look is one that was begun after the end was asked for.
        let is_last = over.load(Ordering::Relaxed);
        while let Ok(question) = asked.try_recv() {
            answer(question, &mut tables)?;
        }
        for watched in &mut tables {
            watched.changes.read(&watched.expected)?;
            // Seldom, and looking closely is not what the machine is here for.
            let is_new = mem::take(&mut watched.is_new);
            if !watched.table.look()? && !is_new {
                continue;
            }
            compare(watched, start.elapsed(), &mut open, &mut report);
            gaps.store(u32::try_from(report.gaps.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
        }
        report.looks += 1;
        report.longest_pause = report.longest_pause.max(last.elapsed());
        last = Instant::now();
        if is_last {
            report.elapsed = start.elapsed();
            for gap in open.into_values() {
                report.gaps[gap].looks = report.gaps[gap].looks.wrapping_add(report.looks);
            }
            for Watched { host, changes, expected, .. } in tables {
                let ledger = changes.end(&expected)?;
                report.replaced += ledger.replaced;
                report.lost.extend(ledger.lost.into_iter().map(|net| (host, net)));
            }
            return Ok(report);
        }
        thread::sleep(PAUSE);
    }
}

/// Gaps that have not ended, as indices into [`Report::gaps`].
type Open = BTreeMap<(Host, Net), usize>;

/// Compares a table that was looked at with what is expected of it.
fn compare(watched: &Watched, at: Duration, open: &mut Open, report: &mut Report) {
    let Watched { host, table, expected, .. } = watched;
    let looks = report.looks;
    // What is asked for no more ends a gap as well as what is there again.
    open.retain(|(place, net), gap| {
        let goes_on = place != host || (expected.contains(net) && !table.nets.contains(net));
        if !goes_on {
            let gap = &mut report.gaps[*gap];
            gap.until = Some(at);
            gap.looks = gap.looks.wrapping_add(looks);
        }
        goes_on
    });
    for net in expected.difference(&table.nets) {
        if let Entry::Vacant(place) = open.entry((*host, *net)) {
            place.insert(report.gaps.len());
            // Counted from the look that was the first to miss it.
            let looks = 0u32.wrapping_sub(looks);
            report.gaps.push(Gap { host: *host, net: *net, from: at, until: None, looks });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::net::net;

    const TABLE: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n\
        eth0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n\
        eth0\t400CF40A\t0C00000A\t0003\t0\t0\t1024\tC0FFFFFF\t0\t0\t0\n\
        *\t400BF40A\t00000000\t0200\t0\t0\t0\tC0FFFFFF\t0\t0\t0\n";

    #[test]
    fn routes_that_lead_somewhere_are_read() {
        let nets = parse(TABLE).expect("a table");
        let nets: Vec<_> = nets.into_iter().collect();
        assert_eq!(nets, [net("10.0.0.0/8"), net("10.244.12.64/26")]);
        assert!(parse("head\neth0 1 2\n").is_err());
        assert!(parse("head\neth0 x 0 0 0 0 0 FF\n").is_err());
    }
}
