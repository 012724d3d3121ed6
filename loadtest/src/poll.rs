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
    /// Room to write only; a failed socket is told of all the same.
    Write,
    /// Nothing; a failed socket is told of all the same.
    Nothing,
}

impl Interest {
    /// The interest in one, both or neither.
    #[must_use]
    pub const fn of(reads: bool, writes: bool) -> Self {
        match (reads, writes) {
            (true, true) => Self::ReadWrite,
            (true, false) => Self::Read,
            (false, true) => Self::Write,
            (false, false) => Self::Nothing,
        }
    }

    const fn flags(self) -> u32 {
        match self {
            Self::Read => libc::EPOLLIN as u32,
            Self::ReadWrite => (libc::EPOLLIN | libc::EPOLLOUT) as u32,
            Self::Write => libc::EPOLLOUT as u32,
            Self::Nothing => 0,
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
    /// Whether the kernel waits for less than a millisecond (Linux 5.11).
    is_fine: bool,
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
        let buffer = vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX];
        Ok(Self { epoll, buffer, is_fine: true })
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
        let count = match self.wait_once(timeout) {
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) && self.is_fine => {
                self.is_fine = false;
                self.wait_once(timeout)
            }
            other => other,
        };
        let count = match count {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        };
        let (write, other) = (libc::EPOLLOUT as u32, !(libc::EPOLLOUT as u32));
        events.extend(self.buffer[..count].iter().map(|event| Event {
            token: event.u64,
            readable: event.events & other != 0,
            writable: event.events & write != 0,
        }));
        Ok(())
    }

    /// Lets the kernel fill the buffer; returns how many events are in it.
    fn wait_once(&mut self, timeout: Duration) -> io::Result<usize> {
        let count = if self.is_fine {
            let timeout = libc::timespec {
                tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
                tv_nsec: timeout.subsec_nanos().into(),
            };
            // SAFETY: the kernel writes at most `EVENTS_MAX` events, and the buffer has that
            // many; it reads `timeout`, which outlives the call, and no signal mask.
            unsafe {
                libc::syscall(
                    libc::SYS_epoll_pwait2,
                    self.epoll.as_raw_fd(),
                    self.buffer.as_mut_ptr(),
                    EVENTS_MAX as i32,
                    &raw const timeout,
                    std::ptr::null::<libc::sigset_t>(),
                    0usize,
                )
            }
        } else {
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
            count.into()
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }
}

/// Has the kernel wake this thread as near to the end of a wait as it can, instead of up to
/// 50 µs later, as it does to save wake-ups; where it refuses, waits are a little longer.
pub fn be_punctual() {
    // SAFETY: no pointer is passed; the call changes nothing but this thread's timers.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0) };
}

#[cfg(test)]
mod tests {
    use super::{Interest, Poller, be_punctual};
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

    #[test]
    fn both_ways_of_waiting_end_and_tell_the_same() {
        be_punctual();
        for is_fine in [true, false] {
            let mut poller = Poller::new().expect("epoll");
            poller.is_fine &= is_fine;
            let (mut near, far) = UnixStream::pair().expect("socket pair");
            poller.add(&far, 7, Interest::Read).expect("add");
            let mut events = Vec::new();
            for timeout in [Duration::ZERO, Duration::from_micros(300)] {
                poller.wait(&mut events, timeout).expect("wait");
                assert!(events.is_empty());
            }
            near.write_all(b"x").expect("write");
            poller.wait(&mut events, Duration::MAX).expect("wait");
            assert_eq!(events.len(), 1);
        }
    }

    #[test]
    fn a_socket_that_nobody_reads_tells_of_its_failure_only() {
        let mut poller = Poller::new().expect("epoll");
        let (mut near, far) = UnixStream::pair().expect("socket pair");
        poller.add(&far, 7, Interest::of(true, false)).expect("add");
        near.write_all(b"x").expect("write");
        let mut events = Vec::new();
        for (interest, count) in [(Interest::of(false, true), 1), (Interest::of(false, false), 0)] {
            poller.modify(&far, 7, interest).expect("modify");
            poller.wait(&mut events, Duration::ZERO).expect("wait");
            assert_eq!(events.len(), count);
            assert!(events.iter().all(|event| event.writable && !event.readable));
        }
        drop(near);
        poller.wait(&mut events, Duration::from_secs(5)).expect("wait");
        assert!(events.len() == 1 && events[0].readable);
    }
}
