//! A production reflector's recording of a full table goes through, and comes out as it went in.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use albedo_tests::bgp::{Attribute, Attributes, HEADER, MESSAGE_MAX, Speaker, Table, Update};
use albedo_tests::bgp::{code, encoded, end_of_rib};
use albedo_tests::lab::{Host, Lab};
use albedo_tests::mrt;
use albedo_tests::net::{Family, Net};
use albedo_tests::peers::{Bird, Version};
use albedo_tests::reflector::{Reflector, Settings};
use albedo_tests::tools::{must_run, recording};
use albedo_tests::wait::eventually;
use anyhow::{Context, Result, ensure};

const RECORDING: &str = "ris-updates.et-header.2015.gz";

/// How many prefixes the recording announces, counted by other means.
const ANNOUNCED: usize = 577_706;

/// How many of them must stand at the end: it withdraws three, and four have AS 0 on their path.
const STANDING: usize = 577_699;

const SHARDS: usize = 2;
const REFLECTOR: Host = Host(1);
const SOURCE: Host = Host(20);

/// Octets of an UPDATE beside its attributes and prefixes.
const UPDATE_FRAME: usize = HEADER + 4;

#[test]
fn recorded_full_table_arrives_unchanged_and_packed() {
    let path = match recording(RECORDING) {
        Ok(path) => path,
        Err(error) => {
            assert!(!must_run(), "{error}");
            return;
        }
    };
    let Some(mut lab) = Lab::new("recorded_full_table_arrives_unchanged_and_packed") else {
        return;
    };
    let messages = mrt::updates(&path).expect("the recording");
    run(&mut lab, &messages).expect("the scenario");
}

fn run(lab: &mut Lab, messages: &[Vec<u8>]) -> Result<()> {
    let input = Input::read(messages)?;
    let (announced, standing) = (input.announced.len(), input.routes.len());
    ensure!(
        (announced, standing) == (ANNOUNCED, STANDING),
        "{announced} prefixes, {standing} left"
    );

    let node = lab.node(REFLECTOR)?;
    let settings = Settings { shards: SHARDS, ..Settings::alone(REFLECTOR) };
    let _reflector = Reflector::start(&node, &settings)?;
    for host in [20, 21, 22] {
        lab.guest(Host(host))?;
    }
    // One receiver is there before the source, one joins when the table is complete.
    let early = Speaker::connect(lab, Host(21), REFLECTOR, &[Family::V4])?;
    let source = Speaker::connect(lab, SOURCE, REFLECTOR, &[Family::V4])?;
    for chunk in messages.chunks(1000) {
        source.send(&chunk.concat())?;
    }
    source.send(&end_of_rib())?;
    check(&early, &input)?;
    source.check_up()?;

    let bird_node = lab.node(Host(11))?;
    let bird = Bird::start(&bird_node, Version::Two, &[REFLECTOR], &[])?;
    let late = Speaker::connect(lab, Host(22), REFLECTOR, &[Family::V4])?;
    check(&late, &input)?;
    eventually("BIRD 2 has the whole table", || {
        let count = bird.imported()?;
        ensure!(count == STANDING, "{count} routes");
        Ok(())
    })?;
    late.check_up()?;
    early.check_up()
}

/// What was sent, as the tests' own parser reads it.
#[derive(Default)]
struct Input {
    routes: HashMap<Net, Arc<Attributes>>,
    /// All prefixes that were announced, withdrawn again or not.
    announced: HashSet<Net>,
    /// Prefixes that were announced more than once: their last version counts.
    again: Vec<Net>,
    /// UPDATEs that announce something.
    messages: usize,
    /// Distinct attribute sets.
    sets: usize,
    /// The most UPDATEs that the size limit alone adds.
    overflow: usize,
}

impl Input {
    fn read(messages: &[Vec<u8>]) -> Result<Self> {
        let mut sets = HashSet::new();
        let mut input = Self::default();
        for message in messages {
            let update = Update::parse(&message[HEADER..])?;
            for net in update.withdrawn {
                input.routes.remove(&net);
            }
            if update.announced.is_empty() {
                continue;
            }
            input.announced.extend(&update.announced);
            if has_as_zero(&update.attributes)? {
                // RFC 7607 section 2: treated as withdrawn.
                for net in update.announced {
                    input.routes.remove(&net);
                }
                continue;
            }
            input.messages += 1;
            let attributes = Arc::new(reflected(update.attributes));
            input.overflow += overflow(&attributes, &update.announced);
            sets.insert(Arc::clone(&attributes));
            for net in update.announced {
                if input.routes.insert(net, Arc::clone(&attributes)).is_some() {
                    input.again.push(net);
                }
            }
        }
        input.sets = sets.len();
        Ok(input)
    }

    /// The most UPDATEs that may come out: one for each attribute set and shard, and what the
    /// size limit adds.
    fn most(&self) -> Result<u64> {
        // A few dozen sets of the recording come in two messages, which nobody can pack that
        // passes on the first before the second is there.
        let apart = self.messages - self.sets;
        ensure!(apart < self.sets / 1000, "{} messages, {} sets", self.messages, self.sets);
        Ok(((self.sets + apart) * SHARDS + self.overflow) as u64)
    }
}

/// How many UPDATEs more than one the prefixes of one message need, now that the attributes have
/// grown.
fn overflow(attributes: &Attributes, nets: &[Net]) -> usize {
    let block: usize = attributes.0.iter().map(|one| 4 + one.value.len()).sum();
    // A message may stay short of the limit by less than the longest prefix.
    let room = MESSAGE_MAX - UPDATE_FRAME - block - 4;
    encoded(nets).len() / room
}

/// Whether AS 0 is on the AS_PATH.
fn has_as_zero(attributes: &Attributes) -> Result<bool> {
    let mut path = attributes.get(code::AS_PATH).context("no AS_PATH")?;
    while let [_, count, rest @ ..] = path {
        let (segment, rest) =
            rest.split_at_checked(4 * usize::from(*count)).context("AS_PATH is cut short")?;
        if segment.chunks_exact(4).any(|number| number == [0; 4]) {
            return Ok(true);
        }
        path = rest;
    }
    Ok(false)
}

/// What a reflector makes of the attributes (RFC 4456 section 8): its cluster id in front, the
/// originator only where there was none; optional attributes it does not know get the Partial
/// bit if they are transitive and are dropped if not (RFC 4271 section 5). An AGGREGATOR of AS 0
/// is discarded (RFC 7607 section 2).
fn reflected(mut attributes: Attributes) -> Attributes {
    let cluster = REFLECTOR.v4().octets();
    let list = &mut attributes.0;
    match list.iter_mut().find(|one| one.code == code::CLUSTER_LIST) {
        Some(one) => one.value.splice(0..0, cluster).for_each(drop),
        None => list.push(optional(code::CLUSTER_LIST, &cluster)),
    }
    if !list.iter().any(|one| one.code == code::ORIGINATOR_ID) {
        list.push(optional(code::ORIGINATOR_ID, &SOURCE.v4().octets()));
    }
    list.retain(|one| known(one.code) || one.flags & 0x40 != 0);
    list.retain(|one| one.code != code::AGGREGATOR || !one.value.starts_with(&[0; 4]));
    for one in list.iter_mut().filter(|one| !known(one.code)) {
        one.flags |= 0x20;
    }
    list.sort();
    attributes
}

fn optional(code: u8, value: &[u8]) -> Attribute {
    Attribute { code, flags: 0x80, value: value.to_vec() }
}

/// Whether the recording's attribute type means something to a reflector. The recording has two
/// of the types that RFC 8093 deprecates besides.
fn known(code: u8) -> bool {
    code <= code::CLUSTER_LIST || code == code::EXTENDED_COMMUNITIES
}

/// Waits until a receiver has the whole table, then compares every route of it.
fn check(receiver: &Speaker, input: &Input) -> Result<()> {
    receiver.wait_until("the whole table", |table| complete(table, input))?;
    let table = receiver.table();
    let most = input.most()?;
    ensure!(table.announcements <= most, "{} UPDATEs, at most {most}", table.announcements);
    let mut compared = HashSet::new();
    for (net, wanted) in &input.routes {
        let route = table.routes.get(net).with_context(|| format!("no {net}"))?;
        // Equal pairs need one look.
        if compared.insert((Arc::as_ptr(&route.attributes), Arc::as_ptr(wanted))) {
            let found = &route.attributes;
            ensure!(found == wanted, "{net}: {found:?} instead of {wanted:?}");
        }
    }
    Ok(())
}

/// Whether every prefix is there, in its last version where there were several.
fn complete(table: &Table, input: &Input) -> bool {
    table.routes.len() == input.routes.len()
        && input.again.iter().all(|net| {
            let found = table.routes.get(net).map(|route| &route.attributes);
            found == input.routes.get(net)
        })
}
