use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;

use super::super::{Health, Snapshot};
use super::*;

struct Bench {
    folder: TempDir,
    store: Store,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
}

fn peer(name: &str, address: &str) -> String {
    format!(
        "apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata:\n  name: {name}\nspec:\n  \
         peerIP: {address}\n  asNumber: 64512\n"
    )
}

fn pace() -> Pace {
    let short = Duration::from_millis(5);
    Pace { poll: short, quiet: short, ..Pace::default() }
}

impl Bench {
    fn new(files: &[(&str, String)], path: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        let path = folder.path().join(path).to_str().expect("a path").to_owned();
        let sources = Sources { paths: vec![path], recursive: false };
        let store = open(&sources, &pace()).expect("a store");
        let snapshots = store.snapshots();
        Self { folder, store, snapshots }
    }

    fn write(&self, name: &str, text: &str) {
        // As programs do that mean well: the new file takes the old one's place at once.
        let new = self.folder.path().join(".new");
        fs::write(&new, text).expect("a file");
        fs::rename(new, self.folder.path().join(name)).expect("a file");
    }

    /// The first snapshot with these peers, as names with addresses.
    async fn until(&mut self, peers: &[(&str, &str)]) -> Arc<Snapshot> {
        let wanted: Vec<String> = peers.iter().map(|(name, at)| format!("{name} {at}")).collect();
        self.until_it(|snapshot| listed(snapshot) == wanted).await
    }

    async fn until_it(&mut self, is_it: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let is_it = |snapshot: &Option<Arc<Snapshot>>| snapshot.as_deref().is_some_and(&is_it);
        let waiting = self.snapshots.wait_for(is_it);
        let found = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        let found = found.map(|found| found.expect("a store").clone().expect("a snapshot"));
        found.unwrap_or_else(|_| {
            let last = self.store.snapshot().map(|snapshot| listed(&snapshot));
            panic!("no such snapshot; the last one: {last:?}, {:?}", self.store.health())
        })
    }

    async fn until_health(&self, is_it: impl Fn(&Health) -> bool) -> Health {
        let waiting = async {
            loop {
                let health = self.store.health();
                if is_it(&health) {
                    return health;
                }
                sleep(Duration::from_millis(2)).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        found.unwrap_or_else(|_| panic!("{:?}", self.store.health()))
    }
}

fn listed(snapshot: &Snapshot) -> Vec<String> {
    let peers = snapshot.cluster.peers().values();
    peers.map(|peer| format!("{} {}", peer.meta.name, address(peer))).collect()
}

fn address(peer: &crate::calico::BgpPeer) -> String {
    let text = format!("{:?}", peer.remote);
    ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
        .into_iter()
        .find(|it| text.contains(it))
        .unwrap_or("?")
        .into()
}

#[tokio::test]
async fn a_directory_is_followed() {
    let mut bench = Bench::new(&[("a.yaml", peer("a", "10.0.0.1"))], "");
    bench.until(&[("a", "10.0.0.1")]).await;
    let json = serde_json::json!({
        "apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "metadata": {"name": "b"},
        "spec": {"peerIP": "10.0.0.2", "asNumber": 64512},
    });
    bench.write("b.json", &json.to_string());
    bench.until(&[("a", "10.0.0.1"), ("b", "10.0.0.2")]).await;
    bench.write("a.yaml", &peer("a", "10.0.0.3"));
    bench.until(&[("a", "10.0.0.3"), ("b", "10.0.0.2")]).await;
    fs::remove_file(bench.folder.path().join("a.yaml")).expect("a file");
    bench.until(&[("b", "10.0.0.2")]).await;
    assert!(bench.store.health().connected);
}

#[tokio::test]
async fn a_bad_document_is_told_and_no_obstacle_to_others() {
    let two = format!("{}---\n{}", peer("a", "10.0.0.1"), peer("b", "10.0.0.2"));
    let mut bench = Bench::new(&[("a.yaml", two)], "");
    bench.until(&[("a", "10.0.0.1"), ("b", "10.0.0.2")]).await;
    let bad = format!("{}  peerPort: 1\n---\n{}", peer("a", "10.0.0.3"), peer("b", "10.0.0.3"));
    bench.write("a.yaml", &bad);
    // What was good of the bad one stays in force.
    let snapshot = bench.until(&[("a", "10.0.0.1"), ("b", "10.0.0.3")]).await;
    let rejected = &snapshot.cluster.rejected()[&(Kind::BgpPeer, Arc::from("a"))];
    assert!(rejected.last_good);
    let words = rejected.fault.to_string();
    assert!(words.contains("a.yaml:8:") && words.contains("peerPort"), "{words}");
}

#[tokio::test]
async fn a_document_without_a_name_is_told_and_keeps_what_was_there() {
    let mut bench = Bench::new(&[("a.yaml", peer("a", "10.0.0.1"))], "");
    bench.until(&[("a", "10.0.0.1")]).await;
    let broken = format!("{}---\n{{[\n", peer("b", "10.0.0.2"));
    bench.write("a.yaml", &broken);
    bench.until(&[("a", "10.0.0.1"), ("b", "10.0.0.2")]).await;
    let health = bench.until_health(|health| !health.faults.is_empty()).await;
    assert!(health.faults[0].contains("a.yaml"), "{health:?}");
    bench.write("a.yaml", &peer("b", "10.0.0.2"));
    bench.until(&[("b", "10.0.0.2")]).await;
    bench.until_health(|health| health.faults.is_empty()).await;
}

#[tokio::test]
async fn a_named_file_that_is_gone_stays_in_force() {
    let mut bench = Bench::new(&[("a.yaml", peer("a", "10.0.0.1"))], "a.yaml");
    bench.until(&[("a", "10.0.0.1")]).await;
    fs::remove_file(bench.folder.path().join("a.yaml")).expect("a file");
    let health = bench.until_health(|health| !health.connected).await;
    assert!(health.last_error.expect("words").contains("a.yaml: No such file"));
    assert_eq!(bench.store.snapshot().expect("a snapshot").cluster.peers().len(), 1);
    bench.write("a.yaml", &peer("a", "10.0.0.2"));
    bench.until(&[("a", "10.0.0.2")]).await;
    bench.until_health(|health| health.connected).await;
}

#[tokio::test]
async fn nothing_is_published_before_a_named_file_is_there() {
    let mut bench = Bench::new(&[], "a.yaml");
    bench.until_health(|health| !health.faults.is_empty()).await;
    assert!(bench.store.snapshot().is_none());
    bench.write("a.yaml", &peer("a", "10.0.0.1"));
    let snapshot = bench.until(&[("a", "10.0.0.1")]).await;
    assert_eq!(snapshot.revision, 1);
}

#[tokio::test]
async fn a_mounted_config_map_is_followed() {
    let mut bench = Bench::new(&[], "mount");
    let mount = bench.folder.path().join("mount");
    fs::create_dir_all(mount.join("..one")).expect("a folder");
    fs::write(mount.join("..one/a.yaml"), peer("a", "10.0.0.1")).expect("a file");
    symlink("..one", mount.join("..data")).expect("a link");
    symlink("..data/a.yaml", mount.join("a.yaml")).expect("a link");
    bench.until(&[("a", "10.0.0.1")]).await;
    fs::create_dir(mount.join("..two")).expect("a folder");
    fs::write(mount.join("..two/a.yaml"), peer("a", "10.0.0.2")).expect("a file");
    symlink("..two", mount.join("..tmp")).expect("a link");
    fs::rename(mount.join("..tmp"), mount.join("..data")).expect("a link");
    fs::remove_dir_all(mount.join("..one")).expect("a folder");
    bench.until(&[("a", "10.0.0.2")]).await;
    assert_eq!(bench.store.health().faults.len(), 0);
}

#[test]
fn a_directory_that_is_away_for_a_while_stays_in_force() {
    let folder = tempfile::tempdir().expect("a folder");
    let (there, away) = (folder.path().join("there"), folder.path().join("away"));
    fs::create_dir(&there).expect("a folder");
    fs::write(there.join("a.yaml"), peer("a", "10.0.0.1")).expect("a file");
    let path = there.to_str().expect("a path").to_owned();
    let pattern = folder.path().join("there/*.json").to_str().expect("a path").to_owned();
    fs::write(there.join("b.json"), peer("b", "10.0.0.2")).expect("a file");
    let mut files = Files::new(Sources { paths: vec![path, pattern], recursive: false });
    assert_eq!(files.look().resources.expect("resources").len(), 2);
    fs::rename(&there, &away).expect("a folder");
    for _ in 0..2 * LOOKS_WITHOUT {
        let look = files.look();
        assert!(look.resources.is_none(), "nothing has changed");
        assert!(look.unreadable.expect("words").ends_with("the directory is not there any more"));
    }
    fs::rename(&away, &there).expect("a folder");
    let look = files.look();
    assert_eq!((look.unreadable, look.resources.map(|it| it.len())), (None, None));
    fs::remove_file(there.join("b.json")).expect("a file");
    let given_up = (0..LOOKS_WITHOUT).filter_map(|_| files.look().resources).last();
    assert_eq!(given_up.expect("resources").len(), 1);
}

#[test]
fn what_comes_twice_counts_where_it_comes_later() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.yaml"), peer("p", "10.0.0.1")).expect("a file");
    fs::write(folder.path().join("b.yaml"), peer("p", "10.0.0.2")).expect("a file");
    let path = folder.path().to_str().expect("a path").to_owned();
    let mut files = Files::new(Sources { paths: vec![path], recursive: false });
    let look = files.look();
    let resources = look.resources.expect("resources");
    assert_eq!(resources.len(), 1);
    let (resource, _) = resources.into_values().next().expect("one").expect("a peer");
    assert!(format!("{resource:?}").contains("10.0.0.2"));
    assert!(look.faults[0].contains("BGPPeer p is in "), "{:?}", look.faults);
    // Nothing has changed, so nothing is told again but the fault.
    let look = files.look();
    assert!(look.resources.is_none());
    assert_eq!(look.faults.len(), 1);
}

#[tokio::test]
#[ignore = "run by the test below, which gives it a standard input"]
async fn with_standard_input() {
    let sources = Sources { paths: vec!["-".into()], recursive: false };
    let store = open(&sources, &pace()).expect("a store");
    let folder = tempfile::tempdir().expect("a folder");
    let mut bench = Bench { folder, snapshots: store.snapshots(), store };
    bench.until(&[("a", "10.0.0.1"), ("b", "10.0.0.2")]).await;
}

#[test]
fn standard_input_is_read_once() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "store::files::tests::with_standard_input", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program again");
    let text = format!("{}---\n{}", peer("a", "10.0.0.1"), peer("b", "10.0.0.2"));
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(text.as_bytes()).expect("a reader");
    drop(stdin);
    let output = child.wait_with_output().expect("an end");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}
