//! The language between client and agent: this page is its specification.
//!
//! # Framing
//! A message is a length (4 bytes, big endian, of what follows) and one value in `MessagePack` with named fields.
//! At most [`MAX_MESSAGE`] bytes; before the handshake is over at most [`MAX_HELLO`]. A longer announcement ends the
//! connection before anything is allocated for it.
//!
//! # Order
//! 1. Client: [`Hello`] within [`HELLO_DEADLINE`], with the range of versions it speaks.
//! 2. Agent: [`Greeting`]. `Welcome` names the highest version both speak; `Refused` says why and closes.
//! 3. Agent: what the client missed (when it can resume), or an [`Event::Snapshot`].
//! 4. Both, at any time: the client [`ToAgent`], the agent [`ToClient`].
//!
//! Every request gets exactly one reply, in any order. Events are numbered by [`Seq`](crate::domain::Seq) without gaps within one agent
//! run; a client that finds a gap reconnects. Screens are states, not streams: a client that lags gets a newer
//! keyframe instead of what it missed.
//!
//! # Change
//! A field may be added (with a default) and a variant may be added without a new version: unknown fields are
//! ignored, an unknown request is answered with [`FailureKind::Unsupported`], anything else unknown is skipped.
//! Anything else raises [`NEWEST`]. [`Hello`], [`Greeting`] and [`Request::Stop`] with its reply never change: that is how a newer
//! agent's program ends an older agent.
//!
//! # Trust
//! Neither side trusts the other. Nesting ([`MAX_DEPTH`]), list sizes ([`MAX_LIST`]) and text lengths ([`MAX_TEXT`])
//! are checked before a message is sent and before it is read; one that breaks them is skipped, a request is answered
//! with [`FailureKind::Invalid`]; text is shown only after cleaning; a host can name only its own sessions. No message makes a client run,
//! open or copy anything.

mod codec;
mod limits;
mod message;

use std::time::Duration;

pub use codec::{CodecError, READ_STEP, decode, encode, fits, peek, put_message, take_body};
pub use message::*;

/// The first word of every connection.
pub const MAGIC: &str = "cm-tui";
/// The oldest protocol version this build speaks.
pub const OLDEST: u16 = 1;
/// The newest protocol version this build speaks.
pub const NEWEST: u16 = 1;
/// The largest message, in bytes: a keyframe of 200×60 cells fits twice, even with two colours of its own for each cell.
pub const MAX_MESSAGE: usize = 1 << 20;
/// The largest message before the handshake is over, in bytes: a hello is about 150.
pub const MAX_HELLO: usize = 16 << 10;
/// How deep values may nest: our deepest message has seven levels.
pub const MAX_DEPTH: usize = 16;
/// The most entries in a list from the other side: ten times the sessions one host is built for.
pub const MAX_LIST: usize = 10_000;
/// The longest text from the other side, in bytes.
pub const MAX_TEXT: usize = 64 << 10;
/// The most bytes in one [`Request::SendKeys`]: a person types a few, a pasted page comes as [`Request::Paste`].
pub const MAX_KEYS: usize = 4 << 10;
/// The most lines of history in one answer: with long coloured lines they still fit a message.
pub const MAX_HISTORY_LINES: u32 = 500;
/// How long the other side may take to say hello: a person never waits for it, a stuck peer must not hold a place.
pub const HELLO_DEADLINE: Duration = Duration::from_secs(10);
/// How long an answer may wait for lines that are still to be printed, so that a client that follows a log is neither kept
/// waiting longer than for any other answer nor asks more than a few times a minute.
pub const FOLLOW: Duration = Duration::from_secs(4);
/// How long a client waits for a reply before it says so: starting a session forks programs on a busy host.
pub const REPLY_DEADLINE: Duration = Duration::from_secs(5);
