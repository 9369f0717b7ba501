//! Messages over any pair of byte streams, and the handshake of both sides.
//!
//! Promise: reading is safe to cancel at any point without losing a byte, and at most one message over what has been
//! handed out is held in memory.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::bytes::BytesMut;

use crate::protocol::{
    self, CodecError, Failure, FailureKind, Greeting, HELLO_DEADLINE, Hello, MAGIC, MAX_HELLO,
    MAX_MESSAGE, READ_STEP, Resume, ToAgent, ToClient, Welcome,
};

#[derive(Debug, Error)]
pub enum ConnectionError {
    #[error("connection closed")]
    Closed,
    #[error("no answer within {} s", HELLO_DEADLINE.as_secs())]
    Silent,
    #[error("the other side does not speak our protocol")]
    Stranger(#[source] CodecError),
    #[error("{}", .0.message)]
    Refused(Failure),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error("connection failed")]
    Io(#[from] std::io::Error),
}

/// The receiving half.
#[derive(Debug)]
pub struct MessageReader<R> {
    stream: R,
    buffer: BytesMut,
    limit: usize,
}

impl<R: AsyncRead + Unpin> MessageReader<R> {
    pub fn new(stream: R) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            limit: MAX_HELLO,
        }
    }

    /// The next message body, or `None` when the other side has closed between two messages. Safe to cancel.
    pub async fn next(&mut self) -> Result<Option<BytesMut>, ConnectionError> {
        loop {
            if let Some(body) = protocol::take_body(&mut self.buffer, self.limit)? {
                return Ok(Some(body));
            }
            self.buffer.reserve(READ_STEP);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(ConnectionError::Closed)
                };
            }
        }
    }

    /// The stream itself, and what of it was read ahead.
    pub fn into_parts(self) -> (R, BytesMut) {
        (self.stream, self.buffer)
    }

    async fn greeting<T: DeserializeOwned>(&mut self) -> Result<T, ConnectionError> {
        let body = timeout(HELLO_DEADLINE, self.next())
            .await
            .map_err(|_elapsed| ConnectionError::Silent)??;
        let body = body.ok_or(ConnectionError::Closed)?;
        protocol::decode(&body).map_err(ConnectionError::Stranger)
    }
}

/// The sending half.
#[derive(Debug)]
pub struct MessageWriter<W> {
    stream: W,
    buffer: BytesMut,
}

impl<W: AsyncWrite + Unpin> MessageWriter<W> {
    pub fn new(stream: W) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// Puts a message behind those that wait for [`Self::flush`].
    pub fn queue<T: Serialize>(&mut self, message: &T) -> Result<(), ConnectionError> {
        Ok(protocol::put_message(&mut self.buffer, message)?)
    }

    /// How many bytes wait for [`Self::flush`].
    pub fn queued(&self) -> usize {
        self.buffer.len()
    }

    /// Sends what was queued. Not safe to cancel: the rest of a message would be lost.
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        self.stream.write_all(&self.buffer).await?;
        self.buffer.clear();
        Ok(self.stream.flush().await?)
    }

    /// The stream itself; what was queued is lost.
    pub fn into_inner(self) -> W {
        self.stream
    }

    pub async fn send<T: Serialize>(&mut self, message: &T) -> Result<(), ConnectionError> {
        self.queue(message)?;
        self.flush().await
    }
}

/// Greets an agent over a fresh stream.
pub async fn greet<R, W>(
    stream: (R, W),
    client: &str,
    resume: Option<Resume>,
) -> Result<(Welcome, MessageReader<R>, MessageWriter<W>), ConnectionError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    greet_as(stream, client, resume, (protocol::OLDEST, protocol::NEWEST)).await
}

/// As [`greet`], claiming to speak other versions: for what is the same in all of them.
pub(super) async fn greet_as<R, W>(
    stream: (R, W),
    client: &str,
    resume: Option<Resume>,
    (oldest, newest): (u16, u16),
) -> Result<(Welcome, MessageReader<R>, MessageWriter<W>), ConnectionError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = (MessageReader::new(stream.0), MessageWriter::new(stream.1));
    let hello = Hello {
        magic: MAGIC.to_owned(),
        oldest,
        newest,
        client: client.to_owned(),
        resume,
    };
    writer.send(&hello).await?;
    match reader.greeting().await? {
        Greeting::Welcome(welcome) => {
            reader.limit = MAX_MESSAGE;
            Ok((welcome, reader, writer))
        }
        Greeting::Refused(failure) => Err(ConnectionError::Refused(failure)),
    }
}

/// Waits for a client's hello and finds the version that both speak. A client that cannot be served is told why.
pub async fn receive_hello<R, W>(
    stream: (R, W),
) -> Result<(Hello, u16, MessageReader<R>, MessageWriter<W>), ConnectionError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = (MessageReader::new(stream.0), MessageWriter::new(stream.1));
    let hello: Hello = reader.greeting().await?;
    let failure = if hello.magic != MAGIC {
        Failure {
            kind: FailureKind::Invalid,
            message: "this is a cm-agent; it only serves cm-tui".to_owned(),
            hint: String::new(),
        }
    } else if hello.newest < protocol::OLDEST || hello.oldest > protocol::NEWEST {
        version_failure(hello.oldest, hello.newest)
    } else {
        reader.limit = MAX_MESSAGE;
        let version = hello.newest.min(protocol::NEWEST);
        return Ok((hello, version, reader, writer));
    };
    writer.send(&Greeting::Refused(failure.clone())).await?;
    Err(ConnectionError::Refused(failure))
}

fn version_failure(oldest: u16, newest: u16) -> Failure {
    let (older, newer) = if newest < protocol::OLDEST {
        ("cm-tui", "cm-agent")
    } else {
        ("cm-agent", "cm-tui")
    };
    Failure {
        kind: FailureKind::Unsupported,
        message: format!(
            "cm-tui speaks protocol {oldest} to {newest}, cm-agent {} to {}",
            protocol::OLDEST,
            protocol::NEWEST
        ),
        hint: format!("upgrade {older}; {newer} is newer"),
    }
}

/// One message of a client: read, or why it cannot be answered.
#[derive(Debug)]
pub enum FromClient {
    Order(ToAgent),
    /// A request this build does not know, by the id it wants an answer to.
    Unknown(u64),
    /// A request that breaks the limit that the error names.
    OverLimit(u64, CodecError),
    /// Not even an id could be read.
    Garbage,
}

/// Reads a body as a client's message. Never fails: what cannot be read is said in the value.
pub fn read_order(body: &[u8]) -> FromClient {
    #[derive(Deserialize)]
    struct Envelope {
        id: u64,
    }
    match protocol::decode::<ToAgent>(body) {
        Ok(order) => FromClient::Order(order),
        Err(error) => match (protocol::peek::<Envelope>(body), error) {
            (Ok(Envelope { id }), error @ CodecError::OverLimit { .. }) => {
                FromClient::OverLimit(id, error)
            }
            (Ok(Envelope { id }), CodecError::Malformed(_)) => FromClient::Unknown(id),
            _ => FromClient::Garbage,
        },
    }
}

/// Reads a body as an agent's message; `None` for one this build does not know, which is skipped.
pub fn read_fact(body: &[u8]) -> Option<ToClient> {
    protocol::decode(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_sides_agree_on_the_highest_common_version() {
        let (client, agent) = tokio::io::duplex(1024);
        let agent = tokio::spawn(async move {
            let (hello, version, _reader, mut writer) =
                receive_hello(tokio::io::split(agent)).await.unwrap();
            assert_eq!((hello.client.as_str(), version), ("test", protocol::NEWEST));
            let welcome = Welcome {
                version,
                agent: "cm-agent 1".into(),
                run: 5,
                host: "here".into(),
                now: 1,
                home: "/home/me".into(),
                resumed: false,
            };
            writer.send(&Greeting::Welcome(welcome)).await.unwrap();
        });
        let (welcome, ..) = greet(tokio::io::split(client), "test", None).await.unwrap();
        assert_eq!(welcome.run, 5);
        agent.await.unwrap();
    }

    #[tokio::test]
    async fn a_client_from_another_age_is_told_who_has_to_upgrade() {
        let (client, agent) = tokio::io::duplex(1024);
        let agent = tokio::spawn(async move { receive_hello(tokio::io::split(agent)).await.err() });
        let (mut reader, mut writer) = {
            let (r, w) = tokio::io::split(client);
            (MessageReader::new(r), MessageWriter::new(w))
        };
        let hello = Hello {
            magic: MAGIC.into(),
            oldest: 900,
            newest: 901,
            client: "future".into(),
            resume: None,
        };
        writer.send(&hello).await.unwrap();
        let Greeting::Refused(failure) = reader.greeting().await.unwrap() else {
            panic!("served a stranger")
        };
        assert_eq!(failure.hint, "upgrade cm-agent; cm-tui is newer");
        assert!(matches!(
            agent.await.unwrap(),
            Some(ConnectionError::Refused(_))
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_is_let_go() {
        let (_client, agent) = tokio::io::duplex(1024);
        let error = receive_hello(tokio::io::split(agent)).await.err().unwrap();
        assert!(matches!(error, ConnectionError::Silent));
    }

    #[tokio::test]
    async fn a_hello_larger_than_a_hello_is_refused() {
        let (mut client, agent) = tokio::io::duplex(1024);
        client
            .write_all(&(MAX_HELLO as u32 + 1).to_be_bytes())
            .await
            .unwrap();
        let error = receive_hello(tokio::io::split(agent)).await.err().unwrap();
        assert!(matches!(
            error,
            ConnectionError::Codec(CodecError::TooLong { .. })
        ));
    }

    fn body_of(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
    }

    #[tokio::test]
    async fn whatever_else_speaks_first_is_no_client() {
        let hello = Hello {
            magic: "ssh".into(),
            oldest: 1,
            newest: 1,
            client: "x".into(),
            resume: None,
        };
        let (mut client, agent) = tokio::io::duplex(1024);
        client
            .write_all(&body_of(&protocol::encode(&hello).unwrap()))
            .await
            .unwrap();
        let error = receive_hello(tokio::io::split(agent)).await.err().unwrap();
        assert_eq!(
            error.to_string(),
            "this is a cm-agent; it only serves cm-tui"
        );
        for garbage in [&b"\xc1\xc1\xc1"[..], b"", b"\x80", b"\xa5hello"] {
            let (mut client, agent) = tokio::io::duplex(1024);
            client.write_all(&body_of(garbage)).await.unwrap();
            let error = receive_hello(tokio::io::split(agent)).await.err().unwrap();
            assert!(matches!(error, ConnectionError::Stranger(_)), "{error}");
        }
        let (mut client, agent) = tokio::io::duplex(1024);
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let error = receive_hello(tokio::io::split(agent)).await.err().unwrap();
        assert!(matches!(
            error,
            ConnectionError::Codec(CodecError::TooLong { .. })
        ));
    }

    #[tokio::test]
    async fn half_a_message_is_a_lost_connection_and_none_is_an_end() {
        let whole = body_of(
            &protocol::encode(&ToAgent {
                id: 1,
                request: protocol::Request::Ping,
            })
            .unwrap(),
        );
        for cut in 0..=whole.len() {
            let mut reader = MessageReader::new(&whole[..cut]);
            match reader.next().await {
                Ok(None) => assert_eq!(cut, 0),
                Ok(Some(_)) => {
                    assert_eq!(cut, whole.len());
                    assert!(reader.next().await.unwrap().is_none());
                }
                Err(error) => {
                    assert!(matches!(error, ConnectionError::Closed) && cut < whole.len());
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hello_that_comes_one_byte_at_a_time_has_the_same_deadline() {
        let (mut client, agent) = tokio::io::duplex(1024);
        tokio::spawn(async move {
            for byte in body_of(&[0xa0; 1000]) {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                if client.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
        });
        let start = tokio::time::Instant::now();
        let error = receive_hello(tokio::io::split(agent)).await.err().unwrap();
        assert!(matches!(error, ConnectionError::Silent));
        assert_eq!(start.elapsed(), HELLO_DEADLINE);
    }

    #[tokio::test]
    async fn a_client_hears_why_it_is_refused_and_knows_a_stranger() {
        let failure = Failure {
            kind: FailureKind::Unsupported,
            message: "too old".into(),
            hint: "upgrade".into(),
        };
        let (client, mut agent) = tokio::io::duplex(1024);
        let refusal = protocol::encode(&Greeting::Refused(failure.clone())).unwrap();
        agent.write_all(&body_of(&refusal)).await.unwrap();
        let error = greet(tokio::io::split(client), "test", None)
            .await
            .err()
            .unwrap();
        assert!(matches!(error, ConnectionError::Refused(told) if told == failure));
        let (client, mut agent) = tokio::io::duplex(1024);
        agent.write_all(&body_of(b"\xa5hello")).await.unwrap();
        let error = greet(tokio::io::split(client), "test", None)
            .await
            .err()
            .unwrap();
        assert!(matches!(error, ConnectionError::Stranger(_)));
    }

    #[tokio::test]
    async fn reading_that_is_cancelled_loses_nothing() {
        let (mut client, agent) = tokio::io::duplex(1 << 20);
        let mut reader = MessageReader::new(agent);
        reader.limit = MAX_MESSAGE;
        let body = vec![7u8; 5000];
        for piece in body_of(&body).chunks(100) {
            client.write_all(piece).await.unwrap();
            tokio::select! {
                biased;
                read = reader.next() => {
                    assert_eq!(read.unwrap().unwrap(), body[..]);
                    return;
                }
                () = tokio::task::yield_now() => {}
            }
        }
        panic!("never whole");
    }

    #[test]
    fn an_unknown_request_keeps_its_id() {
        #[derive(Serialize)]
        struct Newer {
            id: u64,
            request: &'static str,
        }
        let body = protocol::encode(&Newer {
            id: 3,
            request: "teleport",
        })
        .unwrap();
        assert!(matches!(read_order(&body), FromClient::Unknown(3)));
        assert!(matches!(read_order(&[0xc1]), FromClient::Garbage));
    }
}
