//! The limits of a message, held against its bytes before anything is built from them.
//!
//! One pass over the `MessagePack` markers, the same for what is sent and for what is received: whatever one side may
//! send the other takes, and no announced length or nesting reaches a decoder that might believe it.

use super::{CodecError, MAX_DEPTH, MAX_LIST, MAX_TEXT};

/// Checks that `bytes` are exactly one value within the limits.
///
/// # Errors
/// [`CodecError::OverLimit`], or [`CodecError::NotOneValue`] when bytes are missing, left over or have no meaning.
pub(super) fn check(mut bytes: &[u8]) -> Result<(), CodecError> {
    // How many values each open list or map still has; the message itself is a list of one.
    let mut open = vec![1usize];
    while let Some(left) = open.last_mut() {
        if *left == 0 {
            open.pop();
            continue;
        }
        *left -= 1;
        if let Some(children) = value(&mut bytes)? {
            within("nesting", open.len(), MAX_DEPTH)?;
            open.push(children);
        }
    }
    if bytes.is_empty() {
        Ok(())
    } else {
        Err(CodecError::NotOneValue)
    }
}

/// Takes one value off `bytes`; of a list or map only the head, and returns how many values follow in it.
fn value(bytes: &mut &[u8]) -> Result<Option<usize>, CodecError> {
    let [marker] = take(bytes)?;
    match marker {
        0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => {}
        0x80..=0x8f => return map(usize::from(marker & 0x0f)),
        0x90..=0x9f => return list(usize::from(marker & 0x0f)),
        0xa0..=0xbf => text(bytes, usize::from(marker & 0x1f))?,
        0xc1 => return Err(CodecError::NotOneValue),
        0xc4..=0xc6 => {
            let len = length(bytes, marker - 0xc4)?;
            skip(bytes, len)?;
        }
        // An extension has a type beside its bytes.
        0xc7..=0xc9 => {
            let len = length(bytes, marker - 0xc7)?;
            skip(bytes, len.saturating_add(1))?;
        }
        0xca => skip(bytes, 4)?,
        0xcb => skip(bytes, 8)?,
        0xcc..=0xcf => skip(bytes, 1 << (marker - 0xcc))?,
        0xd0..=0xd3 => skip(bytes, 1 << (marker - 0xd0))?,
        0xd4..=0xd8 => skip(bytes, 1 + (1 << (marker - 0xd4)))?,
        0xd9..=0xdb => {
            let len = length(bytes, marker - 0xd9)?;
            text(bytes, len)?;
        }
        0xdc | 0xdd => return list(length(bytes, marker - 0xdc + 1)?),
        0xde | 0xdf => return map(length(bytes, marker - 0xde + 1)?),
    }
    Ok(None)
}

fn list(entries: usize) -> Result<Option<usize>, CodecError> {
    within("list", entries, MAX_LIST)?;
    Ok(Some(entries))
}

fn map(entries: usize) -> Result<Option<usize>, CodecError> {
    within("map", entries, MAX_LIST)?;
    Ok(Some(entries * 2))
}

fn text(bytes: &mut &[u8], len: usize) -> Result<(), CodecError> {
    within("text", len, MAX_TEXT)?;
    skip(bytes, len)
}

fn within(what: &'static str, found: usize, limit: usize) -> Result<(), CodecError> {
    if found <= limit {
        Ok(())
    } else {
        Err(CodecError::OverLimit { what, found, limit })
    }
}

/// Reads a length of 1, 2 or 4 bytes, for a `width` of 0, 1 or 2.
fn length(bytes: &mut &[u8], width: u8) -> Result<usize, CodecError> {
    Ok(match width {
        0 => usize::from(u8::from_be_bytes(take(bytes)?)),
        1 => usize::from(u16::from_be_bytes(take(bytes)?)),
        _ => u32::from_be_bytes(take(bytes)?) as usize,
    })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], CodecError> {
    let (head, rest) = bytes.split_first_chunk().ok_or(CodecError::NotOneValue)?;
    *bytes = rest;
    Ok(*head)
}

fn skip(bytes: &mut &[u8], len: usize) -> Result<(), CodecError> {
    *bytes = bytes.get(len..).ok_or(CodecError::NotOneValue)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::list(&[0xdd, 0xff, 0xff, 0xff, 0xff], "list of 4294967295 is over the limit of 10000")]
    #[case::short_list(&[0xdc, 0x27, 0x11], "list of 10001 is over the limit of 10000")]
    #[case::map(&[0xdf, 0xff, 0xff, 0xff, 0xff], "map of 4294967295 is over the limit of 10000")]
    #[case::text(&[0xdb, 0xff, 0xff, 0xff, 0xff], "text of 4294967295 is over the limit of 65536")]
    #[case::bytes(&[0xc6, 0xff, 0xff, 0xff, 0xff], "message is not one whole value")]
    #[case::extension(&[0xc9, 0xff, 0xff, 0xff, 0xff], "message is not one whole value")]
    #[case::depth(&[0x91; 100], "nesting of 17 is over the limit of 16")]
    #[case::maps_in_keys(&[0x81; 100], "nesting of 17 is over the limit of 16")]
    #[case::nothing(&[], "message is not one whole value")]
    #[case::two_values(&[0xc0, 0xc0], "message is not one whole value")]
    #[case::no_meaning(&[0xc1], "message is not one whole value")]
    #[case::missing(&[0x92, 0xc0], "message is not one whole value")]
    fn what_is_announced_is_refused_before_it_is_believed(
        #[case] bytes: &[u8],
        #[case] error: &str,
    ) {
        assert_eq!(check(bytes).unwrap_err().to_string(), error);
    }

    #[test]
    fn every_kind_of_value_is_passed_over_by_its_length() {
        let mut list = vec![0xdc, 0, 0];
        let values: &[&[u8]] = &[
            &[0x05],
            &[0xff],
            &[0xc0],
            &[0xc2],
            &[0xca, 0, 0, 0, 0],
            &[0xcb, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0xcc, 1],
            &[0xcd, 1, 1],
            &[0xce, 1, 1, 1, 1],
            &[0xcf, 1, 1, 1, 1, 1, 1, 1, 1],
            &[0xd0, 1],
            &[0xd1, 1, 1],
            &[0xd2, 1, 1, 1, 1],
            &[0xd3, 1, 1, 1, 1, 1, 1, 1, 1],
            &[0xd4, 9, 1],
            &[0xd5, 9, 1, 1],
            &[0xd6, 9, 1, 1, 1, 1],
            &[0xd7, 9, 1, 1, 1, 1, 1, 1, 1, 1],
            &[0xc7, 2, 9, 1, 1],
            &[0xc8, 0, 1, 9, 1],
            &[0xa1, b'x'],
            &[0xd9, 1, b'x'],
            &[0xda, 0, 1, b'x'],
            &[0xdb, 0, 0, 0, 1, b'x'],
            &[0xc4, 1, 7],
            &[0xc5, 0, 1, 7],
            &[0xc6, 0, 0, 0, 1, 7],
            &[0x90],
            &[0x80],
            &[0x81, 0xc0, 0xc0],
            &[0xde, 0, 1, 0xc0, 0xc0],
        ];
        list[2] = values.len() as u8;
        list.extend(values.concat());
        check(&list).unwrap();
        assert!(check(&list[..list.len() - 1]).is_err());
    }
}
