//! The test runner's closing lines, found again among all it prints.

#[cfg(test)]
mod tests;

/// What the runner said at its end, summed over its runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    passed: u64,
    failed: u64,
    skipped: u64,
    last: Option<String>,
}

impl Summary {
    /// Takes note of a line if it is a closing line of nextest or of libtest.
    pub(crate) fn see(&mut self, line: &str) {
        let plain = without_colours(line);
        let text = plain.trim();
        if let Some(rest) = text.strip_prefix("Summary [") {
            // Summary [  12.3s] 100 tests run: 99 passed (1 slow), 1 failed, 3 skipped
            let counts = rest.split_once("run:").map_or("", |(_, counts)| counts);
            self.add(counts.split(','));
            self.last = Some(text.to_owned());
        } else if let Some(rest) = text.strip_prefix("test result:") {
            // test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; …
            let counts = rest.split_once('.').map_or("", |(_, counts)| counts);
            self.add(counts.split(';'));
        }
    }

    /// How many tests were executed, passed or not.
    pub(crate) fn executed(&self) -> u64 {
        self.passed + self.failed
    }

    /// The lines to close a run with.
    pub(crate) fn lines(&self) -> Vec<String> {
        let plain = format!(
            "tests: {} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        );
        self.last.iter().cloned().chain([plain]).collect()
    }

    fn add<'a>(&mut self, counts: impl Iterator<Item = &'a str>) {
        for count in counts {
            let mut words = count.split_whitespace();
            let number = words.next().and_then(|word| word.parse::<u64>().ok());
            let (Some(number), Some(word)) = (number, words.next()) else {
                continue;
            };
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
