//! Messages to bytes and back: a length and named `MessagePack`, with hard limits.
//!
//! Promise: no input makes it panic, and an announced length never allocates more than has arrived.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio_util::bytes::{Buf, BufMut, BytesMut};

use super::limits;
use super::{MAX_DEPTH, MAX_MESSAGE};

/// The receive buffer grows by at most this many bytes at a time, so that a length alone costs nothing.
pub const READ_STEP: usize = 64 << 10;

#[derive(Debug, Error)]
pub enum CodecError {
    #[error("message of {len} bytes is over the limit of {limit}")]
    TooLong { len: usize, limit: usize },
    #[error("{what} of {found} is over the limit of {limit}")]
    OverLimit {
        what: &'static str,
        found: usize,
        limit: usize,
    },
    #[error("message is not one whole value")]
    NotOneValue,
    #[error("message cannot be read")]
    Malformed(#[source] rmp_serde::decode::Error),
    #[error("message cannot be written")]
    Unwritable(#[source] rmp_serde::encode::Error),
}

/// One value as named `MessagePack`.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    rmp_serde::to_vec_named(value).map_err(CodecError::Unwritable)
}

/// One value from named `MessagePack` within the limits. Unknown fields are ignored.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    limits::check(bytes)?;
    peek(bytes)
}

/// As [`decode`], for a few fields of a message that may be over the limits: `T` must not keep texts or lists.
pub fn peek<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    reader.set_max_depth(MAX_DEPTH);
    T::deserialize(&mut reader).map_err(CodecError::Malformed)
}

/// Takes the next whole message body off `buffer`, if it has arrived. Bodies are handed out undecoded, so that one
/// unknown message can be skipped without losing the connection.
///
/// # Errors
/// [`CodecError::TooLong`] as soon as a length over `limit` is announced; the stream cannot be used after it.
pub fn take_body(buffer: &mut BytesMut, limit: usize) -> Result<Option<BytesMut>, CodecError> {
    let Some(head) = buffer.first_chunk::<4>() else {
        return Ok(None);
    };
    let len = u32::from_be_bytes(*head) as usize;
    if len > limit {
        return Err(CodecError::TooLong { len, limit });
    }
    if buffer.len() < 4 + len {
        return Ok(None);
    }
    buffer.advance(4);
    Ok(Some(buffer.split_to(len)))
}

/// Appends a whole message to `buffer`.
///
/// # Errors
/// When the value is over a limit; nothing is appended then.
pub fn put_message<T: Serialize>(buffer: &mut BytesMut, value: &T) -> Result<(), CodecError> {
    let body = encode_within(value)?;
    buffer.reserve(4 + body.len());
    buffer.put_u32(body.len() as u32);
    buffer.extend_from_slice(&body);
    Ok(())
}

/// Whether a value may be sent.
///
/// # Errors
/// Which limit it is over.
pub fn fits<T: Serialize>(value: &T) -> Result<(), CodecError> {
    encode_within(value).map(drop)
}

fn encode_within<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let body = encode(value)?;
    if body.len() > MAX_MESSAGE {
        return Err(CodecError::TooLong {
            len: body.len(),
            limit: MAX_MESSAGE,
        });
    }
    limits::check(&body)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::{Request, ToAgent, ToClient};

    #[derive(Serialize)]
    struct NewerRequest {
        id: u64,
        request: &'static str,
        added: u8,
    }

    #[test]
    fn an_unknown_field_is_ignored_and_an_unknown_variant_fails_alone() {
        let known = encode(&NewerRequest {
            id: 7,
            request: "ping",
            added: 1,
        })
        .unwrap();
        assert_eq!(
            decode::<ToAgent>(&known).unwrap(),
            ToAgent {
                id: 7,
                request: Request::Ping
            }
        );
        let unknown = encode(&NewerRequest {
            id: 8,
            request: "teleport",
            added: 1,
        })
        .unwrap();
        assert!(decode::<ToAgent>(&unknown).is_err());
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_anything_is_read() {
        let mut buffer = BytesMut::from(&u32::MAX.to_be_bytes()[..]);
        let refused = take_body(&mut buffer, MAX_MESSAGE);
        assert!(matches!(refused, Err(CodecError::TooLong { .. })));
        assert!(buffer.capacity() < 1024);
    }

    #[test]
    fn values_nested_deeper_than_allowed_are_refused() {
        let deep = vec![0x91u8; 100_000];
        assert!(decode::<ToAgent>(&deep).is_err());
        assert!(decode::<serde::de::IgnoredAny>(&deep).is_err());
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            drop(decode::<ToAgent>(&bytes));
            drop(decode::<ToClient>(&bytes));
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = take_body(&mut buffer, MAX_MESSAGE) {}
        }

        #[test]
        fn messages_survive_any_cut(keys in proptest::collection::vec(any::<u8>(), 0..64), cut in 0usize..200) {
            let sent: Vec<ToAgent> = (0..3)
                .map(|id| ToAgent {
                    id,
                    request: Request::SendKeys { session: crate::domain::SessionId::new("s"), bytes: keys.clone() },
                })
                .collect();
            let mut wire = BytesMut::new();
            for message in &sent {
                put_message(&mut wire, message).unwrap();
            }
            let (mut received, mut buffer) = (Vec::new(), BytesMut::new());
            let cut = cut.min(wire.len());
            for part in [&wire[..cut], &wire[cut..]] {
                buffer.extend_from_slice(part);
                while let Some(body) = take_body(&mut buffer, MAX_MESSAGE).unwrap() {
                    received.push(decode::<ToAgent>(&body).unwrap());
                }
            }
            prop_assert_eq!(sent, received);
        }
    }
}
