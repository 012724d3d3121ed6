//! The least, the median and the most of a figure over repetitions.

use serde::Serialize;

/// How a figure is spread over repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The least.
    pub low: f64,
    /// The median; of an even number the mean of the two in the middle.
    pub median: f64,
    /// The most.
    pub high: f64,
    /// Repetitions that have the figure.
    pub count: usize,
}

impl Spread {
    /// The spread of some values; `None` where there are none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (&low, &high) = (values.first()?, values.last()?);
        let count = values.len();
        let median = f64::midpoint(values[(count - 1) / 2], values[count / 2]);
        Some(Self { low, median, high, count })
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_median_lies_in_the_middle() {
        let of = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[3.0]), Some(Spread { low: 3.0, median: 3.0, high: 3.0, count: 1 }));
        let three = of(&[9.0, 1.0, 2.0]).expect("values");
        assert_eq!((three.low, three.median, three.high), (1.0, 2.0, 9.0));
        assert_eq!(of(&[4.0, 1.0, 2.0, 8.0]).map(|spread| spread.median), Some(3.0));
    }
}
