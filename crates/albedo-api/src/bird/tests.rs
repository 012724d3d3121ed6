use crate::socket::Prepared;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use albedo_types::{Family, FamilySet, PeerId, Prefix};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::*;
use crate::routes::{
    Later, RouteAsk, RouteAttributes, RoutePages, RouteRow, RouteSelect, RouteSource,
};

mod commands;
mod connections;
mod readers;
mod sockets;

const V4: View = View { dialect: Dialect::Calico, family: Some(Family::Ipv4Unicast) };
const V6: View = View { dialect: Dialect::Calico, family: Some(Family::Ipv6Unicast) };
const BOTH: View = View { dialect: Dialect::Bird2, family: None };

/// A reflector that knows what it is told.
#[derive(Default)]
struct Fake {
    daemon: Daemon,
    protocols: Vec<Protocol>,
    counts: Option<Counts>,
    /// Pages of each family.
    pages: [Vec<Vec<RouteRow>>; Family::COUNT],
    asked: Mutex<Vec<RouteAsk>>,
    /// Pages that were made.
    made: Arc<AtomicUsize>,
    refusal: Option<String>,
}

struct FakePages {
    pages: std::vec::IntoIter<Vec<RouteRow>>,
    made: Arc<AtomicUsize>,
}

impl RoutePages for FakePages {
    fn next(&mut self) -> Later<'_, Result<Option<Vec<RouteRow>>, String>> {
        let page = self.pages.next();
        self.made.fetch_add(usize::from(page.is_some()), Ordering::Relaxed);
        Box::pin(async move { Ok(page) })
    }
}

impl RouteSource for Fake {
    fn routes(&self, ask: RouteAsk) -> Result<Box<dyn RoutePages>, String> {
        self.asked.lock().unwrap().push(ask);
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let pages = self.pages[ask.family.index()].clone().into_iter();
        Ok(Box::new(FakePages { pages, made: Arc::clone(&self.made) }))
    }
}

impl BirdSource for Fake {
    fn daemon(&self) -> Daemon {
        self.daemon.clone()
    }

    fn protocols(&self) -> Vec<Protocol> {
        self.protocols.clone()
    }

    fn counts(&self) -> Later<'_, Option<Arc<Counts>>> {
        let counts = self.counts.clone().map(Arc::new);
        Box::pin(async move { counts })
    }

    fn paths(&self, _: Family) -> u64 {
        8
    }
}

const NOW: u64 = 1_700_000_000;

fn peer(n: u32, address: &str, state: &'static str) -> Protocol {
    let address: IpAddr = address.parse().unwrap();
    let is_up = state == "Established";
    let families = if is_up { FamilySet::ALL } else { FamilySet::EMPTY };
    Protocol {
        name: name_of(address).into(),
        address,
        peer: is_up.then_some(PeerId(n)),
        description: None,
        state,
        since: NOW - 100,
        last_reason: None,
        asn: is_up.then_some(64_512),
        local_asn: 64_512,
        router_id: is_up.then(|| "10.0.0.7".to_owned()),
        local: is_up.then(|| "10.0.0.1".parse().unwrap()),
        hold_time: is_up.then_some(240),
        families,
        is_external: false,
        is_client: true,
        has_policy: [false, true],
    }
}

fn route(prefix: &str, peer: u32, is_best: bool) -> RouteRow {
    let prefix: Prefix = prefix.parse().unwrap();
    let address = match prefix {
        Prefix::V4(_) => "10.0.0.7".parse().unwrap(),
        Prefix::V6(_) => "fd00::7".parse().unwrap(),
    };
    RouteRow {
        prefix,
        peer: PeerId(peer),
        address,
        router_id: "10.0.0.7".parse().unwrap(),
        is_external: false,
        is_best,
        is_stale: false,
        attributes: Arc::new(RouteAttributes { next_hop: vec![address], ..Default::default() }),
    }
}

/// A small cluster: two nodes of IPv4, of which one is up, and one of IPv6.
fn cluster() -> Fake {
    let mut lost = peer(2, "10.0.0.8", "Active");
    lost.last_reason = Some("ended by us: hold timer expired (4)".to_owned());
    lost.since = NOW - 100_000;
    let mut node = peer(1, "10.0.0.7", "Established");
    node.description = Some("rack=a unit=7".to_owned());
    let of = |imported, exported, preferred| RouteCounts { imported, exported, preferred };
    let counts = [(PeerId(1), [of(3, 5, 2), of(0, 1, 0)]), (PeerId(3), [of(0, 8, 0), of(1, 0, 1)])];
    Fake {
        daemon: Daemon {
            version: "0.1.0".to_owned(),
            router_id: "10.0.0.1".to_owned(),
            now: NOW,
            started: NOW - 1000,
            configured: NOW - 500,
            is_recovering: false,
        },
        protocols: vec![node, lost, peer(3, "fd00::7", "Established")],
        counts: Some(Counts(HashMap::from(counts))),
        pages: [
            vec![
                vec![route("10.1.0.0/26", 2, false), route("10.1.0.0/26", 1, true)],
                vec![route("10.1.0.64/26", 1, true)],
            ],
            vec![vec![route("fd00:1::/122", 3, true)]],
        ],
        ..Fake::default()
    }
}

/// Sockets that answer for a source.
struct Served {
    _folder: tempfile::TempDir,
    path: PathBuf,
    stats: Arc<BirdStats>,
    server: BirdServer,
}

fn place(path: &Path, view: View) -> BirdPlace {
    BirdPlace { path: path.to_owned(), mode: 0o600, view }
}

impl Served {
    fn new(source: Fake, view: View) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bird.ctl");
        let prepared = Prepared::new(&[place(&path, view)], &[]).unwrap();
        let stats = Arc::new(BirdStats::default());
        let source: Arc<dyn BirdSource> = Arc::new(source);
        let server = BirdServer::start(prepared, &source, &stats).unwrap();
        Self { _folder: folder, path, stats, server }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.path).await.unwrap()
    }
}

/// Reads an answer up to its end: a line that begins with four digits and a space.
async fn read_answer(stream: &mut UnixStream) -> String {
    let is_end = |line: &[u8]| match line {
        [code @ .., b'\n'] if code.len() >= 4 => {
            code[..4].iter().all(u8::is_ascii_digit) && code.get(4).is_none_or(|c| *c == b' ')
        }
        _ => false,
    };
    let mut text = Vec::new();
    loop {
        let whole = text.strip_suffix(b"\n").unwrap_or(&text);
        let last = whole.iter().rposition(|c| *c == b'\n').map_or(0, |at| at + 1);
        if is_end(&text[last..]) || stream.read_buf(&mut text).await.unwrap() == 0 {
            return String::from_utf8(text).unwrap();
        }
    }
}

/// The answer to one command on a connection of its own.
async fn ask(source: Fake, view: View, command: &str) -> String {
    let served = Served::new(source, view);
    let mut stream = served.connect().await;
    read_answer(&mut stream).await;
    stream.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    let answer = read_answer(&mut stream).await;
    served.server.stop().await;
    answer
}
