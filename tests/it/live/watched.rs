//! One session of a real tool, as a client hears of it: every state in order, and how long after the screen each came.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cm_tui::domain::{Answer, HostId, Prompt, PromptId, PromptKind, Session, SessionId, Source};
use cm_tui::fleet::{Fleet, FleetState, HostNotice, HostSpec, Notice, RequestId};
use cm_tui::protocol::{Reply, Request, StartSession};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use super::model::Model;
use super::tools::{Tool, write_project};
use crate::lab::Lab;

/// Gemini CLI takes some ten seconds to start on a busy machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Claude Code loses keys that come within 0.15 s after it has drawn a dialog, and all take an Enter that follows a text at
/// once for a part of it: nobody has read it by then. No event tells that this is over.
const READING: Duration = Duration::from_millis(500);

/// The lab with a model, a tool that is installed there, the agent, and a client that watches one session.
pub struct Watched {
    pub lab: Lab,
    pub model: Model,
    pub project: PathBuf,
    tool: Tool,
    fleet: Fleet,
    notices: mpsc::Receiver<HostNotice>,
    host: HostId,
    state: FleetState,
    session: Option<SessionId>,
    asked: u64,
    replies: Vec<(u64, Reply)>,
    /// Every state that was told, in order.
    told: Vec<Told>,
    /// What is looked for on the screen, and when it was first seen.
    mark: Option<(Mark, Option<Instant>)>,
    late: Vec<(String, Duration)>,
}

/// What a screen looks like: it has a text, and has another one no more.
#[derive(Debug)]
struct Mark {
    text: String,
    gone: Option<String>,
}

#[derive(Debug)]
struct Told {
    word: &'static str,
    at: Instant,
    rule: String,
}

impl Watched {
    /// The agent runs and is connected; no session is there yet.
    pub async fn new(tool: Tool, (cols, rows): (u16, u16)) -> Self {
        let lab = Lab::new();
        let project = lab.path("work/shop");
        write_project(&project);
        // Tools tell the folder by its real name.
        let project = project.canonicalize().unwrap();
        let model = Model::start(project.to_str().unwrap()).await;
        tool.settle_in(&lab, &format!("http://{}", model.address));
        let config = lab.paths.config_file();
        std::fs::create_dir_all(config.parent().unwrap()).unwrap();
        std::fs::write(config, format!("[session]\ncols = {cols}\nrows = {rows}\n")).unwrap();
        let path = path_with(&lab);
        lab.start_agent_with(|command| command.env("PATH", path));
        let (fleet, notices) = Fleet::start(vec![HostSpec::local(
            lab.paths.clone(),
            lab.path("cm-agent"),
        )]);
        let state = FleetState::new(fleet.hosts().cloned());
        let mut watched = Self {
            lab,
            model,
            project,
            tool,
            fleet,
            notices,
            host: HostId::local(),
            state,
            session: None,
            asked: 0,
            replies: Vec::new(),
            told: Vec::new(),
            mark: None,
            late: Vec::new(),
        };
        let init = watched
            .lab
            .command("git")
            .args(["init", "--quiet"])
            .arg(&watched.project)
            .status();
        assert!(init.unwrap().success(), "git init");
        watched
            .until("the connection", |watched| {
                watched.state.hosts[0].is_live().then_some(())
            })
            .await;
        watched
    }

    /// Starts the tool in the project and watches it.
    pub async fn start(&mut self) {
        let start = StartSession {
            tool: self.tool.id().to_owned(),
            dir: self.project.to_str().unwrap().to_owned(),
            task: None,
            name: Some("live".to_owned()),
        };
        match self.ask(Request::Start(start)).await {
            Reply::Started(id) => self.watch(id),
            other => panic!("not started: {other:?}"),
        }
    }

    pub fn watch(&mut self, id: SessionId) {
        self.fleet.watch(&[(self.host.clone(), id.clone())]);
        self.session = Some(id);
        self.look(Instant::now());
    }

    /// From now on nobody looks at any screen; what is told of sessions is still heard.
    pub fn looks_away(&mut self) {
        self.fleet.watch(&[]);
    }

    /// Waits for a session that somebody else started.
    pub async fn finds(&mut self) -> Session {
        let tool = self.tool.id();
        self.until("the session", |watched| {
            let mut sessions = watched.state.hosts[0].sessions.values();
            sessions.find(|session| session.tool == tool).cloned()
        })
        .await
    }

    /// From its first dialog to its first prompt.
    pub async fn settles(&mut self) {
        self.asks(PromptKind::Trust, "").await;
        match self.tool {
            Tool::ClaudeCode => self.choose(b"\x1b[B\r").await,
            Tool::Codex => {
                self.choose(b"\r").await;
                // It offers another model.
                self.is("question").await;
                self.choose(b"\x1b[B\r").await;
            }
            Tool::GeminiCli => {
                self.choose(b"1").await;
                self.restarts().await;
            }
        }
        self.is("idle").await;
    }

    /// Waits until the session is in this state and its screen has shown `text` since the call.
    pub async fn reaches(&mut self, word: &str, text: &str) -> Session {
        let text = text.to_owned();
        self.reaches_mark(word, Mark { text, gone: None }).await
    }

    /// As [`Self::reaches`], and the screen has to have lost `gone` by then: a tool writes its last words before it is done.
    pub async fn rests(&mut self, word: &str, text: &str, gone: &str) -> Session {
        let (text, gone) = (text.to_owned(), Some(gone.to_owned()));
        self.reaches_mark(word, Mark { text, gone }).await
    }

    async fn reaches_mark(&mut self, word: &str, mark: Mark) -> Session {
        let what = format!("{word} with “{}”", mark.text);
        self.mark = Some((mark, None));
        self.look(Instant::now());
        let (session, shown) = self
            .until(&what, |watched| {
                let (_, shown) = watched.mark.as_ref()?;
                let session = watched
                    .session()
                    .filter(|session| session.state.word() == word)?;
                Some((session.clone(), (*shown)?))
            })
            .await;
        let told = self.told.last().map_or(shown, |told| told.at);
        let what = format!("{what} ({})", session.rule);
        self.late
            .push((what, told.saturating_duration_since(shown)));
        session
    }

    /// As [`Self::reaches`], for a state that no text stands for.
    pub async fn is(&mut self, word: &str) -> Session {
        self.until(word, |watched| {
            watched
                .session()
                .filter(|session| session.state.word() == word)
                .cloned()
        })
        .await
    }

    /// Waits until the screen shows `text`.
    pub async fn sees(&mut self, text: &str) {
        self.until(text, |watched| watched.shows(text).then_some(()))
            .await;
    }

    /// Writes a task into the tool's input and sends it off.
    pub async fn task(&mut self, text: &str) {
        self.write(text).await;
        self.choose(b"\r").await;
    }

    /// As [`Self::task`]; the story begins when it is sent off. How a tool starts depends on how fast it is, and Codex takes
    /// itself for working once more when its input is long there.
    pub async fn first_task(&mut self, text: &str) {
        self.write(text).await;
        self.read_it().await;
        self.begins_anew();
        self.press(b"\r").await;
    }

    async fn write(&mut self, text: &str) {
        let session = self.id();
        let pasted = self
            .ask(Request::Paste {
                session,
                text: text.to_owned(),
            })
            .await;
        assert_eq!(pasted, Reply::Done);
        let begin: String = text.chars().take(16).collect();
        self.sees(&begin).await;
    }

    pub async fn press(&mut self, bytes: &[u8]) {
        let keys = Request::SendKeys {
            session: self.id(),
            bytes: bytes.to_vec(),
        };
        assert_eq!(self.ask(keys).await, Reply::Done);
    }

    /// Waits until the open prompt is of this kind and about this: a whole command, or a file at the end of its path. Who
    /// tells first that the tool waits may not know it yet.
    pub async fn asks(&mut self, kind: PromptKind, subject: &str) {
        let what = format!("{kind:?} about “{subject}”");
        self.until(&what, |watched| {
            let prompt = watched.session()?.prompt.as_ref()?;
            let is_same = match kind {
                PromptKind::Command => prompt.subject == subject,
                _ => prompt.subject.ends_with(subject),
            };
            (prompt.kind == kind && is_same).then_some(())
        })
        .await;
    }

    /// Presses a key, once what it is for can have been read.
    pub async fn choose(&mut self, bytes: &[u8]) {
        self.read_it().await;
        self.press(bytes).await;
    }

    /// The open prompt, once it can be answered, has been read, and all that tell of it have spoken: what a hook tells after the screen can
    /// name the subject with other words, and then it is another prompt.
    pub async fn answerable(&mut self, answer: Answer) -> Prompt {
        let has_hook = self.tool == Tool::ClaudeCode;
        let prompt = self.until("a key for the answer", |watched| {
            let prompt = watched.session()?.prompt.as_ref()?;
            let is_told = !has_hook || prompt.evidence.contains(&Source::Hook);
            (is_told && prompt.choice(answer).is_some()).then(|| prompt.clone())
        });
        let prompt = prompt.await;
        self.read_it().await;
        prompt
    }

    /// Answers the open prompt, as a person at the dashboard does: as soon as the prompt has a key for it.
    pub async fn answer(&mut self, answer: Answer) {
        let prompt = self.answerable(answer).await.id;
        let request = Request::AnswerPrompt {
            session: self.id(),
            prompt,
            answer,
            message: String::new(),
        };
        assert_eq!(self.ask(request).await, Reply::Done, "{}", self.picture());
    }

    /// Says yes to the folder. At their start tools draw the same dialog more than once, and what was said to an earlier
    /// one is lost; each is a prompt of its own, so one that comes after is answered as well.
    pub async fn trusts(&mut self) {
        let mut answered = None;
        while let Some(prompt) = self.next_trust(answered).await {
            self.read_it().await;
            let request = Request::AnswerPrompt {
                session: self.id(),
                prompt,
                answer: Answer::Yes,
                message: String::new(),
            };
            match self.ask(request).await {
                Reply::Done => {}
                // It has just been drawn anew.
                Reply::Failed(failure) if failure.message.starts_with("the prompt has changed") => {
                }
                other => panic!("{other:?}{}", self.picture()),
            }
            answered = Some(prompt);
        }
    }

    /// What a person does before an answer. Only the tool knows that it has begun to listen.
    pub async fn read_it(&mut self) {
        let end = tokio::time::Instant::now() + READING;
        while let Ok(notice) = timeout_at(end, self.notices.recv()).await {
            self.take_in(notice.expect("the fleet ended"));
        }
    }

    async fn next_trust(&mut self, answered: Option<PromptId>) -> Option<PromptId> {
        self.until("the next prompt, or what follows", |watched| {
            let session = watched.session()?;
            match &session.prompt {
                Some(prompt) if prompt.kind == PromptKind::Trust => {
                    (Some(prompt.id) != answered).then_some(Some(prompt.id))
                }
                _ => Some(None),
            }
        })
        .await
    }

    /// Waits until Gemini CLI, which begins anew once it trusts a folder, has drawn its input below the line that says so:
    /// what is typed into the one before is lost.
    pub async fn restarts(&mut self) {
        const RESTARTS: &str = "is restarting to apply";
        self.sees(RESTARTS).await;
        self.until("its new input", |watched| {
            let rows = watched.rows();
            let said = rows.iter().rposition(|row| row.contains(RESTARTS));
            let mut after = rows.iter().skip(said.map_or(0, |row| row + 1));
            after
                .any(|row| row.contains("Type your message"))
                .then_some(())
        })
        .await;
    }

    /// Checks that it started, and forgets what came until now.
    fn begins_anew(&mut self) {
        assert_eq!(self.told.first().map(|told| told.word), Some("starting"));
        self.told.drain(..self.told.len() - 1);
    }

    /// The states so far, one after another. Between two dialogs a tool may show nothing for as long as it likes, which is
    /// told as unknown. And a title that asks may come long before its dialog: until that can be read it is told as a
    /// question, so a question that becomes an approval is one prompt.
    fn story(&self) -> Vec<&'static str> {
        let mut story: Vec<&'static str> = Vec::new();
        for word in self.told.iter().map(|told| told.word) {
            match (story.last(), word) {
                (_, "unknown") => {}
                (Some(&last), word) if last == word => {}
                (Some(&"question"), "approval") => *story.last_mut().unwrap() = word,
                (_, word) => story.push(word),
            }
        }
        story
    }

    /// The states so far were these.
    pub fn has_told(&self, expected: &str) {
        let rules = self.told.iter().fold(String::new(), |mut rules, told| {
            write!(rules, "\n{} by {}", told.word, told.rule).unwrap();
            rules
        });
        assert_eq!(self.story().join(" "), expected, "{rules}");
    }

    /// Prints how long after the screen each state was told.
    #[expect(
        clippy::print_stdout,
        reason = "a measure, for whoever runs the test with --nocapture"
    )]
    pub fn report(&self) {
        for (what, late) in &self.late {
            println!("{} {:>5} ms {what}", self.tool.id(), late.as_millis());
        }
    }

    pub fn id(&self) -> SessionId {
        self.session.clone().expect("a session is watched")
    }

    pub fn session(&self) -> Option<&Session> {
        self.state.session(&self.host, self.session.as_ref()?)
    }

    fn rows(&self) -> Vec<String> {
        let mirror = self
            .session
            .as_ref()
            .and_then(|id| self.state.screen(&self.host, id));
        mirror.map_or_else(Vec::new, |mirror| mirror.screen().text())
    }

    fn shows(&self, text: &str) -> bool {
        self.rows().iter().any(|row| row.contains(text))
    }

    /// Takes note of what has changed.
    fn look(&mut self, now: Instant) {
        if let Some(session) = self.session() {
            let (word, rule) = (session.state.word(), session.rule.clone());
            if self.told.last().is_none_or(|told| told.word != word) {
                self.told.push(Told {
                    word,
                    at: now,
                    rule,
                });
            }
        }
        let is_shown = self.mark.as_ref().is_some_and(|(mark, shown)| {
            let is_gone = |gone: &String| !self.shows(gone);
            shown.is_none() && self.shows(&mark.text) && mark.gone.as_ref().is_none_or(is_gone)
        });
        if let (true, Some((_, shown))) = (is_shown, &mut self.mark) {
            *shown = Some(now);
        }
    }

    pub async fn ask(&mut self, request: Request) -> Reply {
        self.asked += 1;
        let id = self.asked;
        self.fleet.send(&self.host, RequestId(id), request).unwrap();
        self.until("a reply", |watched| {
            let at = watched
                .replies
                .iter()
                .position(|(replied, _)| *replied == id)?;
            Some(watched.replies.swap_remove(at).1)
        })
        .await
    }

    pub async fn until<T>(
        &mut self,
        what: &str,
        mut found: impl FnMut(&mut Self) -> Option<T>,
    ) -> T {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(value) = found(self) {
                return value;
            }
            let Ok(notice) = timeout_at(end, self.notices.recv()).await else {
                panic!("waited in vain for {what}{}", self.picture());
            };
            self.take_in(notice.expect("the fleet ended"));
        }
    }

    fn take_in(&mut self, notice: HostNotice) {
        let now = Instant::now();
        if let Notice::Replied {
            id: RequestId(id),
            reply,
        } = notice.notice
        {
            self.replies.push((id, *reply));
        } else {
            self.state.apply(notice, 0);
            self.look(now);
        }
    }

    /// All that helps to see why it came otherwise.
    pub fn picture(&self) -> String {
        let mut picture = String::from("\n");
        for told in &self.told {
            writeln!(picture, "told: {} ({})", told.word, told.rule).unwrap();
        }
        for heard in self.model.heard() {
            let heard: String = heard.chars().take(200).collect();
            writeln!(picture, "asked: {heard}").unwrap();
        }
        writeln!(picture, "{:#?}", self.session()).unwrap();
        picture + &self.rows().join("\n")
    }
}

/// Gemini CLI lives on when its terminal goes; here nothing may.
impl Drop for Watched {
    fn drop(&mut self) {
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let is_here = std::fs::read_link(process.path().join("cwd"))
                .is_ok_and(|folder| folder.starts_with(&self.project));
            let pid = process
                .file_name()
                .to_str()
                .and_then(|pid| pid.parse().ok());
            if let (true, Some(pid)) = (is_here, pid.and_then(Pid::from_raw)) {
                let _ended = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// The lab's programs before the machine's.
pub fn path_with(lab: &Lab) -> String {
    let machine = std::env::var("PATH").unwrap();
    format!("{}:{machine}", lab.path("bin").display())
}
