//! `CalicoNodeStatus` in etcd.

use serde_json::Value;

use super::client::{Client, Trouble};
use super::register::key_of;
use super::wire::{Base64, KeyValue, Number, RangeRequest, RangeResponse, Target, end_of};
use crate::calico::node_status::PLURAL;
use crate::calico::parse::ETCD_RESOURCES;
use crate::store::node_status::TellError;

/// Objects of a page.
const PAGE_OBJECTS: i64 = 500;

impl Client {
    /// The objects that `keep` wants, of the first `max`, and their revisions; what is no JSON is
    /// left out.
    pub(in crate::store) async fn status_objects(
        &self,
        max: usize,
        keep: impl Fn(&Value) -> bool + Send + Sync,
    ) -> Result<Vec<(Value, i64)>, String> {
        let prefix = format!("{ETCD_RESOURCES}{PLURAL}/");
        let (mut kept, mut looked, mut from) = (Vec::new(), 0, key_of(&prefix));
        loop {
            let request = RangeRequest {
                key: from,
                range_end: Some(end_of(&prefix)),
                limit: Number(PAGE_OBJECTS),
                ..RangeRequest::default()
            };
            let answer: RangeResponse =
                self.ask("/v3/kv/range", &request).await.map_err(|it| self.turned(&it))?;
            looked += answer.kvs.len();
            let last = answer.kvs.last().map(|kv| kv.key.clone());
            let object = |kv: KeyValue| {
                let document = serde_json::from_slice(&kv.value.0).ok().filter(&keep)?;
                Some((document, kv.mod_revision.0))
            };
            kept.extend(answer.kvs.into_iter().filter_map(object));
            match last {
                // The first key behind it.
                Some(Base64(mut key)) if answer.more && looked < max => {
                    key.push(0);
                    from = Base64(key);
                }
                _ => return Ok(kept),
            }
        }
    }

    /// Puts an object if it is at a revision; the new one.
    pub(in crate::store) async fn put_status(
        &self,
        name: &str,
        document: &Value,
        revision: i64,
    ) -> Result<i64, TellError> {
        let key = format!("{ETCD_RESOURCES}{PLURAL}/{name}");
        let target = Target::Mod { mod_revision: Number(revision) };
        match self.put_if(&key, target, document).await {
            Ok(Ok(revision)) => Ok(revision.0),
            Ok(Err(_)) => Err(TellError::Changed),
            Err(trouble) => Err(TellError::Failed(self.turned(&trouble))),
        }
    }

    /// The words of a trouble; the next endpoint is taken if this one is of no use.
    fn turned(&self, trouble: &Trouble) -> String {
        if matches!(trouble, Trouble::Unreachable(_)) {
            self.fail_over();
        }
        trouble.to_string()
    }
}
