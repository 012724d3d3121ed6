//! How things stood while a run went on, sampled at intervals that grow with its length.

use std::time::{Duration, Instant};

use crate::fleet::Fleet;
use crate::outcome::Sample;
use crate::process::{Usage, usage};

/// Samples kept; when there are more, every other one goes and the interval doubles.
pub const SAMPLES_MAX: usize = 2000;
/// The first interval between samples.
const EVERY: Duration = Duration::from_millis(5);
/// The least time between two looks at the target's process, each of which costs system calls.
const PROCESS_EVERY: Duration = Duration::from_millis(100);

/// The samples of a run under way.
#[derive(Debug)]
pub struct Timeline {
    pids: Vec<u32>,
    begin: Instant,
    next: Instant,
    every: Duration,
    next_process: Instant,
    first: Option<Usage>,
    samples: Vec<Sample>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self::new(Vec::new(), Instant::now())
    }
}

impl Timeline {
    /// An empty one; times count from `begin`.
    #[must_use]
    pub fn new(pids: Vec<u32>, begin: Instant) -> Self {
        let first = used(&pids);
        Self {
            pids,
            begin,
            next: begin,
            every: EVERY,
            next_process: begin,
            first,
            samples: Vec::new(),
        }
    }

    /// Takes a sample where one is due.
    pub fn look(&mut self, fleet: &Fleet) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + self.every;
            self.take(fleet, now);
        }
    }

    /// The samples, with a last one of now.
    #[must_use]
    pub fn close(mut self, fleet: &Fleet) -> Vec<Sample> {
        self.next_process = self.begin;
        self.take(fleet, Instant::now());
        self.samples
    }

    fn take(&mut self, fleet: &Fleet, now: Instant) {
        let mut sample = Sample {
            at: now.saturating_duration_since(self.begin).as_secs_f64(),
            established: fleet.established(),
            exact: fleet.exact(),
            checked: fleet.checked(),
            wrong: fleet.wrong(),
            ..Sample::default()
        };
        if now >= self.next_process {
            self.next_process = now + PROCESS_EVERY.max(self.every);
            if let (Some(first), Some(now)) = (self.first, used(&self.pids)) {
                sample.target_cpu_seconds = Some(now.cpu.saturating_sub(first.cpu).as_secs_f64());
                sample.target_resident = Some(now.resident);
            }
        }
        self.push(sample);
    }

    fn push(&mut self, sample: Sample) {
        if self.samples.len() == SAMPLES_MAX {
            let mut n = 0;
            self.samples.retain(|sample| {
                n += 1;
                // What was seen of the process is rare: such samples stay longer.
                n % 2 == 1 || (sample.target_resident.is_some() && n % 4 == 2)
            });
            self.every *= 2;
        }
        self.samples.push(sample);
    }
}

/// What the target's processes have used together; `None` where there are none, or one is gone.
fn used(pids: &[u32]) -> Option<Usage> {
    let mut total = None;
    for &pid in pids {
        let one = usage(pid).ok()?;
        let sum: &mut Usage = total.get_or_insert_default();
        sum.cpu += one.cpu;
        sum.resident += one.resident;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::{EVERY, SAMPLES_MAX, Timeline};
    use crate::outcome::Sample;

    #[test]
    fn a_long_run_keeps_a_bounded_number_of_samples_in_order() {
        let mut timeline = Timeline::default();
        for n in 0..SAMPLES_MAX * 20 {
            timeline.push(Sample { at: n as f64, ..Sample::default() });
            assert!(timeline.samples.len() <= SAMPLES_MAX);
        }
        assert!(timeline.every > EVERY * 8);
        assert!(timeline.samples.is_sorted_by(|a, b| a.at < b.at));
        assert!(timeline.samples.len() > SAMPLES_MAX / 4 && timeline.samples[0].at == 0.0);
    }
}
