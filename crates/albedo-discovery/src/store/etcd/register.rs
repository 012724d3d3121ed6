//! A reflector that is no node of Kubernetes makes itself known: its own `Node` in etcd.

use std::collections::BTreeMap;

use albedo_types::{Asn, ClusterId};
use serde_json::{Map, Value, json};

use super::client::{Client, Trouble};
use super::wire::{
    Base64, Compare, KeyValue, Number, RangeRequest, RangeResponse, Target, TxnOperation,
    TxnRequest, TxnResponse,
};
use crate::calico::parse::ETCD_RESOURCES;
use crate::calico::{Ipv4Host, Ipv6Host, Kind};

/// How often a node is written anew because somebody else wrote it in between.
const ATTEMPTS_MAX: usize = 5;

/// What a node is to say of itself. What is absent is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// Its name.
    pub name: String,
    /// Labels it is to have, besides those it has.
    pub labels: BTreeMap<String, String>,
    /// `spec.bgp.ipv4Address`.
    pub ipv4: Option<Ipv4Host>,
    /// `spec.bgp.ipv6Address`.
    pub ipv6: Option<Ipv6Host>,
    /// `spec.bgp.asNumber`.
    pub as_number: Option<Asn>,
    /// `spec.bgp.routeReflectorClusterID`.
    pub cluster_id: Option<ClusterId>,
    /// `metadata.uid` if the node is made: random, such as
    /// `7d7a3f2e-6a4f-4d5b-9a6a-0d6b1b0c2f11`.
    pub uid: String,
    /// `metadata.creationTimestamp` if the node is made (RFC 3339), such as
    /// `2026-03-01T12:00:00Z`.
    pub creation_timestamp: String,
}

/// What came of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// The node was made.
    Created,
    /// The node was there and said something else.
    Updated,
    /// The node was there and said all of that.
    Unchanged,
}

/// Why a node was not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node {name}: {words}")]
pub struct RegisterError {
    name: String,
    words: String,
    /// Whether it may work later: etcd was not there, or others were writing the node.
    pub again: bool,
}

impl Client {
    /// Makes a node, or brings the one of that name up to date. What the registration does not
    /// name (other labels, tunnels, addresses) stays.
    ///
    /// # Errors
    ///
    /// If etcd cannot be reached or refuses, if what is there is no node, or if others kept
    /// writing it.
    pub async fn register(&self, wanted: &Registration) -> Result<Registered, RegisterError> {
        let error = |words, again| RegisterError { name: wanted.name.clone(), words, again };
        let failed = |trouble: Trouble| {
            let again = matches!(trouble, Trouble::Unreachable(_));
            if again {
                self.fail_over();
            }
            error(trouble.to_string(), again)
        };
        let key = format!("{ETCD_RESOURCES}{}/{}", Kind::Node.plural(), wanted.name);
        let request = RangeRequest { key: key_of(&key), ..RangeRequest::default() };
        let answer: RangeResponse = self.ask("/v3/kv/range", &request).await.map_err(failed)?;
        let mut stored = answer.kvs.into_iter().next();
        for _ in 0..ATTEMPTS_MAX {
            let (value, target) = match &stored {
                None => (created(wanted), Target::Version { version: Number(0) }),
                Some(kv) => {
                    let before: Value = serde_json::from_slice(&kv.value.0).map_err(|fault| {
                        error(format!("what is there is no JSON: {fault}"), false)
                    })?;
                    let after =
                        updated(before.clone(), wanted).map_err(|words| error(words, false))?;
                    if after == before {
                        return Ok(Registered::Unchanged);
                    }
                    (after, Target::Mod { mod_revision: kv.mod_revision })
                }
            };
            let made = stored.is_none();
            match self.put_if(&key, target, &value).await.map_err(failed)? {
                Ok(_) if made => return Ok(Registered::Created),
                Ok(_) => return Ok(Registered::Updated),
                Err(there) => stored = there,
            }
        }
        Err(error(format!("others wrote it {ATTEMPTS_MAX} times meanwhile"), true))
    }

    /// Puts a value if the key is as expected, and gives its revision; otherwise what is there.
    pub(super) async fn put_if(
        &self,
        key: &str,
        target: Target,
        value: &Value,
    ) -> Result<Result<Number, Option<KeyValue>>, Trouble> {
        let value = Base64(value.to_string().into_bytes());
        let request = TxnRequest {
            compare: [Compare { key: key_of(key), result: "EQUAL", target }],
            success: [TxnOperation::RequestPut { key: key_of(key), value }],
            failure: [TxnOperation::RequestRange { key: key_of(key) }],
        };
        let answer: TxnResponse = self.ask("/v3/kv/txn", &request).await?;
        if answer.succeeded {
            return Ok(Ok(answer.header.revision));
        }
        let range = answer.responses.into_iter().find_map(|response| response.response_range);
        Ok(Err(range.and_then(|range| range.kvs.into_iter().next())))
    }
}

pub(super) fn key_of(key: &str) -> Base64 {
    Base64(key.as_bytes().to_vec())
}

fn created(wanted: &Registration) -> Value {
    let node = json!({
        "kind": "Node",
        "apiVersion": "projectcalico.org/v3",
        "metadata": {
            "name": wanted.name,
            "uid": wanted.uid,
            "creationTimestamp": wanted.creation_timestamp,
        },
        "spec": {},
    });
    updated(node, wanted).expect("it is a map of maps")
}

/// The node with what the registration says, and otherwise as it was.
fn updated(mut node: Value, wanted: &Registration) -> Result<Value, String> {
    let top = node.as_object_mut().ok_or("what is there is no JSON object")?;
    if !wanted.labels.is_empty() {
        let labels = object(object(top, "metadata")?, "labels")?;
        for (key, value) in &wanted.labels {
            labels.insert(key.clone(), json!(value));
        }
    }
    let bgp = [
        ("ipv4Address", wanted.ipv4.map(|it| json!(it.to_string()))),
        ("ipv6Address", wanted.ipv6.map(|it| json!(it.to_string()))),
        ("asNumber", wanted.as_number.map(|it| json!(it.0))),
        ("routeReflectorClusterID", wanted.cluster_id.map(|it| json!(it.to_string()))),
    ];
    for (key, value) in bgp {
        if let Some(value) = value {
            object(object(top, "spec")?, "bgp")?.insert(key.to_owned(), value);
        }
    }
    Ok(node)
}

fn object<'m>(
    map: &'m mut Map<String, Value>,
    key: &str,
) -> Result<&'m mut Map<String, Value>, String> {
    let value = map.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut().ok_or_else(|| format!("{key} of what is there is no JSON object"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Registration {
        Registration {
            name: "rr".into(),
            labels: BTreeMap::from([("role".into(), "reflector".into())]),
            cluster_id: Some(ClusterId(0xf400_0001)),
            uid: "u".into(),
            creation_timestamp: "2026-03-01T12:00:00Z".into(),
            ..Registration::default()
        }
    }

    #[test]
    fn a_new_node_has_what_calico_asks_for() {
        let expected = json!({
            "kind": "Node",
            "apiVersion": "projectcalico.org/v3",
            "metadata": {
                "name": "rr", "uid": "u", "creationTimestamp": "2026-03-01T12:00:00Z",
                "labels": {"role": "reflector"},
            },
            "spec": {"bgp": {"routeReflectorClusterID": "244.0.0.1"}},
        });
        assert_eq!(created(&wanted()), expected);
    }

    #[test]
    fn what_others_wrote_stays() {
        let before = json!({
            "metadata": {"name": "rr", "uid": "other", "labels": {"zone": "a", "role": "x"}},
            "spec": {"bgp": {"ipv4Address": "10.0.0.1/24"}, "wireguard": {}},
            "status": {"podCIDRs": ["10.1.0.0/24"]},
        });
        let after = json!({
            "metadata": {
                "name": "rr", "uid": "other", "labels": {"zone": "a", "role": "reflector"},
            },
            "spec": {
                "bgp": {"ipv4Address": "10.0.0.1/24", "routeReflectorClusterID": "244.0.0.1"},
                "wireguard": {},
            },
            "status": {"podCIDRs": ["10.1.0.0/24"]},
        });
        assert_eq!(updated(before, &wanted()), Ok(after.clone()));
        assert_eq!(updated(after.clone(), &wanted()), Ok(after));
        assert_eq!(
            updated(json!({"spec": {"bgp": []}}), &wanted()),
            Err("bgp of what is there is no JSON object".to_owned())
        );
    }
}
