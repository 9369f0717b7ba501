//! The rules that may answer a permission without a person, and the judge that reads them.
//!
//! Promise: a rule that denies goes before one that asks, and that before one that allows, whatever their order or file;
//! and [`Verdict::Allow`] is said only of a permission whose exact subject is known, of which it is proved what it does,
//! and which stays inside the project. Everything else asks. There is no way from an error to an allowance: a file that
//! does not load is no policy at all ([`Policy::load`]), and of what cannot be told the worst is believed.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]

mod glob;
mod guard;
mod judge;
mod path;
mod problem;
mod read;
mod rule;
mod schema;
mod secrets;
mod suggest;

pub use problem::Problem;
pub use suggest::suggest;

use self::rule::Rule;
pub use super::Verdict;
use super::{PromptKind, Source};

/// The rules that come with the program.
pub const SHIPPED: &str = include_str!("../../../assets/policy/shipped.toml");
/// What the shipped rules are called in problems.
pub const SHIPPED_NAME: &str = "shipped rules";
/// The documented sample of a user's file: every line is a comment.
pub const SAMPLE: &str = include_str!("../../../assets/policy/policy.toml");

/// What the policy says of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Verdict,
    /// The name of the rule that said so; empty when none did.
    pub rule: String,
    /// One line for people.
    pub why: String,
}

/// A prompt, with all that a rule can look at.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// The profile's id.
    pub tool: &'a str,
    pub kind: PromptKind,
    /// The whole command line, or the path; not shortened, not cleaned.
    pub subject: &'a str,
    pub host: &'a str,
    /// The contexts that it is in: usually one, none outside of them. Nothing where that cannot be told.
    pub contexts: Option<&'a [&'a str]>,
    /// Where the tool works: absolute.
    pub dir: &'a str,
    /// The root of the git repository, or the folder that the session was started in: absolute. Without one it is `dir`.
    pub project: Option<&'a str>,
    /// Nothing where it cannot be told.
    pub branch: Option<&'a str>,
    /// Who told the exact subject.
    pub source: Source,
    /// The real path of an absolute path: links followed, nothing left of `..`. Nothing for what does not exist or
    /// cannot be told; the text must not be tidied before, since `link/..` is not where it seems.
    pub resolve: &'a dyn Fn(&str) -> Option<String>,
}

/// A file of rules, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFile {
    /// What problems call it by.
    pub name: String,
    pub text: String,
    /// The contexts that alone its rules hold in; empty: they hold everywhere.
    pub contexts: Vec<String>,
}

/// A set of rules.
#[derive(Clone, Debug)]
pub struct Policy {
    /// By name.
    rules: Vec<Rule>,
    hash: String,
}

impl Policy {
    /// No rule: everything asks.
    pub fn empty() -> Self {
        Self::of(Vec::new(), &[])
    }

    /// The rules that come with the program.
    pub fn shipped() -> Self {
        // That they load is shown by a test; were it not so, nothing would be allowed.
        Self::load(&[]).unwrap_or_else(|_| Self::empty())
    }

    /// Reads rules that hold everywhere, each text with the name that problems call it by; see [`Policy::load_files`].
    pub fn load(files: &[(String, String)]) -> Result<Self, Vec<Problem>> {
        let file = |(name, text): &(String, String)| RuleFile {
            name: name.clone(),
            text: text.clone(),
            contexts: Vec::new(),
        };
        Self::load_files(&files.iter().map(file).collect::<Vec<_>>())
    }

    /// Reads files of rules. The shipped rules are always there too, unless a file says `shipped = false`. One problem
    /// anywhere and there is no policy.
    pub fn load_files(files: &[RuleFile]) -> Result<Self, Vec<Problem>> {
        read::load(files)
    }

    /// The same rules where contexts are as `places` says. Moving one changes what its rules are about, so where any rule is
    /// about contexts the hash names that too.
    #[must_use]
    pub fn placed(mut self, places: &str) -> Self {
        if self.names_contexts() {
            let mut hasher = blake3::Hasher::new();
            hasher.update(self.hash.as_bytes());
            hasher.update(places.as_bytes());
            self.hash = hasher.finalize().to_hex().to_string();
        }
        self
    }

    /// Whether any rule is about certain contexts only.
    pub fn names_contexts(&self) -> bool {
        self.rules.iter().any(Rule::names_contexts)
    }

    fn of(mut rules: Vec<Rule>, texts: &[(String, &str)]) -> Self {
        rules.sort_by(|a, b| a.name.cmp(&b.name));
        let mut hasher = blake3::Hasher::new();
        // Whatever the order of the files; each with its length, so that no text can be moved from one to the next.
        let mut texts = texts.to_vec();
        texts.sort_unstable();
        for (name, text) in texts {
            for part in [name.as_str(), text] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        Self {
            rules,
            hash: hasher.finalize().to_hex().to_string(),
        }
    }

    /// What the rules say of a prompt.
    pub fn judge(&self, case: &Case<'_>) -> Judgement {
        judge::judge(&self.rules, case)
    }

    /// Names all the text that the rules were made of, BLAKE3 in hexadecimal: what the record keeps.
    pub fn hash(&self) -> String {
        self.hash.clone()
    }

    /// The names of the rules with what they say, by name.
    pub fn rules(&self) -> impl Iterator<Item = (&str, Verdict)> {
        self.rules
            .iter()
            .map(|rule| (rule.name.as_str(), rule.verdict))
    }
}
