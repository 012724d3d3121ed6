//! Times as BIRD writes them, in UTC: the program knows no other zone.

const DAY: u64 = 24 * 60 * 60;

/// For how long BIRD tells the time of day alone, in seconds.
const SHORT: u64 = 20 * 60 * 60;

/// `2026-02-03 04:05:06`.
pub(crate) fn long(seconds: u64) -> String {
    format!("{} {}", date(seconds), clock(seconds))
}

/// The time of day of what is not long ago, and the date of anything else: one word.
pub(crate) fn short(seconds: u64, now: u64) -> String {
    if now.saturating_sub(seconds) < SHORT { clock(seconds) } else { date(seconds) }
}

fn clock(seconds: u64) -> String {
    let of_day = seconds % DAY;
    format!("{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// The Gregorian date. Years are taken to begin in March, so that the leap day is the last one.
fn date(seconds: u64) -> String {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    // From the first of March of the year 0 to the epoch.
    let days = seconds / DAY + 719_468;
    let (era, of_era) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = 400 * era + year + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (951_868_800, "2000-03-01 00:00:00"),
            (1_709_164_800, "2024-02-29 00:00:00"),
            (1_798_761_599, "2026-12-31 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(long(seconds), text);
        }
    }

    #[test]
    fn what_is_long_ago_has_a_date_and_no_time() {
        let now = 1_700_000_000;
        assert_eq!(short(now, now), "22:13:20");
        assert_eq!(short(now - SHORT + 1, now), "02:13:21");
        assert_eq!(short(now - SHORT, now), "2023-11-14");
        assert_eq!(short(now + 5, now), "22:13:25", "clocks may be set back");
    }
}
