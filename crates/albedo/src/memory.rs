//! How soon memory that nobody needs any more is given back: the allocator's, and that of the code
//! that only a start runs.

use std::ops::Range;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc 2, which its bindings do not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Has memory given back as soon as nobody needs it, where mimalloc waits 10 ms: what is freed
/// while a table comes in is as much as a tenth of the peak. `MIMALLOC_PURGE_DELAY` has precedence.
#[expect(unsafe_code, reason = "the bindings have no safe way to set an option")]
pub(crate) fn give_back_at_once() {
    // SAFETY: sets a number that mimalloc reads when it frees, before there are other threads.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, 0) };
}

/// Lets go of the program's code, most of which only the start has run: what is run again comes
/// back from the file a few pages at a time, and the system may have the rest.
#[expect(unsafe_code, reason = "advice about memory is given by address")]
pub(crate) fn let_go_of_the_start() {
    let (Ok(maps), Ok(program)) =
        (std::fs::read_to_string("/proc/self/maps"), std::env::current_exe())
    else {
        return;
    };
    for range in code(&maps, &program.to_string_lossy()) {
        let start = std::ptr::without_provenance_mut(range.start);
        // SAFETY: the range is a mapping of the program's file that can be run and not written, so
        // no page of it differs from the file's, which is where the next access takes it from.
        let advised =
            unsafe { rustix::mm::madvise(start, range.len(), rustix::mm::Advice::LinuxDontNeed) };
        if let Err(error) = advised {
            tracing::debug!(%error, "the code of the start stays in memory");
        }
    }
}

/// Where a file is mapped to be run and cannot be written, as `/proc/self/maps` tells it:
/// `start-end r-xp offset device inode file`.
fn code(maps: &str, file: &str) -> Vec<Range<usize>> {
    let range = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let is_code = words.next()? == "r-xp" && line.ends_with(file) && words.nth(3)? == file;
        let at = |text| usize::from_str_radix(text, 16).ok();
        is_code.then_some(at(start)?..at(end)?)
    };
    maps.lines().filter_map(range).collect()
}

#[cfg(test)]
mod tests;
