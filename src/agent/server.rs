//! Lets clients in and carries their messages to and from the hub: two tasks per client, nothing shared.
//!
//! Promise: a client that is slow, silent, hostile or gone costs a bounded amount of memory and delays nobody else.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::hub::{ClientId, ClientPort, HubMsg, HubSender};
use super::peer::Peer;
use crate::protocol::{
    Failure, FailureKind, Greeting, MAX_KEYS, MAX_TEXT, Reply, Request, ScreenUpdate, ToClient,
};
use crate::transport::connection::{
    self, ConnectionError, FromClient, MessageReader, MessageWriter,
};
use crate::transport::local;

/// How many clients may be connected at once: some dashboards, some scripts, and a waiting hook for each session that asks;
/// more is a runaway loop.
const MAX_CLIENTS: usize = 256;
/// Facts that wait for one client. One that falls this far behind is let go and comes back for what it missed.
const FACTS: usize = 1024;
/// Screen updates that wait for one client; when full, the screen is sent whole once there is room again.
const SCREENS: usize = 64;
/// Stop gathering and write once this many bytes are ready.
const WRITE_BATCH: usize = 64 << 10;
/// How long to stand still when the system has no descriptors left to accept with: about as long as a client takes
/// to come and go.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Accepts clients until `stop` is cancelled.
pub async fn serve(listener: UnixListener, hub: HubSender, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    let mut next_client = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "cannot accept a client");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Err(error) = local::check_peer(&stream) {
            warn!(%error, "client refused");
            continue;
        }
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            warn!("client refused: {MAX_CLIENTS} are connected");
            continue;
        };
        next_client += 1;
        let (client, hub) = (ClientId(next_client), hub.clone());
        tokio::spawn(async move {
            let pid = stream.peer_cred().ok().and_then(|cred| cred.pid());
            let peer = Peer::of(pid);
            match serve_client(stream.into_split(), client, peer, hub).await {
                Ok(()) => debug!(client = client.0, "client left"),
                Err(error) => info!(client = client.0, %error, "client gone"),
            }
            drop(place);
        });
    }
}

/// Serves one client over any stream until either side ends it.
pub async fn serve_client<R, W>(
    stream: (R, W),
    client: ClientId,
    peer: Peer,
    hub: HubSender,
) -> Result<(), ConnectionError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (hello, version, reader, mut writer) = connection::receive_hello(stream).await?;
    let (facts, facts_rx) = mpsc::channel(FACTS);
    let (screens, screens_rx) = mpsc::channel(SCREENS);
    let gone = CancellationToken::new();
    let port = ClientPort {
        id: client,
        name: hello.client,
        peer,
        facts: facts.clone(),
        screens,
        gone: gone.clone(),
    };
    let (welcome_tx, welcome) = oneshot::channel();
    let joined = HubMsg::Joined {
        port,
        version,
        resume: hello.resume,
        welcome: welcome_tx,
    };
    hub.send(joined)
        .await
        .map_err(|_closed| ConnectionError::Closed)?;
    let welcome = welcome.await.map_err(|_closed| ConnectionError::Closed)?;
    let welcome = match welcome {
        Ok(welcome) => welcome,
        Err(failure) => {
            writer.send(&Greeting::Refused(failure.clone())).await?;
            return Err(ConnectionError::Refused(failure));
        }
    };
    if let Err(error) = writer.send(&Greeting::Welcome(welcome)).await {
        // The hub may be gone already; then there is nobody to tell.
        let _told = hub.send(HubMsg::Left(client)).await;
        return Err(error);
    }

    let writing = tokio::spawn(write_facts(writer, facts_rx, screens_rx, gone.clone()));
    let result = tokio::select! {
        result = read_orders(reader, client, &hub, &facts) => result,
        () = gone.cancelled() => Err(ConnectionError::Closed),
    };
    gone.cancel();
    // The hub may be gone already; then there is nobody to tell.
    let _told = hub.send(HubMsg::Left(client)).await;
    writing.await.unwrap_or(Ok(())).and(result)
}

async fn read_orders<R: AsyncRead + Unpin>(
    mut reader: MessageReader<R>,
    client: ClientId,
    hub: &HubSender,
    facts: &mpsc::Sender<ToClient>,
) -> Result<(), ConnectionError> {
    while let Some(body) = reader.next().await? {
        let (id, failure) = match connection::read_order(&body) {
            FromClient::Order(order) => match check(&order.request) {
                Ok(()) => {
                    let order = HubMsg::Ordered {
                        client,
                        id: order.id,
                        request: order.request,
                    };
                    hub.send(order)
                        .await
                        .map_err(|_closed| ConnectionError::Closed)?;
                    continue;
                }
                Err(failure) => (order.id, failure),
            },
            FromClient::Unknown(id) => (id, unsupported()),
            FromClient::OverLimit(id, error) => (id, over_limit(error.to_string())),
            FromClient::Garbage => continue,
        };
        let reply = ToClient::Reply {
            id,
            reply: Reply::Failed(failure),
        };
        facts
            .send(reply)
            .await
            .map_err(|_closed| ConnectionError::Closed)?;
    }
    Ok(())
}

fn unsupported() -> Failure {
    Failure {
        kind: FailureKind::Unsupported,
        message: "this cm-agent does not know that request".to_owned(),
        hint: "upgrade cm-agent on this host".to_owned(),
    }
}

/// Holds a request against the limits that the codec cannot see.
fn check(request: &Request) -> Result<(), Failure> {
    let (what, len, limit) = match request {
        Request::SendKeys { bytes, .. } => ("keys", bytes.len(), MAX_KEYS),
        Request::Paste { text, .. } => ("pasted text", text.len(), MAX_TEXT),
        Request::Rename { name, .. } => ("name", name.len(), MAX_TEXT),
        Request::Start(start) => {
            let texts = [
                Some(&start.tool),
                Some(&start.dir),
                start.task.as_ref(),
                start.name.as_ref(),
            ];
            (
                "text",
                texts
                    .into_iter()
                    .flatten()
                    .map(String::len)
                    .max()
                    .unwrap_or(0),
                MAX_TEXT,
            )
        }
        _ => return Ok(()),
    };
    if len <= limit {
        return Ok(());
    }
    Err(over_limit(format!(
        "{what} of {len} bytes is over the limit of {limit}"
    )))
}

fn over_limit(message: String) -> Failure {
    Failure {
        kind: FailureKind::Invalid,
        message,
        hint: "send it in smaller parts".to_owned(),
    }
}

/// Writes what the hub has for this client: facts before screens, many messages in one write.
async fn write_facts<W: AsyncWrite + Unpin>(
    mut writer: MessageWriter<W>,
    mut facts: mpsc::Receiver<ToClient>,
    mut screens: mpsc::Receiver<ScreenUpdate>,
    gone: CancellationToken,
) -> Result<(), ConnectionError> {
    loop {
        let first = tokio::select! {
            biased;
            () = gone.cancelled() => return Ok(()),
            Some(fact) = facts.recv() => fact,
            Some(update) = screens.recv() => ToClient::Screen(update),
            else => return Ok(()),
        };
        queue(&mut writer, &first)?;
        while writer.queued() < WRITE_BATCH {
            let next = facts
                .try_recv()
                .or_else(|_empty| screens.try_recv().map(ToClient::Screen));
            let Ok(message) = next else { break };
            queue(&mut writer, &message)?;
        }
        // Not cancelled by `select!`: the message would be torn. When the client does not read, the hub cancels
        // `gone`, and the write ends with the task.
        tokio::select! {
            written = writer.flush() => written?,
            () = gone.cancelled() => return Ok(()),
        }
    }
}

/// Puts a message behind the others. What a pane shows must not end the connection of those who look at it: an update
/// too large to be sent is left out, so that its screen stands still until it shows less, and an answer too large
/// becomes a failure.
fn queue<W: AsyncWrite + Unpin>(
    writer: &mut MessageWriter<W>,
    message: &ToClient,
) -> Result<(), ConnectionError> {
    let Err(ConnectionError::Codec(error)) = writer.queue(message) else {
        return Ok(());
    };
    warn!(%error, "a message cannot be sent");
    match message {
        ToClient::Screen(_) => Ok(()),
        ToClient::Reply { id, .. } => {
            let message = format!("the answer cannot be sent: {error}");
            let failure = Failure {
                kind: FailureKind::Failed,
                message,
                hint: "ask for less".to_owned(),
            };
            writer.queue(&ToClient::Reply {
                id: *id,
                reply: Reply::Failed(failure),
            })
        }
        ToClient::Event { .. } => Err(error.into()),
    }
}
