//! What the tests of this crate share: an engine, ports, messages, and pairs of sockets.

use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};

use albedo_engine::{Engine, EngineConfig, EngineHandle, PeerPort, Source};
use albedo_rib::{GroupKey, LongLivedExport, PeerInfo};
use albedo_types::{Asn, ClusterId, Family, Ipv4Prefix, PathId, PeerRole, RouterId};
use albedo_wire::frame::{self, Frame, MessageType};
use albedo_wire::update::{PackSpec, RawUpdate, UpdateContext, pack_announce, pack_withdraw};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const LOCAL_ASN: Asn = Asn(64512);

/// A block with ORIGIN, an empty AS_PATH, NEXT_HOP and LOCAL_PREF; `tag` makes it distinct.
pub(crate) fn block(next_hop: Ipv4Addr, tag: u32) -> Vec<u8> {
    let mut block = vec![0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4];
    block.extend_from_slice(&next_hop.octets());
    block.extend_from_slice(&[0x40, 5, 4]);
    block.extend_from_slice(&(1000 + tag).to_be_bytes());
    block
}

pub(crate) fn prefix(n: u32) -> Ipv4Prefix {
    Ipv4Prefix::from_bits(0x0af4_0000 + (n << 6), 26).unwrap()
}

/// Whole UPDATEs that announce prefixes `n` with one block.
pub(crate) fn announce(block: &[u8], n: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut out = Vec::new();
    let spec = PackSpec { message_len_max: 4096, add_path: false };
    let keys = n.into_iter().map(|n| (PathId(0), prefix(n)));
    pack_announce(&mut out, spec, block, None, keys);
    out
}

pub(crate) fn withdraw(n: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut out = Vec::new();
    let spec = PackSpec { message_len_max: 4096, add_path: false };
    pack_withdraw(&mut out, spec, n.into_iter().map(|n| (PathId(0), prefix(n))));
    out
}

/// All whole messages in `bytes`, and that nothing else is there.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let frame = frame::split(bytes, true).unwrap().expect("no message is cut short");
        bytes = &bytes[frame.len..];
        frames.push(frame);
    }
    frames
}

/// The prefixes that are there once all UPDATEs in `bytes` are taken.
pub(crate) fn table(bytes: &[u8]) -> std::collections::BTreeSet<Ipv4Prefix> {
    let context = UpdateContext::internal(LOCAL_ASN);
    let mut table = std::collections::BTreeSet::new();
    for frame in frames(bytes) {
        if frame.kind != MessageType::Update {
            continue;
        }
        let update = RawUpdate::split(frame.body, &context).unwrap();
        for route in update.withdrawn_prefixes(&context) {
            table.remove(&route.unwrap().1);
        }
        for route in update.announced_prefixes(&context) {
            table.insert(route.unwrap().1);
        }
    }
    table
}

pub(crate) fn engine(config: &EngineConfig) -> Engine {
    Engine::start(config).unwrap()
}

pub(crate) fn source(n: u32) -> Source {
    Source {
        router_id: RouterId::new(n).unwrap(),
        external: false,
        cluster: ClusterId(7),
        local_router_id: RouterId::new(0x0a00_0001).unwrap(),
        local_asn: LOCAL_ASN,
        own_as_allowed: Some(0),
        judged_by: 0,
    }
}

/// A client's port; it reads both families.
pub(crate) fn port(engine: &EngineHandle, n: u32) -> PeerPort {
    let addr = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0100 + n));
    let router_id = RouterId::new(n).unwrap();
    let mut port = engine.register(PeerInfo { addr, router_id, role: PeerRole::Client });
    for family in Family::ALL {
        port.join(GroupKey {
            family,
            role: PeerRole::Client,
            cluster_id: ClusterId(7),
            as4: true,
            message_len_max: 4096,
            external: None,
            next_hop: None,
            long_lived: LongLivedExport::default(),
            no_llgr_on_hosts: false,
            policy: None,
            paths: albedo_rib::Paths::Best,
        });
    }
    port
}

/// Waits until everything in the port is in the shards' channels.
pub(crate) async fn flush(port: &mut PeerPort) {
    poll_fn(|cx| port.poll_flush(cx)).await;
}

/// Reads from a port until `done` is content with the bytes.
pub(crate) async fn drain(port: &mut PeerPort, done: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    flush(port).await;
    while !done(&bytes) {
        let mut pieces = Vec::new();
        poll_fn(|cx| port.poll_output(cx, &mut pieces, albedo_engine::clock::now())).await;
        for piece in pieces {
            bytes.extend_from_slice(&piece.bytes);
            port.written(piece, albedo_engine::clock::now());
        }
    }
    bytes
}

/// End-of-RIB messages of both families in `bytes`.
pub(crate) fn has_both_ends(bytes: &[u8]) -> bool {
    let context = UpdateContext::internal(LOCAL_ASN);
    let end = |frame: &Frame<'_>| {
        frame.kind == MessageType::Update
            && RawUpdate::split(frame.body, &context)
                .is_ok_and(|update| update.is_end_of_rib(&context).is_some())
    };
    frames(bytes).iter().filter(|frame| end(frame)).count() == Family::COUNT
}

/// Two ends of a connection on loopback.
pub(crate) async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (ours, theirs) = tokio::join!(TcpStream::connect(at), listener.accept());
    (ours.unwrap(), theirs.unwrap().0)
}
