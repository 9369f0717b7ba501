//! Many sources, one state. Pure: the same claims at the same time give the same answer.
//!
//! Promise: the more trusted source wins, with these exceptions, each of which a real tool has taught us:
//!
//! * A prompt that the screen shows is always told, whoever says that the tool works: to hide one is worse than to show one
//!   too many. What is at stake comes from the hook when both speak of the same thing.
//! * A hook says nothing when a person presses Esc. So what it said ends as soon as another source has changed its mind
//!   since, or has said otherwise for [`DOUBT`] although it could have followed.
//! * A title at rest may be idle or waiting; it only speaks against work.
//! * That a tool waits, without a prompt that anybody can read, has to stand for [`PATIENCE`]: the prompt is usually about to
//!   be drawn. Then it is told as a prompt without subject and without choices, which nobody can answer from afar.
//! * Once another program is in front, only the screen counts: titles stay behind, and files hold reports.

use std::time::{Duration, Instant};

use crate::domain::detect::{FoundPrompt, Verdict};
use crate::domain::{Claim, PromptKind, SessionState, Source};

/// How long a hook is believed although the others have not followed: a tool redraws within a tenth of that.
pub(super) const DOUBT: Duration = Duration::from_secs(1);
/// How long it may take until a prompt that was announced is drawn: the longest seen was 0.2 s.
pub(super) const PATIENCE: Duration = Duration::from_millis(250);

/// One source's claim.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    pub claim: Claim,
    /// Since when it says so, on the clock that counts.
    pub at: Instant,
    /// What is at stake, exactly, when it tells.
    pub subject: String,
}

/// All that speak, as of one look at the screen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voices<'a> {
    pub hook: Option<&'a Voice>,
    pub status: Option<&'a Voice>,
    pub title: Option<&'a Voice>,
    pub screen: &'a Voice,
    pub verdict: &'a Verdict,
}

/// What all of them come to.
#[derive(Clone, Debug)]
pub(super) struct Weighed {
    pub verdict: Verdict,
    /// Whether the prompt is one that stands on the screen.
    pub is_on_screen: bool,
    /// Who says so, the most trusted first.
    pub sources: Vec<Source>,
    /// Who says something else, in words.
    pub dissent: String,
    /// What the hook said counts no more.
    pub hook_is_over: bool,
    /// When to weigh again although nothing has changed.
    pub again: Option<Instant>,
}

/// What a state has in common with others when it comes to agreeing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stance {
    Working,
    Asking,
    /// The prompt is open: idle, finished or failed.
    Ready,
    /// Not working; nothing more is said.
    Rest,
    Silent,
}

fn stance(claim: &Claim) -> Stance {
    match claim.state {
        SessionState::Working { .. } => Stance::Working,
        SessionState::Approval | SessionState::Question => Stance::Asking,
        SessionState::Idle if claim.source == Source::Title => Stance::Rest,
        SessionState::Idle | SessionState::Finished | SessionState::Error { .. } => Stance::Ready,
        _ => Stance::Silent,
    }
}

fn contradict(one: Stance, other: Stance) -> bool {
    match (one, other) {
        (Stance::Silent, _) | (_, Stance::Silent) => false,
        (Stance::Rest, other) | (other, Stance::Rest) => other == Stance::Working,
        (one, other) => one != other,
    }
}

impl Voices<'_> {
    /// Weighs all claims against each other.
    pub fn weigh(self, now: Instant) -> Weighed {
        let mut again = None;
        let over_at = self.hook.and_then(|hook| self.hook_ends(hook));
        let hook_is_over = over_at.is_some_and(|at| at <= now);
        let hook = self.hook.filter(|_| !hook_is_over);
        soonest(&mut again, over_at.filter(|at| *at > now));

        let (verdict, winner, is_on_screen) = if let Some(prompt) = &self.verdict.prompt {
            (self.shown(prompt, hook), Source::Screen, true)
        } else {
            let (verdict, winner) = self.strongest(hook, now, &mut again);
            (verdict, winner, false)
        };

        let told = Claim {
            source: winner,
            state: verdict.state.clone(),
            kind: None,
            rule: String::new(),
            since: 0,
        };
        let told = stance(&told);
        let speaking = [hook, self.status, self.title, Some(self.screen)];
        let (mut sources, mut others) = (Vec::new(), Vec::new());
        for claim in speaking.into_iter().flatten().map(|voice| &voice.claim) {
            let stance = stance(claim);
            if stance == told && stance != Stance::Rest || claim.source == winner {
                sources.push(claim.source);
            } else if contradict(told, stance) {
                let word = match stance {
                    Stance::Rest => "not working",
                    _ => claim.state.word(),
                };
                others.push(format!("{} says {word}", claim.source.word()));
            }
        }
        let is_doubted = hook
            .zip(self.verdict.prompt.as_ref())
            .is_some_and(|(hook, prompt)| is_other_subject(hook, prompt));
        if is_doubted {
            sources.retain(|source| *source != Source::Hook);
            others.insert(0, "hook names another subject".to_owned());
        }
        Weighed {
            verdict,
            is_on_screen,
            sources,
            dissent: others.join("; "),
            hook_is_over,
            again,
        }
    }

    /// When what the hook said has an end, unless something changes.
    fn hook_ends(&self, hook: &Voice) -> Option<Instant> {
        let said = stance(&hook.claim);
        let others = [self.status, self.title, Some(self.screen)];
        let against = others
            .into_iter()
            .flatten()
            .filter(|other| contradict(said, stance(&other.claim)));
        // One that changed its mind afterwards knows more than the hook; one that did not may only be late.
        against
            .map(|other| {
                if other.at > hook.at {
                    other.at
                } else {
                    hook.at + DOUBT
                }
            })
            .min()
    }

    /// The prompt on the screen, with what the others know of it.
    fn shown(&self, prompt: &FoundPrompt, hook: Option<&Voice>) -> Verdict {
        let mut prompt = prompt.clone();
        if let Some(hook) = hook
            && is_same_subject(hook, &prompt)
        {
            prompt.subject.clone_from(&hook.subject);
        }
        // The tool says that it is a permission, and the screen knows nothing better than that something waits.
        let is_permission = self
            .status
            .is_some_and(|status| status.claim.state == SessionState::Approval);
        if is_permission && prompt.kind == PromptKind::Question && prompt.choices.is_empty() {
            prompt.kind = PromptKind::Other;
        }
        Verdict {
            state: prompt.kind.state(),
            prompt: Some(prompt),
            ..self.verdict.clone()
        }
    }

    /// The most trusted claim that can be told now.
    fn strongest(
        &self,
        hook: Option<&Voice>,
        now: Instant,
        again: &mut Option<Instant>,
    ) -> (Verdict, Source) {
        for voice in [hook, self.status, self.title].into_iter().flatten() {
            let rule = format!("{}: {}", voice.claim.source.word(), voice.claim.rule);
            match stance(&voice.claim) {
                Stance::Silent | Stance::Rest => {}
                Stance::Asking => {
                    let shown_by = voice.at + PATIENCE;
                    if now < shown_by {
                        soonest(again, Some(shown_by));
                        continue;
                    }
                    return (unreadable(voice, rule), voice.claim.source);
                }
                Stance::Working | Stance::Ready => {
                    let verdict = Verdict {
                        state: self.in_words_of_the_screen(&voice.claim.state),
                        prompt: None,
                        rule,
                        rows: None,
                    };
                    return (verdict, voice.claim.source);
                }
            }
        }
        (self.verdict.clone(), Source::Screen)
    }

    /// The screen often says more of the same: what the tool does, why it failed.
    fn in_words_of_the_screen(&self, claimed: &SessionState) -> SessionState {
        match (claimed, &self.verdict.state) {
            (SessionState::Working { .. }, shown @ SessionState::Working { activity })
                if !activity.is_empty() =>
            {
                shown.clone()
            }
            (
                SessionState::Error { .. } | SessionState::Idle | SessionState::Finished,
                shown @ SessionState::Error { text },
            ) if !text.is_empty() => shown.clone(),
            _ => claimed.clone(),
        }
    }
}

/// A prompt that somebody says is there and nobody can read.
fn unreadable(voice: &Voice, rule: String) -> Verdict {
    let kind = voice.claim.kind.unwrap_or(PromptKind::Question);
    let prompt = FoundPrompt {
        kind,
        subject: voice.subject.clone(),
        question: String::new(),
        choices: Vec::new(),
    };
    Verdict {
        state: kind.state(),
        prompt: Some(prompt),
        rule,
        rows: None,
    }
}

/// Whether hook and screen speak of the same thing: the screen may wrap it, shorten a path, or show none of it.
fn is_same_subject(hook: &Voice, prompt: &FoundPrompt) -> bool {
    let Some(kind) = hook.claim.kind else {
        return false;
    };
    let file = |kind| matches!(kind, PromptKind::Edit | PromptKind::Create);
    if hook.subject.is_empty() || !(kind == prompt.kind || file(kind) && file(prompt.kind)) {
        return false;
    }
    let bare = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect() };
    let (exact, shown) = (bare(&hook.subject), bare(&prompt.subject));
    exact == shown
        || shown.is_empty()
        || file(kind)
            && exact
                .strip_suffix(shown.as_str())
                .is_some_and(|folder| folder.ends_with('/'))
}

/// Whether the hook speaks of a prompt that is not the one on the screen, such as one of two calls at once.
fn is_other_subject(hook: &Voice, prompt: &FoundPrompt) -> bool {
    stance(&hook.claim) == Stance::Asking
        && !hook.subject.is_empty()
        && hook.claim.kind == Some(prompt.kind)
        && prompt.kind.is_permission()
        && !is_same_subject(hook, prompt)
}

fn soonest(at: &mut Option<Instant>, other: Option<Instant>) {
    *at = (*at).into_iter().chain(other).min();
}
