//! Files as `calicoctl` takes them: one, a directory, a pattern, or what comes on standard input.
//!
//! They are read again every [`Pace::poll`] and compared by digests, which needs no watch of the
//! kernel's and sees every kind of change, the swapped symbolic link of a mounted ConfigMap
//! included.
//! A document that cannot be read is no obstacle to the others; what was read of it before stays
//! in force, as does a file that cannot be read for a moment.

#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::sleep;

use super::health::{Closed, Event, Reporter};
use super::{OpenError, Pace, Store};
use crate::calico::parse::{self, Read};
use crate::calico::{Kind, OBJECTS_MAX};
pub use walk::DEPTH_MAX;
use walk::{Found, find};

/// Files at most.
pub const FILES_MAX: usize = 10_000;

/// A file at most, in bytes.
pub const FILE_MAX_BYTES: u64 = 64 << 20;

/// All files together at most, in bytes.
pub const TOTAL_MAX_BYTES: u64 = 512 << 20;

/// Faults that [`Health`](super::Health) tells of files at most.
pub const FAULTS_MAX: usize = 64;

/// A file of a directory or pattern that is not there is given up after so many looks; programs
/// that write files may take the old one away first.
const LOOKS_WITHOUT: u32 = 2;

/// Which files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Each a file, a directory, a pattern with `*`, `?` or `[a-z]` in its last part, or `-` for
    /// standard input, which is read once. Of directories and in lists, what comes later counts
    /// where a resource comes twice.
    pub paths: Vec<String>,
    /// Whether directories in directories are looked into, [`DEPTH_MAX`] deep.
    pub recursive: bool,
}

/// Follows files. Nothing is published before each of the paths could be read once.
///
/// It must be called inside a runtime of tokio.
///
/// # Errors
///
/// If no path is given.
pub fn open(sources: &Sources, pace: &Pace) -> Result<Store, OpenError> {
    if sources.paths.is_empty() {
        return Err(OpenError("there is no path of resources".into()));
    }
    let (sources, own_pace) = (sources.clone(), pace.clone());
    Ok(Store::start(pace, 1, |reporter| follow(sources, own_pace, reporter)))
}

async fn follow(sources: Sources, pace: Pace, reporter: Reporter) {
    let mut files = Files::new(sources);
    loop {
        let looked = tokio::task::spawn_blocking(move || {
            let look = files.look();
            (files, look)
        });
        let look;
        (files, look) = match looked.await {
            Ok(looked) => looked,
            Err(fault) => {
                reporter.down(0, &format!("looking at files: {fault}"));
                return;
            }
        };
        if let Err(Closed) = report(&reporter, look).await {
            return;
        }
        sleep(pace.poll).await;
    }
}

async fn report(reporter: &Reporter, look: Look) -> Result<(), Closed> {
    reporter.set_faults(look.faults);
    match &look.unreadable {
        None => {
            reporter.up(0);
            reporter.heard();
        }
        Some(why) => reporter.down(0, why),
    }
    let Some(resources) = look.resources else { return Ok(()) };
    let mut names: BTreeMap<Kind, BTreeSet<Arc<str>>> =
        Kind::ALL.into_iter().map(|kind| (kind, BTreeSet::new())).collect();
    for ((kind, name), read) in resources {
        names.entry(kind).or_default().insert(name.clone());
        reporter
            .tell(match read {
                Ok((resource, warnings)) => Event::Put(resource, warnings),
                Err(fault) => Event::Rejected(kind, name, fault),
            })
            .await?;
    }
    for (kind, names) in names {
        reporter.tell(Event::Listed(kind, names)).await?;
    }
    Ok(())
}

type Resources = BTreeMap<(Kind, Arc<str>), Read>;

/// What a look at all files gave.
#[derive(Debug, Default)]
struct Look {
    /// All resources, if they may have changed.
    resources: Option<Resources>,
    /// What is wrong with files and with documents without a name.
    faults: Vec<Arc<str>>,
    /// Why something could not be read now.
    unreadable: Option<String>,
}

impl Look {
    /// Something cannot be read now.
    fn fault(&mut self, why: String) {
        self.faults.push(why.as_str().into());
        self.unreadable.get_or_insert(why);
    }
}

/// Finds the files of a path of which some are known.
fn look_for(path: &str, recursive: bool, known: &[PathBuf]) -> Found {
    let as_path = Path::new(path);
    if !as_path.exists() && known.iter().any(|file| file != as_path && file.starts_with(as_path)) {
        let unreadable = Some(format!("{path}: the directory is not there any more"));
        return Found { files: Vec::new(), unreadable };
    }
    find(path, recursive)
}

/// A file that was read.
#[derive(Debug)]
struct File {
    digest: u64,
    resources: Resources,
    /// Of documents of which it cannot be told what they are.
    faults: Vec<String>,
    /// Why it could not be read the last time.
    unreadable: Option<String>,
    /// How often it has not been found since.
    without: u32,
}

/// All files as they were read last.
#[derive(Debug)]
struct Files {
    sources: Sources,
    hasher: RandomState,
    files: BTreeMap<PathBuf, File>,
    /// Of each path, in the order in which they count.
    order: Vec<Vec<PathBuf>>,
    /// Whether everything was read once.
    complete: bool,
    stdin: Option<Result<String, String>>,
    /// Which resources come twice.
    doubles: Vec<Arc<str>>,
}

/// What standard input is called.
const STDIN: &str = "-";

impl Files {
    fn new(sources: Sources) -> Self {
        Self {
            sources,
            hasher: RandomState::new(),
            files: BTreeMap::new(),
            order: Vec::new(),
            complete: false,
            stdin: None,
            doubles: Vec::new(),
        }
    }

    fn look(&mut self) -> Look {
        let mut look = Look::default();
        let mut changed = false;
        let (mut count, mut total) = (0, 0);
        let before = std::mem::take(&mut self.order);
        for (index, path) in self.sources.paths.clone().iter().enumerate() {
            let known = before.get(index).map_or(&[][..], Vec::as_slice);
            let mut files = Vec::new();
            if path == STDIN {
                changed |= self.take_stdin();
                files.push(PathBuf::from(STDIN));
            } else {
                let found = look_for(path, self.sources.recursive, known);
                for file in found.files {
                    if count == FILES_MAX {
                        look.fault(format!("{path}: there are more than {FILES_MAX} files"));
                        break;
                    }
                    count += 1;
                    changed |= self.take(&file, &mut total);
                    files.push(file);
                }
                let gone = known.iter().filter(|file| !files.contains(file)).cloned();
                let gone: Vec<PathBuf> = gone.collect();
                // What could not be looked into may still have what was there before.
                let sure = found.unreadable.is_none();
                if let Some(why) = found.unreadable {
                    look.fault(why);
                }
                files.extend(gone.into_iter().filter(|file| self.stays(file, sure)));
            }
            self.order.push(files);
        }
        changed |= self.order != before;
        let order: BTreeSet<&PathBuf> = self.order.iter().flatten().collect();
        self.files.retain(|path, _| order.contains(path));
        self.tell(&mut look);
        if look.unreadable.is_none() {
            changed |= !self.complete;
            self.complete = true;
        }
        if changed && self.complete {
            let mut doubles = Vec::new();
            look.resources = Some(self.merged(&mut doubles));
            self.doubles = doubles;
        }
        look.faults.extend(self.doubles.iter().cloned());
        look.faults.truncate(FAULTS_MAX);
        look
    }

    /// Whether a file that was not found stays in force for now.
    fn stays(&mut self, path: &Path, sure: bool) -> bool {
        let Some(file) = self.files.get_mut(path).filter(|file| !file.is_nothing()) else {
            return false;
        };
        if sure {
            file.without += 1;
        }
        file.without < LOOKS_WITHOUT
    }

    /// Reads a file, and says whether it has changed.
    fn take(&mut self, path: &Path, total: &mut u64) -> bool {
        match read(path, total) {
            Ok(text) => self.take_text(path, &text),
            Err(why) => {
                let file = self.files.entry(path.into()).or_insert_with(File::nothing);
                file.unreadable = Some(why);
                file.without = 0;
                false
            }
        }
    }

    fn take_text(&mut self, path: &Path, text: &str) -> bool {
        let digest = self.hasher.hash_one(text);
        let before = self.files.remove(path);
        if let Some(mut file) = before {
            let same = file.digest == digest && !file.is_nothing();
            file.unreadable = None;
            file.without = 0;
            if !same {
                file = File::parsed(path, text, digest, Some(file));
            }
            self.files.insert(path.into(), file);
            return !same;
        }
        self.files.insert(path.into(), File::parsed(path, text, digest, None));
        true
    }

    fn take_stdin(&mut self) -> bool {
        let path = Path::new(STDIN);
        if self.stdin.is_none() {
            let mut text = String::new();
            let read = std::io::stdin().take(FILE_MAX_BYTES + 1).read_to_string(&mut text);
            self.stdin = Some(match read {
                Ok(size) if size as u64 > FILE_MAX_BYTES => {
                    Err(format!("standard input: more than {FILE_MAX_BYTES} bytes"))
                }
                Ok(_) => Ok(text),
                Err(error) => Err(format!("standard input: {error}")),
            });
            return match self.stdin.clone().expect("it was read") {
                Ok(text) => self.take_text(path, &text),
                Err(why) => {
                    let file = self.files.entry(path.into()).or_insert_with(File::nothing);
                    file.unreadable = Some(why);
                    false
                }
            };
        }
        false
    }

    fn tell(&self, look: &mut Look) {
        for file in self.order.iter().flatten().filter_map(|path| self.files.get(path)) {
            look.faults.extend(file.faults.iter().map(|fault| fault.as_str().into()));
            if let Some(why) = &file.unreadable {
                look.fault(why.clone());
            }
        }
    }

    /// All resources; of those that come twice the later one.
    fn merged(&self, doubles: &mut Vec<Arc<str>>) -> Resources {
        let mut all = Resources::new();
        let mut places: BTreeMap<&(Kind, Arc<str>), &Path> = BTreeMap::new();
        for path in self.order.iter().flatten() {
            let Some(file) = self.files.get(path) else { continue };
            for (key, read) in &file.resources {
                if all.len() == OBJECTS_MAX {
                    return all;
                }
                if let Some(earlier) = places.insert(key, path).filter(|it| it != path) {
                    let (kind, name) = key;
                    let (earlier, later) = (earlier.display(), path.display());
                    let words =
                        format!("{kind} {name} is in {earlier} and in {later}; the latter counts");
                    if doubles.len() < FAULTS_MAX {
                        doubles.push(words.into());
                    }
                }
                all.insert(key.clone(), read.clone());
            }
        }
        all
    }
}

impl File {
    /// One that was never read.
    fn nothing() -> Self {
        Self {
            digest: 0,
            resources: Resources::new(),
            faults: Vec::new(),
            unreadable: Some(String::new()),
            without: 0,
        }
    }

    /// Whether it was never read: such a file has no digest and is not readable yet.
    fn is_nothing(&self) -> bool {
        self.digest == 0 && self.resources.is_empty() && self.faults.is_empty()
    }

    fn parsed(path: &Path, text: &str, digest: u64, before: Option<Self>) -> Self {
        let place = if path == Path::new(STDIN) {
            "standard input".to_owned()
        } else {
            path.display().to_string()
        };
        let mut file = Self { digest, unreadable: None, ..Self::nothing() };
        for read in parse::documents(text, &place).resources {
            let key = match &read {
                Ok((resource, _)) => Some((resource.kind(), resource.name().clone())),
                Err(fault) => fault.kind().zip(fault.name().cloned()),
            };
            match (key, read) {
                (Some(key), read) => {
                    file.resources.insert(key, read);
                }
                (None, Err(fault)) => file.faults.push(fault.to_string()),
                (None, Ok(_)) => {}
            }
        }
        // What a document was that cannot be told now is among those that are not there now.
        if let Some(before) = before.filter(|_| !file.faults.is_empty()) {
            for (key, read) in before.resources {
                file.resources.entry(key).or_insert(read);
            }
        }
        file
    }
}

fn read(path: &Path, total: &mut u64) -> Result<String, String> {
    let place = path.display();
    let fault = |error: std::io::Error| format!("{place}: {error}");
    let file = std::fs::File::open(path).map_err(fault)?;
    let metadata = file.metadata().map_err(fault)?;
    if !metadata.is_file() {
        return Err(format!("{place}: it is no file"));
    }
    let size = metadata.len();
    *total = total.saturating_add(size);
    if size > FILE_MAX_BYTES {
        return Err(format!("{place}: {size} bytes; at most {FILE_MAX_BYTES}"));
    }
    if *total > TOTAL_MAX_BYTES {
        return Err(format!("{place}: all files up to it have more than {TOTAL_MAX_BYTES} bytes"));
    }
    let mut text = String::new();
    let read = file.take(FILE_MAX_BYTES).read_to_string(&mut text);
    read.map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => format!("{place}: it is no UTF-8"),
        _ => fault(error),
    })?;
    Ok(text)
}
