//! Which hosts the settings name, and the way to each.
//!
//! Several contexts may be on one host: they share its connection. Promise: this machine is always among the hosts, and
//! comes first; the same settings give the same hosts in the same order.

use std::path::PathBuf;
use std::sync::Arc;

use super::deploy::{DeployConfig, Install};
use super::remote::{Remote, RemoteConfig};
use super::road::{HostSpec, Road};
use crate::config::{AttachOutput, Config, ContextConfig, Contexts, Install as Installs};
use crate::domain::HostId;
use crate::paths::Paths;
use crate::term::Passing;
use crate::transport::ssh::resolve::HostFields;

/// This machine, as far as reaching others needs it.
#[derive(Clone, Debug)]
pub struct Here {
    pub paths: Paths,
    /// The agent's program: started here when none runs, and uploaded where it fits.
    pub agent_program: PathBuf,
}

/// The hosts of all contexts that are switched on.
pub fn hosts(config: &Config, here: &Here) -> Vec<HostSpec> {
    let local = HostSpec::local(here.paths.clone(), here.agent_program.clone());
    let remote = groups(&config.contexts)
        .into_iter()
        .filter_map(|(id, context)| {
            let fields = HostFields::of(context)?;
            let deploy = DeployConfig {
                host: fields.name.clone(),
                agent: context.agent.clone(),
                install: match context.install {
                    Installs::Ask => Install::Ask,
                    Installs::Always => Install::Always,
                    Installs::Never => Install::Never,
                },
                own_program: here.agent_program.clone(),
                agents_dir: Some(config.agents_dir(&here.paths)),
            };
            let remote = Remote::new(RemoteConfig {
                fields,
                transport: context.transport,
                deploy,
                passing: match context.attach {
                    AttachOutput::Filtered => Passing::Filtered,
                    AttachOutput::Raw => Passing::Raw,
                },
            });
            Some(HostSpec {
                id,
                road: Road::Remote(Arc::new(remote)),
            })
        });
    std::iter::once(local).chain(remote).collect()
}

/// The host that a context is on; `None` when there is no such context, or it is switched off.
pub fn host_of(contexts: &Contexts, name: &str) -> Option<HostId> {
    let context = contexts.get(name).filter(|context| context.enabled)?;
    if context.host.is_none() {
        return Some(HostId::local());
    }
    groups(contexts)
        .into_iter()
        .find(|(_, first)| first.is_same_host(context))
        .map(|(id, _)| id)
}

/// The first context of each other host, with the host's id: what the user typed, as long as that means one host only,
/// else the context's own name.
fn groups(contexts: &Contexts) -> Vec<(HostId, &ContextConfig)> {
    let mut first: Vec<(&str, &ContextConfig)> = Vec::new();
    for (name, context) in contexts {
        let is_new = !first.iter().any(|(_, other)| other.is_same_host(context));
        if context.enabled && context.host.is_some() && is_new {
            first.push((name, context));
        }
    }
    let typed = |context: &ContextConfig| context.host.clone().unwrap_or_default();
    first
        .iter()
        .map(|(name, context)| {
            let host = typed(context);
            let same = first
                .iter()
                .filter(|(other, another)| *other == host || typed(another) == host);
            let others = same.filter(|(other, _)| other != name).count();
            let is_clear = others == 0 && host != HostId::LOCAL;
            let id = if is_clear { host } else { (*name).to_owned() };
            (HostId::new(id), *context)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(text: &str) -> Config {
        crate::config::parse(Path::new("config.toml"), text)
            .unwrap()
            .0
    }

    fn here() -> Here {
        Here {
            paths: Paths::from_lookup(|_| Some("/home/me".into())).unwrap(),
            agent_program: "/bin/cm-agent".into(),
        }
    }

    fn ids(text: &str) -> Vec<String> {
        hosts(&config(text), &here())
            .iter()
            .map(|spec| spec.id.to_string())
            .collect()
    }

    #[test]
    fn contexts_on_one_host_share_it_and_this_machine_comes_first() {
        let text = r#"
            [contexts.web]
            host = "gpu-2"
            dir = "~/web"
            [contexts.api]
            host = "gpu-2"
            dir = "~/api"
            [contexts.here]
            dir = "~/src"
            [contexts.off]
            host = "old"
            enabled = false
            [contexts.zoo]
            host = "me@zoo"
        "#;
        assert_eq!(ids(text), ["local", "gpu-2", "me@zoo"]);
        let contexts = config(text).contexts;
        let host = |name| host_of(&contexts, name).map(|id| id.to_string());
        assert_eq!(host("api").as_deref(), Some("gpu-2"));
        assert_eq!(host("here").as_deref(), Some("local"));
        assert_eq!((host("off"), host("nothing")), (None, None));
    }

    #[test]
    fn one_name_for_two_hosts_is_told_apart_by_the_contexts() {
        let text = r#"
            [contexts.a]
            host = "gpu"
            [contexts.b]
            host = "gpu"
            port = 2222
            [contexts.c]
            host = "local"
            [contexts.d]
            host = "a"
        "#;
        assert_eq!(ids(text), ["local", "a", "b", "c", "d"]);
    }

    #[test]
    fn the_same_settings_are_the_same_way() {
        let text = "[contexts.a]\nhost = \"gpu\"\ntags = [\"x\"]";
        let spec = |text: &str| hosts(&config(text), &here()).pop().unwrap();
        assert_eq!(spec(text), spec(text));
        let other = "[contexts.a]\nhost = \"gpu\"\nport = 2222";
        assert_ne!(spec(text), spec(other));
    }
}
