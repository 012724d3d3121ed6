//! Options are read back from real sockets on loopback.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::*;

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn loopback_v6() -> SocketAddr {
    "[::1]:0".parse().unwrap()
}

/// Accepts from a listener that does not block, once something is there.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(false).unwrap();
    listener.accept().unwrap().0
}

#[test]
fn s9_accepted_sockets_inherit_what_the_listener_has() {
    for addr in [loopback(), loopback_v6()] {
        let options = SocketOptions {
            send_buffer: Some(64 * 1024),
            user_timeout: Some(Duration::from_secs(77)),
            keepalive: Some(Duration::from_secs(33)),
            ..SocketOptions::default()
        };
        let listener = listen(addr, &options, None).unwrap();
        let at = listener.local_addr().unwrap();
        let _client = TcpStream::connect(at).unwrap();
        let accepted = accept(&listener);
        let sock = SockRef::from(&accepted);
        assert!(sock.tcp_nodelay().unwrap());
        assert_eq!(sock.tcp_user_timeout().unwrap(), options.user_timeout);
        assert_eq!(sock.tcp_keepalive_time().unwrap(), Duration::from_secs(33));
        assert_eq!(sock.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
        assert_eq!(sock.tcp_keepalive_retries().unwrap(), KEEPALIVE_RETRIES);
        assert!(sock.keepalive().unwrap());
        // The kernel doubles what is asked, for its own book-keeping.
        assert_eq!(sock.send_buffer_size().unwrap(), 128 * 1024);
        let tos = if addr.is_ipv4() { sock.tos_v4() } else { sock.tclass_v6() };
        assert_eq!(tos.unwrap(), u32::from(TOS_NETWORK_CONTROL));
    }
}

#[test]
fn listener_is_for_one_family_and_can_be_opened_again_at_once() {
    let listener = listen(loopback_v6(), &SocketOptions::default(), None).unwrap();
    assert!(SockRef::from(&listener).only_v6().unwrap());
    assert!(SockRef::from(&listener).reuse_address().unwrap());
    let at = listener.local_addr().unwrap();
    // A connection that we close first stays in TIME_WAIT and must not hold the port.
    let _client = TcpStream::connect(at).unwrap();
    drop(accept(&listener));
    drop(listener);
    listen(at, &SocketOptions::default(), None).unwrap();
}

#[test]
fn taken_address_is_named() {
    let listener = listen(loopback(), &SocketOptions::default(), None).unwrap();
    let at = listener.local_addr().unwrap();
    let error = listen(at, &SocketOptions::default(), None).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on {at}: ")), "{error}");
}

#[test]
fn s6_hops_are_set_on_both_families() {
    let v4 = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    set_hops(&v4, loopback(), Hops::Security { hops: 3 }).unwrap();
    assert_eq!(v4.ttl_v4().unwrap(), 255);
    let least = raw::get_int(v4.as_fd(), libc::IPPROTO_IP, libc::IP_MINTTL).unwrap();
    assert_eq!(least, 253);
    set_hops(&v4, loopback(), Hops::Ttl(9)).unwrap();
    assert_eq!(v4.ttl_v4().unwrap(), 9);

    let v6 = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
    set_hops(&v6, loopback_v6(), Hops::Security { hops: 1 }).unwrap();
    assert_eq!(v6.unicast_hops_v6().unwrap(), 255);
    let least = raw::get_int(v6.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT).unwrap();
    assert_eq!(least, 255);
    set_hops(&v6, loopback_v6(), Hops::Ttl(7)).unwrap();
    assert_eq!(v6.unicast_hops_v6().unwrap(), 7);
}

#[test]
fn f20_octets_that_wait_and_the_end_of_them_are_news() {
    let listener = listen(loopback(), &SocketOptions::default(), None).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let accepted = accept(&listener);
    assert!(!has_news(&accepted));
    client.write_all(&[7; 42]).unwrap();
    // Wait until the first octet can be seen, without taking it.
    accepted.peek(&mut [0]).unwrap();
    assert!(has_news(&accepted));
    (&accepted).read_exact(&mut [0; 42]).unwrap();
    assert!(!has_news(&accepted));
    drop(client);
    // The end of the stream is there at once or a moment later.
    assert_eq!(accepted.peek(&mut [0]).unwrap(), 0);
    assert!(has_news(&accepted));
}

#[test]
fn s1_key_lengths() {
    assert_eq!(Md5Key::new(&[]), Err(InvalidKey(0)));
    assert_eq!(Md5Key::new(&[1; MD5_KEY_LEN_MAX + 1]), Err(InvalidKey(81)));
    let key = Md5Key::new(&[1; MD5_KEY_LEN_MAX]).unwrap();
    assert_eq!(format!("{key:?}"), "Md5Key(…)");
    // The kernel's structure: an address of 128 octets, 8 of numbers, 80 of key.
    assert_eq!(size_of::<Md5Request>(), 216);
}

/// Whether this kernel has been built with TCP-MD5.
fn kernel_has_md5() -> bool {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let key = Md5Key::new(b"probe").unwrap();
    match set_md5_peer(&socket, loopback().ip(), Some(&key)) {
        Ok(()) => true,
        Err(error) => {
            eprintln!("left out, the kernel has no TCP-MD5: {error}");
            false
        }
    }
}

#[test]
fn s1_md5_key_of_a_prefix_admits_only_who_has_it() {
    if !kernel_has_md5() {
        return;
    }
    for (bind, prefix) in [(loopback(), "127.0.0.0/8"), (loopback_v6(), "::1/128")] {
        let listener = listen(bind, &SocketOptions::default(), None).unwrap();
        let at = listener.local_addr().unwrap();
        let key = Md5Key::new(b"a secret of the cluster").unwrap();
        set_md5_prefix(&listener, prefix.parse().unwrap(), Some(&key)).unwrap();

        // Without a key and with a wrong one the handshake gets no answer.
        let wrong = Md5Key::new(b"another").unwrap();
        let mut refused = Vec::new();
        for key in [None, Some(&wrong)] {
            let socket = outgoing(at, None, key, &SocketOptions::default()).unwrap();
            let _in_progress = socket.connect(&at.into());
            refused.push(socket);
        }
        let socket = outgoing(at, Some(bind.ip()), Some(&key), &SocketOptions::default()).unwrap();
        socket.set_nonblocking(false).unwrap();
        socket.connect(&at.into()).unwrap();
        let expected = socket.local_addr().unwrap().as_socket().unwrap();
        assert_eq!(accept(&listener).peer_addr().unwrap(), expected);
        listener.set_nonblocking(true).unwrap();
        let none = listener.accept().unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::WouldBlock);

        // Once the key is gone, anybody gets in again.
        set_md5_prefix(&listener, prefix.parse().unwrap(), None).unwrap();
        TcpStream::connect(at).unwrap();
        accept(&listener);
    }
}

#[test]
fn s2_exhausted_key_memory_names_the_sysctl() {
    if !kernel_has_md5() {
        return;
    }
    let listener = listen(loopback(), &SocketOptions::default(), None).unwrap();
    let key = Md5Key::new(&[9; MD5_KEY_LEN_MAX]).unwrap();
    // optmem_max is 128 KiB on most kernels, about a thousand keys; stop at ten times that.
    let error = (0..10_000_u32).find_map(|n| {
        let addr = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
        set_md5_peer(&listener, addr, Some(&key)).err()
    });
    let Some(error) = error else {
        eprintln!("left out, optmem_max holds more than 10,000 keys here");
        return;
    };
    assert!(error.to_string().contains("net.core.optmem_max"), "{error}");
}

#[test]
fn descriptor_limit_is_at_its_hard_bound() {
    let raised = raise_descriptor_limit().unwrap();
    assert!(raised >= 1024, "{raised}");
    assert_eq!(raise_descriptor_limit().unwrap(), raised);
}

#[test]
fn s2_keys_are_warned_of_before_there_is_no_room() {
    assert!(!keys::is_near(799, 963) && keys::is_near(800, 963));
    if !kernel_has_md5() {
        return;
    }
    // What is reckoned is what the kernel does, give or take what it needs itself.
    let Some(room) = keys::room().filter(|room| *room < 5_000) else {
        eprintln!("left out, optmem_max is larger than usual, or not told");
        return;
    };
    let listener = listen(loopback(), &SocketOptions::default(), None).unwrap();
    let key = Md5Key::new(b"key").unwrap();
    let fits = |n: &usize| {
        let addr = IpAddr::from((0x0a00_0000 + u32::try_from(*n).unwrap()).to_be_bytes());
        set_md5_peer(&listener, addr, Some(&key)).is_ok()
    };
    let found = (0..room * 2).take_while(fits).count();
    assert!(!keys::is_near(found / 4 * 3, room) && keys::is_near(found, room), "{found}, {room}");
}

/// A connection over a listener that keeps first packets, with this TTL.
fn first_packet(addr: SocketAddr, ttl: Option<u32>, hops: gtsm::ListenerHops) -> TcpStream {
    let listener = listen(addr, &SocketOptions::default(), None).unwrap();
    hops.set(&listener, addr).unwrap();
    let at = listener.local_addr().unwrap();
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, None).unwrap();
    if let Some(ttl) = ttl {
        if at.is_ipv4() {
            socket.set_ttl_v4(ttl).unwrap();
        } else {
            socket.set_unicast_hops_v6(ttl).unwrap();
        }
    }
    socket.connect(&at.into()).unwrap();
    accept(&listener)
}

#[test]
fn s6_the_first_packet_proves_how_far_a_connection_comes() {
    let any = gtsm::ListenerHops::of([Hops::Security { hops: 2 }, Hops::System]);
    assert_eq!(any, gtsm::ListenerHops { any: true, all: None });
    for addr in [loopback(), loopback_v6()] {
        for (ttl, near) in [(Some(255), true), (Some(254), true), (Some(253), false), (None, false)]
        {
            let accepted = first_packet(addr, ttl, any);
            assert_eq!(gtsm::is_near(&accepted, 2).unwrap(), near, "{addr}, {ttl:?}");
        }
        // Without the packet there is no proof.
        let accepted = first_packet(addr, Some(255), gtsm::ListenerHops::default());
        assert!(!gtsm::is_near(&accepted, 2).unwrap());
    }
}

#[test]
fn s6_a_listener_of_near_peers_alone_demands_it_itself() {
    let near = |hops| Hops::Security { hops };
    let all = gtsm::ListenerHops::of([near(1), near(3)]);
    assert_eq!(all, gtsm::ListenerHops { any: true, all: Some(3) });
    assert_eq!(gtsm::ListenerHops::of([]), gtsm::ListenerHops::default());
    let listener = listen(loopback(), &SocketOptions::default(), None).unwrap();
    let of = |name| raw::get_int(listener.as_fd(), libc::IPPROTO_IP, name).unwrap();
    let default = of(libc::IP_TTL);
    all.set(&listener, loopback()).unwrap();
    assert_eq!((of(libc::IP_TTL), of(libc::IP_MINTTL)), (255, 253));
    gtsm::ListenerHops::default().set(&listener, loopback()).unwrap();
    assert_eq!((of(libc::IP_TTL), of(libc::IP_MINTTL)), (default, 0));
    let v6 = listen(loopback_v6(), &SocketOptions::default(), None).unwrap();
    all.set(&v6, loopback_v6()).unwrap();
    let least = raw::get_int(v6.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT).unwrap();
    assert_eq!(least, 253);
}
