//! The administrative interfaces: `admin`.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use super::{World, open, or};
use crate::defaults;
use crate::diagnostic::{Fault, Report};
use crate::fields::{At, Fields};
use crate::kinds::{self, Kind};
use crate::node::{Node, Value};
use crate::settings::{Admin, AdminSocket, BirdDialect, BirdSockets, Grpc};

/// The keys of `admin`.
pub(crate) const KEYS: [&str; 6] = ["http", "socket", "socketMode", "peerMetrics", "bird", "grpc"];

/// The keys of `admin.bird`.
pub(crate) const BIRD: [&str; 4] = ["socket", "socket6", "dialect", "mode"];

/// The keys of `admin.grpc`.
pub(crate) const GRPC: [&str; 3] = ["listen", "socket", "mode"];

/// Octets of a socket's name: what the system takes (`sun_path`, without its end) less the four
/// that are put behind it while the socket is made.
const SOCKET_NAME_MAX: usize = 103;

const DIALECT: Kind<BirdDialect> = Kind {
    allowed: "calico or bird2",
    read: |scalar| match &*scalar.text {
        "calico" => Ok(BirdDialect::Calico),
        "bird2" => Ok(BirdDialect::Bird2),
        _ => Err(None),
    },
};

const MODE: Kind<u32> = Kind {
    allowed: "permissions of a file as three octal digits with a 0 in front, such as 0660",
    read: |scalar| match scalar.text.strip_prefix('0') {
        Some(digits) if digits.len() == 3 => u32::from_str_radix(digits, 8).map_err(|_| None),
        _ => Err(None),
    },
};

/// Reads `admin`.
pub(crate) fn read(top: &Fields<'_>, world: &World<'_>, report: &mut Report<'_>) -> Admin {
    let socket = AdminSocket {
        path: PathBuf::from(defaults::ADMIN_SOCKET),
        mode: defaults::ADMIN_SOCKET_MODE,
        is_named: false,
    };
    let mut admin = Admin {
        http: Some(defaults::ADMIN_HTTP),
        socket: Some(socket),
        peer_metrics: defaults::ADMIN_PEER_METRICS,
        bird: None,
        grpc: None,
    };
    let Some(fields) = open(top, "admin", &KEYS, report) else { return admin };
    admin.http = or(&fields, "http", &kinds::HTTP, admin.http, report);
    admin.socket = socket_of(&fields, admin.socket, world, report);
    admin.peer_metrics = or(&fields, "peerMetrics", &kinds::BOOL, admin.peer_metrics, report);
    admin.bird = bird(&fields, world, report);
    admin.grpc = grpc(&fields, world, report);
    admin
}

/// Reads `admin.socket` and its permissions; a relative name starts where the configuration is.
fn socket_of(
    admin: &Fields<'_>,
    default: Option<AdminSocket>,
    world: &World<'_>,
    report: &mut Report<'_>,
) -> Option<AdminSocket> {
    let mode = or(admin, "socketMode", &MODE, defaults::ADMIN_SOCKET_MODE, report);
    match admin.node("socket") {
        None => default.map(|socket| AdminSocket { mode, ..socket }),
        Some(Node { value: Value::Scalar(scalar), .. }) if kinds::is_off(scalar) => None,
        Some(_) => {
            let socket = admin.scalar("socket", &kinds::TEXT, report)?;
            let path = place(socket, world, report).value;
            Some(AdminSocket { path, mode, is_named: true })
        }
    }
}

/// Reads `admin.bird`; a relative name starts where the configuration is.
fn bird(admin: &Fields<'_>, world: &World<'_>, report: &mut Report<'_>) -> Option<BirdSockets> {
    if let Some(Node { value: Value::Scalar(scalar), .. }) = admin.node("bird")
        && kinds::is_off(scalar)
    {
        return None;
    }
    let fields = open(admin, "bird", &BIRD, report)?;
    let dialect = or(&fields, "dialect", &DIALECT, defaults::BIRD_DIALECT, report);
    let mode = or(&fields, "mode", &MODE, defaults::BIRD_MODE, report);
    let socket = fields.required("socket", &kinds::TEXT, report);
    let socket6 = fields.scalar("socket6", &kinds::TEXT, report);
    let socket = socket.map(|at| place(at, world, report));
    let socket6 = socket6.map(|at| place(at, world, report));
    if let Some(socket6) = &socket6 {
        if dialect == BirdDialect::Bird2 {
            let found = "socket6 with dialect bird2";
            let allowed = "no socket6: both families are on the one socket there";
            socket6.report(report, Fault::new(found, allowed));
        } else if socket.as_ref().is_some_and(|socket| socket.value == socket6.value) {
            let allowed = "another name than that of socket";
            socket6.report(report, Fault::new("the name of socket", allowed));
        }
    }
    let socket6 = socket6.map(|at| at.value);
    Some(BirdSockets { socket: socket?.value, socket6, dialect, mode })
}

/// Reads `admin.grpc`; a relative name starts where the configuration is.
fn grpc(admin: &Fields<'_>, world: &World<'_>, report: &mut Report<'_>) -> Option<Grpc> {
    let node = admin.node("grpc")?;
    if let Node { value: Value::Scalar(scalar), .. } = node
        && kinds::is_off(scalar)
    {
        return None;
    }
    let fields = open(admin, "grpc", &GRPC, report)?;
    let listen = fields.scalar("listen", &kinds::GRPC_LISTEN, report);
    let socket = fields.scalar("socket", &kinds::TEXT, report);
    let socket = socket.map(|at| place(at, world, report).value);
    let mode = or(&fields, "mode", &MODE, defaults::GRPC_MODE, report);
    if let Some(listen) = listen.as_ref().filter(|listen| listen.value.is_none())
        && socket.is_none()
    {
        let fault =
            Fault::new("off without a socket", "an address, a socket beside it, or grpc: off");
        listen.report(report, fault);
    }
    let listen = listen.map_or(Some(defaults::GRPC_LISTEN), |listen| listen.value);
    Some(Grpc { listen, socket, mode })
}

fn place(at: At<String>, world: &World<'_>, report: &mut Report<'_>) -> At<PathBuf> {
    let path = world.folder.join(&at.value);
    let len = path.as_os_str().as_bytes().len();
    if len > SOCKET_NAME_MAX {
        let allowed = format!("at most {SOCKET_NAME_MAX}, which the system takes");
        at.report(report, Fault::new(format!("the name of a socket of {len} octets"), allowed));
    }
    At { value: path, place: at.place, key: at.key }
}
