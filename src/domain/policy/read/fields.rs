//! The fields of one rule.

use std::ops::Range;

use toml::de::DeTable;

use super::values::{Word, one_of};
use super::{Draft, Example, Problem, Source, verdict};
use crate::domain::policy::Verdict;
use crate::domain::policy::glob::Glob;
use crate::domain::policy::guard;
use crate::domain::policy::rule::{Place, Rule, Signs, What};
use crate::domain::policy::schema::{Operands, Schema};
use crate::domain::{PromptKind, Source as Evidence, command};

/// The keys of every rule.
const COMMON: [&str; 12] = [
    "name",
    "verdict",
    "why",
    "tool",
    "kind",
    "host",
    "context",
    "dir",
    "branch",
    "source",
    "match",
    "not_match",
];
/// Those of a rule that allows.
const ALLOWING: [&str; 6] = [
    "program",
    "subcommand",
    "options",
    "operands",
    "argv",
    "path",
];
/// Those of a rule that asks or denies.
const TIGHTENING: [&str; 4] = ["program", "words", "contains", "path"];

/// The kinds that a rule can name.
const KINDS: [(&str, PromptKind); 7] = [
    ("command", PromptKind::Command),
    ("read", PromptKind::Read),
    ("edit", PromptKind::Edit),
    ("create", PromptKind::Create),
    ("fetch", PromptKind::Fetch),
    ("tool_call", PromptKind::ToolCall),
    ("other", PromptKind::Other),
];
/// Who can tell an exact subject.
const SOURCES: [(&str, Evidence); 2] = [("hook", Evidence::Hook), ("screen", Evidence::Screen)];

/// Reads a rule; `None` when something in it is wrong, which is then among the problems.
pub(super) fn draft(
    source: &Source<'_>,
    file: usize,
    table: &DeTable<'_>,
    whole: Range<usize>,
    problems: &mut Vec<Problem>,
) -> Option<Draft> {
    let before = problems.len();
    let mut reader = Reader {
        source,
        table,
        problems,
    };
    let name = reader.name(&whole);
    let verdict = reader.verdict(&whole);
    let (name, span) = name?;
    let verdict = verdict?;
    let specific: &[&'static str] = match verdict {
        Verdict::Allow => &ALLOWING,
        Verdict::Ask | Verdict::Deny => &TIGHTENING,
    };
    reader.check_keys(verdict, specific);
    let place = reader.place();
    let what = match verdict {
        Verdict::Allow => reader.allowing(&place, &span),
        Verdict::Ask | Verdict::Deny => Some(What::Signs(reader.signs())),
    };
    let matches = reader.examples("match");
    let not_matches = reader.examples("not_match");
    if matches.is_empty() {
        let hint = "add what it is for: match = [\"…\"]";
        reader.wrong(
            &span,
            format!("the rule “{name}” has no example that matches"),
            hint,
        );
    }
    if verdict == Verdict::Allow && not_matches.is_empty() {
        let hint = "add what it must not allow: not_match = [\"…\"]";
        reader.wrong(
            &span,
            format!("the rule “{name}” has no example that does not match"),
            hint,
        );
    }
    let why = reader.text("why").map_or_else(String::new, |(why, _)| why);
    if problems.len() > before {
        return None;
    }
    let rule = Rule {
        name,
        verdict,
        place,
        what: what?,
        why,
    };
    Some(Draft {
        rule,
        matches,
        not_matches,
        file,
        span,
    })
}

pub(super) struct Reader<'s, 't, 'p> {
    pub(super) source: &'s Source<'s>,
    pub(super) table: &'t DeTable<'t>,
    pub(super) problems: &'p mut Vec<Problem>,
}

impl Reader<'_, '_, '_> {
    fn name(&mut self, whole: &Range<usize>) -> Option<Word> {
        let Some((name, span)) = self.text("name") else {
            self.wrong(whole, "a rule has no name", "add one: name = \"…\"");
            return None;
        };
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 64 || !name.chars().all(is_word) {
            self.wrong(
                &span,
                "not a name",
                "use up to 64 letters, digits, “-”, “_” and “.”",
            );
        }
        Some((name, span))
    }

    fn verdict(&mut self, whole: &Range<usize>) -> Option<Verdict> {
        let Some((word, span)) = self.text("verdict") else {
            self.wrong(
                whole,
                "a rule has no verdict",
                "add one: verdict = \"allow\", \"ask\" or \"deny\"",
            );
            return None;
        };
        let verdict = verdict(&word);
        if verdict.is_none() {
            self.wrong(
                &span,
                format!("“{word}” is no verdict"),
                "one of: allow, ask, deny",
            );
        }
        verdict
    }

    /// A key of the other sort of rules would do nothing here.
    fn check_keys(&mut self, verdict: Verdict, specific: &[&'static str]) {
        let known: Vec<&'static str> = COMMON.iter().chain(specific).copied().collect();
        let misplaced = |name: &str| {
            (ALLOWING.contains(&name) || TIGHTENING.contains(&name)) && !known.contains(&name)
        };
        for (key, _) in self.table {
            let name: &str = key.get_ref();
            if misplaced(name) {
                let what = format!(
                    "“{name}” means nothing in a rule that says {}",
                    verdict.word()
                );
                let hint = format!("such a rule has: {}", specific.join(", "));
                self.wrong(&key.span(), what, hint);
            }
        }
        let unknown: Vec<_> = known
            .iter()
            .copied()
            .chain(ALLOWING)
            .chain(TIGHTENING)
            .collect();
        self.source.check_keys(self.table, &unknown, self.problems);
    }

    fn place(&mut self) -> Place {
        Place {
            tools: self.plain_words("tool"),
            kinds: self.named("kind", &KINDS),
            hosts: self.plain_words("host"),
            contexts: self.contexts(),
            dirs: self.folders(),
            branches: self.globs("branch"),
            sources: self.named("source", &SOURCES),
        }
    }

    fn contexts(&mut self) -> Vec<String> {
        let own = self.source.contexts;
        if own.is_empty() {
            return self.plain_words("context");
        }
        if self.table.contains_key("context") {
            let span = self.span("context");
            let hint = format!(
                "leave it out: the rules of this file hold in {}",
                own.join(", ")
            );
            self.wrong(&span, "“context” in a file that is one context’s own", hint);
        }
        own.to_vec()
    }

    fn folders(&mut self) -> Vec<Glob> {
        let globs = self.globs("dir");
        if globs.iter().any(|glob| !glob.is_absolute) {
            let span = self.span("dir");
            self.wrong(
                &span,
                "a folder is an absolute path",
                "for example \"/srv/shop/**\"",
            );
        }
        globs
    }

    fn allowing(&mut self, place: &Place, span: &Range<usize>) -> Option<What> {
        let is_command = place.kinds.is_empty() || place.kinds == [PromptKind::Command];
        let has = |key: &str| self.table.contains_key(key);
        let (program, argv, path) = (has("program"), has("argv"), has("path"));
        let (subcommand, options, operands) = (has("subcommand"), has("options"), has("operands"));
        if program && argv || path && (program || argv) {
            self.wrong(
                span,
                "“program”, “argv” and “path” exclude each other",
                "make a rule for each",
            );
            return None;
        }
        if (subcommand || options || operands) && !program {
            self.wrong(
                span,
                "words are allowed, but of no program",
                "add one: program = \"…\"",
            );
            return None;
        }
        if program || argv {
            if !is_command {
                self.wrong(
                    span,
                    "a rule for a program is of the kind “command” only",
                    "leave “kind” out",
                );
                return None;
            }
            return if program { self.program() } else { self.argv() };
        }
        self.files(place, path, span)
    }

    fn files(&mut self, place: &Place, has_path: bool, span: &Range<usize>) -> Option<What> {
        let files = [PromptKind::Read, PromptKind::Edit, PromptKind::Create];
        if place.kinds.is_empty() || place.kinds.iter().any(|kind| !files.contains(kind)) {
            let hint =
                "say what it allows: program, argv, or kind = [\"read\", \"edit\", \"create\"]";
            self.wrong(span, "no rule can allow this without a person", hint);
            return None;
        }
        if !has_path && place.kinds.iter().any(|kind| *kind != PromptKind::Read) {
            self.wrong(
                span,
                "a rule that allows changes needs “path”",
                "for example path = [\"docs/**\"]",
            );
            return None;
        }
        Some(What::Files(self.globs("path")))
    }

    fn program(&mut self) -> Option<What> {
        let (program, span) = self.text("program")?;
        if guard::is_never(&program) || guard::is_launcher(&program) {
            let hint = "allow a whole command line instead: argv = [\"…\"]";
            self.wrong(&span, format!("“{program}” runs what it is given"), hint);
            return None;
        }
        if !is_bare(&program) {
            self.wrong(
                &span,
                format!("“{program}” is not the bare name of a program"),
                "",
            );
            return None;
        }
        let subcommand = self.plain_words("subcommand");
        let operands = match self.text("operands") {
            None => Operands::None,
            Some((word, span)) => {
                let known = Operands::ALL.iter().find(|(name, _)| *name == word);
                if known.is_none() {
                    let names = Operands::ALL.map(|(name, _)| name);
                    let hint = one_of(&word, &names);
                    self.wrong(&span, format!("“{word}” are no operands"), hint);
                }
                known.map_or(Operands::None, |(_, operands)| *operands)
            }
        };
        let mut schema = Schema::new(program, subcommand, operands);
        for (option, span) in self.words("options") {
            if let Err(why) = schema.add_option(&option) {
                self.wrong(&span, why, "as in \"-l\", \"-n NUMBER\", \"--color=TEXT\"");
            }
        }
        Some(What::Program(schema))
    }

    fn argv(&mut self) -> Option<What> {
        let words = self.words("argv");
        let span = self.span("argv");
        let (program, _) = words.first()?;
        if guard::is_never(guard::file_name(program)) {
            self.wrong(&span, format!("“{program}” is never allowed by a rule"), "");
            return None;
        }
        Some(What::Exactly(
            words.into_iter().map(|(word, _)| word).collect(),
        ))
    }

    fn signs(&mut self) -> Signs {
        let program = self.text("program");
        if let Some((program, span)) = &program
            && !is_bare(program)
        {
            self.wrong(
                span,
                format!("“{program}” is not the bare name of a program"),
                "",
            );
        }
        Signs {
            program: program.map(|(program, _)| program),
            words: self.plain_words("words"),
            contains: self.plain_words("contains"),
            paths: self.globs("path"),
        }
    }

    fn examples(&mut self, key: &str) -> Vec<Example> {
        let words = self.words(key).into_iter();
        words
            .map(|(subject, span)| Example { subject, span })
            .collect()
    }
}

fn is_bare(program: &str) -> bool {
    command::words(program).is_ok_and(|words| words == [program]) && !program.contains('/')
}
