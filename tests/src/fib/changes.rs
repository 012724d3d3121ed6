//! What a kernel says of changes of its routing table: each one, in order, with nothing left out.
//!
//! BIRD 1.6 changes a kernel route by taking it out and putting it back, and a look at the table
//! may fall in between. Whether it was that or a loss is no matter of time: a replacement is two
//! messages with nothing in between them, because BIRD does nothing else meanwhile.
//!
//! rtnetlink(7).

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result, bail, ensure};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with, sockopt,
};

use crate::lab::Node;
use crate::net::Net;

/// Octets that wait in the kernel at most; a few tens of thousands of changes.
const WAITING_MAX: usize = 16 << 20;
/// Octets read at a time.
const READ_LEN: usize = 64 << 10;

/// `RTMGRP_IPV4_ROUTE`.
const GROUP_IPV4_ROUTE: u32 = 0x40;
/// `NLMSG_HDRLEN`.
const HEADER_LEN: usize = 16;
/// `RTM_NEWROUTE`.
const NEW_ROUTE: u16 = 24;
/// `RTM_DELROUTE`.
const DEL_ROUTE: u16 = 25;
/// Length of a `struct rtmsg`.
const ROUTE_LEN: usize = 12;
/// `RT_TABLE_MAIN`.
const MAIN: u8 = 254;
/// `RTN_UNICAST`.
const UNICAST: u8 = 1;
/// `RTA_DST`.
const DESTINATION: u16 = 1;

/// One change of a route that leads somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is there, or is another one.
    New(Net),
    /// It is gone.
    Gone(Net),
    /// Something else has changed: a route that leads nowhere, or of another table.
    Other,
}

/// The changes of one namespace.
#[derive(Debug)]
pub(super) struct Changes {
    socket: OwnedFd,
    ledger: Ledger,
}

/// Which routes were taken out and not put back with the next change.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The last change took this one out.
    out: Option<Net>,
    /// Routes that were put back at once.
    pub(super) replaced: u32,
    /// Routes that were not.
    pub(super) lost: BTreeSet<Net>,
}

impl Ledger {
    /// Takes the next change; routes that nobody asks for are none that can be lost.
    fn take(&mut self, change: Change, expected: &BTreeSet<Net>) {
        match (self.out.take(), change) {
            (Some(out), Change::New(net)) if out == net => self.replaced += 1,
            (out, _) => self.lost.extend(out),
        }
        if let Change::Gone(net) = change {
            self.out = Some(net).filter(|net| expected.contains(net));
        }
    }

    /// Nothing more comes.
    fn close(&mut self) {
        self.lost.extend(self.out.take());
    }
}

impl Changes {
    /// Begins to listen in the namespace of a node.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or the kernel refuses the socket.
    pub(super) fn open(node: &Node) -> Result<Self> {
        let socket = node.inside(|| -> Result<OwnedFd> {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let family = AddressFamily::NETLINK;
            // Protocol 0 is `NETLINK_ROUTE`.
            let socket = socket_with(family, SocketType::RAW, flags, None)?;
            sockopt::set_socket_recv_buffer_size_force(&socket, WAITING_MAX)?;
            bind(&socket, &SocketAddrNetlink::new(0, GROUP_IPV4_ROUTE))?;
            Ok(socket)
        })?;
        Ok(Self { socket: socket.context("rtnetlink")?, ledger: Ledger::default() })
    }

    /// Takes what has come.
    ///
    /// # Errors
    /// When changes were lost, or are not understood.
    pub(super) fn read(&mut self, expected: &BTreeSet<Net>) -> Result<()> {
        let mut octets = [0; READ_LEN];
        loop {
            let len = match recv(&self.socket, &mut octets[..], RecvFlags::empty()) {
                Ok((len, _)) => len,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error).context("rtnetlink: changes were lost"),
            };
            let ledger = &mut self.ledger;
            parse(&octets[..len], |change| ledger.take(change, expected))?;
        }
    }

    /// What became of it so far.
    pub(super) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The whole of it.
    ///
    /// # Errors
    /// As [`Changes::read`].
    pub(super) fn end(mut self, expected: &BTreeSet<Net>) -> Result<Ledger> {
        self.read(expected)?;
        self.ledger.close();
        Ok(self.ledger)
    }
}

/// Reads the messages of one datagram.
fn parse(mut octets: &[u8], mut each: impl FnMut(Change)) -> Result<()> {
    while !octets.is_empty() {
        ensure!(octets.len() >= HEADER_LEN, "{} octets of a message's header", octets.len());
        let len = u32::from_ne_bytes(octets[..4].try_into()?) as usize;
        let kind = u16::from_ne_bytes(octets[4..6].try_into()?);
        let Some(body) = octets.get(HEADER_LEN..len) else { bail!("a message of {len} octets") };
        each(match kind {
            NEW_ROUTE => route(body)?.map_or(Change::Other, Change::New),
            DEL_ROUTE => route(body)?.map_or(Change::Other, Change::Gone),
            _ => Change::Other,
        });
        octets = octets.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(())
}

/// The destination of a route of the main table that leads somewhere.
fn route(body: &[u8]) -> Result<Option<Net>> {
    ensure!(body.len() >= ROUTE_LEN, "a route of {} octets", body.len());
    let (len, table, kind) = (body[1], body[4], body[7]);
    if (table, kind) != (MAIN, UNICAST) {
        return Ok(None);
    }
    // The default route has no destination.
    let mut destination = Ipv4Addr::UNSPECIFIED;
    let mut attributes = &body[ROUTE_LEN..];
    while attributes.len() >= 4 {
        let size = usize::from(u16::from_ne_bytes(attributes[..2].try_into()?));
        let code = u16::from_ne_bytes(attributes[2..4].try_into()?);
        let Some(value) = attributes.get(4..size) else { bail!("an attribute of {size} octets") };
        if code == DESTINATION {
            destination = <[u8; 4]>::try_from(value).context("a destination")?.into();
        }
        attributes = attributes.get(size.next_multiple_of(4)..).unwrap_or_default();
    }
    Net::new(destination.into(), len).map(Some)
}

#[cfg(test)]
mod tests;
