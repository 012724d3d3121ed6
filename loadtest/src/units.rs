//! Units of figures: read from what a person wrote, and shown to one.

use std::fmt;
use std::str::FromStr;

use crate::outcome::{Figure, Unit};
use crate::stats::Spread;

/// Units that may be written behind a number, with what they count and their size in base units.
const WRITTEN: [(&str, Unit, f64); 13] = [
    ("ns", Unit::Seconds, 1e-9),
    ("us", Unit::Seconds, 1e-6),
    ("µs", Unit::Seconds, 1e-6),
    ("ms", Unit::Seconds, 1e-3),
    ("s", Unit::Seconds, 1.0),
    ("B", Unit::Octets, 1.0),
    ("kB", Unit::Octets, 1e3),
    ("MB", Unit::Octets, 1e6),
    ("GB", Unit::Octets, 1e9),
    ("KiB", Unit::Octets, 1024.0),
    ("MiB", Unit::Octets, 1_048_576.0),
    ("GiB", Unit::Octets, 1_073_741_824.0),
    ("%", Unit::Ratio, 0.01),
];

/// A number as a person wrote it, in base units; without a unit it fits every figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Written {
    /// The number.
    pub value: f64,
    /// What it counts, where a unit was written.
    pub unit: Option<Unit>,
}

impl FromStr for Written {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        // The unit begins behind the last digit; an exponent's `e` stands before one.
        let split = text.rfind(|c: char| c.is_ascii_digit() || c == '.').map_or(0, |at| at + 1);
        let (number, unit) = (text[..split].trim(), text[split..].trim());
        let value: Option<f64> = number.parse().ok().filter(|value: &f64| value.is_finite());
        let value = value.ok_or_else(|| format!("`{text}`: expected a number, such as 50ms"))?;
        if unit.is_empty() {
            return Ok(Self { value, unit: None });
        }
        let Some((_, counts, size)) = WRITTEN.iter().find(|(name, ..)| *name == unit) else {
            let known: Vec<&str> = WRITTEN.iter().map(|(name, ..)| *name).collect();
            return Err(format!("unknown unit `{unit}`: expected none or {}", known.join(", ")));
        };
        Ok(Self { value: value * size, unit: Some(*counts) })
    }
}

impl Unit {
    /// What it is called where a figure's unit has to be told.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Seconds => "a time",
            Self::Octets => "a size",
            Self::Count => "a count",
            Self::Ratio => "a share or multiple",
        }
    }

    /// The size and the name of the unit in which numbers up to `most` are easily read.
    #[must_use]
    pub fn for_reading(self, most: f64) -> (f64, &'static str) {
        let most = most.abs();
        let steps: &[(f64, &str)] = match self {
            Self::Seconds => &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")],
            Self::Octets => &[(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")],
            Self::Count | Self::Ratio => &[(1.0, "")],
        };
        let fitting = steps.iter().find(|(size, _)| most >= *size);
        let zero = if self == Self::Seconds { steps.first() } else { steps.last() };
        let found = if most == 0.0 { zero } else { fitting.or_else(|| steps.last()) };
        found.copied().unwrap_or((1.0, ""))
    }
}

/// A number with as many digits as help.
#[must_use]
pub fn number(value: f64) -> String {
    let size = value.abs();
    // Changing the unit leaves a trace of rounding.
    if (value - value.round()).abs() <= 1e-9 * size || size >= 1000.0 {
        format!("{value:.0}")
    } else if size >= 100.0 {
        format!("{value:.1}")
    } else if size >= 10.0 {
        format!("{value:.2}")
    } else if size >= 0.001 {
        format!("{value:.3}")
    } else {
        format!("{value:.2e}")
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, name) = self.unit.for_reading(self.value);
        let space = if name.is_empty() { "" } else { " " };
        write!(f, "{}{space}{name}", number(self.value / size))
    }
}

/// A spread in words: the median, and where values differ the least and the most.
#[must_use]
pub fn spread(spread: Spread, unit: Unit) -> String {
    let show = |value| Figure { value, unit }.to_string();
    let median = show(spread.median);
    if spread.low < spread.high {
        format!("{median} ({} to {})", show(spread.low), show(spread.high))
    } else {
        median
    }
}

#[cfg(test)]
mod tests {
    use super::Written;
    use crate::outcome::{Figure, Unit};

    #[test]
    fn numbers_have_units() {
        let read = |text: &str| text.parse::<Written>().map(|got| (got.value, got.unit));
        assert_eq!(read("50ms"), Ok((0.05, Some(Unit::Seconds))));
        assert_eq!(read(" 1.5 GiB "), Ok((1.5 * 1_073_741_824.0, Some(Unit::Octets))));
        assert_eq!(read("2kB"), Ok((2000.0, Some(Unit::Octets))));
        assert_eq!(read("5%"), Ok((0.05, Some(Unit::Ratio))));
        assert_eq!(read("1e3"), Ok((1000.0, None)));
        assert_eq!(read("-3 us"), Ok((-3e-6, Some(Unit::Seconds))));
        for wrong in ["", "ms", "1 KB", "5 m", "1..2s", "inf", "1 2s", "s5"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read("1 KB").unwrap_err().contains("KiB"));
    }

    #[test]
    fn figures_are_shown_in_the_unit_that_suits_them() {
        let shown = [
            (Figure::seconds(1.25), "1.250 s"),
            (Figure::seconds(0.0123), "12.30 ms"),
            (Figure::seconds(0.000_004), "4 µs"),
            (Figure::seconds(0.7), "700 ms"),
            (Figure::seconds(0.0), "0 s"),
            (Figure::octets(0), "0 B"),
            (Figure::octets(1_950_000_000), "1.950 GB"),
            (Figure::count(123_456), "123456"),
            (Figure::ratio(1.0 / 3.0), "0.333"),
        ];
        for (figure, text) in shown {
            assert_eq!(figure.to_string(), text);
        }
    }
}
