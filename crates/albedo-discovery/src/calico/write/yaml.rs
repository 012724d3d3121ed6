//! YAML for people: block style, and quotes wherever a reader of YAML 1.1 or 1.2 could take a
//! text for something else.

use std::net::Ipv4Addr;

use serde_json::Value as Json;

/// A document, with an end of line behind it. Nothing marks its start.
///
/// A text stands without quotes only if it begins with a letter or `/`, has nothing but letters,
/// digits, `.`, `_`, `-` and `/` in it and is no word of YAML 1.1 such as `yes`; or if it is an
/// IPv4 address, perhaps with a length. So a selector always has quotes: `"!has(x)"` without them
/// would be a tag, and the field empty.
#[must_use]
pub fn yaml(value: &Json) -> String {
    let mut out = String::new();
    match value {
        Json::Object(fields) if !fields.is_empty() => mapping(fields, 0, &mut out),
        Json::Array(items) if !items.is_empty() => list(items, 0, &mut out),
        other => {
            scalar(other, &mut out);
            out.push('\n');
        }
    }
    out
}

/// Fields, the first of which continues a line.
fn mapping(fields: &serde_json::Map<String, Json>, depth: usize, out: &mut String) {
    for (index, (key, value)) in fields.iter().enumerate() {
        if index > 0 {
            indent(depth, out);
        }
        text(key, out);
        out.push(':');
        match value {
            Json::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                indent(depth + 1, out);
                mapping(inner, depth + 1, out);
            }
            Json::Array(items) if !items.is_empty() => {
                out.push('\n');
                indent(depth, out);
                list(items, depth, out);
            }
            other => {
                out.push(' ');
                scalar(other, out);
                out.push('\n');
            }
        }
    }
}

/// Items, the first of which continues a line.
fn list(items: &[Json], depth: usize, out: &mut String) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            indent(depth, out);
        }
        out.push_str("- ");
        match item {
            Json::Object(fields) if !fields.is_empty() => mapping(fields, depth + 1, out),
            Json::Array(inner) if !inner.is_empty() => list(inner, depth + 1, out),
            other => {
                scalar(other, out);
                out.push('\n');
            }
        }
    }
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn scalar(value: &Json, out: &mut String) {
    match value {
        Json::String(value) => text(value, out),
        Json::Object(_) => out.push_str("{}"),
        Json::Array(_) => out.push_str("[]"),
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(value) => out.push_str(&value.to_string()),
    }
}

fn text(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            // Printable, and no end of line to any reader.
            '\u{a0}'..='\u{d7ff}' if !matches!(c, '\u{2028}' | '\u{2029}') => out.push(c),
            _ if u32::from(c) <= 0xffff => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
}

/// Words that are no text to some reader, in lower case.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

fn is_plain(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    let first = text.bytes().next();
    if first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'/') && text.bytes().all(known) {
        return WORDS.iter().all(|word| !text.eq_ignore_ascii_case(word));
    }
    let (address, length) = text.split_once('/').unwrap_or((text, "0"));
    // Three points are no number.
    address.parse::<Ipv4Addr>().is_ok()
        && length.len() <= 2
        && !length.is_empty()
        && length.bytes().all(|b| b.is_ascii_digit())
}
