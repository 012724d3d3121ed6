//! Fills in the CalicoNodeStatus objects that ask about our Node, as calico-node does for its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use albedo_api::bird::BirdSource;
use albedo_api::routes::{RouteAsk, RouteSelect};
use albedo_discovery::calico::node_status::{NodeReport, PeerReport, ROUTES_MAX, RouteReport};
use albedo_discovery::store::node_status::{Asked, NodeStatuses, TellError};
use albedo_engine::clock::now;
use albedo_types::{Family, Instant};

/// The time between two lists of the objects.
const LOOK: Duration = Duration::from_secs(30);
/// The same where they cannot be read: most clusters do not let us, and need not.
const LOOK_AFTER_FAULT: Duration = Duration::from_secs(300);
/// The time to the next list after an object has changed meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The shortest period that is kept.
const PERIOD_MIN: Duration = Duration::from_secs(1);

/// Where the objects are, and about which node ours are.
#[derive(Debug)]
pub(crate) struct Asker {
    pub(super) statuses: NodeStatuses,
    pub(super) node: Arc<str>,
}

/// An object, and when it is to be written next.
#[derive(Debug)]
struct Due {
    asked: Asked,
    at: Instant,
}

/// Fills them in for as long as it is let.
pub(crate) async fn fill(asker: Arc<Asker>, source: Arc<dyn BirdSource>) {
    let mut due: Vec<Due> = Vec::new();
    let mut look_at = now();
    let mut said = String::new();
    loop {
        let at = now();
        if at >= look_at {
            look_at = at + LOOK;
            match asker.statuses.about(&asker.node).await {
                Ok(found) => due = scheduled(found, &due, at),
                Err(error) => {
                    look_at = at + LOOK_AFTER_FAULT;
                    if said != error {
                        tracing::info!(error, "CalicoNodeStatus objects cannot be read");
                        said = error;
                    }
                }
            }
        }
        for one in due.iter_mut().filter(|one| one.at <= at) {
            one.at = at + period(&one.asked).unwrap_or(LOOK);
            match write(&asker.statuses, &*source, &mut one.asked).await {
                Ok(()) => {}
                Err(TellError::Changed) => look_at = at + LOOK_AGAIN,
                Err(TellError::Failed(error)) => {
                    if said != error {
                        tracing::warn!(error, "a CalicoNodeStatus cannot be written");
                        said = error;
                    }
                }
            }
        }
        let next = due.iter().map(|one| one.at).chain([look_at]).min().unwrap_or(look_at);
        tokio::time::sleep(next.since(now())).await;
    }
}

/// How often an object is to be written; `None` is never.
fn period(asked: &Asked) -> Option<Duration> {
    asked.request.period.map(|period| period.max(PERIOD_MIN))
}

/// Those that are to be written; whoever asks as before goes on as before.
fn scheduled(found: Vec<Asked>, before: &[Due], at: Instant) -> Vec<Due> {
    let known: HashMap<&str, &Due> =
        before.iter().map(|due| (&*due.asked.request.name, due)).collect();
    let due = |asked: Asked| {
        let known = known.get(&*asked.request.name);
        let same = known.filter(|known| known.asked.request == asked.request);
        let next = same.map_or(at, |known| known.at);
        Due { at: next, asked }
    };
    found.into_iter().filter(|asked| period(asked).is_some()).map(due).collect()
}

async fn write(
    statuses: &NodeStatuses,
    source: &dyn BirdSource,
    asked: &mut Asked,
) -> Result<(), TellError> {
    let mut report = report(source);
    if asked.request.routes {
        for family in Family::ALL {
            report.routes.extend(routes(source, family).await.map_err(TellError::Failed)?);
        }
    }
    let status = report.status(&asked.request);
    statuses.tell(asked, status).await
}

fn report(source: &dyn BirdSource) -> NodeReport {
    let daemon = source.daemon();
    let peer = |protocol: albedo_api::bird::Protocol| PeerReport {
        address: protocol.address,
        name: protocol.name.to_string(),
        state: protocol.state,
        since: time(protocol.since),
    };
    NodeReport {
        now: stamp(daemon.now),
        version: format!("albedo {}", daemon.version),
        router_id: daemon.router_id,
        booted: time(daemon.started),
        configured: time(daemon.configured),
        is_ready: !daemon.is_recovering,
        peers: source.protocols().into_iter().map(peer).collect(),
        routes: Vec::new(),
    }
}

/// The first routes of a family.
async fn routes(source: &dyn BirdSource, family: Family) -> Result<Vec<RouteReport>, String> {
    let ask = RouteAsk { family, select: RouteSelect::All, from: None, to: None, best_only: false };
    let mut pages = source.routes(ask)?;
    let mut routes = Vec::new();
    while let Some(page) = pages.next().await? {
        routes.extend(page.iter().take(ROUTES_MAX - routes.len()).map(|row| RouteReport {
            prefix: row.prefix,
            gateway: row.attributes.next_hop.first().copied(),
            peer: row.address,
        }));
        if routes.len() == ROUTES_MAX {
            break;
        }
    }
    Ok(routes)
}

/// RFC 3339.
fn stamp(seconds: u64) -> String {
    let at = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
    humantime::format_rfc3339_seconds(at).to_string()
}

/// As BIRD writes it.
fn time(seconds: u64) -> String {
    stamp(seconds).replace('T', " ").replace('Z', "")
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::net::Ipv4Addr;

    use albedo_api::bird::{Counts, Daemon, Protocol};
    use albedo_api::routes::{Later, RoutePages, RouteRow, RouteSource};
    use albedo_types::{PeerId, Prefix};
    use serde_json::json;

    use super::*;

    /// A reflector with a peer and many routes of each family.
    struct Fixed {
        routes: usize,
    }

    struct Pages {
        left: usize,
        prefix: Prefix,
    }

    impl RoutePages for Pages {
        fn next(&mut self) -> Later<'_, Result<Option<Vec<RouteRow>>, String>> {
            let count = self.left.min(300);
            self.left -= count;
            let row = RouteRow {
                prefix: self.prefix,
                peer: PeerId(0),
                address: self.prefix.addr(),
                router_id: Ipv4Addr::LOCALHOST,
                is_external: false,
                is_best: true,
                is_stale: false,
                attributes: Arc::default(),
            };
            Box::pin(ready(Ok((count > 0).then(|| vec![row; count]))))
        }
    }

    impl RouteSource for Fixed {
        fn routes(&self, ask: RouteAsk) -> Result<Box<dyn RoutePages>, String> {
            let prefix = if ask.family == Family::Ipv4Unicast { "10.0.0.0/8" } else { "fd00::/8" };
            Ok(Box::new(Pages { left: self.routes, prefix: prefix.parse().unwrap() }))
        }
    }

    impl BirdSource for Fixed {
        fn daemon(&self) -> Daemon {
            let (version, router_id) = ("1.2".to_owned(), "10.0.0.1".to_owned());
            Daemon { version, router_id, now: 86_400, is_recovering: true, ..Daemon::default() }
        }

        fn protocols(&self) -> Vec<Protocol> {
            Vec::new()
        }

        fn counts(&self) -> Later<'_, Option<Arc<Counts>>> {
            Box::pin(ready(None))
        }

        fn paths(&self, _: Family) -> u64 {
            0
        }
    }

    #[tokio::test]
    async fn a_report_has_the_first_routes_of_each_family() {
        let report = report(&Fixed { routes: 0 });
        assert_eq!((&*report.version, &*report.now), ("albedo 1.2", "1970-01-02T00:00:00Z"));
        assert!(!report.is_ready && report.peers.is_empty());
        for (count, told) in [(0, 0), (299, 299), (1_000, ROUTES_MAX), (2_000, ROUTES_MAX)] {
            let source = Fixed { routes: count };
            for family in Family::ALL {
                assert_eq!(routes(&source, family).await.map(|it| it.len()), Ok(told));
            }
        }
    }

    #[test]
    fn who_asks_as_before_goes_on_as_before() {
        let asked = |name: &str, seconds: u32| {
            let spec = json!({"node": "n", "classes": [], "updatePeriodSeconds": seconds});
            Asked::new(json!({"metadata": {"name": name}, "spec": spec}), 1).unwrap()
        };
        let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        let times = |due: &[Due]| -> Vec<(String, u64)> {
            let time = |due: &Due| due.at.since(Instant::ZERO).as_secs();
            due.iter().map(|due| (due.asked.request.name.clone(), time(due))).collect()
        };
        let mut due = scheduled(vec![asked("a", 10), asked("b", 10), asked("off", 0)], &[], at(5));
        assert_eq!(times(&due), [("a".to_owned(), 5), ("b".to_owned(), 5)]);
        due.iter_mut().for_each(|due| due.at = at(15));
        let due = scheduled(vec![asked("a", 10), asked("b", 20), asked("c", 10)], &due, at(8));
        let expected = [("a".to_owned(), 15), ("b".to_owned(), 8), ("c".to_owned(), 8)];
        assert_eq!(times(&due), expected);
    }

    #[test]
    fn times() {
        assert_eq!(stamp(1_709_164_801), "2024-02-29T00:00:01Z");
        assert_eq!(time(1_709_164_801), "2024-02-29 00:00:01");
    }
}
