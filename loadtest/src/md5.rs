//! TCP-MD5 keys (RFC 2385) on sockets: one option of the kernel's that no safe crate offers.
#![expect(unsafe_code, reason = "setsockopt with a structure that no safe crate knows")]

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::str::FromStr;
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};

/// Octets of a key at most (`TCP_MD5SIG_MAXKEYLEN`).
pub const KEY_LEN_MAX: usize = 80;
/// The request's prefix length counts (`TCP_MD5SIG_FLAG_PREFIX`).
const FLAG_PREFIX: u8 = 1;

/// A key of 1 to [`KEY_LEN_MAX`] octets; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Arc<[u8]>);

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.len() {
            1..=KEY_LEN_MAX => Ok(Self(text.as_bytes().into())),
            len => Err(format!("a key of {len} octets: expected 1 to {KEY_LEN_MAX}")),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The kernel's `struct tcp_md5sig` (`linux/tcp.h`); octets and plain numbers without gaps.
#[repr(C)]
struct Request {
    /// A `sockaddr_storage`.
    addr: [u8; 128],
    flags: u8,
    prefix_len: u8,
    key_len: u16,
    ifindex: i32,
    key: [u8; KEY_LEN_MAX],
}

const _: () = assert!(size_of::<Request>() == 128 + 8 + KEY_LEN_MAX);

impl Request {
    fn new(addr: IpAddr, key: &Key) -> Self {
        let mut out = Self {
            addr: [0; 128],
            flags: 0,
            prefix_len: 0,
            key_len: 0,
            ifindex: 0,
            key: [0; KEY_LEN_MAX],
        };
        // Family and port are two octets each; IPv6 has a flow label before the address.
        let (family, at, octets) = match addr {
            IpAddr::V4(addr) => (libc::AF_INET, 4, addr.octets().to_vec()),
            IpAddr::V6(addr) => (libc::AF_INET6, 8, addr.octets().to_vec()),
        };
        #[expect(clippy::cast_possible_truncation, reason = "families are small, keys are bounded")]
        let (family, key_len) = (family as u16, key.0.len() as u16);
        out.addr[..2].copy_from_slice(&family.to_ne_bytes());
        out.addr[at..at + octets.len()].copy_from_slice(&octets);
        out.key_len = key_len;
        out.key[..key.0.len()].copy_from_slice(&key.0);
        out
    }
}

/// Sets the key for what is exchanged with one address, before connecting to it.
///
/// # Errors
/// Where the kernel refuses: it may have been built without TCP-MD5.
pub fn set_peer(socket: &impl AsFd, peer: IpAddr, key: &Key) -> io::Result<()> {
    set(socket, libc::TCP_MD5SIG, &Request::new(peer, key))
}

/// Sets the key for everybody of the address' family that connects to a listening socket.
///
/// # Errors
/// As [`set_peer`].
pub fn set_everybody(listener: &impl AsFd, any: IpAddr, key: &Key) -> io::Result<()> {
    let request = Request { flags: FLAG_PREFIX, ..Request::new(any, key) };
    set(listener, libc::TCP_MD5SIG_EXT, &request)
}

/// Whether this kernel takes keys for an address.
///
/// # Errors
/// What the kernel says where it does not.
pub fn probe(peer: IpAddr, key: &Key) -> io::Result<()> {
    let domain = if peer.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    set_peer(&socket, peer, key)
}

fn set(socket: &impl AsFd, option: libc::c_int, request: &Request) -> io::Result<()> {
    #[expect(clippy::cast_possible_truncation, reason = "216 octets")]
    let len = size_of::<Request>() as libc::socklen_t;
    // SAFETY: the descriptor is borrowed, hence open; the kernel reads `len` octets from a
    // structure of that size without padding, which outlives the call, and keeps no pointer.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            option,
            std::ptr::from_ref(request).cast(),
            len,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{KEY_LEN_MAX, Key, probe, set_everybody, set_peer};
    use socket2::{Domain, Protocol, Socket, Type};
    use std::io;
    use std::net::{IpAddr, SocketAddr, TcpListener};

    fn key(text: &str) -> Key {
        text.parse().expect("a key")
    }

    #[test]
    fn keys_have_a_length_and_are_not_shown() {
        assert!("".parse::<Key>().is_err());
        assert!("x".repeat(KEY_LEN_MAX + 1).parse::<Key>().unwrap_err().contains("81"));
        assert_eq!(format!("{:?}", key(&"x".repeat(KEY_LEN_MAX))), "Key(…)");
    }

    /// A socket with a key, perhaps, that connects; whether it does is left open.
    fn connecting(to: SocketAddr, key: Option<&Key>) -> Socket {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))
            .expect("a socket");
        if let Some(key) = key {
            set_peer(&socket, to.ip(), key).expect("the kernel has taken a key before");
        }
        socket.set_nonblocking(true).expect("a socket");
        let _in_progress = socket.connect(&to.into());
        socket
    }

    #[test]
    fn only_the_right_key_gets_in() {
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let at: SocketAddr = at.parse().expect("an address");
            if let Err(error) = probe(at.ip(), &key("probe")) {
                let mut err = io::stderr();
                let _ = io::Write::write_all(&mut err, b"left out: no TCP-MD5 here: ");
                let _ = io::Write::write_all(&mut err, error.to_string().as_bytes());
                return;
            }
            for is_for_everybody in [false, true] {
                let listener = TcpListener::bind(at).expect("loopback");
                let to = listener.local_addr().expect("bound");
                if is_for_everybody {
                    let any = if at.is_ipv4() { "0.0.0.0" } else { "::" };
                    let any: IpAddr = any.parse().expect("an address");
                    set_everybody(&listener, any, &key("right")).expect("a key");
                } else {
                    set_peer(&listener, at.ip(), &key("right")).expect("a key");
                }
                // On loopback the kernel has dropped their SYNs when `connect` returns.
                let wrong = connecting(to, Some(&key("wrong")));
                let none = connecting(to, None);
                let right = connecting(to, Some(&key("right")));
                let (_, from) = listener.accept().expect("the right one");
                let expected = right.local_addr().expect("connected").as_socket();
                assert_eq!(Some(from), expected);
                listener.set_nonblocking(true).expect("a socket");
                let nobody = listener.accept().expect_err("nobody else may get in");
                assert_eq!(nobody.kind(), io::ErrorKind::WouldBlock);
                assert!(wrong.peer_addr().is_err() && none.peer_addr().is_err());
            }
        }
    }
}
