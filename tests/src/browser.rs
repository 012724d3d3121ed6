//! A real browser: Chromium without a window, driven over WebDriver (W3C WebDriver, level 2).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::lab::Node;
use crate::process::Daemon;
use crate::wait::eventually;

/// Where chromedriver answers, inside of the node's namespace.
const PORT: u16 = 9515;
/// How long a step may take: a page with thousands of rows in a debug build.
const STEP_LIMIT: Duration = Duration::from_secs(60);
/// The key of an element's reference.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// What chromedriver is, and where Debian's package has it.
pub const DRIVER: &str = "/usr/bin/chromedriver";

/// A browser with one window.
#[derive(Debug)]
pub struct Browser {
    node: Node,
    session: String,
    // Ended after the session.
    _driver: Daemon,
}

impl Browser {
    /// Starts it in a node's namespace.
    ///
    /// # Errors
    /// When chromedriver or Chromium does not start.
    pub fn start(node: &Node) -> Result<Self> {
        let mut command = node.command(Path::new(DRIVER));
        command.arg(format!("--port={PORT}")).env("HOME", &node.folder);
        let mut driver = Daemon::start("chromedriver", &node.folder, &mut command)?;
        eventually("chromedriver listens", || {
            ensure!(driver.listens_on(PORT)?, "not yet:\n{}", driver.log());
            Ok(())
        })?;
        let profile = format!("--user-data-dir={}", node.folder.join("chromium").display());
        let args = [
            "--headless=new",
            // It runs as root, in a namespace without anything else.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1280,1600",
            &profile,
        ];
        let options = json!({"args": args});
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}});
        let answer = request(node, "POST", "/session", Some(&wanted))?;
        let session = answer["sessionId"].as_str().context("no session")?.to_owned();
        Ok(Self { node: node.clone(), session, _driver: driver })
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let path = format!("/session/{}{path}", self.session);
        request(&self.node, method, &path, body)
    }

    /// Goes to a page.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn open(&self, url: &str) -> Result<()> {
        self.ask("POST", "/url", Some(&json!({"url": url}))).map(drop)
    }

    /// Runs a script on the page; what it returns.
    ///
    /// # Errors
    /// What it throws.
    pub fn script(&self, script: &str) -> Result<Value> {
        self.ask("POST", "/execute/sync", Some(&json!({"script": script, "args": []})))
    }

    fn element(&self, selector: &str) -> Result<String> {
        let body = json!({"using": "css selector", "value": selector});
        let found = self.ask("POST", "/element", Some(&body))?;
        Ok(found[ELEMENT].as_str().with_context(|| selector.to_owned())?.to_owned())
    }

    /// What a human reads in an element.
    ///
    /// # Errors
    /// When there is none.
    pub fn text(&self, selector: &str) -> Result<String> {
        let element = self.element(selector)?;
        let text = self.ask("GET", &format!("/element/{element}/text"), None)?;
        Ok(text.as_str().context("no text")?.to_owned())
    }

    /// Clicks on an element.
    ///
    /// # Errors
    /// When there is none that can be clicked on.
    pub fn click(&self, selector: &str) -> Result<()> {
        let element = self.element(selector)?;
        self.ask("POST", &format!("/element/{element}/click"), Some(&json!({}))).map(drop)
    }

    /// Types into an element, key by key, in place of what is there.
    ///
    /// # Errors
    /// When there is none that takes it.
    pub fn write(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.element(selector)?;
        self.ask("POST", &format!("/element/{element}/clear"), Some(&json!({})))?;
        let body = json!({"text": text});
        self.ask("POST", &format!("/element/{element}/value"), Some(&body)).map(drop)
    }

    /// Presses a key by itself, such as Tab (`\u{e004}`).
    ///
    /// # Errors
    /// When the browser has gone.
    pub fn press(&self, key: char) -> Result<()> {
        let key = key.to_string();
        let actions = json!([
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key},
        ]);
        let keyboard = json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]});
        self.ask("POST", "/actions", Some(&keyboard)).map(drop)
    }

    /// The window as a picture, in PNG and base64.
    ///
    /// # Errors
    /// When the browser has gone.
    pub fn screenshot(&self) -> Result<String> {
        let picture = self.ask("GET", "/screenshot", None)?;
        Ok(picture.as_str().context("no picture")?.to_owned())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends with its session; if the driver has gone, so has it.
        let _ = self.ask("DELETE", "", None);
    }
}

fn request(node: &Node, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let body = body.map(ToString::to_string).unwrap_or_default();
    let answer = node.inside(|| -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", PORT))?;
        stream.set_read_timeout(Some(STEP_LIMIT))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        let mut answer = Vec::new();
        let mut octets = [0; 16 * 1024];
        while !is_whole(&answer) {
            match stream.read(&mut octets)? {
                0 => break,
                read => answer.extend_from_slice(&octets[..read]),
            }
        }
        Ok(answer)
    })?;
    let answer = answer.with_context(|| format!("{method} {path}"))?;
    let answer = String::from_utf8(answer).context("an answer that is no text")?;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| answer.clone())?;
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.contains(" 200 "), "{method} {path}: {status}: {body}");
    let value: Value = serde_json::from_str(body).with_context(|| body.to_owned())?;
    Ok(value["value"].clone())
}

/// Whether an answer is as long as it says.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    length.is_some_and(|length| body.len() >= length)
}
