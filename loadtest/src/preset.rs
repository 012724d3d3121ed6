//! Sizes that scenarios come in: what is played where the command line names no number.

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

/// A number for each size, from small to large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset(pub [u32; 3]);

impl Preset {
    /// The number: the explicit one, or the size's.
    #[must_use]
    pub fn pick(self, explicit: Option<u32>, size: Size) -> u32 {
        let [small, medium, large] = self.0;
        explicit.unwrap_or(match size {
            Size::Small => small,
            Size::Medium => medium,
            Size::Large => large,
        })
    }

    /// What a number is and its presets, for `--help`.
    #[must_use]
    pub fn help(self, what: &str) -> String {
        let [small, medium, large] = self.0;
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
    }
}
