//! Sizes that scenarios come in: what is played where the command line names no number.

use std::fmt::Display;

use clap::ValueEnum;

/// A size. What it means, each scenario says of its numbers; explicit ones win.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Size {
    /// Done in a moment, to see that everything works.
    Small,
    /// A large production cluster, or a large part of the Internet's table.
    #[default]
    Medium,
    /// What the largest users have, and more.
    Large,
}

/// A number, or a time, for each size, from small to large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset<T = u32>(pub [T; 3]);

impl<T: Copy> Preset<T> {
    /// The number: the explicit one, or the size's.
    #[must_use]
    pub fn pick(self, explicit: Option<T>, size: Size) -> T {
        let [small, medium, large] = self.0;
        explicit.unwrap_or(match size {
            Size::Small => small,
            Size::Medium => medium,
            Size::Large => large,
        })
    }
}

impl<T: Display> Preset<T> {
    /// What a number is and its presets, for `--help`.
    #[must_use]
    pub fn help(self, what: &str) -> String {
        let [small, medium, large] = self.0.map(|number| number.to_string());
        if small == medium && medium == large {
            format!("{what} [default: {small}]")
        } else {
            format!("{what} [by --size: {small}, {medium} or {large}]")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Preset, Size};

    #[test]
    fn explicit_numbers_win() {
        let preset = Preset([1, 20, 300]);
        assert_eq!(preset.pick(None, Size::Small), 1);
        assert_eq!(preset.pick(None, Size::default()), 20);
        assert_eq!(preset.pick(None, Size::Large), 300);
        assert_eq!(preset.pick(Some(7), Size::Large), 7);
        assert_eq!(preset.help("Nodes"), "Nodes [by --size: 1, 20 or 300]");
        assert_eq!(Preset([4; 3]).help("Blocks"), "Blocks [default: 4]");
        let share = Preset([0.5, 1.0, 1.5]);
        assert_eq!(share.help("Share"), "Share [by --size: 0.5, 1 or 1.5]");
    }
}
