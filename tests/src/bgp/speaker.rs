//! One session of the tests' own speaker: a thread reads, the test sends and looks.

use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::{Attributes, HEADER, KEEPALIVE, MESSAGE_MAX, NOTIFICATION, OPEN, UPDATE, Update};
use super::{message, open};
use crate::lab::{ASN, Host, Lab};
use crate::net::{Family, Net};
use crate::wait::{eventually, patience};

/// Longer than any scenario, so that only an answer to each KEEPALIVE is needed.
const HOLD_TIME_SECONDS: u16 = 240;

/// A route that the speaker was sent.
#[derive(Clone, Debug)]
pub struct Route {
    /// Shared with the other routes of the same UPDATE.
    pub attributes: Arc<Attributes>,
    /// NEXT_HOP, or the next hop of MP_REACH_NLRI.
    pub next_hop: IpAddr,
}

/// All that a speaker has been told.
#[derive(Debug, Default)]
pub struct Table {
    /// The routes that stand now.
    pub routes: HashMap<Net, Route>,
    /// UPDATEs that announce something.
    pub announcements: u64,
    /// UPDATEs that only withdraw.
    pub withdrawals: u64,
    /// The families whose End-of-RIB has come, in order.
    pub ends_of_rib: Vec<Family>,
    /// Code and subcode of the NOTIFICATION that ended the session.
    pub notification: Option<(u8, u8)>,
    /// Why the session is over.
    pub over: Option<String>,
}

/// A session with a reflector. It is closed without a word when this value is dropped.
#[derive(Debug)]
pub struct Speaker {
    stream: TcpStream,
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
    peer_open: Vec<u8>,
}

#[derive(Debug, Default)]
struct Shared {
    table: Mutex<Table>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Table> {
        // A reader that panicked is reported by `over`; the table is still worth showing.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Speaker {
    /// Opens a session with the reflector at `to`, trying again while it refuses.
    ///
    /// # Errors
    /// When no session comes about.
    pub fn connect(lab: &Lab, from: Host, to: Host, families: &[Family]) -> Result<Self> {
        eventually("session of the test's speaker", || Self::try_connect(lab, from, to, families))
    }

    fn try_connect(lab: &Lab, from: Host, to: Host, families: &[Family]) -> Result<Self> {
        let mut stream = lab.connect(from, to, Family::V4)?;
        stream.set_read_timeout(Some(patience()))?;
        stream.write_all(&open(ASN, HOLD_TIME_SECONDS, from.v4(), families))?;
        let mut reader = BufReader::with_capacity(1 << 16, stream.try_clone()?);
        let (kind, peer_open) = read_message(&mut reader)?;
        ensure!(kind == OPEN, "message of type {kind} {peer_open:?} instead of an OPEN");
        stream.write_all(&message(KEEPALIVE, &[]))?;
        let (kind, body) = read_message(&mut reader)?;
        ensure!(kind == KEEPALIVE, "message of type {kind} {body:?} instead of a KEEPALIVE");
        // From here on silence is no fault.
        stream.set_read_timeout(None)?;
        let shared = Arc::new(Shared::default());
        let task = {
            let shared = Arc::clone(&shared);
            let answers = stream.try_clone()?;
            thread::spawn(move || read_all(reader, answers, &shared))
        };
        Ok(Self { stream, shared, reader: Some(task), peer_open })
    }

    /// The body of the OPEN that the reflector sent.
    #[must_use]
    pub fn peer_open(&self) -> &[u8] {
        &self.peer_open
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the reflector has closed the connection.
    pub fn send(&self, bytes: &[u8]) -> Result<()> {
        (&self.stream).write_all(bytes).context("send")
    }

    /// What the speaker has been told so far.
    pub fn table(&self) -> MutexGuard<'_, Table> {
        self.shared.lock()
    }

    /// Waits until the table is as wanted, looking at every change.
    ///
    /// # Errors
    /// When it does not become so while the test is patient, or the session ends first.
    pub fn wait_until(&self, what: &str, mut wanted: impl FnMut(&Table) -> bool) -> Result<()> {
        self.wait_for(what, |table| wanted(table).then_some(()))
    }

    /// Waits until something can be found in the table, looking at every change.
    ///
    /// # Errors
    /// As [`Speaker::wait_until`].
    pub fn wait_for<T>(&self, what: &str, mut find: impl FnMut(&Table) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + patience();
        let mut table = self.shared.lock();
        loop {
            if let Some(found) = find(&table) {
                return Ok(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || table.over.is_some() {
                bail!("{what}: did not come about with {}", brief(&table));
            }
            let changed = &self.shared.changed;
            let woken = changed.wait_timeout(table, left);
            table = woken.map_or_else(|error| error.into_inner().0, |(table, _)| table);
        }
    }

    /// Checks that the session stands.
    ///
    /// # Errors
    /// With the reason when it is over.
    pub fn check_up(&self) -> Result<()> {
        let table = self.shared.lock();
        ensure!(table.over.is_none(), "the session is over: {}", brief(&table));
        Ok(())
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn brief(table: &Table) -> String {
    format!(
        "{} routes, {} announcements, {} withdrawals, End-of-RIB of {:?}, NOTIFICATION {:?}, {}",
        table.routes.len(),
        table.announcements,
        table.withdrawals,
        table.ends_of_rib,
        table.notification,
        table.over.as_deref().unwrap_or("session up"),
    )
}

/// Reads until the session ends, and leaves the reason.
fn read_all(mut reader: BufReader<TcpStream>, mut answers: TcpStream, shared: &Shared) {
    let end = loop {
        let (kind, body) = match read_message(&mut reader) {
            Ok(message) => message,
            Err(error) => break error,
        };
        let outcome = match kind {
            UPDATE => Update::parse(&body)
                .and_then(|update| apply(update, &mut shared.lock()))
                .with_context(|| format!("UPDATE {body:02x?}")),
            KEEPALIVE => answers.write_all(&message(KEEPALIVE, &[])).context("answer"),
            NOTIFICATION => {
                let pair = body.first().copied().zip(body.get(1).copied());
                shared.lock().notification = pair;
                Err(anyhow!("NOTIFICATION {body:?}"))
            }
            kind => Err(anyhow!("message of type {kind}")),
        };
        if let Err(error) = outcome {
            break error;
        }
        shared.changed.notify_all();
    };
    shared.lock().over = Some(format!("{end:#}"));
    shared.changed.notify_all();
}

fn apply(update: Update, table: &mut Table) -> Result<()> {
    if let Some(family) = update.end_of_rib {
        table.ends_of_rib.push(family);
        return Ok(());
    }
    if update.announced.is_empty() {
        table.withdrawals += 1;
    } else {
        table.announcements += 1;
    }
    for net in update.withdrawn {
        table.routes.remove(&net);
    }
    let Some(next_hop) = update.next_hop else {
        ensure!(update.announced.is_empty(), "routes without a next hop");
        return Ok(());
    };
    let route = Route { attributes: Arc::new(update.attributes), next_hop };
    for net in update.announced {
        table.routes.insert(net, route.clone());
    }
    Ok(())
}

/// Reads one message: its type and body.
fn read_message(reader: &mut impl Read) -> Result<(u8, Vec<u8>)> {
    let mut header = [0; HEADER];
    reader.read_exact(&mut header).context("the connection is closed")?;
    ensure!(header[..16] == [0xff; 16], "marker {:02x?}", &header[..16]);
    let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
    ensure!((HEADER..=MESSAGE_MAX).contains(&length), "message of {length} octets");
    let mut body = vec![0; length - HEADER];
    reader.read_exact(&mut body).context("a message is cut short")?;
    Ok((header[18], body))
}
