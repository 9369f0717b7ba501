//! A model server on loopback, as the real tools want it: it does what the task tells it, and no more.
//!
//! It speaks just enough of three vendors' streaming answers that the tools show their own screens. A task is steps, one
//! after another, such as `HOLD: a ;; RUN: touch new ;; SAY: Done.`: a reply ends after a call, and the next goes on where
//! it stopped. All state is in the conversation that each request brings along, but for the holds, which a test lifts:
//! so a tool works for as long as the test needs to see it.

mod anthropic;
mod gemini;
mod http;
mod responses;
mod script;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::http::{Answering, Asked};
use self::script::{Call, Conversation, Step};

/// How one vendor writes an answer, piece by piece.
trait Wire: Send {
    fn begin(&mut self) -> Vec<Piece>;
    fn say(&mut self, text: &str) -> Vec<Piece>;
    fn call(&mut self, call: &Call) -> Vec<Piece>;
    fn end(&mut self) -> Vec<Piece>;
    /// An answer of text alone, not streamed.
    fn whole(&self, text: &str) -> Value;
    /// What it says with a status that is none of success.
    fn failure(&self, status: u16) -> Value;
}

/// One server-sent event; some vendors name them.
struct Piece {
    name: Option<&'static str>,
    value: Value,
}

/// What all connections know.
#[derive(Clone)]
struct World {
    lifted: watch::Receiver<BTreeSet<String>>,
    /// Where the paths of a task are.
    project: String,
    /// Every request in a few words, for whoever has to find out why a test failed.
    heard: Arc<Mutex<Vec<String>>>,
}

/// The server; it ends with this value.
pub struct Model {
    pub address: SocketAddr,
    lift: watch::Sender<BTreeSet<String>>,
    heard: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Model {
    pub async fn start(project: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (lift, lifted) = watch::channel(BTreeSet::new());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let world = World {
            lifted,
            project: project.to_owned(),
            heard: Arc::clone(&heard),
        };
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, world.clone()));
            }
        });
        Self {
            address,
            lift,
            heard,
            task,
        }
    }

    /// Lets every reply that waits, or will wait, at `HOLD: name` go on.
    pub fn lift(&self, name: &str) {
        self.lift.send_modify(|lifted| {
            lifted.insert(name.to_owned());
        });
    }

    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers one request; a tool that hangs up in between has been interrupted.
async fn serve(mut stream: TcpStream, world: World) {
    let Some(asked) = Asked::read(&mut stream).await else {
        return;
    };
    let _hung_up = answer(&asked, Answering::new(stream), world).await;
}

async fn answer(asked: &Asked, mut out: Answering, mut world: World) -> std::io::Result<()> {
    let Some((mut wire, conversation, is_streamed)) = understand(asked) else {
        let (status, body) = beside(asked);
        world.note(asked, &format!("{status}"));
        return out.json(status, &body).await;
    };
    let mut steps = if conversation.is_aside() {
        vec![Step::Say(conversation.answer_aside())]
    } else {
        conversation.due()
    };
    world.note(asked, &format!("{steps:?}"));
    while let Some(Step::Hold(name)) = steps.first() {
        world.passes(name).await;
        steps.remove(0);
    }
    if let Some(Step::Fail(status)) = steps.first() {
        return out.json(*status, &wire.failure(*status)).await;
    }
    if !is_streamed {
        let text = steps.iter().map(Step::text).collect::<String>();
        return out.json(200, &wire.whole(&text)).await;
    }
    out.stream().await?;
    out.pieces(wire.begin()).await?;
    for step in steps {
        let pieces = match &step {
            Step::Hold(name) => {
                world.passes(name).await;
                continue;
            }
            Step::Say(_) | Step::Fail(_) => wire.say(&step.text()),
            step => match conversation.call(step, &world.project) {
                Some(call) => wire.call(&call),
                None => wire.say("I have no tool for that."),
            },
        };
        out.pieces(pieces).await?;
    }
    out.pieces(wire.end()).await
}

/// Which vendor's language a request is in, what it says, and whether the answer is streamed.
fn understand(asked: &Asked) -> Option<(Box<dyn Wire>, Conversation, bool)> {
    let (path, body) = (asked.path.as_str(), &asked.body);
    if asked.method != "POST" {
        return None;
    }
    let is_streamed = body["stream"] == json!(true);
    if path.ends_with("/messages") {
        let wire = anthropic::Messages::default();
        Some((Box::new(wire), anthropic::read(body), is_streamed))
    } else if path.ends_with("/responses") {
        let wire = responses::Responses::default();
        Some((Box::new(wire), responses::read(body), is_streamed))
    } else if path.ends_with("enerateContent") {
        let is_streamed = path.ends_with(":streamGenerateContent");
        Some((Box::new(gemini::Content), gemini::read(body), is_streamed))
    } else {
        None
    }
}

/// What tools ask besides: for a sign of life, for models, for how much a text costs.
fn beside(asked: &Asked) -> (u16, Value) {
    let path = asked.path.as_str();
    if path.ends_with("/models") {
        let model =
            json!({"id": "model", "object": "model", "type": "model", "display_name": "model"});
        (
            200,
            json!({"object": "list", "has_more": false, "data": [model]}),
        )
    } else if path.ends_with("count_tokens") {
        (200, json!({"input_tokens": 1200}))
    } else if path.ends_with(":countTokens") {
        (200, json!({"totalTokens": 1200}))
    } else if asked.method == "HEAD" {
        (200, json!({}))
    } else {
        (
            404,
            json!({"error": {"message": "not served", "type": "not_found"}}),
        )
    }
}

impl World {
    async fn passes(&mut self, name: &str) {
        // Without the test nobody reads the answer.
        let _over = self.lifted.wait_for(|lifted| lifted.contains(name)).await;
    }

    fn note(&self, asked: &Asked, answer: &str) {
        let line = format!("{} {}: {answer}", asked.method, asked.path);
        self.heard.lock().unwrap().push(line);
    }
}
