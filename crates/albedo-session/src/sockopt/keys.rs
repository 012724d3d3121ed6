//! How many TCP-MD5 keys a listener has room for.
//!
//! Each key counts against the kernel's memory for options of one socket
//! (`net.core.optmem_max`), which the kernel gives nobody more of than it says.

use std::fs;

/// Where the kernel tells its bound, in octets.
const OPTMEM_MAX: &str = "/proc/sys/net/core/optmem_max";

/// Octets that a key takes there: 963 of them fit into 131,072.
pub const KEY_OCTETS: usize = 136;

/// How many keys one listener has room for; `None` if the kernel does not say.
#[must_use]
pub fn room() -> Option<usize> {
    let octets: usize = fs::read_to_string(OPTMEM_MAX).ok()?.trim().parse().ok()?;
    Some(octets / KEY_OCTETS)
}

/// Whether so many keys are worth a warning: at five sixths of the room, which is 800 of 963.
#[must_use]
pub const fn is_near(keys: usize, room: usize) -> bool {
    keys >= room / 6 * 5
}
