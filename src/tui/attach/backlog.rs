//! Output that waits for a slow terminal, up to a limit.

/// More than this is thrown away, and the screen is drawn again when the terminal takes bytes: at 100 kB/s, slow even for
/// a line between continents, it is two and a half seconds that somebody would look at the past.
pub const LIMIT: usize = 256 << 10;

#[derive(Debug, Default)]
pub struct Backlog {
    bytes: Vec<u8>,
    written: usize,
}

impl Backlog {
    pub fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    pub fn waiting(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    pub fn is_over(&self) -> bool {
        self.bytes.len() - self.written > LIMIT
    }

    /// Where new output is appended.
    pub fn end(&mut self) -> &mut Vec<u8> {
        if self.written > LIMIT {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        &mut self.bytes
    }

    pub fn wrote(&mut self, count: usize) {
        self.written += count;
        if self.is_empty() {
            self.clear();
        }
    }

    pub fn clear(&mut self) {
        self.written = 0;
        // One burst does not cost its memory for ever.
        self.bytes.clear();
        self.bytes.shrink_to(LIMIT);
    }
}
