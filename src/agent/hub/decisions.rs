//! Telling what was decided: read from the record's own files, beside the hub.

use super::{ClientId, Hub};
use crate::agent::audit::{self, Page};
use crate::domain::{DecisionFilter, RecordSeq};
use crate::protocol::{DecisionPage, Failure, FailureKind, MAX_MESSAGE, MAX_TEXT, Reply};

/// How many bytes of decisions one answer holds, as lines of the record, which are longer than they are in a message.
const BYTES: usize = MAX_MESSAGE / 4 * 3;
/// The most decisions in one answer: more than anyone reads at once, even if each is short.
const MOST: u32 = 500;

impl Hub {
    pub(super) fn decisions(
        &self,
        client: ClientId,
        id: u64,
        filter: DecisionFilter,
        before: Option<RecordSeq>,
        limit: u32,
    ) {
        let dir = self.config.audit_dir.clone();
        let limit = limit.min(MOST) as usize;
        self.beside(client, id, async move {
            let reading = tokio::task::spawn_blocking(move || {
                audit::page(&dir, &filter, before, limit, BYTES)
            });
            match reading.await {
                Ok(Ok(page)) => Reply::Decisions(fitting(page)),
                Ok(Err(error)) => Reply::Failed(unreadable(&error.to_string())),
                Err(error) => Reply::Failed(unreadable(&error.to_string())),
            }
        });
    }
}

fn unreadable(why: &str) -> Failure {
    Failure {
        kind: FailureKind::Failed,
        message: format!("the record of decisions cannot be read: {why}"),
        hint: "look what is wrong with it: cm-tui audit verify".to_owned(),
    }
}

/// Cuts every text to what a message may carry. The record itself has all of it.
fn fitting(page: Page) -> DecisionPage {
    let Page { mut records, more } = page;
    for text in records
        .iter_mut()
        .flat_map(|found| found.record.texts_mut())
    {
        if text.len() > MAX_TEXT {
            let mark = '…';
            let fits = |at: &usize| text.is_char_boundary(*at);
            let end = (0..=MAX_TEXT - mark.len_utf8()).rev().find(fits);
            text.truncate(end.unwrap_or_default());
            text.push(mark);
        }
    }
    DecisionPage { records, more }
}
