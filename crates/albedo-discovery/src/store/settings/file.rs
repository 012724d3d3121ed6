//! The file: `kind: CalicoAPIConfig`, read strictly.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::{Hidden, KEYS, Key, Raw, SettingsError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document {
    api_version: String,
    kind: String,
    /// Taken and not looked at, as everywhere in Calico.
    #[serde(default, rename = "metadata")]
    _metadata: serde::de::IgnoredAny,
    #[serde(default)]
    spec: Spec,
}

#[derive(Default)]
struct Spec(Vec<(&'static Key, Hidden)>);

/// Other names of keys.
const ALIASES: &[(&str, &str)] = &[("k8sUsePodCIDR", "usePodCIDR")];

/// Keys that are taken and mean nothing here.
const WITHOUT_MEANING: &[&str] = &["k8sDisableNodePoll"];

impl<'de> Deserialize<'de> for Spec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(SpecVisitor)
    }
}

struct SpecVisitor;

impl<'de> Visitor<'de> for SpecVisitor {
    type Value = Spec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of settings")
    }

    fn visit_unit<E>(self) -> Result<Spec, E> {
        Ok(Spec::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Spec, A::Error> {
        let mut spec = Spec::default();
        while let Some(name) = map.next_key::<String>()? {
            if WITHOUT_MEANING.contains(&name.as_str()) {
                map.next_value::<Option<String>>()?;
                continue;
            }
            let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
            let file_name = alias.map_or(name.as_str(), |(_, name)| name);
            let Some(key) = KEYS.iter().find(|key| key.file == file_name) else {
                let names = KEYS.iter().map(|key| key.file).collect::<Vec<_>>().join(", ");
                return Err(A::Error::custom(format!(
                    "spec.{name}: there is no such key; allowed are {names}"
                )));
            };
            if spec.0.iter().any(|(other, _)| other == key) {
                return Err(A::Error::custom(format!("spec.{name}: it comes twice")));
            }
            // Numbers and truth values are taken as they are written.
            if let Some(value) = map.next_value::<Option<String>>()?.filter(|it| !it.is_empty()) {
                spec.0.push((key, Hidden(value)));
            }
        }
        Ok(spec)
    }
}

/// Reads the text of a file.
pub(super) fn parse(text: &str, place: &str) -> Result<Raw, SettingsError> {
    let fault = |what: &dyn fmt::Display| SettingsError(format!("{place}: {what}"));
    // Messages without the lines themselves, which may hold a password.
    let options = serde_saphyr::options! { with_snippet: false };
    let document: Document =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| fault(&error))?;
    if document.api_version != "projectcalico.org/v3" {
        let found = document.api_version;
        return Err(fault(&format!(
            "apiVersion: it is {found:?}; allowed is \"projectcalico.org/v3\""
        )));
    }
    if document.kind != "CalicoAPIConfig" {
        let found = document.kind;
        return Err(fault(&format!("kind: it is {found:?}; allowed is \"CalicoAPIConfig\"")));
    }
    Ok(Raw { place: place.to_owned(), values: document.spec.0, prefixed: Vec::new() })
}
