//! `~/.cm/contexts.json`: contexts of the type `local`, `ssh` and `agent`, read leniently.
//!
//! An `agent` entry named a host and the port of a program that listened there. The host is taken and reached by SSH; the
//! port and tokens are not, because nothing of ours listens.

use serde_json::{Map, Value as Json};

use super::edit::Field;
use super::import::Entry;

/// Names of one setting, the best first, and what we call it.
const TEXTS: [(&str, &[&str]); 5] = [
    ("user", &["user", "username"]),
    (
        "identity",
        &["identity", "key", "identityFile", "keyPath", "privateKey"],
    ),
    ("jump", &["jump", "proxyJump", "proxy_jump"]),
    ("dir", &["dir", "path", "directory", "projectPath", "cwd"]),
    ("tool", &["tool", "defaultTool", "cli"]),
];
const HOSTS: [&str; 4] = ["host", "hostname", "address", "url"];
/// What is understood, or has no meaning here, and so is not worth a word.
const SILENT: [&str; 8] = [
    "name",
    "type",
    "id",
    "port",
    "createdAt",
    "updatedAt",
    "default",
    "active",
];

/// # Errors
/// When the text is no JSON, or holds no contexts.
pub fn read(text: &str) -> Result<Vec<Entry>, String> {
    let json: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let contexts = json.get("contexts").unwrap_or(&json);
    match contexts {
        Json::Array(entries) => Ok(entries
            .iter()
            .enumerate()
            .map(|(at, entry)| read_entry(&format!("entry {}", at + 1), entry))
            .collect()),
        Json::Object(entries) => Ok(entries
            .iter()
            .map(|(name, entry)| read_entry(name, entry))
            .collect()),
        _ => Err("it holds no contexts".to_owned()),
    }
}

fn read_entry(name: &str, entry: &Json) -> Entry {
    let Json::Object(entry) = entry else {
        return Entry {
            name: name.to_owned(),
            fields: Err("it is no object".to_owned()),
            left: Vec::new(),
        };
    };
    let name = text(entry, &["name", "id"]).unwrap_or_else(|| name.to_owned());
    let mut left = Vec::new();
    let fields = fields(entry, &mut left);
    Entry { name, fields, left }
}

fn fields(entry: &Map<String, Json>, left: &mut Vec<String>) -> Result<Vec<Field>, String> {
    let host = text(entry, &HOSTS);
    let kind = text(entry, &["type", "kind"]);
    let kind = kind.unwrap_or_else(|| if host.is_some() { "ssh" } else { "local" }.to_owned());
    let is_local = match kind.as_str() {
        "local" => true,
        "ssh" | "agent" | "remote" => false,
        other => return Err(format!("nothing is known of the type “{other}”")),
    };
    let mut fields: Vec<Field> = Vec::new();
    if !is_local {
        let host = host.ok_or("it has no host")?;
        let bare = bare_host(&host);
        fields.push(("host", Some(bare.as_str().into())));
    }
    if let Some(port) = entry.get("port").and_then(port) {
        match kind.as_str() {
            "ssh" | "remote" if port == 22 => {}
            "ssh" | "remote" => fields.push(("port", Some(port.into()))),
            "agent" => left.push(format!("port {port}, where nothing of ours listens")),
            _ => {}
        }
    }
    let mut known: Vec<&str> = Vec::new();
    for (key, names) in TEXTS {
        known.extend(names);
        let Some(text) = text(entry, names) else {
            continue;
        };
        // These make no sense without a host.
        if is_local && ["user", "identity", "jump"].contains(&key) {
            left.push(key.to_owned());
            continue;
        }
        let value = match (key, text.as_str()) {
            ("tool", "claude") => "claude-code",
            ("tool", "gemini") => "gemini-cli",
            (_, text) => text,
        };
        fields.push((key, Some(value.into())));
    }
    let is_left = |key: &&String| {
        let key = key.as_str();
        !known.contains(&key) && !HOSTS.contains(&key) && !SILENT.contains(&key)
    };
    left.extend(entry.keys().filter(is_left).cloned());
    Ok(fields)
}

/// The first of these that is a text with something in it.
fn text(entry: &Map<String, Json>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let text = entry.get(*name)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    })
}

/// A port may have been written as a text.
fn port(json: &Json) -> Option<i64> {
    match json {
        Json::Number(number) => number.as_i64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The host of an address such as `http://gpu-2:3847/`.
fn bare_host(host: &str) -> String {
    let Some((_, rest)) = host.split_once("://") else {
        return host.to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => host.to_owned(),
        _ => authority.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn old_contexts_are_read_with_what_is_left_behind() {
        let text = r#"{"contexts": [
            {"name": "here", "type": "local", "path": "/src/shop", "user": "me"},
            {"name": "gpu", "type": "ssh", "host": "gpu-2", "user": "me", "port": "2222", "key": "~/.ssh/id", "tool": "claude"},
            {"name": "old", "type": "agent", "host": "http://box:3847", "port": 3847, "token": "secret"},
            {"name": "odd", "type": "docker"},
            {"type": "ssh"},
            7
        ]}"#;
        let mut told = String::new();
        for entry in read(text).unwrap() {
            let fields = entry.fields.map(|fields| {
                let fields = fields.into_iter();
                fields
                    .map(|(key, value)| format!("{key}={}", value.unwrap()))
                    .collect::<Vec<_>>()
                    .join(" ")
            });
            writeln!(told, "{}: {fields:?} {:?}", entry.name, entry.left).unwrap();
        }
        insta::assert_snapshot!(told, @r#"
        here: Ok("dir=\"/src/shop\"") ["user"]
        gpu: Ok("host=\"gpu-2\" port=2222 user=\"me\" identity=\"~/.ssh/id\" tool=\"claude-code\"") []
        old: Ok("host=\"box\"") ["port 3847, where nothing of ours listens", "token"]
        odd: Err("nothing is known of the type “docker”") []
        entry 5: Err("it has no host") []
        entry 6: Err("it is no object") []
        "#);
        assert!(read("{").is_err());
        assert!(read("{\"contexts\": 1}").is_err());
    }
}
