//! Names of files and folders that a person is asked about even when they are only read: secrets, and the settings by
//! which shells, git and the tools themselves run programs.
//!
//! The list is for names, whatever is in the file: a name too many asks once more, a name too few leaks a key.

/// Whole names, in small letters.
const NAMES: &[&str] = &[
    ".authinfo",
    ".aws",
    ".azure",
    ".bash_history",
    ".bash_login",
    ".bash_logout",
    ".bash_profile",
    ".bashrc",
    ".boto",
    ".claude",
    ".claude.json",
    ".codex",
    ".continue",
    ".copilot",
    ".cursor",
    ".docker",
    ".dockercfg",
    ".envrc",
    ".gcloud",
    ".gemini",
    ".git",
    ".git-credentials",
    ".gitconfig",
    ".gitmodules",
    ".gnupg",
    ".gpg",
    ".hg",
    ".histfile",
    ".history",
    ".htpasswd",
    ".inputrc",
    ".kube",
    ".mcp.json",
    ".my.cnf",
    ".mysql_history",
    ".netrc",
    ".node_repl_history",
    ".npmrc",
    ".opencode",
    ".password-store",
    ".pgpass",
    ".pip",
    ".profile",
    ".psql_history",
    ".pypirc",
    ".python_history",
    ".qwen",
    ".rediscli_history",
    ".s3cfg",
    ".ssh",
    ".svn",
    ".terraform.d",
    ".terraformrc",
    ".tmux.conf",
    ".token",
    ".vault-token",
    ".yarnrc",
    ".yarnrc.yml",
    ".zlogin",
    ".zlogout",
    ".zprofile",
    ".zsh_history",
    ".zshenv",
    ".zshrc",
    "_netrc",
    "auth.json",
    "authorized_keys",
    "cm-tui",
    "dockerconfigjson",
    "gcloud",
    "gshadow",
    "hosts.yml",
    "known_hosts",
    "kubeconfig",
    "login.keychain",
    "oauth_creds.json",
    "shadow",
    "sudoers",
    "token",
    "token.json",
    "token.txt",
    "tokens.json",
    "wallet.dat",
];
/// Beginnings of names.
const BEGINNINGS: &[&str] = &[
    ".aider",
    ".config.json",
    ".env.",
    ".env-",
    ".env_",
    "credential",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
    "id_xmss",
    "keystore",
    "passwd",
    "password",
    "private_key",
    "private-key",
    "privatekey",
    "secret",
    "service-account",
    "service_account",
    "serviceaccount",
    "ssh_host_",
];
/// Ends of names, most of them formats of keys.
const ENDS: &[&str] = &[
    ".age",
    ".asc",
    ".env",
    ".gpg",
    ".jks",
    ".kdbx",
    ".key",
    ".keychain-db",
    ".keystore",
    ".keytab",
    ".ovpn",
    ".p12",
    ".p8",
    ".pem",
    ".pfx",
    ".pkcs12",
    ".ppk",
    ".tfstate",
    ".tfstate.backup",
    ".tfvars",
    ".token",
    "_history",
];

/// What usually holds secrets and is not hidden: looked for in a folder before everything below it may be read.
pub(super) const PLAIN: [&str; 24] = [
    "auth.json",
    "credentials",
    "credentials.json",
    "credentials.toml",
    "credentials.yml",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
    "key.pem",
    "master.key",
    "private.key",
    "private.pem",
    "secret",
    "secrets",
    "secrets.json",
    "secrets.toml",
    "secrets.yaml",
    "secrets.yml",
    "server.key",
    "service-account.json",
    "terraform.tfstate",
    "terraform.tfvars",
    "token.json",
    "tokens.json",
];
/// The same, hidden: programs that search hidden files too would show them.
pub(super) const HIDDEN: [&str; 22] = [
    ".aws",
    ".claude",
    ".codex",
    ".docker",
    ".env",
    ".env.dev",
    ".env.development",
    ".env.local",
    ".env.prod",
    ".env.production",
    ".env.staging",
    ".env.test",
    ".envrc",
    ".git",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".mcp.json",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".ssh",
];

/// The first name in a path that a person has to be asked about.
pub(super) fn sensitive(path: &str) -> Option<&str> {
    path.split('/').find(|name| is_sensitive(name))
}

fn is_sensitive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // Some file systems ignore these at the end of a name.
    let name = name.trim_end_matches(['.', ' ']);
    NAMES.contains(&name)
        || BEGINNINGS.iter().any(|start| name.starts_with(start))
        || ENDS.iter().any(|end| name.ends_with(end))
        || (name.starts_with("id_") && !name.contains('.'))
}

/// Whether a pattern such as `*.rs` names nothing but source code by the end of its name.
pub(super) fn is_source_glob(glob: &str) -> bool {
    const SOURCE: &[&str] = &[
        "adoc", "astro", "bash", "c", "cc", "clj", "cpp", "cs", "css", "cxx", "dart", "elm", "erl",
        "ex", "exs", "fish", "go", "graphql", "h", "hpp", "hs", "html", "java", "jl", "js", "jsx",
        "kt", "kts", "less", "lua", "md", "mdx", "mjs", "ml", "nix", "php", "pl", "proto", "py",
        "pyi", "r", "rb", "rs", "rst", "sass", "scala", "scss", "sh", "sql", "svelte", "swift",
        "ts", "tsx", "vue", "zig",
    ];
    let Some(end) = glob.strip_prefix("**/").unwrap_or(glob).strip_prefix("*.") else {
        return false;
    };
    match end.strip_prefix('{').and_then(|end| end.strip_suffix('}')) {
        Some(ends) => ends.split(',').all(|end| SOURCE.contains(&end)),
        None => SOURCE.contains(&end),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(".env", Some(".env"))]
    #[case("app/.env.local", Some(".env.local"))]
    #[case("prod.env", Some("prod.env"))]
    #[case("a/.GIT/config", Some(".GIT"))]
    #[case("id_rsa", Some("id_rsa"))]
    #[case("id_work", Some("id_work"))]
    #[case("deploy/tls.key", Some("tls.key"))]
    #[case(".env.", Some(".env."))]
    #[case("src/id_map.rs", None)]
    #[case("src/environment.rs", None)]
    #[case(".gitignore", None)]
    #[case(".github/workflows/ci.yml", None)]
    #[case("", None)]
    fn names_are_told(#[case] path: &str, #[case] expected: Option<&str>) {
        assert_eq!(sensitive(path), expected);
    }

    #[test]
    fn what_is_looked_for_in_a_folder_is_on_the_list() {
        for name in PLAIN.iter().chain(&HIDDEN) {
            assert!(is_sensitive(name), "{name}");
        }
    }

    #[rstest]
    #[case("*.rs", true)]
    #[case("**/*.ts", true)]
    #[case("*.{js,jsx}", true)]
    #[case("*.{js,pem}", false)]
    #[case("*", false)]
    #[case("*.env", false)]
    #[case("*.*", false)]
    #[case(".env*", false)]
    #[case("!*.rs", false)]
    #[case("*.{rs", false)]
    #[case("src/*.rs", false)]
    fn a_pattern_for_source_code_is_told(#[case] glob: &str, #[case] expected: bool) {
        assert_eq!(is_source_glob(glob), expected);
    }
}
