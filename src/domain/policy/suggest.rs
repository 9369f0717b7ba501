//! The rule that a person may want after having said yes: exactly this, here, by this tool.

use super::path::Project;
use super::{Case, Policy, Verdict, guard};
use crate::domain::command;
use crate::domain::{PromptKind, Source};

/// Programs that change, fetch or send what no one may have seen: a yes to one of them is for this time.
const ONCE: &[&str] = &[
    "apt",
    "apt-get",
    "aws",
    "brew",
    "chattr",
    "chmod",
    "chown",
    "cp",
    "crontab",
    "curl",
    "dd",
    "dnf",
    "ed",
    "fdisk",
    "ftp",
    "gcloud",
    "gh",
    "halt",
    "helm",
    "install",
    "iptables",
    "kill",
    "killall",
    "ln",
    "mkfs",
    "mount",
    "mv",
    "nc",
    "ncat",
    "netcat",
    "openssl",
    "passwd",
    "pacman",
    "pkill",
    "poweroff",
    "reboot",
    "rm",
    "rmdir",
    "rundll32",
    "sed",
    "service",
    "shred",
    "shutdown",
    "systemctl",
    "tee",
    "telnet",
    "terraform",
    "truncate",
    "umount",
    "unlink",
    "useradd",
    "usermod",
    "wget",
    "xdg-open",
    "yum",
];
/// What of git changes nothing that is not in the record of the repository.
const GIT: &[&str] = &[
    "add",
    "blame",
    "branch",
    "commit",
    "diff",
    "fetch",
    "log",
    "ls-files",
    "rev-parse",
    "show",
    "status",
    "tag",
];
/// The longest name of a rule, without its number, in characters.
const LONGEST_NAME: usize = 40;

/// The rule that would allow exactly this, as TOML text that loads; nothing where none is safe: for what cannot be
/// proved, leads outside, may hold secrets, or runs what it is given.
pub fn suggest(case: &Case<'_>) -> Option<String> {
    let project = Project::of(case).ok()?;
    let (title, what, example) = match case.kind {
        PromptKind::Command => {
            let words = command::words(case.subject).ok()?;
            if !is_repeatable(&words) {
                return None;
            }
            let what = format!("argv = {}", list(&words));
            (words.join("-"), what, case.subject.to_owned())
        }
        PromptKind::Read | PromptKind::Edit | PromptKind::Create => {
            let real = project.inside(case, case.subject).ok()?;
            let word = case.kind.word();
            let what = format!(
                "kind = [\"{word}\"]\npath = {}",
                list(std::slice::from_ref(&real))
            );
            (format!("{word}-{}", guard::file_name(&real)), what, real)
        }
        _ => return None,
    };
    let folder = format!("{}/**", project.root);
    let evidence = match case.source {
        Source::Hook => "hook",
        Source::Screen => "screen",
        _ => return None,
    };
    // A rule for what the hook told does not hold for what a screen shows.
    let place = format!(
        "tool = {}\nhost = {}\ndir = {}\nsource = [\"{evidence}\"]\n",
        list(&[case.tool.to_owned()]),
        list(&[case.host.to_owned()]),
        list(&[folder])
    );
    let other = match case.kind {
        PromptKind::Command => format!("{} --and-more", example.trim()),
        _ => format!("{example}.other"),
    };
    let body = format!(
        "verdict = \"allow\"\n{place}{what}\nmatch = {}\nnot_match = {}\n",
        list(&[example]),
        list(&[other])
    );
    let text = format!("[[rule]]\nname = \"{}\"\n{body}", name(&title, &body));
    let alone = format!("shipped = false\n{text}");
    let policy = Policy::load(&[("suggestion".to_owned(), alone)]).ok()?;
    (policy.judge(case).verdict == Verdict::Allow).then_some(text)
}

fn is_repeatable(words: &[String]) -> bool {
    let Some((program, rest)) = words.split_first() else {
        return false;
    };
    let name = guard::file_name(program);
    if guard::is_never(name)
        || guard::is_launcher(name)
        || ONCE.contains(&name)
        || name.starts_with("mkfs")
    {
        return false;
    }
    name != "git"
        || rest
            .first()
            .is_some_and(|word| GIT.contains(&word.as_str()))
}

/// A name that says what it is, with a number of its own.
fn name(title: &str, body: &str) -> String {
    let mut slug = String::new();
    for c in title.chars().take(LONGEST_NAME) {
        if c.is_ascii_alphanumeric() || c == '.' {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let hash = blake3::hash(body.as_bytes()).to_hex();
    let number: String = hash.chars().take(8).collect();
    format!("{}-{number}", slug.trim_matches('-'))
}

/// A list of strings in TOML.
fn list(words: &[String]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| toml::Value::String(word.clone()).to_string())
        .collect();
    format!("[{}]", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(kind: PromptKind, source: Source, subject: &str) -> String {
        let real = |path: &str| Some(path.to_owned());
        let case = Case {
            tool: "codex",
            kind,
            subject,
            host: "local",
            contexts: Some(&[]),
            dir: "/srv/shop",
            project: None,
            branch: None,
            source,
            resolve: &real,
        };
        suggest(&case).unwrap_or_default()
    }

    #[test]
    fn a_rule_is_written_as_a_person_would() {
        let command = suggested(
            PromptKind::Command,
            Source::Hook,
            "git commit -m 'a \"b\"' ",
        );
        insta::assert_snapshot!(command, @r#"
        [[rule]]
        name = "git-commit-m-a-b-e8d7ec4a"
        verdict = "allow"
        tool = ["codex"]
        host = ["local"]
        dir = ["/srv/shop/**"]
        source = ["hook"]
        argv = ["git", "commit", "-m", 'a "b"']
        match = ["""git commit -m 'a "b"' """]
        not_match = ["""git commit -m 'a "b"' --and-more"""]
        "#);
        let file = suggested(PromptKind::Read, Source::Screen, "src/main.rs");
        insta::assert_snapshot!(file, @r#"
        [[rule]]
        name = "read-main.rs-97e3d3d5"
        verdict = "allow"
        tool = ["codex"]
        host = ["local"]
        dir = ["/srv/shop/**"]
        source = ["screen"]
        kind = ["read"]
        path = ["/srv/shop/src/main.rs"]
        match = ["/srv/shop/src/main.rs"]
        not_match = ["/srv/shop/src/main.rs.other"]
        "#);
    }
}
