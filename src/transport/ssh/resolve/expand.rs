//! Tokens, `~` and `${VARIABLE}` in values of `ssh_config`, as OpenSSH replaces them when it uses a value.
//!
//! `ssh -G` prints some values before that. An unknown token is an error, as it is there: a path that is only nearly the
//! right one could be somebody else's key.

use std::path::{Path, PathBuf};

use super::Local;

/// What tokens stand for.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    /// `%h`: where to connect.
    pub host_name: &'a str,
    /// `%n`: as the user named it.
    pub name: &'a str,
    /// `%k`: what its key is looked up under.
    pub key_alias: &'a str,
    /// `%r`
    pub user: &'a str,
    /// `%p`
    pub port: u16,
    /// `%j`: the jump hosts.
    pub jump: &'a str,
    pub local: &'a Local,
}

impl Tokens<'_> {
    /// Replaces what may stand in a command: nothing about this machine.
    ///
    /// # Errors
    /// Says which token is unknown.
    pub fn in_command(&self, text: &str) -> Result<String, String> {
        replace(text, |token| self.about_host(token))
    }

    /// Replaces everything that may stand in the path of a key.
    ///
    /// # Errors
    /// Says which token, variable or user is unknown.
    pub fn in_path(&self, text: &str) -> Result<PathBuf, String> {
        let text = self.local.at_home(text)?;
        let text = replace(&text, |token| {
            self.about_host(token).or_else(|| match token {
                'd' => Some(self.local.home.to_string_lossy().into_owned()),
                'i' => Some(rustix::process::getuid().as_raw().to_string()),
                'j' => Some(self.jump.to_owned()),
                'l' => Some(node()),
                'L' => node().split('.').next().map(str::to_owned),
                'u' => Some(self.local.user.clone()),
                _ => None,
            })
        })?;
        Ok(self
            .local
            .absolute(Path::new(&variables(&text, &self.local.variable)?)))
    }

    fn about_host(&self, token: char) -> Option<String> {
        Some(match token {
            '%' => "%".to_owned(),
            'h' => self.host_name.to_owned(),
            'k' => self.key_alias.to_owned(),
            'n' => self.name.to_owned(),
            'p' => self.port.to_string(),
            'r' => self.user.to_owned(),
            _ => return None,
        })
    }
}

/// This machine's name.
fn node() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

fn replace(text: &str, value: impl Fn(char) -> Option<String>) -> Result<String, String> {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            replaced.push(c);
            continue;
        }
        let Some(token) = rest.next() else {
            return Err("a “%” at the end stands for nothing".to_owned());
        };
        let known = value(token).ok_or_else(|| format!("“%{token}” cannot be replaced here"))?;
        replaced.push_str(&known);
    }
    Ok(replaced)
}

fn variables(text: &str, lookup: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else {
            return Err("“${” has no “}”".to_owned());
        };
        let value = lookup(name).ok_or_else(|| format!("the variable “{name}” is not set"))?;
        replaced.push_str(before);
        replaced.push_str(&value);
        rest = behind;
    }
    replaced.push_str(rest);
    Ok(replaced)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn local() -> Local {
        Local {
            home: "/home/me".into(),
            user: "me".into(),
            folder: "/work".into(),
            variable: |name| (name == "KEYS").then(|| "/keys".to_owned()),
        }
    }

    fn tokens(local: &Local) -> Tokens<'_> {
        Tokens {
            host_name: "10.0.0.1",
            name: "gpu",
            key_alias: "gpu.example",
            user: "root",
            port: 2222,
            jump: "bastion",
            local,
        }
    }

    #[rstest]
    #[case("~/.ssh/%h_%r", "/home/me/.ssh/10.0.0.1_root")]
    #[case("~", "/home/me")]
    #[case("%d/%u/%n/%p/%k/%j", "/home/me/me/gpu/2222/gpu.example/bastion")]
    #[case("${KEYS}/a%%b", "/keys/a%b")]
    #[case("/a b/~/$KEYS", "/a b/~/$KEYS")]
    #[case("key", "/work/key")]
    fn a_path_is_what_openssh_would_open(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(tokens(&local()).in_path(text).unwrap(), Path::new(expected));
    }

    #[rstest]
    #[case("/%C", "“%C” cannot be replaced here")]
    #[case("/%", "a “%” at the end stands for nothing")]
    #[case("/${NONE}", "the variable “NONE” is not set")]
    #[case("/${KEYS", "“${” has no “}”")]
    #[case("~nobody-has-this-name/x", "there is no user “nobody-has-this-name”")]
    fn what_cannot_be_replaced_is_named(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(tokens(&local()).in_path(text).unwrap_err(), expected);
    }

    #[test]
    fn a_command_knows_the_host_only() {
        let local = local();
        let tokens = tokens(&local);
        assert_eq!(
            tokens
                .in_command("nc -X ~ '%h' %p %r@%n %k ${KEYS} 100%%")
                .unwrap(),
            "nc -X ~ '10.0.0.1' 2222 root@gpu gpu.example ${KEYS} 100%"
        );
        assert_eq!(
            tokens.in_command("x %d").unwrap_err(),
            "“%d” cannot be replaced here"
        );
    }

    proptest! {
        #[test]
        fn doubled_percent_signs_bring_any_text_through(text in "[^\u{0}]{0,40}") {
            let local = local();
            let doubled = text.replace('%', "%%");
            prop_assert_eq!(tokens(&local).in_command(&doubled), Ok(text));
        }
    }
}
