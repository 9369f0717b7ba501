//! The numbers of a control sequence, read as tmux reads them.

/// The most parameters a sequence may have: tmux drops a sequence with more, so showing it would be wrong.
const MAX: usize = 23;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param<'a> {
    Missing,
    Number(u32),
    /// A parameter with sub-parameters, such as `4:3` or `38:2::1:2:3`, unparsed.
    Colon(&'a [u8]),
}

#[derive(Debug)]
pub struct Params<'a> {
    list: [Param<'a>; MAX],
    len: usize,
}

impl<'a> Params<'a> {
    /// Returns `None` when tmux would drop the whole sequence: too many parameters, or a number beyond `i32`.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut params = Self {
            list: [Param::Missing; MAX],
            len: 0,
        };
        if bytes.is_empty() {
            return Some(params);
        }
        for part in bytes.split(|byte| *byte == b';') {
            let slot = params.list.get_mut(params.len)?;
            *slot = if part.is_empty() {
                Param::Missing
            } else if part.contains(&b':') {
                Param::Colon(part)
            } else {
                Param::Number(number(part)?)
            };
            params.len += 1;
        }
        Some(params)
    }

    pub fn as_slice(&self) -> &[Param<'a>] {
        self.list.get(..self.len).unwrap_or_default()
    }

    /// Returns a number, at least `least`; the default when it is missing; `None` when it has sub-parameters.
    pub fn get(&self, index: usize, least: u32, default: u32) -> Option<u32> {
        match self.as_slice().get(index) {
            None | Some(Param::Missing) => Some(default),
            Some(Param::Number(n)) => Some((*n).max(least)),
            Some(Param::Colon(_)) => None,
        }
    }

    /// Returns a count or a coordinate (1 when missing), within the range that the emulator takes.
    pub fn count(&self, index: usize) -> Option<u16> {
        self.get(index, 1, 1).map(clamped)
    }

    /// Returns a selector such as the kind of an erase (0 when missing).
    pub fn kind(&self, index: usize) -> Option<u32> {
        self.get(index, 0, 0)
    }

    /// The plain numbers of the list, without the missing ones and those with sub-parameters.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.as_slice().iter().filter_map(|param| match param {
            Param::Number(n) => Some(*n),
            Param::Missing | Param::Colon(_) => None,
        })
    }
}

/// Returns a number as a count: no screen has more than [`u16::MAX`] rows or columns.
pub fn clamped(n: u32) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// Reads decimal digits; `None` when there is anything else or the number does not fit an `i32`.
pub fn number(digits: &[u8]) -> Option<u32> {
    let mut n: u32 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        n = n.checked_mul(10)?.checked_add(u32::from(digit - b'0'))?;
    }
    (i32::try_from(n).is_ok() && !digits.is_empty()).then_some(n)
}
