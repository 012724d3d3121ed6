//! How a life begins and ends: `restart` and `shutdown`.

use super::{World, open, or};
use crate::defaults;
use crate::diagnostic::Report;
use crate::fields::Fields;
use crate::kinds;
use crate::settings::{Restart, Shutdown};

/// The keys of `restart`.
pub(crate) const RESTART: [&str; 4] = ["rosterFile", "deferralMax", "quietTime", "forwardingState"];

/// The keys of `shutdown`.
pub(crate) const SHUTDOWN: [&str; 2] = ["mode", "message"];

/// Reads `restart`; a relative file starts where the configuration is.
pub(crate) fn restart(top: &Fields<'_>, world: &World<'_>, report: &mut Report<'_>) -> Restart {
    let mut restart = Restart {
        roster_file: None,
        deferral_max: defaults::DEFERRAL_MAX,
        quiet_time: defaults::QUIET_TIME,
        forwarding_state: defaults::FORWARDING_STATE,
    };
    let Some(fields) = open(top, "restart", &RESTART, report) else { return restart };
    let file = fields.scalar("rosterFile", &kinds::TEXT, report);
    restart.roster_file = file.map(|at| world.folder.join(at.value));
    let max = or(&fields, "deferralMax", &kinds::DEFERRAL_MAX, restart.deferral_max, report);
    restart.deferral_max = max;
    let quiet = or(&fields, "quietTime", &kinds::QUIET_TIME, restart.quiet_time, report);
    restart.quiet_time = quiet;
    let forwarding = defaults::FORWARDING_STATE;
    restart.forwarding_state = or(&fields, "forwardingState", &kinds::BOOL, forwarding, report);
    restart
}

/// Reads `shutdown`.
pub(crate) fn shutdown(top: &Fields<'_>, report: &mut Report<'_>) -> Shutdown {
    let mut shutdown = Shutdown { mode: defaults::SHUTDOWN_MODE, message: String::new() };
    let Some(fields) = open(top, "shutdown", &SHUTDOWN, report) else { return shutdown };
    shutdown.mode = or(&fields, "mode", &kinds::SHUTDOWN_MODE, shutdown.mode, report);
    if let Some(message) = fields.scalar("message", &kinds::TEXT, report) {
        shutdown.message = message.value;
    }
    shutdown
}
