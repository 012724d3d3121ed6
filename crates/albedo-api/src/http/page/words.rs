//! How texts and numbers stand on the page.

use std::fmt::{self, Write as _};

/// A text that cannot break out of the page: names and reasons come from peers.
pub(super) struct Escaped<'t>(pub(super) &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Seconds as people say them.
pub(super) struct Seconds(pub(super) f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        match seconds {
            s if s < 0.001 => write!(f, "{:.0} µs", s * 1e6),
            s if s < 1.0 => write!(f, "{:.0} ms", s * 1e3),
            s if s < 120.0 => write!(f, "{s:.1} s"),
            s if s < 7_200.0 => write!(f, "{:.0} min", s / 60.0),
            s if s < 172_800.0 => write!(f, "{:.1} h", s / 3_600.0),
            s => write!(f, "{:.1} d", s / 86_400.0),
        }
    }
}

/// Bytes as people say them.
pub(super) struct Bytes(pub(super) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n < 1 << 10 => write!(f, "{n} B"),
            n if n < 1 << 20 => write!(f, "{:.1} KiB", n as f64 / 1024.0),
            n => write!(f, "{:.1} MiB", n as f64 / 1_048_576.0),
        }
    }
}

/// Seconds that may not be known, of a bound of a bucket.
pub(super) struct AtMost(pub(super) Option<f64>);

impl fmt::Display for AtMost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("–"),
            Some(seconds) if seconds.is_infinite() => f.write_str("over the last bucket"),
            Some(seconds) => write!(f, "≤ {}", Seconds(seconds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_change_with_the_size() {
        for (seconds, text) in [
            (0.000_25, "250 µs"),
            (0.25, "250 ms"),
            (90.0, "90.0 s"),
            (600.0, "10 min"),
            (7_200.0, "2.0 h"),
            (864_000.0, "10.0 d"),
        ] {
            assert_eq!(Seconds(seconds).to_string(), text);
        }
        assert_eq!(Bytes(512).to_string(), "512 B");
        assert_eq!(Bytes(1536).to_string(), "1.5 KiB");
        assert_eq!(Bytes(3 << 20).to_string(), "3.0 MiB");
        assert_eq!(AtMost(None).to_string(), "–");
        assert_eq!(AtMost(Some(0.25)).to_string(), "≤ 250 ms");
    }
}
