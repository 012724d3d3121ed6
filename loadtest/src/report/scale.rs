//! Axes: from values to places, and ticks at round numbers.

use crate::outcome::Unit;
use crate::units::number;

/// Ticks of an axis at most, about.
const TICKS: f64 = 6.0;
/// A logarithmic axis spans so many powers of ten at most; what is smaller lies at its end.
const DECADES_MAX: f64 = 8.0;

/// How values are laid out along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layout {
    /// Evenly.
    Linear,
    /// By their logarithm; what is not positive lies at the lower end.
    Logarithmic,
}

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// How values are laid out.
    pub layout: Layout,
    /// The least value.
    pub low: f64,
    /// The greatest value.
    pub high: f64,
    /// Values with their labels.
    pub ticks: Vec<(f64, String)>,
    /// What it shows, with its unit.
    pub label: String,
}

impl Axis {
    /// An axis from 0 to a value or a little more, at round numbers.
    #[must_use]
    pub fn linear(label: &str, unit: Unit, most: f64) -> Self {
        let most = if most > 0.0 && most.is_finite() { most } else { 1.0 };
        let (size, name) = unit.for_reading(most);
        let step = round_step(most / TICKS / size) * size;
        let steps = (most / step - 1e-9).ceil().max(1.0);
        let ticks = (0..).map(f64::from).take_while(|n| *n <= steps);
        let ticks = ticks.map(|n| (n * step, tick(n * step / size, step / size))).collect();
        let label = labelled(label, name);
        Self { layout: Layout::Linear, low: 0.0, high: steps * step, ticks, label }
    }

    /// An axis that ends exactly at a value, as time does.
    #[must_use]
    pub fn until(label: &str, unit: Unit, end: f64) -> Self {
        let mut axis = Self::linear(label, unit, end);
        if end > 0.0 && end.is_finite() {
            axis.high = end;
            axis.ticks.retain(|(at, _)| *at <= end * 1.000_001);
        }
        axis
    }

    /// An axis for values that may span powers of ten: logarithmic where they do.
    #[must_use]
    pub fn fitting(label: &str, unit: Unit, values: impl Iterator<Item = f64>) -> Self {
        let bounds = values.filter(|value| *value > 0.0 && value.is_finite());
        let (least, most) = bounds
            .fold((f64::MAX, 0.0f64), |(least, most), value| (least.min(value), most.max(value)));
        if most <= least * 20.0 {
            return Self::linear(label, unit, most);
        }
        let high = most.log10();
        let low = least.log10().max(high - DECADES_MAX).floor();
        let (first, last) = (low, (high - 1e-9).ceil());
        let few = last - first <= 2.0;
        let factors: &[f64] = if few { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let powers = (0..).map(|n: u32| first + f64::from(n)).take_while(|power| *power <= last);
        let values = powers.flat_map(|power| factors.iter().map(move |by| by * 10f64.powf(power)));
        let end = 10f64.powf(high).max(most);
        let is_shown = |value: &f64| *value <= end * 1.000_001;
        let show = |value: f64| {
            let (size, name) = unit.for_reading(value * 1.000_001);
            let space = if name.is_empty() { "" } else { " " };
            (value, format!("{}{space}{name}", short(value / size)))
        };
        let ticks = values.filter(is_shown).map(show).collect();
        Self {
            layout: Layout::Logarithmic,
            low: 10f64.powf(low),
            high: end,
            ticks,
            label: label.to_owned(),
        }
    }

    /// Where a value lies, from 0 to 1; outside lies at the ends.
    #[must_use]
    pub fn place(&self, value: f64) -> f64 {
        let share = match self.layout {
            Layout::Linear => (value - self.low) / (self.high - self.low),
            Layout::Logarithmic if value <= 0.0 => 0.0,
            Layout::Logarithmic => {
                let (low, high) = (self.low.ln(), self.high.ln());
                (value.ln() - low) / (high - low)
            }
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }
}

fn labelled(label: &str, unit: &str) -> String {
    if unit.is_empty() { label.to_owned() } else { format!("{label}, {unit}") }
}

/// The next of 1, 2, 5, 10, … from a number upward.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|by| by * power >= least * 0.999_999);
    factor.unwrap_or(10.0) * power
}

/// A tick's number with the digits that its step needs.
fn tick(value: f64, step: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 15 by the clamp"
    )]
    let digits = (-(step * 1.000_001).log10().floor()).clamp(0.0, 15.0) as usize;
    format!("{value:.digits$}")
}

/// A round number without needless digits.
fn short(value: f64) -> String {
    let rounded = value.round();
    if (value - rounded).abs() < 1e-6 * value.abs() { number(rounded) } else { number(value) }
}

#[cfg(test)]
mod tests {
    use super::{Axis, Layout};
    use crate::outcome::Unit;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn linear_axes_have_round_ticks() {
        let axis = Axis::linear("time", Unit::Seconds, 0.19);
        assert_eq!(labels(&axis), ["0", "50", "100", "150", "200"]);
        assert_eq!(axis.label, "time, ms");
        assert!((axis.high - 0.2).abs() < 1e-9 && (axis.place(0.1) - 0.5).abs() < 1e-9);
        assert_eq!(
            labels(&Axis::linear("", Unit::Ratio, 1.0)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(Axis::linear("", Unit::Octets, 64e6).label, ", MB");
        let end = Axis::until("time", Unit::Seconds, 7.3);
        assert_eq!((labels(&end).last().copied(), end.place(7.3)), (Some("6"), 1.0));
    }

    #[test]
    fn wide_values_get_a_logarithmic_axis() {
        let axis = Axis::fitting("latency", Unit::Seconds, [0.000_3, 0.02, 1.1].into_iter());
        assert_eq!(axis.layout, Layout::Logarithmic);
        assert_eq!(labels(&axis), ["100 µs", "1 ms", "10 ms", "100 ms", "1 s"]);
        assert_eq!((axis.place(1.1), axis.place(0.0), axis.place(1e-9)), (1.0, 0.0, 0.0));
        let near = Axis::fitting("latency", Unit::Seconds, [0.002, 0.05].into_iter());
        assert_eq!(labels(&near), ["1 ms", "2 ms", "5 ms", "10 ms", "20 ms", "50 ms"]);
        let narrow = Axis::fitting("latency", Unit::Seconds, [0.002, 0.003].into_iter());
        assert_eq!(narrow.layout, Layout::Linear);
    }

    #[test]
    fn nothing_and_nonsense_have_an_axis_too() {
        for most in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            for axis in [Axis::linear("", Unit::Count, most), Axis::until("", Unit::Count, most)] {
                assert!(axis.high > axis.low && axis.ticks.len() > 1, "{most}: {axis:?}");
            }
        }
        let empty = Axis::fitting("", Unit::Seconds, std::iter::empty());
        assert!(empty.high > 0.0 && empty.place(f64::NAN) == 0.0);
        let wide = Axis::fitting("", Unit::Seconds, [1e-300, 1.0].into_iter());
        assert!(wide.ticks.len() < 12);
    }
}
