//! The status page in a real browser: live, searched, ordered, asked, with five thousand peers.

use std::fmt::Write as _;
use std::fs;

use albedo_tests::browser::{Browser, DRIVER};
use albedo_tests::lab::{Host, Lab};
use albedo_tests::net::net;
use albedo_tests::peers::{Bird, Version};
use albedo_tests::reflector::Reflector;
use albedo_tests::tools::installed;
use albedo_tests::wait::eventually;
use anyhow::{Context as _, Result, ensure};

const REFLECTOR: Host = Host(1);
const NODES: [Host; 2] = [Host(11), Host(12)];
/// Peers that are configured and never come.
const ABSENT: usize = 4_998;
const URL: &str = "http://127.0.0.1:9179/";
/// Tab, as WebDriver writes it.
const TAB: char = '\u{e004}';

fn config() -> String {
    let v4 = REFLECTOR.v4();
    let mut text = format!(
        "asNumber: 64512
routerId: {v4}
listen: [\"{v4}:179\"]
admin: {{http: \"127.0.0.1:9179\"}}
limits: {{sessions: 6000}}
peerGroups:
  - {{name: nodes, role: client, passive: true, ranges: [\"10.0.0.0/16\"]}}
  - {{name: others, role: client, passive: true}}
peers:
"
    );
    for n in 0..ABSENT {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  - {{address: 10.77.{}.{}, group: others, description: rack-{}}}",
            n / 250,
            n % 250 + 1,
            n / 40
        );
    }
    text
}

#[test]
fn the_status_page_works_in_a_browser() {
    let Some(mut lab) = Lab::new("the_status_page_works_in_a_browser") else { return };
    if !installed(DRIVER) {
        return;
    }
    scenario(&mut lab).expect("the scenario");
}

fn scenario(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    let _reflector = Reflector::start_with(&node, &config())?;
    let mut birds = Vec::new();
    for host in NODES {
        let node = lab.node(host)?;
        let block = net(&format!("10.244.{}.64/26", host.0));
        birds.push(Bird::start(&node, Version::Calico, &[REFLECTOR], &[block])?);
    }
    let browser = Browser::start(&node)?;
    browser.open(URL)?;
    eventually("both nodes are up, on a page that is not loaded again", || {
        let found = browser.text("#numbers")?;
        ensure!(found.contains("2 of 5000 up"), "{found}");
        Ok(())
    })?;
    // Whoever loads the page again loses it.
    browser.script("window.here = true")?;
    shows(&browser, "#found", "5000 of 5000 peers, page 1 of 25")?;
    is_accessible(&browser)?;
    is_searched_and_ordered(&browser)?;
    explains(&browser)?;
    picture(&browser, "page.png")?;
    // One node goes, and the page says so by itself.
    drop(birds.pop());
    shows(&browser, "#numbers", "1 of")?;
    let stayed = browser.script("return window.here === true")?;
    ensure!(stayed == true, "the page was loaded again");
    Ok(())
}

fn shows(browser: &Browser, selector: &str, wanted: &str) -> Result<()> {
    eventually(wanted, || {
        let found = browser.text(selector)?;
        ensure!(found.contains(wanted), "{found}");
        Ok(())
    })
}

fn is_searched_and_ordered(browser: &Browser) -> Result<()> {
    browser.write("#q", "rack-7")?;
    // rack-7, and rack-70 to rack-79.
    shows(browser, "#found", "440 of 5000 peers, page 1 of 3")?;
    browser.click("nav a[rel=next]")?;
    shows(browser, "#found", "page 2 of 3")?;
    browser.click("#rows thead th:first-child a")?;
    shows(browser, "#rows tbody tr:first-child", "10.77.1.31")?;
    browser.click("#rows thead th:first-child a")?;
    shows(browser, "#rows tbody tr:first-child", "10.77.12.200")?;
    let order = browser
        .script("return document.querySelector('#rows thead th').getAttribute('aria-sort')")?;
    ensure!(order == "descending", "{order}");
    let url = browser.script("return location.search")?;
    ensure!(url == "?q=rack-7&sort=-address", "{url}: what is shown can be sent to somebody");
    browser.write("#q", "nobody of that name")?;
    shows(browser, "#found", "0 of 5000 peers")?;
    // Markup that somebody types is text.
    browser.write("#q", "<b>")?;
    shows(browser, "#found", "0 of 5000 peers")?;
    browser.write("#q", "established")?;
    shows(browser, "#found", "2 of 5000 peers")
}

fn explains(browser: &Browser) -> Result<()> {
    let [first, second] = NODES.map(|host| host.v4().to_string());
    browser.write("#prefix", "10.244.12.65")?;
    browser.write("#to", &first)?;
    browser.click("form:first-of-type button")?;
    shows(browser, "#explained", "Routes to 10.244.12.64/26")?;
    shows(browser, "#explained", &format!("{first} is told"))?;
    browser.write("#to", &second)?;
    browser.click("form:first-of-type button")?;
    shows(browser, "#explained", "is not told: split horizon")?;
    browser.write("#to", "somebody")?;
    browser.click("form:first-of-type button")?;
    shows(browser, "#explained", "expected an IP address")?;
    browser.write("#to", &first)?;
    browser.click("form:first-of-type button")?;
    shows(browser, "#explained", &format!("{first} is told"))
}

/// Keys lead to what can be used, what has no text has a label, and text stands out (WCAG 2.2,
/// 1.4.3: a contrast of 4.5).
fn is_accessible(browser: &Browser) -> Result<()> {
    browser.press(TAB)?;
    let first = browser.script("return document.activeElement.className")?;
    ensure!(first == "skip", "the first thing that Tab leads to: {first}");
    browser.press(TAB)?;
    let next = browser.script("return document.activeElement.id")?;
    ensure!(next == "prefix", "the next: {next}");
    let unlabelled = browser.script(
        "return [...document.querySelectorAll('input')].filter(i => !i.labels.length).length",
    )?;
    ensure!(unlabelled == 0, "{unlabelled} inputs without a label");
    let least = browser.script(
        "const parts = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
         const light = colour => parts(colour).map(c => c / 255)
           .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
           .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
         const back = light(getComputedStyle(document.body).backgroundColor);
         const ratio = e => {
           const text = light(getComputedStyle(e).color);
           return (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
         };
         const seen = document.querySelectorAll('p, th, td, a, h1, h2, span, strong, label');
         return Math.min(...[...seen].map(ratio));",
    )?;
    let least = least.as_f64().context("no contrast")?;
    ensure!(least >= 4.5, "a contrast of {least}");
    Ok(())
}

/// Leaves a picture where `ALBEDO_SCREENSHOTS` says.
fn picture(browser: &Browser, name: &str) -> Result<()> {
    let picture = browser.screenshot()?;
    ensure!(picture.starts_with("iVBOR"), "no PNG");
    if let Some(folder) = std::env::var_os("ALBEDO_SCREENSHOTS") {
        let file = std::path::Path::new(&folder).join(format!("{name}.base64"));
        fs::write(&file, picture).with_context(|| file.display().to_string())?;
    }
    Ok(())
}
