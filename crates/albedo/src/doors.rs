//! Where the administrative server is asked: its port and its Unix socket.
//!
//! Both are opened before anything else begins, and stay while what answers there changes.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use albedo_api::guard::Places;
use albedo_api::socket::{Prepared, Socket, SocketPlace};
use albedo_config::{Admin, AdminSocket, Grpc};
use anyhow::{Context as _, Result};

/// The open doors. Dropped, the socket's file is removed.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    http: Option<TcpListener>,
    socket: Option<Socket<()>>,
    grpc: Option<TcpListener>,
    grpc_socket: Option<Socket<()>>,
}

impl Doors {
    /// Opens what the configuration says; within a runtime.
    ///
    /// # Errors
    ///
    /// The address or the socket that it names is taken, or cannot be made.
    pub(crate) fn open(admin: &Admin) -> Result<Self> {
        let http = admin.http.map(|addr| bind("admin.http", addr)).transpose()?;
        let socket = match &admin.socket {
            Some(wanted) => open(wanted)?,
            None => None,
        };
        let Some(Grpc { listen, socket: path, mode }) = &admin.grpc else {
            return Ok(Self { http, socket, grpc: None, grpc_socket: None });
        };
        let grpc = listen.map(|addr| bind("admin.grpc.listen", addr)).transpose()?;
        let place = |path: &PathBuf| SocketPlace { path: path.clone(), mode: *mode, view: () };
        let places: Vec<_> = path.iter().map(place).collect();
        let grpc_socket = Prepared::new(&places, &[]).and_then(Prepared::commit);
        let grpc_socket = grpc_socket.context(GRPC_SOCKET)?.pop();
        Ok(Self { http, socket, grpc, grpc_socket })
    }

    /// What the server listens on; its connections are counted in `places`.
    ///
    /// # Errors
    ///
    /// There are too many descriptors.
    pub(crate) fn listeners(&self, places: &Places) -> Result<albedo_api::Doors> {
        let http = self.http.as_ref().map(again).transpose().context("admin.http")?;
        let socket = self.socket.as_ref().map(Socket::listener).transpose();
        let socket = socket.context(SOCKET)?;
        Ok(albedo_api::Doors { http, socket, places: places.clone() })
    }

    /// What the gRPC server listens on; `None` if it is off.
    ///
    /// # Errors
    ///
    /// There are too many descriptors.
    pub(crate) fn grpc(&self) -> Result<Option<albedo_grpc::Doors>> {
        let tcp = self.grpc.as_ref().map(again).transpose().context("admin.grpc.listen")?;
        let socket = self.grpc_socket.as_ref().map(Socket::listener).transpose();
        let socket = socket.context(GRPC_SOCKET)?;
        let is_any = tcp.is_some() || socket.is_some();
        Ok(is_any.then_some(albedo_grpc::Doors { tcp, socket }))
    }

    /// Whether there is any.
    pub(crate) const fn are_open(&self) -> bool {
        self.http.is_some() || self.socket.is_some()
    }
}

const SOCKET: &str = "admin.socket";
const GRPC_SOCKET: &str = "admin.grpc.socket";

fn bind(key: &str, addr: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(addr)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listener.with_context(|| format!("{key}: cannot listen on {addr}"))
}

fn again(listener: &TcpListener) -> std::io::Result<tokio::net::TcpListener> {
    listener.try_clone().and_then(tokio::net::TcpListener::from_std)
}

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
