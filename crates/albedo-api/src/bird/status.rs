//! `show status`, and the greeting.

use super::answer::Answer;
use super::source::Daemon;
use super::{Dialect, time};

/// The version as it is shown: Calico keeps it only with a `v` in front.
fn version(daemon: &Daemon, dialect: Dialect) -> String {
    let v = if dialect == Dialect::Calico { "v" } else { "" };
    format!("BIRD {v}{}+albedo", daemon.version)
}

/// What a connection begins with.
pub(crate) fn greet(answer: &mut Answer, daemon: &Daemon, dialect: Dialect) {
    answer.end(1, &format!("{} ready.", version(daemon, dialect)));
}

/// `show status`.
pub(crate) fn render(answer: &mut Answer, daemon: &Daemon, dialect: Dialect) {
    answer.row(1000, &version(daemon, dialect));
    answer.row(1011, &format!("Router ID is {}", daemon.router_id));
    answer.row(1011, &format!("Current server time is {}", time::long(daemon.now)));
    answer.row(1011, &format!("Last reboot on {}", time::long(daemon.started)));
    answer.row(1011, &format!("Last reconfiguration on {}", time::long(daemon.configured)));
    if daemon.is_recovering {
        answer.row(24, "Graceful restart recovery in progress");
    }
    answer.end(13, "Daemon is up and running");
}
