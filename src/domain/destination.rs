//! What may stand after `ssh` as a host: checked before it reaches a program, a shell or a file.
//!
//! The rules are OpenSSH's own (`valid_hostname`, `valid_ruser`): no leading `-`, no control or shell characters. Promise:
//! a text that is taken apart here can be an argument of `ssh`, and can replace `%h` and `%r` in a command of the user's
//! shell, without becoming an option or a second command.

use std::str::FromStr;

/// The longest host or user name, in bytes: longer than any name of DNS (253), short enough for every message.
const LONGEST: usize = 256;
/// What no host name may hold, besides white space and control characters.
const UNSAFE_IN_HOST: &str = "'`\"$\\;&<>|(){},";
/// What no user name may hold, besides control characters.
const UNSAFE_IN_USER: &str = "'`\"$;&<>|(){}";

/// `[USER@]HOST[:PORT]` or `ssh://[USER@]HOST[:PORT]`, IPv6 addresses in brackets when a port follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub user: Option<String>,
    /// Without brackets.
    pub host: String,
    pub port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    #[error("the host name is empty")]
    NoHost,
    #[error("the user name is empty")]
    NoUser,
    #[error("“{0}” starts with “-”")]
    LeadingDash(String),
    #[error("“{text}” holds {what}")]
    Unsafe { text: String, what: String },
    #[error("“{0}” is not a port from 1 to 65535")]
    Port(String),
    #[error("a name is longer than {LONGEST} bytes")]
    TooLong,
}

impl Destination {
    /// Takes what a person types after `ssh`. As there, a port is only read in the form `ssh://HOST:PORT`, so that an
    /// IPv6 address needs no brackets.
    pub fn typed(text: &str) -> Result<Self, DestinationError> {
        if text.starts_with("ssh://") {
            return text.parse();
        }
        let (user, host) = split_user(text)?;
        let host = without_brackets(host);
        host_name(host)?;
        Ok(Self {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port: None,
        })
    }

    /// Takes the hosts of a `ProxyJump`, the first one is connected to first. `none` is no hop.
    pub fn hops(text: &str) -> Result<Vec<Self>, DestinationError> {
        if text.eq_ignore_ascii_case("none") {
            return Ok(Vec::new());
        }
        text.split(',').map(str::parse).collect()
    }
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        let text = text
            .strip_prefix("ssh://")
            .map_or(text, |rest| rest.strip_suffix('/').unwrap_or(rest));
        let (user, place) = split_user(text)?;
        let (host, port) = match place
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
        {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            // Several colons without brackets are an address without a port.
            None if place.matches(':').count() == 1 => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
            None => (place, None),
        };
        host_name(host)?;
        Ok(Self {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port: port.map(port_number).transpose()?,
        })
    }
}

/// Whether `text` may be the name of a host.
pub fn host_name(text: &str) -> Result<(), DestinationError> {
    if text.is_empty() {
        return Err(DestinationError::NoHost);
    }
    check(text, |c| {
        UNSAFE_IN_HOST.contains(c) || c.is_whitespace() || c.is_control()
    })
}

/// Whether `text` may be the name of a user: as OpenSSH, a domain's `\` is fine unless it comes last, and a space unless a
/// `-` follows.
pub fn user_name(text: &str) -> Result<(), DestinationError> {
    if text.is_empty() {
        return Err(DestinationError::NoUser);
    }
    check(text, |c| UNSAFE_IN_USER.contains(c) || c.is_control())?;
    let option = text
        .split_inclusive(char::is_whitespace)
        .skip(1)
        .any(|part| part.starts_with('-'));
    let what = if option {
        "a “-” after white space"
    } else if text.ends_with('\\') {
        "a “\\” at its end"
    } else {
        return Ok(());
    };
    Err(DestinationError::Unsafe {
        text: text.to_owned(),
        what: what.to_owned(),
    })
}

fn check(text: &str, is_unsafe: impl Fn(char) -> bool) -> Result<(), DestinationError> {
    if text.len() > LONGEST {
        return Err(DestinationError::TooLong);
    }
    if text.starts_with('-') {
        return Err(DestinationError::LeadingDash(
            text.escape_debug().to_string(),
        ));
    }
    match text.chars().find(|&c| is_unsafe(c)) {
        Some(' ') => Err(DestinationError::Unsafe {
            text: text.escape_debug().to_string(),
            what: "a space".to_owned(),
        }),
        Some(c) => Err(DestinationError::Unsafe {
            text: text.escape_debug().to_string(),
            what: format!("“{}”", c.escape_debug()),
        }),
        None => Ok(()),
    }
}

/// The last `@` is the one that counts, as in OpenSSH: some user names hold one.
fn split_user(text: &str) -> Result<(Option<&str>, &str), DestinationError> {
    match text.rsplit_once('@') {
        Some((user, rest)) => {
            user_name(user)?;
            Ok((Some(user), rest))
        }
        None => Ok((None, text)),
    }
}

fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host)
}

fn port_number(text: &str) -> Result<u16, DestinationError> {
    text.parse()
        .ok()
        .filter(|&port| port != 0)
        .ok_or_else(|| DestinationError::Port(text.escape_debug().to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn destination(user: Option<&str>, host: &str, port: Option<u16>) -> Destination {
        Destination {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
        }
    }

    #[rstest]
    #[case("gpu-2", None, "gpu-2", None)]
    #[case("me@gpu-2:2222", Some("me"), "gpu-2", Some(2222))]
    #[case("ssh://me@gpu-2:2222/", Some("me"), "gpu-2", Some(2222))]
    #[case("me@corp@bastion", Some("me@corp"), "bastion", None)]
    #[case("[::1]:22", None, "::1", Some(22))]
    #[case("::1", None, "::1", None)]
    #[case("me@[fe80::1%eth0]", Some("me"), "fe80::1%eth0", None)]
    #[case("CORP\\me@h", Some("CORP\\me"), "h", None)]
    fn a_hop_has_user_host_and_port(
        #[case] text: &str,
        #[case] user: Option<&str>,
        #[case] host: &str,
        #[case] port: Option<u16>,
    ) {
        assert_eq!(text.parse(), Ok(destination(user, host, port)));
    }

    #[rstest]
    #[case("me@::1", Some("me"), "::1", None)]
    #[case("a:22", None, "a:22", None)]
    #[case("ssh://a:22", None, "a", Some(22))]
    #[case("[::1]", None, "::1", None)]
    fn what_is_typed_after_ssh_has_a_port_only_as_an_address(
        #[case] text: &str,
        #[case] user: Option<&str>,
        #[case] host: &str,
        #[case] port: Option<u16>,
    ) {
        assert_eq!(Destination::typed(text), Ok(destination(user, host, port)));
    }

    #[rstest]
    #[case("-oProxyCommand=x", "“-oProxyCommand=x” starts with “-”")]
    #[case("me@-oProxyCommand=x", "“-oProxyCommand=x” starts with “-”")]
    #[case("-l@h", "“-l” starts with “-”")]
    #[case("a b", "“a b” holds a space")]
    #[case("a\nb", "“a\\nb” holds “\\n”")]
    #[case("a\u{85}b", "“a\\u{85}b” holds “\\u{85}”")]
    #[case("$(id)", "“$(id)” holds “$”")]
    #[case("a`id`", "“a`id`” holds “`”")]
    #[case("a;b", "“a;b” holds “;”")]
    #[case("a|b", "“a|b” holds “|”")]
    #[case("m;e@h", "“m;e” holds “;”")]
    #[case("m$e@h", "“m$e” holds “$”")]
    #[case("me -o@h", "“me -o” holds a “-” after white space")]
    #[case("me\\@h", "“me\\” holds a “\\” at its end")]
    #[case("", "the host name is empty")]
    #[case("me@", "the host name is empty")]
    #[case("@h", "the user name is empty")]
    #[case("h:0", "“0” is not a port from 1 to 65535")]
    #[case("h:99999", "“99999” is not a port from 1 to 65535")]
    fn what_could_become_an_option_or_a_command_is_refused(
        #[case] text: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(
            text.parse::<Destination>().unwrap_err().to_string(),
            expected
        );
    }

    #[test]
    fn hops_are_a_list_and_none_is_no_hop() {
        assert_eq!(Destination::hops("none"), Ok(Vec::new()));
        assert_eq!(
            Destination::hops("a,me@b:2,[::1]:3"),
            Ok(vec![
                destination(None, "a", None),
                destination(Some("me"), "b", Some(2)),
                destination(None, "::1", Some(3)),
            ])
        );
        assert_eq!(Destination::hops("a,,b"), Err(DestinationError::NoHost));
    }

    #[rstest]
    #[case("[]")]
    #[case("me@[]")]
    #[case("[-oProxyCommand=id]")]
    fn brackets_hide_nothing(#[case] text: &str) {
        assert!(Destination::typed(text).is_err(), "{text}");
        assert!(text.parse::<Destination>().is_err(), "{text}");
    }

    proptest! {
        #[test]
        fn what_is_taken_is_safe_in_an_argument_and_in_a_shell(text in "[-a-z@:\\[\\]'`\"$;&|\\\\ \n%.]{0,12}") {
            for taken in [text.parse::<Destination>(), Destination::typed(&text)].into_iter().flatten() {
                prop_assert!(!taken.host.is_empty());
                prop_assert!(!taken.host.starts_with('-'));
                prop_assert!(!taken.host.contains(|c: char| "'`\"$;&|\\ \n".contains(c)));
                if let Some(user) = taken.user {
                    prop_assert!(!user.starts_with('-') && !user.contains(" -"));
                    prop_assert!(!user.contains(|c: char| "'`\"$;&|\n".contains(c)));
                }
            }
        }
    }
}
