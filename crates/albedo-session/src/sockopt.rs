//! Socket options: the one module that talks to the kernel without a safe wrapper.
//!
//! Most options go through `socket2`; what it does not know (TCP-MD5 keys, the smallest TTL,
//! the number of bytes waiting, the limit of descriptors) is a few calls at the end of this file,
//! each with its reason to be sound.
//! Options that a listener has are inherited by what it accepts (Linux clones the socket), so
//! that an accept costs no further system calls; a test reads them back.
//!
//! RFC 2385 (MD5), RFC 5082 (GTSM), RFC 4271 appendix E (precedence), RFC 9687 (send hold).

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use albedo_types::Prefix;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};

/// Connections that may wait in the kernel for our `accept`; `net.core.somaxconn` caps it too.
/// A small backlog loses connections when a whole cluster restarts.
pub const LISTEN_BACKLOG: i32 = 4096;

/// DSCP CS6, network control, as the octet of `IP_TOS` and `IPV6_TCLASS` (RFC 4271 appendix E).
pub const TOS_NETWORK_CONTROL: u8 = 0xc0;

/// Octets of a TCP-MD5 key at most (`TCP_MD5SIG_MAXKEYLEN`).
pub const MD5_KEY_LEN_MAX: usize = 80;

/// Octets asked for the kernel's send buffer of one session.
/// Without a bound the kernel grows it to several megabytes for a peer that does not read.
pub const SEND_BUFFER_DEFAULT: usize = 256 * 1024;

/// Why a socket could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// An option was refused.
    #[error("cannot set {option} on {target}: {cause}")]
    Option {
        /// The option's name as in the kernel's manual.
        option: &'static str,
        /// The address of the socket or of the key.
        target: String,
        /// What the kernel said.
        cause: io::Error,
    },
    /// The kernel has no room for another key.
    #[error(
        "no room for the MD5 key of {target}: each key counts against net.core.optmem_max; \
         raise that sysctl or use one key for a whole range"
    )]
    KeyMemory {
        /// The address or prefix of the key.
        target: String,
    },
    /// The address could not be bound.
    #[error("cannot listen on {addr}: {cause}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the kernel said.
        cause: io::Error,
    },
    /// A socket was passed on for an address that is not listened on.
    #[error("a socket at {addr} was passed on, but listen has only {}", all(listen))]
    Unasked {
        /// Where the socket is.
        addr: SocketAddr,
        /// What is listened on.
        listen: Vec<SocketAddr>,
    },
    /// A connection could not be begun.
    #[error("cannot open a socket towards {addr}: {cause}")]
    Open {
        /// The peer.
        addr: SocketAddr,
        /// What the kernel said.
        cause: io::Error,
    },
}

/// Addresses in a sentence.
fn all(addrs: &[SocketAddr]) -> String {
    let addrs: Vec<String> = addrs.iter().map(ToString::to_string).collect();
    if addrs.is_empty() { "nothing".to_owned() } else { addrs.join(", ") }
}

/// A TCP-MD5 key (RFC 2385): 1 to [`MD5_KEY_LEN_MAX`] octets; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Md5Key(Arc<[u8]>);

/// A key of a length that the kernel does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("MD5 key of {0} octets: expected 1 to {MD5_KEY_LEN_MAX}")]
pub struct InvalidKey(pub usize);

impl Md5Key {
    /// A key.
    ///
    /// # Errors
    ///
    /// An empty one, and one longer than [`MD5_KEY_LEN_MAX`] octets.
    pub fn new(octets: &[u8]) -> Result<Self, InvalidKey> {
        if octets.is_empty() || octets.len() > MD5_KEY_LEN_MAX {
            return Err(InvalidKey(octets.len()));
        }
        Ok(Self(octets.into()))
    }
}

impl fmt::Debug for Md5Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Md5Key(…)")
    }
}

/// How far the packets of a session may travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hops {
    /// What the system sends by default, normally 64.
    #[default]
    System,
    /// This TTL on what we send.
    Ttl(u8),
    /// RFC 5082: 255 on what we send, and nothing is taken that came further than so many hops.
    Security {
        /// How many routers lie between at most, plus one; 1 is a neighbour on the link.
        hops: u8,
    },
}

/// What is set on every socket of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// The octet of `IP_TOS` and `IPV6_TCLASS`.
    pub tos: u8,
    /// Octets of the kernel's send buffer; `None` lets the kernel grow it.
    pub send_buffer: Option<usize>,
    /// Quiet time after which the kernel probes the peer; `None` turns probes off.
    pub keepalive: Option<Duration>,
    /// How long written bytes may stay without acknowledgement (`TCP_USER_TIMEOUT`).
    pub user_timeout: Option<Duration>,
    /// How far the packets may travel.
    pub hops: Hops,
}

/// Time between two probes of the kernel once it has begun to probe.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Probes without an answer after which the kernel gives a connection up.
const KEEPALIVE_RETRIES: u32 = 6;

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            tos: TOS_NETWORK_CONTROL,
            send_buffer: Some(SEND_BUFFER_DEFAULT),
            keepalive: Some(Duration::from_secs(60)),
            user_timeout: Some(Duration::from_secs(480)),
            hops: Hops::System,
        }
    }
}

/// Opens a listening socket, not blocking, with the options that accepted sockets inherit.
/// The keys are there before the first connection can be.
///
/// # Errors
///
/// The address cannot be bound, or an option or a key was refused.
pub fn listen<'k>(
    addr: SocketAddr,
    options: &SocketOptions,
    keys: impl IntoIterator<Item = (&'k Prefix, &'k Md5Key)>,
) -> Result<TcpListener, SocketError> {
    let fail = |cause| SocketError::Listen { addr, cause };
    let socket =
        Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP)).map_err(fail)?;
    socket.set_reuse_address(true).map_err(fail)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true).map_err(fail)?;
    }
    socket.bind(&addr.into()).map_err(fail)?;
    adopt(socket.into(), addr, options, keys)
}

/// Gives a socket that is bound, and may listen already, what [`listen`] gives to its own.
///
/// One that listens already may have taken connections in before it had its keys: those have
/// none, as the kernel sees it, and end with their first segment.
///
/// # Errors
///
/// An option or a key was refused.
pub fn adopt<'k>(
    listener: TcpListener,
    addr: SocketAddr,
    options: &SocketOptions,
    keys: impl IntoIterator<Item = (&'k Prefix, &'k Md5Key)>,
) -> Result<TcpListener, SocketError> {
    let fail = |cause| SocketError::Listen { addr, cause };
    let socket = Socket::from(listener);
    apply(&socket, addr, options)?;
    socket.set_nonblocking(true).map_err(fail)?;
    for (prefix, key) in keys {
        set_md5_prefix(&socket, *prefix, Some(key))?;
    }
    socket.listen(LISTEN_BACKLOG).map_err(fail)?;
    Ok(socket.into())
}

/// Opens a socket for an outgoing connection, not blocking, not yet connected.
///
/// # Errors
///
/// The local address cannot be bound, or an option was refused.
pub fn outgoing(
    peer: SocketAddr,
    local: Option<IpAddr>,
    key: Option<&Md5Key>,
    options: &SocketOptions,
) -> Result<Socket, SocketError> {
    let fail = |cause| SocketError::Open { addr: peer, cause };
    let socket =
        Socket::new(Domain::for_address(peer), Type::STREAM, Some(Protocol::TCP)).map_err(fail)?;
    apply(&socket, peer, options)?;
    set_hops(&socket, peer, options.hops)?;
    if let Some(key) = key {
        set_md5_peer(&socket, peer.ip(), Some(key))?;
    }
    socket.set_nonblocking(true).map_err(fail)?;
    if let Some(local) = local {
        // Several sessions may share the local address, so the port must be free to be reused.
        socket.set_reuse_address(true).map_err(fail)?;
        socket.bind(&SocketAddr::new(local, 0).into()).map_err(fail)?;
    }
    Ok(socket)
}

/// Sets what every session has: no delay, precedence, probes, timeouts and the send buffer.
///
/// # Errors
///
/// The first option that the kernel refuses.
pub fn apply(
    socket: &impl AsFd,
    addr: SocketAddr,
    options: &SocketOptions,
) -> Result<(), SocketError> {
    let sock = SockRef::from(socket);
    let refused =
        |option| move |cause| SocketError::Option { option, target: addr.to_string(), cause };
    // Messages are gathered by us, so the kernel must not wait for more (Nagle).
    sock.set_tcp_nodelay(true).map_err(refused("TCP_NODELAY"))?;
    if addr.is_ipv4() {
        sock.set_tos_v4(u32::from(options.tos)).map_err(refused("IP_TOS"))?;
    } else {
        sock.set_tclass_v6(u32::from(options.tos)).map_err(refused("IPV6_TCLASS"))?;
    }
    if let Some(octets) = options.send_buffer {
        sock.set_send_buffer_size(octets).map_err(refused("SO_SNDBUF"))?;
    }
    if let Some(quiet) = options.keepalive {
        let probes = TcpKeepalive::new()
            .with_time(quiet)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_RETRIES);
        sock.set_tcp_keepalive(&probes).map_err(refused("SO_KEEPALIVE"))?;
    }
    sock.set_tcp_user_timeout(options.user_timeout).map_err(refused("TCP_USER_TIMEOUT"))
}

/// Sets how far packets may travel; on an accepted socket this is the peer's own setting, which
/// the listener cannot have for all.
///
/// # Errors
///
/// The kernel refused the option.
pub fn set_hops(socket: &impl AsFd, addr: SocketAddr, hops: Hops) -> Result<(), SocketError> {
    let sock = SockRef::from(socket);
    let (option, set) = match (hops, addr.is_ipv4()) {
        (Hops::System, _) => return Ok(()),
        (Hops::Ttl(ttl), true) => ("IP_TTL", sock.set_ttl_v4(u32::from(ttl))),
        (Hops::Ttl(ttl), false) => ("IPV6_UNICAST_HOPS", sock.set_unicast_hops_v6(u32::from(ttl))),
        (Hops::Security { hops }, v4) => {
            let smallest = libc::c_int::from(gtsm::least_ttl(hops));
            if v4 {
                let set = sock.set_ttl_v4(u32::from(u8::MAX)).and_then(|()| {
                    set_int(socket.as_fd(), libc::IPPROTO_IP, libc::IP_MINTTL, smallest)
                });
                ("IP_MINTTL", set)
            } else {
                let set = sock.set_unicast_hops_v6(u32::from(u8::MAX)).and_then(|()| {
                    set_int(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT, smallest)
                });
                ("IPV6_MINHOPCOUNT", set)
            }
        }
    };
    set.map_err(|cause| SocketError::Option { option, target: addr.to_string(), cause })
}

/// How long written bytes may stay without acknowledgement; set again when the hold time is known.
///
/// # Errors
///
/// The kernel refused the option.
pub fn set_user_timeout(socket: &impl AsFd, timeout: Option<Duration>) -> io::Result<()> {
    SockRef::from(socket).set_tcp_user_timeout(timeout)
}

/// Sets (or with `None` removes) the key of one peer on an outgoing or connected socket.
///
/// # Errors
///
/// The kernel refused the key, or has no room for it.
pub fn set_md5_peer(
    socket: &impl AsFd,
    peer: IpAddr,
    key: Option<&Md5Key>,
) -> Result<(), SocketError> {
    let request = Md5Request::new(peer, 0, 0, key);
    set_md5(socket.as_fd(), libc::TCP_MD5SIG, &request)
        .map_err(|cause| key_error("TCP_MD5SIG", peer.to_string(), cause))
}

/// Sets (or with `None` removes) one key for a whole prefix on a listener.
/// The longest prefix selects the key, and nobody inside gets in without it.
///
/// # Errors
///
/// The kernel refused the key, or has no room for it.
pub fn set_md5_prefix(
    socket: &impl AsFd,
    prefix: Prefix,
    key: Option<&Md5Key>,
) -> Result<(), SocketError> {
    let request = Md5Request::new(prefix.addr(), TCP_MD5SIG_FLAG_PREFIX, prefix.len(), key);
    set_md5(socket.as_fd(), libc::TCP_MD5SIG_EXT, &request)
        .map_err(|cause| key_error("TCP_MD5SIG_EXT", prefix.to_string(), cause))
}

fn key_error(option: &'static str, target: String, cause: io::Error) -> SocketError {
    if cause.raw_os_error() == Some(libc::ENOMEM) {
        SocketError::KeyMemory { target }
    } else {
        SocketError::Option { option, target, cause }
    }
}

/// `TCP_MD5SIG_FLAG_PREFIX`: the prefix length of the request counts.
const TCP_MD5SIG_FLAG_PREFIX: u8 = 1;

/// The kernel's `struct tcp_md5sig` (`include/uapi/linux/tcp.h`).
#[repr(C)]
struct Md5Request {
    addr: libc::sockaddr_storage,
    flags: u8,
    prefix_len: u8,
    key_len: u16,
    ifindex: libc::c_int,
    key: [u8; MD5_KEY_LEN_MAX],
}

impl Md5Request {
    fn new(addr: IpAddr, flags: u8, prefix_len: u8, key: Option<&Md5Key>) -> Self {
        let octets: &[u8] = key.map_or(&[], |key| &key.0);
        let mut padded = [0; MD5_KEY_LEN_MAX];
        padded[..octets.len()].copy_from_slice(octets);
        #[expect(clippy::cast_possible_truncation, reason = "a key has at most 80 octets")]
        let key_len = octets.len() as u16;
        Self {
            addr: storage(SocketAddr::new(addr, 0)),
            flags,
            prefix_len,
            key_len,
            ifindex: 0,
            key: padded,
        }
    }
}

pub mod gtsm;
pub mod keys;

pub use raw::raise_descriptor_limit;
use raw::{set_int, set_md5, storage, tcp_info};

/// How long the other end takes to acknowledge what is sent: the kernel's smoothed round-trip time
/// (RFC 6298), with the delay of the other end's acknowledgements. `None` before anything was
/// acknowledged.
pub fn round_trip(socket: &impl AsFd) -> Option<Duration> {
    let info = tcp_info(socket).ok()?;
    (info.tcpi_rtt > 0).then(|| Duration::from_micros(info.tcpi_rtt.into()))
}

/// Whether something lies in the socket unread: octets, or the end of them.
///
/// Asked before a hold timer is believed, because what has arrived counts, not what was worked
/// off; a peer that has gone meanwhile was not silent, it has gone.
pub fn has_news(socket: &impl AsFd) -> bool {
    let mut octet = [std::mem::MaybeUninit::uninit()];
    let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
    match SockRef::from(socket).recv_with_flags(&mut octet, flags) {
        Ok(_) => true,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

#[expect(unsafe_code, reason = "options and questions that no safe crate offers")]
mod raw {
    //! Everything unsafe of the crate.

    use super::{AsFd, AsRawFd, BorrowedFd, Md5Request, SockAddr, SocketAddr, io};

    /// Raises the soft limit of open descriptors to the hard one; what it is then.
    /// Each session is a descriptor, and many systems begin with a soft limit of 1,024.
    ///
    /// # Errors
    ///
    /// The system does not tell or does not allow it.
    pub fn raise_descriptor_limit() -> io::Result<u64> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointer is to a structure that we own.
        if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } < 0 {
            return Err(io::Error::last_os_error());
        }
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: as above, and the call only reads it.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(limit.rlim_cur)
    }

    /// The headers of the packet that began an accepted connection, if its listener kept it;
    /// given out once.
    ///
    /// # Errors
    ///
    /// The descriptor is no TCP socket.
    pub(super) fn saved_syn(socket: &impl AsFd) -> io::Result<Vec<u8>> {
        // Two headers with all their options are shorter.
        let mut packet = vec![0_u8; 512];
        #[expect(clippy::cast_possible_truncation, reason = "512")]
        let mut len = packet.len() as libc::socklen_t;
        let fd = socket.as_fd().as_raw_fd();
        let (level, option) = (libc::IPPROTO_TCP, libc::TCP_SAVED_SYN);
        // SAFETY: the descriptor is open for as long as it is borrowed; the pointers are to `len`
        // octets that we own and to `len` itself.
        let rc = unsafe {
            libc::getsockopt(fd, level, option, packet.as_mut_ptr().cast(), &raw mut len)
        };
        if rc < 0 {
            return Err(io::Error::last_os_error());
        }
        packet.truncate(len as usize);
        Ok(packet)
    }

    /// What the kernel knows of a connection.
    ///
    /// # Errors
    ///
    /// The descriptor is no TCP socket.
    pub(super) fn tcp_info(socket: &impl AsFd) -> io::Result<libc::tcp_info> {
        // SAFETY: zeroes are a valid tcp_info, which is nothing but numbers.
        let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
        #[expect(clippy::cast_possible_truncation, reason = "a structure of some 100 octets")]
        let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
        let fd = socket.as_fd().as_raw_fd();
        let (level, option) = (libc::IPPROTO_TCP, libc::TCP_INFO);
        // SAFETY: the descriptor is open for as long as it is borrowed; the pointers are to `len`
        // octets that we own and to `len` itself; the kernel writes no more than that.
        let rc =
            unsafe { libc::getsockopt(fd, level, option, (&raw mut info).cast(), &raw mut len) };
        if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(info) }
    }

    /// An address in the form that the kernel's request structures want.
    pub(super) fn storage(addr: SocketAddr) -> libc::sockaddr_storage {
        let addr = SockAddr::from(addr);
        // SAFETY: zeroes are a valid sockaddr_storage.
        let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
        // SAFETY: the source holds `len` readable octets, which is at most the size of a
        // sockaddr_storage, the destination is one, and the two do not overlap.
        unsafe {
            std::ptr::copy_nonoverlapping(
                addr.as_ptr().cast::<u8>(),
                (&raw mut storage).cast::<u8>(),
                addr.len() as usize,
            );
        }
        storage
    }

    pub(super) fn set_int(
        fd: BorrowedFd<'_>,
        level: libc::c_int,
        option: libc::c_int,
        value: libc::c_int,
    ) -> io::Result<()> {
        // SAFETY: a c_int is plain octets, valid for the option's own length check.
        unsafe { set(fd, level, option, &value) }
    }

    pub(super) fn set_md5(
        fd: BorrowedFd<'_>,
        option: libc::c_int,
        request: &Md5Request,
    ) -> io::Result<()> {
        // SAFETY: the structure has the kernel's layout and no padding that is left unset (a
        // test checks its size).
        unsafe { set(fd, libc::IPPROTO_TCP, option, request) }
    }

    /// # Safety
    ///
    /// `T` must be what the option expects, without padding.
    unsafe fn set<T>(
        fd: BorrowedFd<'_>,
        level: libc::c_int,
        option: libc::c_int,
        value: &T,
    ) -> io::Result<()> {
        #[expect(clippy::cast_possible_truncation, reason = "a structure of some 200 octets")]
        let len = size_of::<T>() as libc::socklen_t;
        // SAFETY: the descriptor is open for as long as it is borrowed; the pointer is to `len`
        // readable octets, which the kernel only reads.
        let rc = unsafe {
            libc::setsockopt(fd.as_raw_fd(), level, option, std::ptr::from_ref(value).cast(), len)
        };
        if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Reads an option of one int back; for tests.
    #[cfg(test)]
    pub(super) fn get_int(
        fd: BorrowedFd<'_>,
        level: libc::c_int,
        option: libc::c_int,
    ) -> io::Result<libc::c_int> {
        let mut value: libc::c_int = 0;
        let mut len = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: value and len are ours and as large as said.
        let rc = unsafe {
            libc::getsockopt(fd.as_raw_fd(), level, option, (&raw mut value).cast(), &raw mut len)
        };
        if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(value) }
    }
}

#[cfg(test)]
mod tests;
