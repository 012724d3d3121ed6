//! A plan for people, with what is to be pasted at the margin.

use albedo_discovery::calico::Cluster;
use albedo_discovery::calico::plan::{Change, Effect, Plan, Step, Target};
use albedo_discovery::calico::write;

pub(super) fn render(cluster: &Cluster, target: &Target, plan: &Plan) -> String {
    let mesh = cluster.default_configuration().and_then(|it| it.node_to_node_mesh);
    let mesh = if mesh == Some(false) { "off" } else { "on" };
    let mut out = format!(
        "{}, {}; the node-to-node mesh is {mesh}.\n",
        count(cluster.nodes().len(), "node"),
        count(plan.sessions, "session")
    );
    for line in &plan.there {
        out.push_str(&format!("Already there: {line}.\n"));
    }
    if !plan.traps.is_empty() {
        out.push_str("\nLook out:\n");
    }
    for trap in &plan.traps {
        out.push_str(&format!("* {trap}\n"));
    }
    if plan.steps.is_empty() {
        out.push_str("\nNothing is left to do.");
        return out;
    }
    out.push('\n');
    out.push_str(&first(target));
    steps(&plan.steps, "Step", &mut out);
    out.push_str("\nThe way back, if need be, from behind the last step:\n");
    steps(&plan.back, "Back", &mut out);
    out.trim_end().to_owned()
}

/// What has to be there before anything is applied.
fn first(target: &Target) -> String {
    match target {
        Target::Nodes { names, .. } => format!(
            "Do one step at a time, and wait as it says. Before the first one, Albedo has to be \
             ready to take BIRD's place on {}.\n",
            names.join(", ")
        ),
        Target::External { addresses, .. } => {
            let at: Vec<String> = addresses
                .iter()
                .map(|(ip, port)| match port {
                    Some(port) => std::net::SocketAddr::new(*ip, *port).to_string(),
                    None => ip.to_string(),
                })
                .collect();
            format!(
                "Do one step at a time, and wait as it says. Before the first one, Albedo has to \
                 run at {}, with these addresses as `calico.external`, or with ranges for the \
                 nodes.\n",
                at.join(" and ")
            )
        }
    }
}

fn steps(steps: &[Step], word: &str, out: &mut String) {
    for (index, step) in steps.iter().enumerate() {
        out.push_str(&format!("\n{word} {} of {}: {}\n\n", index + 1, steps.len(), step.title));
        out.push_str(&format!("{}\n\n", effect(&step.effect)));
        changes(&step.changes, out);
        if let Some(wait) = &step.wait {
            out.push_str(&format!("\nWait until {}:\n\n{}\n", wait.until, wait.command));
        }
    }
}

/// Documents that are made go together; what is patched or deleted is a command.
fn changes(changes: &[Change], out: &mut String) {
    let mut documents = String::new();
    for change in changes {
        if let (Change::Create(_), Some(document)) = (change, change.document()) {
            if !documents.is_empty() {
                documents.push_str("---\n");
            }
            documents.push_str(&write::yaml(&document));
        } else {
            out.push_str(&format!("{}\n", change.command()));
        }
    }
    if !documents.is_empty() {
        out.push_str(&format!("calicoctl apply -f - <<'END'\n{documents}END\n"));
    }
}

/// What a step does, in a line or two.
pub(super) fn effect(effect: &Effect) -> String {
    let Effect { before, after, up, gone, restart, losing } = effect;
    let mut parts = Vec::new();
    for (number, verb) in [(up, "come up"), (gone, "go"), (restart, "restart")] {
        if *number > 0 {
            let verb = if *number == 1 { singular(verb) } else { verb };
            parts.push(format!("{} {verb}", count(*number, "session")));
        }
    }
    let what = if parts.is_empty() { "No session changes".to_owned() } else { parts.join(", ") };
    let mut text = format!("{what}: {before} before, {after} after.");
    if !losing.is_empty() {
        let names: Vec<String> =
            losing.iter().map(|loss| format!("{} ({})", loss.node, loss.family)).collect();
        text.push_str(&format!("\nWithout any peering afterwards: {}.", names.join(", ")));
    }
    text
}

fn singular(verb: &str) -> &str {
    match verb {
        "come up" => "comes up",
        "go" => "goes",
        _ => "restarts",
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
