use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;

fn peer(address: &str, is_up: bool, messages: [u64; 2]) -> PeerRow {
    PeerRow {
        address: address.to_owned(),
        state: if is_up { "established" } else { "active" }.to_owned(),
        messages,
        last_reason: Some("hold timer expired".to_owned()),
        ..PeerRow::default()
    }
}

fn overview(uptime_seconds: f64) -> Overview {
    let status = Status {
        router_id: "10.0.0.1".to_owned(),
        uptime_seconds,
        startup_seconds: Some(1.0),
        ..Status::default()
    };
    Overview { status, not_ready: Vec::new(), down: Vec::new() }
}

/// What is on the screen, line by line.
fn drawn(screen: &Screen) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(100, 12)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let line = |y| (0..100).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>();
    (0..12).map(|y| line(y).trim_end().to_owned()).collect()
}

#[test]
fn it_shows_who_is_down_first_and_rates_between_looks() {
    let start = Instant::now();
    let mut screen = Screen::new("a.sock".to_owned());
    let peers = |a, b| vec![peer("10.0.0.2", true, a), peer("10.0.0.10", false, b)];
    screen.take(start, (overview(100.0), peers([100, 0], [0, 0])));
    let later = start + Duration::from_secs(2);
    screen.take(later, (overview(102.0), peers([110, 4], [0, 50])));
    let lines = drawn(&screen);
    assert!(lines[0].contains("at a.sock, up for 102s"), "{lines:#?}");
    assert_eq!(lines[1], "Converged: yes: every change is delivered");
    let heads = lines.iter().position(|line| line.starts_with("PEER")).unwrap();
    assert!(lines[heads + 1].starts_with("10.0.0.10 "), "{lines:#?}");
    assert!(lines[heads + 1].ends_with("25.0     hold timer expired"), "{lines:#?}");
    assert!(lines[heads + 2].contains("5.0      2.0"), "{lines:#?}");

    screen.order(Order::Received);
    assert!(drawn(&screen)[heads + 1].starts_with("10.0.0.2 "));
    screen.order(Order::Sent);
    assert!(drawn(&screen)[heads + 1].starts_with("10.0.0.10 "));
    screen.order(Order::Address);
    assert!(drawn(&screen)[heads + 1].starts_with("10.0.0.2 "));
    screen.scroll(1);
    assert!(drawn(&screen)[heads + 1].starts_with("10.0.0.10 "));
    screen.scroll(100);
    screen.lose("cannot reach a reflector");
    let lines = drawn(&screen);
    assert!(lines.iter().any(|line| line == "cannot reach a reflector"), "{lines:#?}");
}
