//! Sockets as files: made so that nobody else's is taken away, and removed at the end.
//!
//! A socket is made beside its place and then moved there, with its permissions, so that whoever
//! finds it can use it.
//! A file that is there already is replaced only if it is a socket on which nobody listens (or
//! one of ours): a process that was killed leaves such a one.

use std::fs::{self, Permissions};
use std::io::{self, Error, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// What is put behind a name while the socket is not at its place yet: four octets, which the
/// configuration leaves room for.
const NEW: &str = ".new";

/// A socket that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketPlace<T> {
    /// Its file.
    pub path: PathBuf,
    /// Its permissions, such as `0o660`.
    pub mode: u32,
    /// What is shown there.
    pub view: T,
}

/// Which file a name meant: a name may be another file's later.
type Identity = (u64, u64);

/// Sockets that were made and are not at their places yet. Dropped, they are gone.
#[derive(Debug)]
pub struct Prepared<T> {
    sockets: Vec<(SocketPlace<T>, net::UnixListener, PathBuf)>,
}

/// A socket at its place; removed when it is dropped, if it is still there.
#[derive(Debug)]
pub struct Socket<T> {
    listener: net::UnixListener,
    /// What is shown there.
    pub view: T,
    _file: File,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    identity: Identity,
}

impl Drop for File {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|there| there == self.identity)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the socket");
        }
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino()))
}

impl<T> Socket<T> {
    /// What connections come to; within a runtime.
    ///
    /// # Errors
    ///
    /// There are too many descriptors.
    pub fn listener(&self) -> io::Result<UnixListener> {
        UnixListener::from_std(self.listener.try_clone()?)
    }
}

impl<T: Clone> Prepared<T> {
    /// Makes sockets; `ours` are the places of those that we have and that may be replaced.
    ///
    /// # Errors
    ///
    /// With the name of the file: somebody listens there, it is no socket, or it cannot be made.
    pub fn new(places: &[SocketPlace<T>], ours: &[PathBuf]) -> io::Result<Self> {
        let mut prepared = Self { sockets: Vec::new() };
        for place in places {
            let path = &place.path;
            let say = |error: Error| {
                Error::new(error.kind(), format!("cannot listen on {}: {error}", path.display()))
            };
            if !ours.contains(path) {
                check(path).map_err(say)?;
            }
            let mut beside = path.clone().into_os_string();
            beside.push(NEW);
            let beside = PathBuf::from(beside);
            prepared.add(place.clone(), beside).map_err(say)?;
        }
        Ok(prepared)
    }

    fn add(&mut self, place: SocketPlace<T>, beside: PathBuf) -> io::Result<()> {
        // What is there is left over from somebody who was killed while doing the same.
        check(&beside)?;
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = net::UnixListener::bind(&beside)?;
        let result = fs::set_permissions(&beside, Permissions::from_mode(place.mode))
            .and_then(|()| listener.set_nonblocking(true));
        match result {
            Ok(()) => {
                self.sockets.push((place, listener, beside));
                Ok(())
            }
            Err(error) => {
                let _ = fs::remove_file(&beside);
                Err(error)
            }
        }
    }

    /// Moves the sockets to their places.
    ///
    /// # Errors
    ///
    /// With the name of the file, if one cannot be moved; then none is left of ours.
    pub fn commit(mut self) -> io::Result<Vec<Socket<T>>> {
        let mut sockets = Vec::new();
        while let Some((SocketPlace { path, view, .. }, listener, beside)) = self.sockets.pop() {
            let moved = fs::rename(&beside, &path).and_then(|()| identity(&path));
            match moved {
                Ok(identity) => {
                    let file = File { path, identity };
                    sockets.push(Socket { listener, view, _file: file });
                }
                Err(error) => {
                    let _ = fs::remove_file(&beside);
                    let text = format!("cannot listen on {}: {error}", path.display());
                    return Err(Error::new(error.kind(), text));
                }
            }
        }
        Ok(sockets)
    }
}

impl<T> Drop for Prepared<T> {
    fn drop(&mut self) {
        for (.., beside) in &self.sockets {
            let _ = fs::remove_file(beside);
        }
    }
}

/// Whether a file may be replaced.
fn check(path: &Path) -> io::Result<()> {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !meta.file_type().is_socket() {
        let text = "there is a file already that is no socket, and it is left alone";
        return Err(Error::new(ErrorKind::AlreadyExists, text));
    }
    match net::UnixStream::connect(path) {
        Ok(_) => Err(Error::new(ErrorKind::AddrInUse, "another process listens there")),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
