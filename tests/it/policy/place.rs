//! A project on disk, with what a tool might be lured into.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use cm_tui::domain::policy::{Case, Judgement, Policy};
use cm_tui::domain::{PromptKind, Source};
use tempfile::TempDir;

/// A repository with files, links out of it and secrets, in a folder with more of them.
pub struct Place {
    temp: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path();
        let file = |name: &str| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x\n").unwrap();
        };
        for name in [
            "outside/secret.txt",
            "outside/notes.txt",
            "home/.ssh/id_rsa",
            "home/.bashrc",
            "shop-other/main.rs",
            "shop/.git/HEAD",
            "shop/.git/config",
            "shop/.git/hooks/pre-commit",
            "shop/.env",
            "shop/.env.local",
            "shop/.mcp.json",
            "shop/.claude/settings.json",
            "shop/.codex/config.toml",
            "shop/.npmrc",
            "shop/.envrc",
            "shop/id_rsa",
            "shop/tls.pem",
            "shop/deploy/server.key",
            "shop/deploy/run.sh",
            "shop/config/credentials.json",
            "shop/config/app.toml",
            "shop/infra/terraform.tfstate",
            "shop/infra/main.tf",
            "shop/README.md",
            "shop/CHANGELOG.md",
            "shop/Cargo.toml",
            "shop/Cargo.lock",
            "shop/package.json",
            "shop/Makefile",
            "shop/LICENSE",
            "shop/.gitignore",
            "shop/.github/workflows/ci.yml",
            "shop/src/main.rs",
            "shop/src/lib.rs",
            "shop/src/cart.rs",
            "shop/src/api/mod.rs",
            "shop/src/api/routes.rs",
            "shop/tests/cart.rs",
            "shop/tests/api.rs",
            "shop/docs/guide.md",
            "shop/docs/api.md",
            "shop/web/app.ts",
            "shop/web/index.html",
            "shop/web/components/Cart.tsx",
            "shop/scripts/build.sh",
            "shop/vendor/planted/.git/HEAD",
            "shop/vendor/bare/HEAD",
            "shop/vendor/bare/config",
            "shop/tools/ls",
            "shop/log.txt",
            "shop/a b.txt",
        ] {
            file(name);
        }
        let shop = root.join("shop");
        symlink(root.join("outside"), shop.join("link-out")).unwrap();
        symlink(root.join("outside/secret.txt"), shop.join("src/link.txt")).unwrap();
        symlink("../.env", shop.join("src/settings.txt")).unwrap();
        symlink("nowhere/at/all", shop.join("dangling")).unwrap();
        symlink("src", shop.join("code")).unwrap();
        symlink("loop", shop.join("loop")).unwrap();
        symlink("/", shop.join("rootlink")).unwrap();
        symlink("../../.git", shop.join("docs/repo")).unwrap();
        Self { temp }
    }

    pub fn root(&self) -> &Path {
        self.temp.path()
    }

    pub fn shop(&self) -> String {
        self.temp.path().join("shop").to_str().unwrap().to_owned()
    }

    /// What a policy says to a prompt of a tool that works in `dir`, seen from the shop. `{root}` and `{shop}` are put in.
    pub fn judge(&self, policy: &Policy, kind: PromptKind, dir: &str, subject: &str) -> Judgement {
        self.judge_in(Some(&[]), policy, kind, dir, subject)
    }

    /// The same in these contexts.
    pub fn judge_in(
        &self,
        contexts: Option<&[&str]>,
        policy: &Policy,
        kind: PromptKind,
        dir: &str,
        subject: &str,
    ) -> Judgement {
        let shop = self.shop();
        let subject = subject
            .replace("{root}", self.root().to_str().unwrap())
            .replace("{shop}", &shop);
        let dir = format!("{shop}/{dir}");
        let dir = dir.trim_end_matches('/');
        policy.judge(&Case {
            tool: "claude-code",
            kind,
            subject: &subject,
            host: "local",
            contexts,
            dir,
            project: Some(&shop),
            branch: Some("main"),
            source: Source::Hook,
            resolve: &real,
        })
    }
}

pub fn real(path: &str) -> Option<String> {
    let real = fs::canonicalize(path).ok()?;
    Some(real.to_str()?.to_owned())
}
