//! How numbers are written for people.

/// A time as kubectl writes ages: `42s`, `5m12s`, `3h7m`, `2d4h`.
pub(crate) fn age(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole seconds")]
    let seconds = seconds.max(0.0) as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let two = |large: u64, unit: &str, small: u64, smaller: &str| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{small}{smaller}"),
    };
    match seconds {
        0..=119 => format!("{seconds}s"),
        120..=7199 => two(minutes, "m", seconds % 60, "s"),
        7200..=172_799 => two(hours, "h", minutes % 60, "m"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

/// Octets, with the unit that leaves at most four digits.
pub(crate) fn bytes(octets: u64) -> String {
    let (mut value, mut unit) = (octets, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 10_000 {
            break;
        }
        (value, unit) = (value >> 10, larger);
    }
    format!("{value} {unit}")
}

/// A short time in seconds, with the unit that suits it.
pub(crate) fn brief(seconds: f64) -> String {
    match seconds {
        s if s.is_infinite() => "beyond the last bound".to_owned(),
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s => format!("{s:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        let cases = [
            (0.9, "0s"),
            (119.9, "119s"),
            (120.0, "2m"),
            (312.0, "5m12s"),
            (11_220.0, "3h7m"),
            (187_200.0, "2d4h"),
            (-1.0, "0s"),
        ];
        for (seconds, text) in cases {
            assert_eq!(age(seconds), text);
        }
    }

    #[test]
    fn octets_and_short_times() {
        assert_eq!(bytes(9_999), "9999 B");
        assert_eq!(bytes(10_240), "10 KiB");
        assert_eq!(bytes(64 << 20), "64 MiB");
        assert_eq!(bytes(u64::MAX), "16777215 TiB");
        assert_eq!(brief(0.000_25), "250 µs");
        assert_eq!(brief(0.025), "25 ms");
        assert_eq!(brief(2.5), "2.5 s");
        assert_eq!(brief(f64::INFINITY), "beyond the last bound");
    }
}
