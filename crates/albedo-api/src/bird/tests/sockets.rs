//! Files of sockets: whose they are, and what becomes of them.

use crate::socket::Prepared;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;

use super::*;

fn source() -> Arc<dyn BirdSource> {
    Arc::new(cluster())
}

fn start(path: &Path, ours: &[PathBuf]) -> std::io::Result<BirdServer> {
    let prepared = Prepared::new(&[place(path, V4)], ours)?;
    BirdServer::start(prepared, &source(), &Arc::default())
}

async fn answers(path: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(path).await else { return false };
    read_answer(&mut stream).await.starts_with("0001 ")
}

#[tokio::test]
async fn socket_has_its_permissions_and_is_removed_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bird.ctl");
    let server = start(&path, &[]).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(answers(&path).await);
    server.stop().await;
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn left_over_socket_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bird.ctl");
    for left in [&path, &folder.path().join("bird.ctl.new")] {
        drop(UnixListener::bind(left).unwrap());
    }
    let server = start(&path, &[]).unwrap();
    assert!(answers(&path).await);
    server.stop().await;
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_somebody_elses_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [busy, file, missing] =
        ["busy.ctl", "file", "no/folder/bird.ctl"].map(|name| folder.path().join(name));
    let _listens = UnixListener::bind(&busy).unwrap();
    fs::write(&file, "precious").unwrap();
    for (path, word) in
        [(&busy, "another process listens"), (&file, "no socket"), (&missing, "No such file")]
    {
        let error = start(path, &[]).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains(path.to_str().unwrap()), "{error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    // One of two that cannot be made takes the other one back.
    let good = folder.path().join("good.ctl");
    assert!(Prepared::new(&[place(&good, V4), place(&busy, V6)], &[]).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn ours_is_replaced_by_ours_without_a_gap_and_stays_when_the_old_one_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bird.ctl");
    let old = start(&path, &[]).unwrap();
    assert!(start(&path, &[]).is_err(), "for anybody else it is taken");
    let new = start(&path, std::slice::from_ref(&path)).unwrap();
    old.stop().await;
    assert!(answers(&path).await, "what is there now is the new one's");
    new.stop().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn what_was_prepared_and_not_taken_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bird.ctl");
    let prepared = Prepared::new(&[place(&path, V4)], &[]).unwrap();
    assert!(!path.exists(), "not before everything is ready");
    drop(prepared);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
