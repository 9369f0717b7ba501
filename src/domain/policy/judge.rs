//! The judge: holds a case against the rules, the strictest first.

use super::rule::{Fits, Rule};
use super::{Case, Judgement, Verdict, guard};
use crate::domain::command;

/// What the rules, sorted by name, say of a case.
pub(super) fn judge(rules: &[Rule], case: &Case<'_>) -> Judgement {
    if !case.kind.is_permission() {
        let why = format!(
            "a prompt of the kind “{}” is for a person",
            case.kind.word()
        );
        return ask(why);
    }
    if let Err(why) = command::visible(case.subject) {
        return ask(format!("not all of it can be seen for certain: {why}"));
    }
    let words = command::words(case.subject).ok();
    tightened(rules, case, words.as_deref()).unwrap_or_else(|| allowed(rules, case))
}

fn tightened(rules: &[Rule], case: &Case<'_>, words: Option<&[String]>) -> Option<Judgement> {
    // The words of a path are not those of a command.
    let words = words.filter(|_| case.kind == crate::domain::PromptKind::Command);
    let mut found: Option<(Verdict, &Rule, Fits)> = None;
    for rule in rules.iter().filter(|rule| rule.verdict != Verdict::Allow) {
        let fits = rule.tightens(case, words);
        let verdict = match fits {
            Fits::Yes => rule.verdict,
            Fits::Unknown => Verdict::Ask,
            Fits::No => continue,
        };
        if found.is_none_or(|(strictest, ..)| verdict > strictest) {
            found = Some((verdict, rule, fits));
        }
    }
    found.map(|(verdict, rule, fits)| {
        let why = match fits {
            Fits::Unknown => {
                let is_context = case.contexts.is_none() && rule.names_contexts();
                let unknown = if is_context { "context" } else { "branch" };
                format!(
                    "the rule “{}” may be about it: the {unknown} is not known",
                    rule.name
                )
            }
            _ if rule.why.is_empty() => format!("the rule “{}” says so", rule.name),
            _ => rule.why.clone(),
        };
        Judgement {
            verdict,
            rule: rule.name.clone(),
            why,
        }
    })
}

fn allowed(rules: &[Rule], case: &Case<'_>) -> Judgement {
    let known = match guard::permits(case) {
        Ok(known) => known,
        Err(why) => return ask(why),
    };
    let mut almost = None;
    for rule in rules {
        match rule.allows(case, &known) {
            Ok(()) => {
                let why = if rule.why.is_empty() {
                    format!("the rule “{}” allows it", rule.name)
                } else {
                    rule.why.clone()
                };
                return Judgement {
                    verdict: Verdict::Allow,
                    rule: rule.name.clone(),
                    why,
                };
            }
            Err(Some(why)) => {
                almost.get_or_insert_with(|| {
                    format!("not allowed by the rule “{}”: {why}", rule.name)
                });
            }
            Err(None) => {}
        }
    }
    ask(almost.unwrap_or_else(|| "no rule allows it".to_owned()))
}

fn ask(why: String) -> Judgement {
    Judgement {
        verdict: Verdict::Ask,
        rule: String::new(),
        why,
    }
}
