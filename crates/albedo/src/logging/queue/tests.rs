use std::sync::{Condvar, Mutex};

use super::*;

/// A reader that stands still until it is let go.
#[derive(Clone, Default)]
struct Pipe(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    open: bool,
    blocked: bool,
    seen: Vec<u8>,
}

impl Pipe {
    fn open(&self) {
        self.0.0.lock().unwrap().open = true;
        self.0.1.notify_all();
    }

    fn wait_blocked(&self) {
        let state = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(state, |state| !state.blocked).unwrap());
    }

    fn lines(&self) -> Vec<String> {
        let seen = self.0.0.lock().unwrap().seen.clone();
        String::from_utf8(seen).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Write for Pipe {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut state = self.0.0.lock().unwrap();
        state.blocked = true;
        self.0.1.notify_all();
        state = self.0.1.wait_while(state, |state| !state.open).unwrap();
        state.seen.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_stands_still_costs_lines_and_no_time() {
    let pipe = Pipe::default();
    let (mut queue, rest) = start(pipe.clone(), LogFormat::Text).unwrap();
    queue.write_all(b"first\n").unwrap();
    pipe.wait_blocked();
    // The first is in the thread's hands; as many as fit, and three more.
    for n in 0..LOG_LINES_MAX + 3 {
        queue.write_all(format!("line {n}\n").as_bytes()).unwrap();
    }
    pipe.open();
    drop(rest);
    let lines = pipe.lines();
    assert_eq!(lines.len(), LOG_LINES_MAX + 2);
    assert_eq!(lines[0], "first");
    assert!(lines[1].starts_with("WARN lines of the log were lost"), "{}", lines[1]);
    assert!(lines[1].ends_with("lost=3"), "{}", lines[1]);
    assert_eq!(lines.last().unwrap(), &format!("line {}", LOG_LINES_MAX - 1));
}

#[test]
fn what_is_told_of_lost_lines_is_json_where_the_log_is() {
    let line: serde_json::Value =
        serde_json::from_str(lost_line(7, LogFormat::Json).trim_end()).unwrap();
    assert_eq!((&line["level"], &line["lost"]), (&"WARN".into(), &7.into()));
}

#[test]
fn the_end_waits_for_what_is_on_its_way() {
    let pipe = Pipe::default();
    pipe.open();
    let (mut queue, rest) = start(pipe.clone(), LogFormat::Json).unwrap();
    for n in 0..100 {
        queue.write_all(format!("{n}\n").as_bytes()).unwrap();
    }
    drop(rest);
    assert_eq!(pipe.lines().len(), 100);
}
