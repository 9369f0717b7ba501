//! Reads files of rules. Promise: what is not understood to the last key is no policy, and a rule whose own examples say
//! otherwise is not loaded.
//!
//! A misspelt key would widen a rule without a word, so here, unlike in settings, an unknown key is an error.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::problem::nearest;
use super::rule::Rule;
use super::{Policy, Problem, RuleFile, SHIPPED, SHIPPED_NAME, Verdict};

mod examples;
mod fields;
mod values;

/// The keys of a file.
const TOP: [&str; 2] = ["shipped", "rule"];
/// The most rules in all: each is held against every prompt.
const MOST_RULES: usize = 1000;

/// A rule with what is only needed until it is checked.
struct Draft {
    rule: Rule,
    matches: Vec<Example>,
    not_matches: Vec<Example>,
    file: usize,
    /// Where its name stands.
    span: Range<usize>,
}

struct Example {
    subject: String,
    span: Range<usize>,
}

/// One file while it is read.
struct Source<'t> {
    name: &'t str,
    text: &'t str,
    /// Where alone its rules hold; empty: everywhere.
    contexts: &'t [String],
}

/// Reads files and the shipped rules; see [`Policy::load_files`].
pub(super) fn load(files: &[RuleFile]) -> Result<Policy, Vec<Problem>> {
    let mut sources: Vec<Source<'_>> = files
        .iter()
        .map(|file| Source {
            name: &file.name,
            text: &file.text,
            contexts: &file.contexts,
        })
        .collect();
    let mut problems = Vec::new();
    let mut drafts = Vec::new();
    let mut with_shipped = true;
    for (number, source) in sources.iter().enumerate() {
        with_shipped &= file(source, number, &mut drafts, &mut problems);
    }
    if with_shipped {
        let shipped = Source {
            name: SHIPPED_NAME,
            text: SHIPPED,
            contexts: &[],
        };
        file(&shipped, sources.len(), &mut drafts, &mut problems);
        sources.push(shipped);
    }
    check_names(&sources, &drafts, &mut problems);
    if drafts.len() > MOST_RULES {
        let what = format!("there are more than {MOST_RULES} rules");
        problems.push(Problem::at("policy", "", None, what, "join some of them"));
    }
    for draft in &drafts {
        if let Some(source) = sources.get(draft.file) {
            examples::check(source, draft, &mut problems);
        }
    }
    if !problems.is_empty() {
        problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        return Err(problems);
    }
    let texts: Vec<(String, &str)> = sources
        .iter()
        .map(|source| (source.in_full(), source.text))
        .collect();
    let rules = drafts.iter().map(|draft| draft.rule.clone()).collect();
    let policy = Policy::of(rules, &texts);
    // A rule of the user's that can never do what its examples say is a mistake too.
    for draft in drafts.iter().filter(|draft| draft.file < files.len()) {
        if let Some(source) = sources.get(draft.file) {
            examples::check_reach(source, draft, &policy, &mut problems);
        }
    }
    if problems.is_empty() {
        Ok(policy)
    } else {
        Err(problems)
    }
}

/// Reads one file; says whether the shipped rules are wanted.
fn file(
    source: &Source<'_>,
    number: usize,
    drafts: &mut Vec<Draft>,
    problems: &mut Vec<Problem>,
) -> bool {
    let (table, errors) = DeTable::parse_recoverable(source.text);
    // The first mistake is the cause; what follows is often only its echo.
    if let Some(first) = errors
        .iter()
        .min_by_key(|error| error.span().map(|span| span.start))
    {
        let message = first
            .message()
            .lines()
            .map(str::trim)
            .collect::<Vec<_>>()
            .join(", ");
        problems.push(source.problem(first.span(), message, ""));
        return true;
    }
    let table = table.get_ref();
    source.check_keys(table, &TOP, problems);
    for (key, value) in table {
        if key.get_ref() != "rule" {
            continue;
        }
        let Some(rules) = value.get_ref().as_array() else {
            problems.push(source.problem(
                Some(key.span()),
                "“rule” is a list of tables",
                "write it as [[rule]]",
            ));
            continue;
        };
        for rule in rules {
            match rule.get_ref() {
                DeValue::Table(table) => {
                    drafts.extend(fields::draft(source, number, table, rule.span(), problems));
                }
                _ => problems.push(source.problem(
                    Some(rule.span()),
                    "a rule is a table",
                    "write it as [[rule]]",
                )),
            }
        }
    }
    match table
        .get("shipped")
        .map(|value| (value.get_ref(), value.span()))
    {
        None => true,
        Some((_, span)) if !source.contexts.is_empty() => {
            let hint = "write it into policy.toml: those rules hold everywhere";
            problems.push(source.problem(
                Some(span),
                "“shipped” in a file that is one context’s own",
                hint,
            ));
            true
        }
        Some((DeValue::Boolean(wanted), _)) => *wanted,
        Some((_, span)) => {
            problems.push(source.problem(Some(span), "“shipped” is true or false", ""));
            true
        }
    }
}

/// Two rules of one name could not be told apart in the record.
fn check_names(sources: &[Source<'_>], drafts: &[Draft], problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    // The shipped rules are read last, so it is the user's rule that is complained about.
    for draft in drafts.iter().rev() {
        let Some(other) = first.insert(&draft.rule.name, draft.file) else {
            continue;
        };
        if let (Some(source), Some(other)) = (sources.get(draft.file), sources.get(other)) {
            let what = format!("the name “{}” is used more than once", draft.rule.name);
            let hint = format!("rename it: the other one is in {}", other.name);
            problems.push(source.problem(Some(draft.span.clone()), what, hint));
        }
    }
}

impl Source<'_> {
    /// Its name with the contexts that it is for.
    fn in_full(&self) -> String {
        match self.contexts {
            [] => self.name.to_owned(),
            contexts => format!("{} in {}", self.name, contexts.join(", ")),
        }
    }

    fn problem(
        &self,
        span: Option<Range<usize>>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Problem {
        Problem::at(self.name, self.text, span, what, hint)
    }

    fn check_keys(&self, table: &DeTable<'_>, known: &[&'static str], problems: &mut Vec<Problem>) {
        for (key, _) in table {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let hint = nearest(name, known.iter().copied()).map_or_else(
                || format!("one of: {}", known.join(", ")),
                |near| format!("did you mean “{near}”?"),
            );
            problems.push(self.problem(Some(key.span()), format!("unknown key “{name}”"), hint));
        }
    }
}

/// Whether a rule may be of this verdict.
fn verdict(word: &str) -> Option<Verdict> {
    [Verdict::Allow, Verdict::Ask, Verdict::Deny]
        .into_iter()
        .find(|verdict| verdict.word() == word)
}

#[cfg(test)]
mod tests;
