//! Names that a line does not tell: `|1|salt|hash`, as `ssh-keygen -H` writes them.
//!
//! The hash is the HMAC-SHA1 of the name with the salt as its key: it hides names from a reader of the file, it does
//! not protect the keys, so the age of SHA-1 does not matter here.

use std::fs::File;
use std::io::{self, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// How a hashed name begins; the digit is the version of the scheme.
const MAGIC: &[u8] = b"|1|";
/// The size of a salt and of a hash, in bytes.
const SIZE: usize = 20;

/// Whether the names of a line are hashed: such a line is for one name and no pattern.
pub(super) fn is_hashed(names: &[u8]) -> bool {
    names.starts_with(b"|")
}

/// Whether this hashed name is `name`.
pub(super) fn is_name(hashed: &[u8], name: &str) -> bool {
    let Some((salt, _hash)) = hashed
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.split_at_checked(rest.iter().position(|byte| *byte == b'|')?))
    else {
        return false;
    };
    let Some(salt) = STANDARD
        .decode(salt)
        .ok()
        .and_then(|salt| <[u8; SIZE]>::try_from(salt).ok())
    else {
        return false;
    };
    // Compared as text, so that what follows the hash belongs to it.
    with_salt(name, salt).as_bytes() == hashed
}

/// `name` under a fresh salt, from the system's random numbers.
pub(super) fn hide(name: &str) -> io::Result<String> {
    let mut salt = [0; SIZE];
    File::open("/dev/urandom")?.read_exact(&mut salt)?;
    Ok(with_salt(name, salt))
}

fn with_salt(name: &str, salt: [u8; SIZE]) -> String {
    let mac = Hmac::<Sha1>::new_from_slice(&salt).expect("HMAC takes keys of every length");
    let hash = mac.chain_update(name).finalize().into_bytes();
    format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(hash))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Written by `ssh-keygen -H` for `gpu-2`.
    const HASHED: &str = "|1|YKCupvApPz/MyhCWRsUk2+m/oiA=|JZ4OmNhF4ZhF6T8hpdLUs+1dZVs=";

    #[test]
    fn a_name_that_openssh_hashed_is_found() {
        assert!(is_name(HASHED.as_bytes(), "gpu-2"));
        assert!(!is_name(HASHED.as_bytes(), "gpu-3"));
    }

    #[rstest]
    #[case::more_after_it(format!("{HASHED},gpu-2"))]
    #[case::another_version(HASHED.replace("|1|", "|2|"))]
    #[case::no_hash(HASHED.rsplit_once('|').unwrap().0.to_owned())]
    #[case::short_salt("|1|AAAA|AAAA".to_owned())]
    #[case::only_the_magic("|1|".to_owned())]
    #[case::a_bar("|".to_owned())]
    #[case::no_base64("|1|??|??".to_owned())]
    fn a_damaged_hash_is_nobody(#[case] hashed: String) {
        assert!(is_hashed(hashed.as_bytes()));
        assert!(!is_name(hashed.as_bytes(), "gpu-2"));
    }

    #[test]
    fn hiding_twice_gives_two_texts_for_one_name() {
        let (one, other) = (hide("gpu-2").unwrap(), hide("gpu-2").unwrap());
        assert_ne!(one, other);
        assert!(is_name(one.as_bytes(), "gpu-2") && is_name(other.as_bytes(), "gpu-2"));
    }
}
