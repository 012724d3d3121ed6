//! The daemons' configurations: files of `benches/rivals`, and what is made for a run.

use std::fmt::Write as _;
use std::path::Path;

use crate::contestant::Contestant;

/// Stands for the run's folder.
const FOLDER: &str = "@FOLDER@";

/// The file of a contestant and what is in it; the relay has none.
pub(crate) const fn file(who: Contestant) -> Option<(&'static str, &'static str)> {
    Some(match who {
        Contestant::Albedo => ("albedo.yaml", include_str!("../../../rivals/albedo.yaml")),
        Contestant::Bird => ("bird.conf", include_str!("../../../rivals/bird.conf")),
        Contestant::Bird2 => ("bird2.conf", include_str!("../../../rivals/bird2.conf")),
        Contestant::Frr => ("frr.conf", include_str!("../../../rivals/frr.conf")),
        Contestant::Gobgp => ("gobgp.toml", include_str!("../../../rivals/gobgp.toml")),
        Contestant::Openbgpd => ("openbgpd.conf", include_str!("../../../rivals/openbgpd.conf")),
        Contestant::Floor => return None,
    })
}

/// The configuration of a contestant for a run with so many sessions.
pub(crate) fn text(
    who: Contestant,
    sessions: u32,
    shards: Option<u32>,
    restarts: bool,
    folder: &Path,
) -> String {
    let text = file(who).map_or("", |(_, text)| text);
    let mut out = text.replace(FOLDER, &folder.display().to_string());
    match who {
        Contestant::Bird | Contestant::Bird2 => {
            for n in 1..=sessions {
                let [_, _, high, low] = n.to_be_bytes();
                let peer = format!("10.1.{high}.{low}");
                let _ =
                    writeln!(out, "protocol bgp n{n} from node {{ neighbor {peer} as 64512; }}");
            }
        }
        Contestant::Albedo => {
            if restarts {
                // So that the second start knows whom to wait for.
                let file = folder.join("roster");
                let _ = writeln!(out, "restart: {{rosterFile: \"{}\"}}", file.display());
            }
            if let Some(shards) = shards {
                let _ = writeln!(out, "shards: {shards}");
            }
        }
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{FOLDER, file, text};
    use crate::contestant::Contestant;
    use std::path::Path;

    #[test]
    fn bird_has_a_line_for_each_peer() {
        for who in [Contestant::Bird, Contestant::Bird2] {
            let text = text(who, 300, None, false, Path::new("run"));
            assert_eq!(text.matches("protocol bgp n").count(), 300);
            assert!(text.contains("protocol bgp n256 from node { neighbor 10.1.1.0 as 64512; }\n"));
        }
    }

    #[test]
    fn what_a_run_needs_is_filled_in() {
        let openbgpd = text(Contestant::Openbgpd, 1, None, false, Path::new("run"));
        assert!(openbgpd.contains("socket \"run/socket\"\n"), "{openbgpd}");
        assert!(
            text(Contestant::Albedo, 1, Some(3), false, Path::new("run"))
                .ends_with("\nshards: 3\n")
        );
        assert!(!text(Contestant::Albedo, 1, None, false, Path::new("run")).contains("shards"));
        for who in Contestant::ALL {
            assert!(!text(who, 1, None, false, Path::new("run")).contains(FOLDER), "{who:?}");
        }
    }

    #[test]
    fn everybody_has_the_same_job() {
        for who in Contestant::ALL {
            let Some((name, text)) = file(who) else { continue };
            for word in ["10.0.0.1", "64512"] {
                assert!(text.contains(word), "{name} lacks {word}");
            }
            let is_comment = |line: &str| line.trim_start().starts_with(['#', '!']);
            assert!(text.lines().any(is_comment), "{name} gives no reasons");
        }
    }
}
