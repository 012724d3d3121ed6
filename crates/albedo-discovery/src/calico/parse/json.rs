//! JSON of a datastore as the tree that files have, without places.

use albedo_yaml::diagnostic::Place;
use albedo_yaml::node::{Entry, Node, Scalar, Value};
use serde_json::Value as Json;

/// The tree of a value.
pub(super) fn tree(json: &Json) -> Node {
    let scalar = |text: String, plain| Value::Scalar(Scalar { text, plain });
    let value = match json {
        Json::Null => scalar(String::new(), true),
        Json::Bool(value) => scalar(value.to_string(), true),
        Json::Number(value) => scalar(value.to_string(), true),
        Json::String(value) => scalar(value.clone(), false),
        Json::Array(items) => Value::List(items.iter().map(tree).collect()),
        Json::Object(fields) => {
            Value::Map(fields.iter().map(|(key, value)| entry(key, tree(value))).collect())
        }
    };
    node(value)
}

/// The parts of an object that are named, two levels deep; the rest, which may be much, is not
/// looked at.
pub(super) fn parts(json: &Json, wanted: &[(&str, &[&str])]) -> Node {
    let part = |(outer, inner): &(&str, &[&str])| {
        let fields = json.get(outer)?;
        let fields = inner.iter().filter_map(|key| Some(entry(key, tree(fields.get(key)?))));
        Some(entry(outer, node(Value::Map(fields.collect()))))
    };
    node(Value::Map(wanted.iter().filter_map(part).collect()))
}

fn node(value: Value) -> Node {
    Node { place: Place::default(), value }
}

fn entry(key: &str, value: Node) -> Entry {
    Entry { key: key.to_owned(), place: Place::default(), value }
}
