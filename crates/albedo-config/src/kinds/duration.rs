//! Durations as Go writes them and Calico takes them: `90s`, `1m30s`, `10ms`, `1h`.

use std::time::Duration;

use crate::node::Scalar;

const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Numbers each with its unit, largest first or not; zero needs none.
///
/// # Errors
///
/// What was probably meant: a number alone gets the unit of seconds suggested.
pub(crate) fn duration(scalar: &Scalar) -> Result<Duration, Option<String>> {
    let text = &*scalar.text;
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.parse::<u64>().is_ok() {
        return Err(Some(format!("a unit is missing: {text}s, {text}ms, {text}m or {text}h")));
    }
    let mut rest = text;
    let mut millis: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(None)?;
        let (number, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let number: u64 = number.parse().map_err(|_| None)?;
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(Some("units are ms, s, m and h".to_owned()));
        };
        millis = number.checked_mul(*scale).and_then(|n| n.checked_add(millis)).ok_or(None)?;
        rest = tail;
    }
    if text.is_empty() { Err(None) } else { Ok(Duration::from_millis(millis)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<u128, Option<String>> {
        duration(&Scalar { text: text.to_owned(), plain: true }).map(|time| time.as_millis())
    }

    #[test]
    fn reads_what_go_writes() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("90s", 90_000),
            ("2m0s", 120_000),
            ("1m30s", 90_000),
            ("10ms", 10),
            ("1h", 3_600_000),
            ("18446744073709551ms", 18_446_744_073_709_551),
        ] {
            assert_eq!(read(text), Ok(millis), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in ["", "s", "-1s", "1.5s", "1 s", "99999999999999999999s", "9999999999999999h"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read("90"), Err(Some("a unit is missing: 90s, 90ms, 90m or 90h".to_owned())));
        assert_eq!(read("5min"), Err(Some("units are ms, s, m and h".to_owned())));
    }
}
