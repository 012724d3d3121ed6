//! The test runner's closing lines, found again among all it prints.

#[cfg(test)]
mod tests;

/// What the runner said at its end.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// The closing line of nextest and what it counts.
    nextest: Option<(String, Counts)>,
    /// The sum of libtest's closing lines. Where nextest runs the tests these are of single
    /// processes, shown because they failed, and count nothing.
    libtest: Counts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Summary {
    /// Takes note of a line if it is a closing line of nextest or of libtest.
    pub(crate) fn see(&mut self, line: &str) {
        let plain = without_colours(line);
        let text = plain.trim();
        if let Some(rest) = text.strip_prefix("Summary [") {
            // Summary [  12.3s] 100 tests run: 99 passed (1 slow), 1 failed, 3 skipped
            let mut counts = Counts::default();
            counts.add(rest.split_once("run:").map_or("", |(_, counts)| counts).split(','));
            self.nextest = Some((text.to_owned(), counts));
        } else if let Some(rest) = text.strip_prefix("test result:") {
            // test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; …
            self.libtest.add(rest.split_once('.').map_or("", |(_, counts)| counts).split(';'));
        }
    }

    /// How many tests were executed, passed or not.
    pub(crate) fn executed(&self) -> u64 {
        let counts = self.counts();
        counts.passed + counts.failed
    }

    /// The lines to close a run with.
    pub(crate) fn lines(&self) -> Vec<String> {
        let Counts { passed, failed, skipped } = self.counts();
        let plain = format!("tests: {passed} passed, {failed} failed, {skipped} skipped");
        self.nextest.iter().map(|(line, _)| line.clone()).chain([plain]).collect()
    }

    fn counts(&self) -> Counts {
        self.nextest.as_ref().map_or(self.libtest, |(_, counts)| *counts)
    }
}

impl Counts {
    fn add<'a>(&mut self, counts: impl Iterator<Item = &'a str>) {
        for count in counts {
            let mut words = count.split_whitespace();
            let number = words.next().and_then(|word| word.parse::<u64>().ok());
            let (Some(number), Some(word)) = (number, words.next()) else { continue };
            match word {
                "passed" => self.passed += number,
                // nextest counts a test that ran into its time limit apart from the failed ones.
                "failed" | "timed" | "exec" => self.failed += number,
                "skipped" | "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

/// The line without its terminal colour sequences (`ESC [ … letter`).
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            for c in chars.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(c);
        }
    }
    plain
}
