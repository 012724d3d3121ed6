//! Lists and watches as JSON, read only as far as is needed; objects stay text until each is read
//! by itself.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow, default)]
    pub(super) metadata: PageMeta<'a>,
    // A list without items may have `null` there.
    #[serde(borrow, default)]
    pub(super) items: Option<Vec<&'a RawValue>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PageMeta<'a> {
    #[serde(borrow)]
    pub(super) resource_version: Cow<'a, str>,
    #[serde(borrow, rename = "continue")]
    pub(super) more: Cow<'a, str>,
}

/// A line of a watch.
#[derive(Debug, Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) object: &'a RawValue,
}

/// What an object says of itself.
#[derive(Debug, Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow, default)]
    pub(super) metadata: HeadMeta<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct HeadMeta<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) resource_version: Cow<'a, str>,
}

/// The object of a line that tells an error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) code: u16,
    pub(super) message: String,
    pub(super) reason: String,
}

/// A value of a query, with what may not stand there escaped (RFC 3986 §2.1).
pub(super) fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_a_query_is_escaped() {
        assert_eq!(escaped("aZ9-._~"), "aZ9-._~");
        assert_eq!(escaped("a+b=/&ü"), "a%2Bb%3D%2F%26%C3%BC");
    }

    #[test]
    fn a_page_borrows_its_objects() {
        let text = r#"{"kind":"NodeList","metadata":{"resourceVersion":"7","continue":"a\"b"},
            "items":[{"metadata":{"name":"a"},"status":{}},{}]}"#;
        let page: Page<'_> = serde_json::from_str(text).expect("a page");
        assert_eq!(page.metadata.resource_version, "7");
        assert_eq!(page.metadata.more, "a\"b");
        let items = page.items.expect("items");
        assert_eq!(items[0].get(), r#"{"metadata":{"name":"a"},"status":{}}"#);
        let empty: Page<'_> = serde_json::from_str(r#"{"items":null}"#).expect("a page");
        assert!(empty.items.is_none());
    }
}
