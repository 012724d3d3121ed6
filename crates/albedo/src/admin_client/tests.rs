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
    assert_eq!(ask.send::<Vec<u32>>(at).unwrap(), [1, 2]);
    let error = Ask::get("/x").send::<Vec<u32>>(at).unwrap_err();
    assert_eq!(error.to_string(), "refused (503): busy");
    let requests = server.join().unwrap();
    assert!(requests[0].starts_with("POST /there HTTP/1.1\r\n"), "{requests:?}");
    assert!(requests[0].ends_with("Content-Length: 2\r\nConnection: close\r\n\r\n{}"));
    assert!(requests[1].starts_with("GET /x HTTP/1.1\r\n"), "{requests:?}");
}

#[test]
fn nobody_there_and_nonsense_are_told() {
    let (at, server) = script(vec![(200, "nonsense".to_owned())]);
    let error = Ask::get("/x").send::<Vec<u32>>(at).unwrap_err();
    assert_eq!(error.to_string(), "an answer that is not understood");
    server.join().unwrap();
    let error = Ask::get("/x").send::<Vec<u32>>(at).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot reach a reflector at {at} (its admin.http)"));
}
