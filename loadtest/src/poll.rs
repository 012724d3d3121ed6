//! Readiness of many sockets: a thin wrapper of Linux' epoll; with the module `md5` all the
//! unsafe code here.
//!
//! Level-triggered. A descriptor leaves the set when it is closed, so that need not be said.
#![expect(unsafe_code, reason = "epoll has no safe interface in the standard library")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Events taken from the kernel at a time.
const EVENTS_MAX: usize = 1024;

/// What a socket is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Bytes to read, or the end of the stream.
    Read,
    /// That, and room to write; a connection attempt ends with room to write.
    ReadWrite,
}

impl Interest {
    const fn flags(self) -> u32 {
        match self {
            Self::Read => libc::EPOLLIN as u32,
            Self::ReadWrite => (libc::EPOLLIN | libc::EPOLLOUT) as u32,
        }
    }
}

/// A socket that is ready.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// As given to [`Poller::add`].
    pub token: u64,
    /// Bytes wait, or the stream ended, or the socket failed: reading will tell.
    pub readable: bool,
    /// There is room to write.
    pub writable: bool,
}

/// A set of watched sockets.
pub struct Poller {
    epoll: OwnedFd,
    buffer: Vec<libc::epoll_event>,
}

impl Poller {
    /// An empty set.
    ///
    /// # Errors
    /// Where the kernel refuses another descriptor.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointer is passed; the result is checked before it is used.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given this descriptor to us, so nobody else closes it.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { epoll, buffer: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX] })
    }

    /// Watches a socket; its events bear `token`.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub fn add(&self, socket: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, socket, token, interest)
    }

    /// Watches a socket that is in the set for something else.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub fn modify(&self, socket: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, socket, token, interest)
    }

    /// Watches a socket no longer.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub fn remove(&self, socket: &impl AsFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, socket, 0, Interest::Read)
    }

    fn control(
        &self,
        operation: i32,
        socket: &impl AsFd,
        token: u64,
        interest: Interest,
    ) -> io::Result<()> {
        let mut event = libc::epoll_event { events: interest.flags(), u64: token };
        // SAFETY: both descriptors are borrowed, hence open, and the kernel only reads `event`,
        // which outlives the call.
        let result = unsafe {
            libc::epoll_ctl(
                self.epoll.as_raw_fd(),
                operation,
                socket.as_fd().as_raw_fd(),
                &raw mut event,
            )
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits until a socket is ready or the time is over, and puts what is ready into `events`.
    ///
    /// # Errors
    /// Where the kernel refuses; a signal is not an error, it ends the wait.
    pub fn wait(&mut self, events: &mut Vec<Event>, timeout: Duration) -> io::Result<()> {
        events.clear();
        // Rounded up, so that a wait for less than a millisecond does not spin.
        let millis = i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        // SAFETY: the kernel writes at most `EVENTS_MAX` events, and the buffer has that many.
        let count = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                self.buffer.as_mut_ptr(),
                EVENTS_MAX as i32,
                millis,
            )
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
        };
        let (write, other) = (libc::EPOLLOUT as u32, !(libc::EPOLLOUT as u32));
        events.extend(self.buffer[..count].iter().map(|event| Event {
            token: event.u64,
            readable: event.events & other != 0,
            writable: event.events & write != 0,
        }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Interest, Poller};
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    #[test]
    fn tells_what_is_ready_and_nothing_else() {
        let mut poller = Poller::new().expect("epoll");
        let (mut near, far) = UnixStream::pair().expect("socket pair");
        poller.add(&far, 7, Interest::Read).expect("add");
        let mut events = Vec::new();
        poller.wait(&mut events, Duration::ZERO).expect("wait");
        assert!(events.is_empty());
        near.write_all(b"x").expect("write");
        poller.wait(&mut events, Duration::from_secs(5)).expect("wait");
        assert!(events.len() == 1 && events[0].token == 7);
        assert!(events[0].readable && !events[0].writable);
        poller.modify(&far, 8, Interest::ReadWrite).expect("modify");
        poller.wait(&mut events, Duration::from_secs(5)).expect("wait");
        assert!(events[0].token == 8 && events[0].readable && events[0].writable);
        poller.remove(&far).expect("remove");
        poller.wait(&mut events, Duration::ZERO).expect("wait");
        assert!(events.is_empty());
        poller.add(&far, 9, Interest::Read).expect("add again");
        poller.wait(&mut events, Duration::from_secs(5)).expect("wait");
        assert!(events[0].token == 9);
        drop(far);
        poller.wait(&mut events, Duration::ZERO).expect("wait");
        assert!(events.is_empty());
    }
}
