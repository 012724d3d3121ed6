//! The allocator, and how soon it gives memory back.

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
