//! The stacks of kitty's keyboard protocol: each of the two screens has its own, and what a program pushed must go again.

/// How deep a program may stack; terminals drop the oldest entry somewhere beyond this, and it would be the person's own.
const DEPTH: usize = 8;
/// All flags that exist.
const FLAGS: u16 = 31;

/// `CSI > flags u`, `CSI < count u`, `CSI = flags ; way u`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Push(u8),
    Pop(u16),
    Set(u8, Way),
}

/// What happens to the flags that are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Replace,
    Add,
    Remove,
}

impl Order {
    /// Reads what came between the mark and the `u`.
    pub fn read(mark: u8, mut numbers: impl Iterator<Item = Option<u16>>) -> Option<Self> {
        let first = numbers.next().flatten();
        let second = numbers.next().flatten();
        let flags = || u8::try_from(first.unwrap_or(0) & FLAGS).ok();
        match mark {
            b'>' => Some(Self::Push(flags()?)),
            b'<' => Some(Self::Pop(first.unwrap_or(1).max(1))),
            b'=' => {
                let way = match second.unwrap_or(1) {
                    1 => Way::Replace,
                    2 => Way::Add,
                    3 => Way::Remove,
                    _ => return None,
                };
                Some(Self::Set(flags()?, way))
            }
            _ => None,
        }
    }

    pub fn write(self, out: &mut Vec<u8>) {
        let text = match self {
            Self::Push(flags) => format!("\x1b[>{flags}u"),
            Self::Pop(count) => format!("\x1b[<{count}u"),
            Self::Set(flags, way) => {
                let way = match way {
                    Way::Replace => 1,
                    Way::Add => 2,
                    Way::Remove => 3,
                };
                format!("\x1b[={flags};{way}u")
            }
        };
        out.extend_from_slice(text.as_bytes());
    }
}

/// One screen's flags as the program left them.
#[derive(Debug, Default)]
pub struct Stack {
    /// Under everything that was pushed.
    base: Option<u8>,
    pushed: [u8; DEPTH],
    depth: usize,
    /// Whether there was ever an order.
    is_touched: bool,
}

impl Stack {
    /// What of an order may pass: no more than was pushed is popped, and no more is pushed than is remembered.
    pub fn passing(&self, order: Order) -> Option<Order> {
        match order {
            Order::Push(_) if self.depth == DEPTH => None,
            Order::Pop(_) if self.depth == 0 => None,
            Order::Pop(count) => {
                let depth = u16::try_from(self.depth).unwrap_or(u16::MAX);
                Some(Order::Pop(count.min(depth)))
            }
            order => Some(order),
        }
    }

    pub fn take(&mut self, order: Order) {
        self.is_touched = true;
        match order {
            Order::Push(flags) => {
                if let Some(slot) = self.pushed.get_mut(self.depth) {
                    *slot = flags;
                    self.depth += 1;
                }
            }
            Order::Pop(count) => self.depth = self.depth.saturating_sub(usize::from(count)),
            Order::Set(flags, way) => {
                let mut none = 0;
                let current = match self.depth.checked_sub(1) {
                    Some(top) => self.pushed.get_mut(top).unwrap_or(&mut none),
                    None => self.base.get_or_insert(0),
                };
                *current = match way {
                    Way::Replace => flags,
                    Way::Add => *current | flags,
                    Way::Remove => *current & !flags,
                };
            }
        }
    }

    /// Whether there is something to take back.
    pub fn is_used(&self) -> bool {
        self.depth > 0 || self.base.is_some()
    }

    /// Writes what takes everything back.
    pub fn leave(&self, out: &mut Vec<u8>) {
        if self.depth > 0 {
            Order::Pop(u16::try_from(self.depth).unwrap_or(u16::MAX)).write(out);
        }
        if self.base.is_some() {
            Order::Set(0, Way::Replace).write(out);
        }
    }

    /// Writes what brings any stack of the program's making to this one.
    pub fn again(&self, out: &mut Vec<u8>) {
        if !self.is_touched {
            return;
        }
        // Popping more than there is leaves an empty stack with no flag set.
        Order::Pop(u16::try_from(2 * DEPTH).unwrap_or(u16::MAX)).write(out);
        if let Some(base) = self.base {
            Order::Set(base, Way::Replace).write(out);
        }
        for flags in self.pushed.iter().take(self.depth) {
            Order::Push(*flags).write(out);
        }
    }
}
