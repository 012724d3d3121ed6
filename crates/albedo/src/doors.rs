//! Where the administrative server is asked: its port and its Unix socket.
//!
//! Both are opened before anything else begins, and stay while what answers there changes.

use std::net::TcpListener;

use albedo_api::socket::{Prepared, Socket, SocketPlace};
use albedo_config::{Admin, AdminSocket};
use anyhow::{Context as _, Result};

/// The open doors. Dropped, the socket's file is removed.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    http: Option<TcpListener>,
    socket: Option<Socket<()>>,
}

impl Doors {
    /// Opens what the configuration says; within a runtime.
    ///
    /// # Errors
    ///
    /// The address or the socket that it names is taken, or cannot be made.
    pub(crate) fn open(admin: &Admin) -> Result<Self> {
        let http = match admin.http {
            Some(addr) => {
                let listener = TcpListener::bind(addr)
                    .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
                Some(listener.with_context(|| format!("admin.http: cannot listen on {addr}"))?)
            }
            None => None,
        };
        let socket = match &admin.socket {
            Some(wanted) => open(wanted)?,
            None => None,
        };
        Ok(Self { http, socket })
    }

    /// What the server listens on.
    ///
    /// # Errors
    ///
    /// There are too many descriptors.
    pub(crate) fn listeners(&self) -> Result<albedo_api::Doors> {
        let http = match &self.http {
            Some(http) => {
                let again = http.try_clone().and_then(tokio::net::TcpListener::from_std);
                Some(again.context("admin.http")?)
            }
            None => None,
        };
        let socket = self.socket.as_ref().map(Socket::listener).transpose();
        Ok(albedo_api::Doors { http, socket: socket.context(SOCKET)? })
    }

    /// Whether there is any.
    pub(crate) const fn are_open(&self) -> bool {
        self.http.is_some() || self.socket.is_some()
    }
}

const SOCKET: &str = "admin.socket";

/// Opens the socket. One that nobody asked for may be impossible: in a container, for another
/// user, or beside another reflector.
fn open(wanted: &AdminSocket) -> Result<Option<Socket<()>>> {
    let AdminSocket { path, mode, is_named } = wanted;
    if !is_named && !path.parent().is_some_and(std::path::Path::is_dir) {
        return Ok(None);
    }
    let place = SocketPlace { path: path.clone(), mode: *mode, view: () };
    let opened = Prepared::new(&[place], &[]).and_then(Prepared::commit);
    match opened {
        Ok(mut sockets) => Ok(sockets.pop()),
        Err(error) if *is_named => Err(error).context(SOCKET),
        Err(error) => {
            tracing::warn!(%error, "no Unix socket for commands; admin.socket says where it is");
            Ok(None)
        }
    }
}
