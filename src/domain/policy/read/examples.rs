//! Holds a rule against its own examples, in a made-up place that it applies to.
//!
//! The place has the folder, tool, host, … that the rule names first. Every path exists there as it is written, but no
//! secret does, and the project is a git repository.

use super::{Draft, Example, Problem, Source};
use crate::domain::policy::glob::Glob;
use crate::domain::policy::path::{below, lexical};
use crate::domain::policy::rule::{Fits, What};
use crate::domain::policy::{Case, Policy, Verdict, guard, secrets};
use crate::domain::{PromptKind, Source as Evidence, command};

/// The folder of examples when the rule names none.
const FOLDER: &str = "/srv/project";
/// The branch of examples when the rule names none: one that rules for main branches are not about.
const BRANCH: &str = "topic";

/// Where a rule applies, with a name for each part.
struct Scene<'d> {
    dir: String,
    branch: String,
    draft: &'d Draft,
}

impl<'d> Scene<'d> {
    fn of(draft: &'d Draft) -> Self {
        let place = &draft.rule.place;
        Self {
            dir: place
                .dirs
                .first()
                .map_or_else(|| FOLDER.to_owned(), |glob| format!("/{}", glob.instance())),
            branch: place
                .branches
                .first()
                .map_or_else(|| BRANCH.to_owned(), Glob::instance),
            draft,
        }
    }

    fn with<T>(&self, example: &Example, then: impl FnOnce(&Case<'_>) -> T) -> T {
        let place = &self.draft.rule.place;
        let resolve = |path: &str| {
            let path = lexical(path);
            let rest = below(&self.dir, &path).unwrap_or_default();
            let is_repository = matches!(rest, ".git" | ".git/HEAD");
            (is_repository || secrets::sensitive(rest).is_none()).then_some(path)
        };
        let files = [PromptKind::Read, PromptKind::Edit, PromptKind::Create];
        let kind = match &self.draft.rule.what {
            What::Program(_) | What::Exactly(_) => PromptKind::Command,
            What::Files(_) => place
                .kinds
                .iter()
                .copied()
                .find(|kind| files.contains(kind))
                .unwrap_or(PromptKind::Read),
            What::Signs(_) => place.kinds.first().copied().unwrap_or(PromptKind::Command),
        };
        let context = place.contexts.first().map(String::as_str);
        then(&Case {
            tool: place.tools.first().map_or("claude-code", String::as_str),
            kind,
            subject: &example.subject,
            host: place.hosts.first().map_or("local", String::as_str),
            contexts: Some(context.as_slice()),
            dir: &self.dir,
            project: Some(&self.dir),
            branch: Some(&self.branch),
            source: place.sources.first().copied().unwrap_or(Evidence::Hook),
            resolve: &resolve,
        })
    }
}

/// Whether the rule does what its examples say.
pub(super) fn check(source: &Source<'_>, draft: &Draft, problems: &mut Vec<Problem>) {
    let scene = Scene::of(draft);
    let name = &draft.rule.name;
    for example in &draft.matches {
        if let Err(why) = scene.with(example, |case| applies(draft, case)) {
            let what = format!("the rule “{name}” does not match its own example");
            problems.push(source.problem(Some(example.span.clone()), what, why));
        }
    }
    for example in &draft.not_matches {
        if scene.with(example, |case| applies(draft, case)).is_ok() {
            let what = format!("the rule “{name}” matches an example that it must not match");
            let hint = "make the rule narrower, or take the example out";
            problems.push(source.problem(Some(example.span.clone()), what, hint));
        }
    }
}

/// Whether the rule applies to a case, or what stands against it.
fn applies(draft: &Draft, case: &Case<'_>) -> Result<(), String> {
    command::visible(case.subject).map_err(|why| why.to_string())?;
    let rule = &draft.rule;
    if rule.verdict == Verdict::Allow {
        let known = guard::permits(case)?;
        return rule
            .allows(case, &known)
            .map_err(|why| why.unwrap_or_else(|| "it is about something else".to_owned()));
    }
    let words = command::words(case.subject).ok();
    let words = words.filter(|_| case.kind == PromptKind::Command);
    match rule.tightens(case, words.as_deref()) {
        Fits::Yes => Ok(()),
        Fits::No | Fits::Unknown => Err("it is about something else".to_owned()),
    }
}

/// Whether a rule that allows is ever reached: not if other rules refuse each of its examples.
pub(super) fn check_reach(
    source: &Source<'_>,
    draft: &Draft,
    policy: &Policy,
    problems: &mut Vec<Problem>,
) {
    if draft.rule.verdict != Verdict::Allow {
        return;
    }
    let scene = Scene::of(draft);
    let judged: Vec<_> = draft
        .matches
        .iter()
        .map(|example| scene.with(example, |case| policy.judge(case)))
        .collect();
    if judged.iter().any(|judged| judged.verdict == Verdict::Allow) {
        return;
    }
    if let Some(first) = judged.first() {
        let what = format!("the rule “{}” never applies", draft.rule.name);
        let hint = format!(
            "the rule “{}” goes before it for each of its examples",
            first.rule
        );
        problems.push(source.problem(Some(draft.span.clone()), what, hint));
    }
}
