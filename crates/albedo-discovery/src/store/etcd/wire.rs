//! What the gateway takes and gives: protocol buffers as JSON, where bytes are base64, 64-bit
//! numbers are texts, and what is zero is left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

/// Bytes as base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Base64(pub(super) Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        STANDARD.decode(text.as_bytes()).map(Self).map_err(D::Error::custom)
    }
}

/// A 64-bit number, which is written as a text and may be read as a number too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(pub(super) i64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(i64),
        }
        match Either::deserialize(from)? {
            Either::Number(number) => Ok(Self(number)),
            Either::Text(text) => text.parse().map(Self).map_err(D::Error::custom),
        }
    }
}

/// Who answered, and at which revision.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    pub(super) cluster_id: String,
    pub(super) revision: Number,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct RangeRequest {
    pub(super) key: Base64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) range_end: Option<Base64>,
    pub(super) limit: Number,
    pub(super) revision: Number,
    pub(super) keys_only: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RangeResponse {
    pub(super) header: Header,
    pub(super) kvs: Vec<KeyValue>,
    pub(super) more: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyValue {
    pub(super) key: Base64,
    pub(super) value: Base64,
    pub(super) mod_revision: Number,
}

#[derive(Debug, Serialize)]
pub(super) struct WatchRequest {
    pub(super) create_request: WatchCreate,
}

#[derive(Debug, Serialize)]
pub(super) struct WatchCreate {
    pub(super) key: Base64,
    pub(super) range_end: Base64,
    pub(super) start_revision: Number,
    pub(super) progress_notify: bool,
}

/// A line of a watch.
#[derive(Debug, Deserialize)]
pub(super) struct WatchLine {
    #[serde(default)]
    pub(super) result: Option<WatchResponse>,
    #[serde(default)]
    pub(super) error: Option<ErrorResponse>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WatchResponse {
    pub(super) header: Header,
    pub(super) created: bool,
    pub(super) canceled: bool,
    pub(super) cancel_reason: String,
    pub(super) compact_revision: Number,
    pub(super) events: Vec<WatchEvent>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WatchEvent {
    /// `PUT`, which is left out, or `DELETE`.
    #[serde(rename = "type")]
    pub(super) kind: EventKind,
    pub(super) kv: KeyValue,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum EventKind {
    #[default]
    #[serde(rename = "PUT")]
    Put,
    #[serde(rename = "DELETE")]
    Delete,
}

/// An error: code and words of gRPC. Which field has the words depends on etcd's version.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorResponse {
    #[serde(alias = "grpc_code")]
    pub(super) code: i32,
    pub(super) message: String,
    pub(super) error: serde_json::Value,
}

impl ErrorResponse {
    pub(super) fn words(&self) -> String {
        if !self.message.is_empty() {
            return self.message.clone();
        }
        match &self.error {
            serde_json::Value::String(text) => text.clone(),
            _ => format!("error {} of gRPC", self.code),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct LoginRequest<'a> {
    pub(super) name: &'a str,
    pub(super) password: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct LoginResponse {
    pub(super) token: String,
}

/// A transaction that puts one key if it is at a given version or revision, and otherwise tells
/// what is there.
#[derive(Debug, Serialize)]
pub(super) struct TxnRequest {
    pub(super) compare: [Compare; 1],
    pub(super) success: [TxnOperation; 1],
    pub(super) failure: [TxnOperation; 1],
}

#[derive(Debug, Serialize)]
pub(super) struct Compare {
    pub(super) key: Base64,
    pub(super) result: &'static str,
    #[serde(flatten)]
    pub(super) target: Target,
}

#[derive(Debug, Serialize)]
#[serde(tag = "target", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Target {
    Version { version: Number },
    Mod { mod_revision: Number },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TxnOperation {
    RequestPut { key: Base64, value: Base64 },
    RequestRange { key: Base64 },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TxnResponse {
    pub(super) header: Header,
    pub(super) succeeded: bool,
    pub(super) responses: Vec<TxnResult>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TxnResult {
    pub(super) response_range: Option<RangeResponse>,
}

/// The first key behind all that begin so.
pub(super) fn end_of(prefix: &str) -> Base64 {
    let mut end = prefix.as_bytes().to_vec();
    let last = end.last_mut().expect("a prefix is not empty");
    *last += 1;
    Base64(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_zero_and_numbers_are_texts() {
        let line = r#"{"result":{"header":{"cluster_id":"1","revision":"12"},
            "events":[{"kv":{"key":"YQ==","mod_revision":"12"}},
                      {"type":"DELETE","kv":{"key":"YWI=","mod_revision":13}}]}}"#;
        let line: WatchLine = serde_json::from_str(line).expect("a line");
        let result = line.result.expect("a result");
        assert_eq!(result.header.revision, Number(12));
        assert!(!result.created && !result.canceled);
        assert_eq!(result.events[0].kind, EventKind::Put);
        assert_eq!(result.events[0].kv.key.0, b"a");
        assert_eq!(result.events[0].kv.value.0, b"");
        assert_eq!(result.events[1].kind, EventKind::Delete);
        assert_eq!(result.events[1].kv.mod_revision, Number(13));
    }

    #[test]
    fn a_transaction_is_written_as_etcd_takes_it() {
        let key = || Base64(b"a".to_vec());
        let request = TxnRequest {
            compare: [Compare {
                key: key(),
                result: "EQUAL",
                target: Target::Mod { mod_revision: Number(3) },
            }],
            success: [TxnOperation::RequestPut { key: key(), value: Base64(b"b".to_vec()) }],
            failure: [TxnOperation::RequestRange { key: key() }],
        };
        assert_eq!(
            serde_json::to_string(&request).expect("JSON"),
            concat!(
                r#"{"compare":[{"key":"YQ==","result":"EQUAL","target":"MOD","#,
                r#""mod_revision":"3"}],"#,
                r#""success":[{"request_put":{"key":"YQ==","value":"Yg=="}}],"#,
                r#""failure":[{"request_range":{"key":"YQ=="}}]}"#
            )
        );
    }

    #[test]
    fn a_prefix_ends_before_the_next_one() {
        assert_eq!(end_of("/a/").0, b"/a0");
    }
}
