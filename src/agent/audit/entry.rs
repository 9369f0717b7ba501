//! What an entry of the record says: a decision, or something about the record itself.

use serde::{Deserialize, Serialize};

use super::line::{self, Hash, Link};
use crate::domain::decision::{Record, RecordSeq};

/// The form of the files that this build writes.
pub(super) const FORMAT: u16 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    /// The first line of each file.
    Segment(Head),
    Decision(Box<Record>),
    /// Writing failed for a while. Decisions of that time follow, marked late.
    Resumed {
        /// Why it had failed.
        reason: String,
        /// How many decisions of people are not in the record, because too many waited.
        lost: u64,
    },
    /// What a crash left of a line was cut off.
    Cut {
        /// How many bytes.
        bytes: u64,
        /// The name of the file that keeps them.
        kept: String,
    },
}

impl Entry {
    /// The decision that an entry is, if it is one that this build can read.
    pub(super) fn decision(entry: &[u8]) -> Option<Record> {
        match serde_json::from_slice(entry) {
            Ok(Self::Decision(record)) => Some(*record),
            _ => None,
        }
    }
}

/// Where a file continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) format: u16,
    /// The number in the file's name.
    pub(super) number: u32,
    pub(super) began: Began,
    /// The end of the file before; `None` in the first.
    pub(super) after: Option<After>,
    /// Intents in earlier files that have no outcome yet.
    #[serde(default)]
    pub(super) open: Vec<RecordSeq>,
}

/// Why a file was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Began {
    First,
    /// The file before has reached its size.
    Full,
    /// The file before could not be written any more. What follows its named end was never acknowledged.
    Left {
        reason: String,
    },
    /// The file before was not as it had been written.
    Damaged {
        reason: String,
    },
}

/// The last good line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct After {
    pub(super) number: u32,
    /// Where the line ends, from the start of the file.
    pub(super) bytes: u64,
    pub(super) seq: RecordSeq,
    pub(super) hash: String,
}

impl After {
    pub(super) fn link(&self) -> Option<Link> {
        Some(Link {
            seq: self.seq.0,
            hash: line::from_hex(self.hash.as_bytes())?,
        })
    }
}

/// How far the record has been written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tip {
    pub(super) seq: RecordSeq,
    pub(super) hash: String,
}

/// The length of the tip's file: the longest number and a hash fit, so that it is always overwritten whole.
const TIP: usize = 112;

impl Tip {
    pub(super) fn of(link: &Link) -> Self {
        Self {
            seq: RecordSeq(link.seq),
            hash: line::to_hex(&link.hash),
        }
    }

    pub(super) fn text(&self) -> String {
        let json = format!("{{\"seq\":{},\"hash\":\"{}\"}}", self.seq.0, self.hash);
        format!("{json:<width$}\n", width = TIP - 1)
    }

    pub(super) fn read(text: &[u8]) -> Option<(u64, Hash)> {
        let tip: Self = serde_json::from_slice(text).ok()?;
        Some((tip.seq.0, line::from_hex(tip.hash.as_bytes())?))
    }
}
