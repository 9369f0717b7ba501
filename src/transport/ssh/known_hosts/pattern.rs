//! Which names a line is for: comma lists of patterns with `*`, `?` and `!`.
//!
//! Bytes, not text: a line need not be UTF-8. Promise: the same answer as OpenSSH's `match_hostname`, in time that
//! grows with name × pattern, whatever the pattern is.

/// OpenSSH gives up a list with a longer pattern, in bytes, when it comes to it.
const LONGEST: usize = 1022;

/// Whether the list matches `name`, which is in lower case. One negated pattern that matches rules the whole list out.
pub(super) fn is_listed(list: &[u8], name: &str) -> bool {
    let mut is_named = false;
    for pattern in list.split(|byte| *byte == b',') {
        let (is_negated, pattern) = match pattern {
            [b'!', rest @ ..] => (true, rest),
            all => (false, all),
        };
        if pattern.len() > LONGEST {
            return false;
        }
        if matches(&pattern.to_ascii_lowercase(), name.as_bytes()) {
            if is_negated {
                return false;
            }
            is_named = true;
        }
    }
    is_named
}

/// Glob match. Only the last `*` need be tried again: an earlier one that took more would leave less for it.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut in_name) = (0, 0);
    let mut star = None;
    while in_name < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[in_name] => {
                at += 1;
                in_name += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else {
                    return false;
                };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                in_name = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("gpu", "gpu", true)]
    #[case("gpu", "GPU", true)]
    #[case("gpu", "gpu2", false)]
    #[case("gpu-2", "gpu-?", true)]
    #[case("gpu-", "gpu-?", false)]
    #[case("a.ex", "*.ex", true)]
    #[case(".ex", "*.ex", true)]
    #[case("a.ex.org", "*.ex", false)]
    #[case("a.b.ex", "a*b*x", true)]
    #[case("aab", "a*ab", true)]
    #[case("", "*", true)]
    #[case("gpu", "**", true)]
    #[case("gpu", "a,gpu,b", true)]
    #[case("gpu", "*,!gpu", false)]
    #[case("gpu", "!gpu,*", false)]
    #[case("gpu", "!other", false)]
    #[case("gpu", "!other,*", true)]
    #[case("gpu", ",,gpu,", true)]
    #[case("gpu", "!", false)]
    #[case("[gpu]:2222", "*", true)]
    #[case("[gpu]:2222", "[gpu]:*", true)]
    #[case("[gpu]:2222", "gpu", false)]
    #[case("fe80::1", "fe80::?", true)]
    fn lists_match_as_openssh_matches_them(
        #[case] name: &str,
        #[case] list: &str,
        #[case] is_named: bool,
    ) {
        assert_eq!(is_listed(list.as_bytes(), name), is_named);
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let pattern = "*a".repeat(500);
        assert!(!is_listed(pattern.as_bytes(), &"a".repeat(400)));
    }

    #[test]
    fn what_follows_a_pattern_of_more_than_openssh_reads_is_not_read() {
        let long = "x".repeat(LONGEST + 1);
        assert!(!is_listed(format!("gpu,{long}").as_bytes(), "gpu"));
        let longest = "x".repeat(LONGEST);
        assert!(is_listed(format!("gpu,{longest}").as_bytes(), "gpu"));
    }
}
