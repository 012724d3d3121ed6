//! What YAML 1.1 makes of plain words and numbers where a text is wanted.
//!
//! `calicoctl` reads YAML 1.1 and turns what it has read back into text: `yes` becomes `"true"`,
//! `010` becomes `"8"`, `1.10` becomes `"1.1"`. A cluster is labelled that way, and selectors
//! expect it, so files are read the same; whoever wrote them is told.

use albedo_yaml::node::Scalar;

const TRUE: &[&str] = &["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"];
const FALSE: &[&str] =
    &["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"];

/// The boolean that a plain word is.
pub(super) fn boolean(scalar: &Scalar) -> Option<bool> {
    let text = &*scalar.text;
    match scalar.plain {
        true if TRUE.contains(&text) => Some(true),
        true if FALSE.contains(&text) => Some(false),
        _ => None,
    }
}

/// The text that a value becomes.
pub(super) fn text(scalar: &Scalar) -> String {
    if !scalar.plain {
        return scalar.text.clone();
    }
    if scalar.is_null() {
        return String::new();
    }
    if let Some(value) = boolean(scalar) {
        return value.to_string();
    }
    number(&scalar.text).unwrap_or_else(|| scalar.text.clone())
}

/// A number in the form in which it is written back.
fn number(text: &str) -> Option<String> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    // A second sign is no digit, whatever the standard library thinks.
    let radix = |digits: &str, radix| match digits.as_bytes() {
        [b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z', ..] => u64::from_str_radix(digits, radix).ok(),
        _ => None,
    };
    let integer = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => radix(&digits[2..], 16),
        [b'0', b'b' | b'B', ..] => radix(&digits[2..], 2),
        [b'0', b'o' | b'O', ..] => radix(&digits[2..], 8),
        [b'0', b'0'..=b'9', ..] => radix(&digits[1..], 8),
        _ => radix(digits, 10),
    };
    let sign = if negative { "-" } else { "" };
    match integer {
        Some(0) => Some("0".to_owned()),
        Some(value) => Some(format!("{sign}{value}")),
        None if is_float(digits) => {
            let value: f64 = digits.parse().ok()?;
            value.is_finite().then(|| format!("{sign}{}", general(value)))
        }
        None => None,
    }
}

/// `[.0-9]+` with digits, at most one point and perhaps an exponent.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "1"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(part)
        && !(whole.is_empty() && part.is_empty())
        && digits(exponent)
        && !exponent.is_empty()
}

/// The shortest form that reads back the same, with an exponent below 1e-4 and from 1e6 on.
fn general(value: f64) -> String {
    let exponential = format!("{value:e}");
    let Some((mantissa, exponent)) = exponential.split_once('e') else { return exponential };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value == 0.0 || (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests;
