//! Keys reach a pane in the order they were pressed: one lane per session, ended when nobody types any more.

use tokio::sync::mpsc;

use super::{ClientId, HubMsg, HubSender, tmux_failure};
use crate::agent::tmux::{PaneRef, Tmux};
use crate::protocol::Reply;

/// Keys that wait for one pane; a person types a few, a held key repeats thirty a second.
const LANE: usize = 256;

/// What one client typed.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) client: ClientId,
    pub(super) id: u64,
    pub(super) input: Input,
}

#[derive(Debug)]
pub(super) enum Input {
    Bytes(Vec<u8>),
    /// Cleaned text, pasted as a block.
    Text(String),
}

/// Opens the lane to `pane`. It closes when the sender is dropped.
pub(super) fn open(tmux: Tmux, pane: PaneRef, hub: HubSender) -> mpsc::Sender<Keys> {
    let (lane, mut keys) = mpsc::channel::<Keys>(LANE);
    tokio::spawn(async move {
        while let Some(Keys { client, id, input }) = keys.recv().await {
            let typed = match &input {
                Input::Bytes(bytes) => tmux.send(&pane, bytes).await,
                Input::Text(text) => tmux.paste(&pane, text).await,
            };
            let reply = typed.map_or_else(
                |error| Reply::Failed(tmux_failure(&error)),
                |()| Reply::Done,
            );
            if hub
                .send(HubMsg::Replied { client, id, reply })
                .await
                .is_err()
            {
                return;
            }
        }
    });
    lane
}
