//! How far a run is: a bar on a terminal, a line a second elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::fleet::Fleet;

/// How often the bar is drawn.
const BAR_EVERY: Duration = Duration::from_millis(100);
/// How often a line is written.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Where progress is shown.
enum Output {
    None,
    Bar(ProgressBar),
    Lines,
}

/// Shows how far a run is.
pub struct Progress {
    output: Output,
    next: Instant,
}

impl Progress {
    /// Shows it on standard error, in the way that suits it.
    #[must_use]
    pub fn new(is_wanted: bool) -> Self {
        let output = if !is_wanted {
            Output::None
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{elapsed:>4} {wide_bar} {percent:>3}% {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            Output::Bar(bar)
        } else {
            Output::Lines
        };
        let every = if matches!(output, Output::Lines) { LINE_EVERY } else { BAR_EVERY };
        Self { output, next: Instant::now() + every }
    }

    /// Sessions that are up.
    pub fn sessions(&mut self, up: usize, all: usize) {
        self.show(0, || format!("{up} of {all} sessions up"));
    }

    /// Tables that are exact, and how many routes are where they belong.
    pub fn tables(&mut self, fleet: &Fleet, expected: u64) {
        let right = expected.saturating_sub(fleet.wrong());
        let percent = (100 * right).checked_div(expected).unwrap_or(100);
        self.show(percent, || {
            let (up, nodes) = (fleet.established(), fleet.nodes());
            let (exact, checked) = (fleet.exact(), fleet.checked());
            format!("{up}/{nodes} sessions up, {exact}/{checked} tables exact")
        });
    }

    fn show(&mut self, percent: u64, words: impl FnOnce() -> String) {
        if matches!(self.output, Output::None) {
            return;
        }
        let now = Instant::now();
        if now < self.next {
            return;
        }
        match &self.output {
            Output::None => {}
            Output::Bar(bar) => {
                self.next = now + BAR_EVERY;
                bar.set_position(percent);
                bar.set_message(words());
            }
            Output::Lines => {
                self.next = now + LINE_EVERY;
                // Progress that nobody reads is no reason to stop.
                let _ = writeln!(std::io::stderr(), "{percent}% of routes right, {}", words());
            }
        }
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        if let Output::Bar(bar) = &self.output {
            bar.finish_and_clear();
        }
    }
}
