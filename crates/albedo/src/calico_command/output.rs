//! A plan for programs: documents in YAML, or all of it in JSON.

use albedo_discovery::calico::plan::{Change, Effect, Plan, Step};
use albedo_discovery::calico::write;
use serde_json::{Value as Json, json};

use super::text::effect;

/// The documents in order, with what each step is as comments. What can only be patched is a
/// comment too.
pub(super) fn yaml(plan: &Plan) -> String {
    let mut out = "# One step at a time, each waited for; not all of it at once.\n".to_owned();
    let count = plan.steps.len();
    for (index, step) in plan.steps.iter().enumerate() {
        out.push_str(&format!("# Step {} of {count}: {}.\n", index + 1, step.title));
        for line in effect(&step.effect).lines() {
            out.push_str(&format!("# {line}\n"));
        }
        for change in &step.changes {
            match change.document() {
                Some(document) => {
                    if let Change::Replace { .. } = change {
                        out.push_str("# All of it as it was read; the same as\n");
                        out.push_str(&format!("# {}\n", change.command()));
                    }
                    out.push_str("---\n");
                    out.push_str(&write::yaml(&document));
                }
                None => out.push_str(&format!("# {}\n", change.command())),
            }
        }
        if let Some(wait) = &step.wait {
            out.push_str(&format!("# Then wait until {}:\n# {}\n", wait.until, wait.command));
        }
    }
    if plan.steps.is_empty() {
        out = "# All of it is there already.\n".to_owned();
    }
    out.trim_end().to_owned()
}

pub(super) fn json(plan: &Plan) -> String {
    let traps: Vec<Json> = plan
        .traps
        .iter()
        .map(|trap| json!({"id": trap.id, "severity": trap.severity.name(), "text": trap.text}))
        .collect();
    let plan = json!({
        "sessions": plan.sessions,
        "there": plan.there,
        "steps": plan.steps.iter().map(step).collect::<Vec<Json>>(),
        "back": plan.back.iter().map(step).collect::<Vec<Json>>(),
        "traps": traps,
    });
    format!("{plan:#}")
}

fn step(step: &Step) -> Json {
    let wait = step.wait.as_ref();
    let wait = wait.map(|wait| json!({"until": wait.until, "command": wait.command}));
    json!({
        "title": step.title,
        "changes": step.changes.iter().map(change).collect::<Vec<Json>>(),
        "sessions": sessions(&step.effect),
        "wait": wait,
    })
}

fn sessions(effect: &Effect) -> Json {
    let losing = effect.losing.iter();
    let losing: Vec<Json> =
        losing.map(|loss| json!({"node": &*loss.node, "family": loss.family})).collect();
    json!({
        "before": effect.before,
        "after": effect.after,
        "up": effect.up,
        "gone": effect.gone,
        "restart": effect.restart,
        "losing": losing,
    })
}

fn change(change: &Change) -> Json {
    let resource = change.resource();
    let mut json = json!({
        "action": change.verb(),
        "kind": resource.kind().name(),
        "name": &**resource.name(),
        "command": change.command(),
    });
    if let Some(document) = change.document() {
        json["document"] = document;
    }
    if let Some(patch) = change.patch() {
        json["patch"] = patch;
    }
    json
}
