//! Listening sockets that were open before the program: socket activation, where a supervisor
//! keeps the port while the program is exchanged, or opens it for one that may not.

use std::net::{SocketAddr, TcpListener};

use crate::sockopt::SocketError;

/// Sockets that were passed on, each of which takes the place of an address to listen on.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(SocketAddr, TcpListener)>);

impl Inherited {
    /// Takes sockets over; they listen already.
    ///
    /// # Errors
    ///
    /// One whose address cannot be found out.
    pub fn new(listeners: impl IntoIterator<Item = TcpListener>) -> std::io::Result<Self> {
        let named = |listener: TcpListener| Ok((listener.local_addr()?, listener));
        listeners.into_iter().map(named).collect::<std::io::Result<_>>().map(Self)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses sockets that nobody asks for: connections to them would wait for ever.
    pub(crate) fn check(&self, listen: &[SocketAddr]) -> Result<(), SocketError> {
        let unasked = self.0.iter().find(|(addr, _)| !listen.contains(addr));
        match unasked {
            Some((addr, _)) => Err(SocketError::Unasked { addr: *addr, listen: listen.to_vec() }),
            None => Ok(()),
        }
    }

    /// The one for an address.
    pub(crate) fn take(&mut self, addr: SocketAddr) -> Option<TcpListener> {
        let at = self.0.iter().position(|(own, _)| *own == addr)?;
        Some(self.0.swap_remove(at).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_goes_to_its_address_and_none_is_left_over() {
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [first, second] = listeners.each_ref().map(|it| it.local_addr().unwrap());
        let mut inherited = Inherited::new(listeners).unwrap();
        assert_eq!(inherited.len(), 2);
        assert!(inherited.check(&[second, first]).is_ok());
        let error = inherited.check(&[second]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("a socket at {first} was passed on, but listen has only {second}")
        );
        assert_eq!(inherited.take(first).unwrap().local_addr().unwrap(), first);
        assert!(inherited.take(first).is_none());
        assert!(inherited.check(&[second]).is_ok() && !inherited.is_empty());
    }
}
