use std::net::TcpListener;

use super::*;

/// Answers each of these in turn; the requests that came.
pub(crate) fn script(
    answers: Vec<(u16, String)>,
) -> (SocketAddr, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for (code, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut octets = [0; 4096];
            let read = stream.read(&mut octets).unwrap();
            requests.push(String::from_utf8_lossy(&octets[..read]).into_owned());
            let head = format!("HTTP/1.1 {code} x\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
        requests
    });
    (at, server)
}

#[test]
fn it_sends_what_is_asked_and_reads_what_is_answered() {
    let (at, server) = script(vec![(200, "[1, 2]".to_owned()), (503, "busy\n".to_owned())]);
    let ask = Ask { method: "POST", body: "{}", ..Ask::get("/there") };
    assert_eq!(ask.send::<Vec<u32>>(&Target::Http(at)).unwrap(), [1, 2]);
    let error = Ask::get("/x").send::<Vec<u32>>(&Target::Http(at)).unwrap_err();
    assert_eq!(error.to_string(), "refused (503): busy");
    let requests = server.join().unwrap();
    assert!(requests[0].starts_with("POST /there HTTP/1.1\r\n"), "{requests:?}");
    assert!(requests[0].ends_with("Content-Length: 2\r\nConnection: close\r\n\r\n{}"));
    assert!(requests[1].starts_with("GET /x HTTP/1.1\r\n"), "{requests:?}");
}

#[test]
fn nobody_there_and_nonsense_are_told() {
    let (at, server) = script(vec![(200, "nonsense".to_owned())]);
    let error = Ask::get("/x").send::<Vec<u32>>(&Target::Http(at)).unwrap_err();
    assert_eq!(error.to_string(), "an answer that is not understood");
    server.join().unwrap();
    let error = Ask::get("/x").send::<Vec<u32>>(&Target::Http(at)).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot reach a reflector at {at} (its admin.http)"));
    let nowhere = Target::Socket("/nowhere/albedo.sock".into());
    let error = Ask::get("/x").send::<Vec<u32>>(&nowhere).unwrap_err();
    let wanted = "cannot reach a reflector at /nowhere/albedo.sock (its admin.socket)";
    assert_eq!(error.to_string(), wanted);
}

#[test]
fn lines_are_read_as_they_come() {
    let (at, server) = script(vec![(200, "{\"a\":1}\n{}\n".to_owned()), (404, "no\n".to_owned())]);
    let mut lines = Ask::get("/x").lines(&Target::Http(at)).unwrap();
    assert_eq!(lines.next().unwrap(), Some("{\"a\":1}"));
    assert_eq!(lines.next().unwrap(), Some("{}"));
    assert_eq!(lines.next().unwrap(), None);
    let refusal = Ask::get("/x").lines(&Target::Http(at)).err().unwrap();
    assert_eq!(refusal.to_string(), "refused (404): no");
    server.join().unwrap();
}

#[test]
fn a_target_is_a_socket_or_an_address() {
    let socket = |path: &str| Target::Socket(path.into());
    assert_eq!("unix:a.sock".parse(), Ok(socket("a.sock")));
    assert_eq!("/run/a.sock".parse(), Ok(socket("/run/a.sock")));
    assert_eq!("[::1]:1".parse(), Ok(Target::Http("[::1]:1".parse().unwrap())));
    assert!("localhost".parse::<Target>().unwrap_err().contains("expected the name of a socket"));
}

#[test]
fn without_a_word_the_socket_is_asked_if_it_is_there() {
    let nothing = |_: &str| None;
    let default = Path::new(defaults::ADMIN_SOCKET);
    let is_default = |path: &Path| path == default;
    assert_eq!(default_target(nothing, is_default), Target::Socket(default.into()));
    assert_eq!(default_target(nothing, |_| false), Target::Http(defaults::ADMIN_HTTP));
    let set = |name: &str| match name {
        "ALBEDO_ADMIN_SOCKET" => Some("/a.sock".to_owned()),
        "ALBEDO_ADMIN_HTTP" => Some("0.0.0.0:1".to_owned()),
        _ => None,
    };
    assert_eq!(default_target(set, |_| true), Target::Socket("/a.sock".into()));
    assert_eq!(default_target(set, is_default), Target::Http("127.0.0.1:1".parse().unwrap()));
}
