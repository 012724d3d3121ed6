use super::*;

fn reporter(lanes: u32) -> (Reporter, HealthReader) {
    let pulse = Arc::new(Pulse::new(lanes));
    let (events, _) = mpsc::channel(1);
    (Reporter::new(events, pulse.clone()), HealthReader(pulse))
}

/// What is new of a link; `None` if nothing is.
fn news(link: &mut watch::Receiver<Link>) -> Option<Link> {
    link.has_changed().expect("a store").then(|| *link.borrow_and_update())
}

#[test]
fn a_link_is_followed_once_all_of_it_is_and_lost_with_any_of_it() {
    let (reporter, reader) = reporter(2);
    let mut link = reader.link();
    assert_eq!(news(&mut link), Some(Link::Untried));
    reporter.up(0);
    assert_eq!(news(&mut link), None, "the rest is to follow");
    reporter.up(1);
    assert_eq!((news(&mut link), reader.now().connected), (Some(Link::Followed), true));
    reporter.up(1);
    assert_eq!(news(&mut link), None);
    reporter.down(0, &"gone");
    assert_eq!((news(&mut link), reader.now().connected), (Some(Link::Lost), false));
    assert_eq!(reader.now().last_error.as_deref(), Some("gone"));
    reporter.down(1, &"gone too");
    reporter.up(0);
    assert_eq!(news(&mut link), None, "it is lost already, and still");
    reporter.up(1);
    assert_eq!(news(&mut link), Some(Link::Followed));
}

#[test]
fn who_comes_late_is_told_how_it_is() {
    let (reporter, reader) = reporter(1);
    reporter.down(0, &"refused");
    assert_eq!(news(&mut reader.link()), Some(Link::Lost));
    assert_eq!(HealthReader::default().now(), Health::default());
}
