//! One session's screen for those who watch it: numbered updates at a bounded rate, each the smallest honest form.
//!
//! Promise: whoever applied every update since a keyframe shows exactly the emulator's screen at that version. Small
//! bursts leave at once as drawn; more than that is held for a moment and sent as the raw bytes or as the difference,
//! whichever is smaller. No I/O, no clock.

use std::time::{Duration, Instant};

use crate::term::Screen;

/// The shortest time between two updates of one session: about what a terminal shows (60 a second).
pub const PACE: Duration = Duration::from_millis(16);
/// A burst up to this many bytes is sent as it is: finding the difference would cost more than it saves.
const SMALL: usize = 1 << 10;

#[derive(Debug, Default)]
pub struct Broadcast {
    version: u64,
    last_sent: Option<Instant>,
    /// What was drawn since the last update.
    pending: Vec<u8>,
    /// The screen before `pending`, kept only when the pending bytes may become long.
    base: Option<Screen>,
}

impl Broadcast {
    /// The version that a keyframe of the present screen carries, once nothing is pending.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// To be called before bytes are fed to the emulator.
    pub fn before(&mut self, screen: &Screen, incoming: usize, now: Instant) {
        let deferred = incoming > SMALL || self.earliest() > Some(now);
        if self.pending.is_empty() && self.base.is_none() && deferred {
            self.base = Some(screen.clone());
        }
    }

    /// Takes over what the emulator drew.
    pub fn drawn(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// When the next update should leave, if anything waits; a time in the past means at once.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        (!self.pending.is_empty()).then(|| self.earliest().unwrap_or(now))
    }

    /// The update that brings watchers to `screen`, under the next version.
    pub fn take(&mut self, screen: &Screen, now: Instant) -> (u64, Vec<u8>) {
        let mut bytes = std::mem::take(&mut self.pending);
        if let Some(base) = self.base.take()
            && bytes.len() > SMALL
            && base.size() == screen.size()
        {
            let difference = screen.difference(&base);
            if difference.len() < bytes.len() {
                bytes = difference;
            }
        }
        self.version += 1;
        self.last_sent = Some(now);
        (self.version, bytes)
    }

    /// Forgets what waits and starts a new version: the screen was replaced, everybody needs a keyframe.
    pub fn replaced(&mut self, now: Instant) -> u64 {
        self.pending.clear();
        self.base = None;
        self.last_sent = Some(now);
        self.version += 1;
        self.version
    }

    fn earliest(&self) -> Option<Instant> {
        self.last_sent.map(|sent| sent + PACE)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::term::{Emulator, Fed, Size};

    /// Somebody who watches, as the client keeps it.
    struct Watcher {
        mirror: Emulator,
        version: u64,
    }

    /// A session's screen and those who watch it, as the hub keeps them.
    struct Stage {
        emulator: Emulator,
        broadcast: Broadcast,
        watchers: Vec<Watcher>,
        start: Instant,
        now: Instant,
    }

    impl Stage {
        fn new() -> Self {
            let now = Instant::now();
            let (emulator, broadcast) = (Emulator::new(Size::new(20, 6)), Broadcast::default());
            Self {
                emulator,
                broadcast,
                watchers: Vec::new(),
                start: now,
                now,
            }
        }

        fn print(&mut self, bytes: &[u8]) {
            self.broadcast
                .before(self.emulator.screen(), bytes.len(), self.now);
            let mut fed = Fed::default();
            self.emulator.feed(bytes, &mut fed);
            self.broadcast.drawn(&fed.drawn);
            self.publish();
        }

        fn publish(&mut self) {
            if self.watchers.is_empty()
                || self.broadcast.due(self.now).is_none_or(|at| at > self.now)
            {
                return;
            }
            let (version, bytes) = self.broadcast.take(self.emulator.screen(), self.now);
            for watcher in &mut self.watchers {
                assert_eq!(version, watcher.version + 1, "a gap");
                watcher.version = version;
                watcher.mirror.feed(&bytes, &mut Fed::default());
                assert_eq!(watcher.mirror.screen(), self.emulator.screen());
            }
        }

        /// Everybody starts from the whole screen: somebody has come, or the screen was replaced.
        fn keyframe(&mut self) {
            self.broadcast.replaced(self.now);
            for watcher in &mut self.watchers {
                watcher.mirror.reset(self.emulator.size());
                watcher
                    .mirror
                    .feed(&self.emulator.screen().keyframe(), &mut Fed::default());
                watcher.version = self.broadcast.version();
                assert_eq!(watcher.mirror.screen(), self.emulator.screen());
            }
        }

        fn join(&mut self, size: Size, seed: &[u8]) {
            self.emulator.reset(size);
            self.emulator.feed(seed, &mut Fed::default());
            self.keyframe();
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Print(Vec<u8>),
        Pass(u64),
        Watch,
        Join(u16, u16, Vec<u8>),
    }

    fn output() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => "[a-z ]{1,30}",
            2 => Just("\r\n".to_owned()),
            2 => (1u8..8, 1u8..25).prop_map(|(row, col)| format!("\x1b[{row};{col}H")),
            2 => (0u8..50).prop_map(|colour| format!("\x1b[{colour}m")),
            1 => prop::sample::select(vec!["\x1b[2J", "\x1b[K", "\x1b[?1049h", "\x1b[?1049l", "\x1b[2;4r", "\x1bM", "\x1b[", "日本"])
                .prop_map(str::to_owned),
        ];
        let pieces =
            prop::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat().into_bytes());
        // Now and then so much at once that a difference is smaller.
        (pieces, prop_oneof![9 => Just(1usize), 1 => 20usize..80])
            .prop_map(|(bytes, times)| bytes.repeat(times))
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => output().prop_map(Step::Print),
            4 => (0u64..40).prop_map(Step::Pass),
            1 => Just(Step::Watch),
            1 => (1u16..30, 1u16..9, output()).prop_map(|(cols, rows, seed)| Step::Join(cols, rows, seed)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whoever_applies_every_update_shows_the_screen(steps in prop::collection::vec(step(), 0..40)) {
            let mut stage = Stage::new();
            for step in steps {
                match step {
                    Step::Print(bytes) => stage.print(&bytes),
                    Step::Pass(ms) => {
                        stage.now += Duration::from_millis(ms);
                        stage.publish();
                    }
                    Step::Watch => {
                        stage.watchers.push(Watcher { mirror: Emulator::new(stage.emulator.size()), version: 0 });
                        stage.keyframe();
                    }
                    Step::Join(cols, rows, seed) => stage.join(Size::new(cols, rows), &seed),
                }
            }
            stage.now += PACE;
            stage.publish();
            prop_assert!(stage.watchers.iter().all(|watcher| watcher.mirror.screen() == stage.emulator.screen()));
        }

        #[test]
        fn updates_keep_their_distance(bursts in prop::collection::vec((0u64..10, output()), 1..60)) {
            let mut stage = Stage::new();
            stage.watchers.push(Watcher { mirror: Emulator::new(stage.emulator.size()), version: 0 });
            stage.keyframe();
            let before = stage.broadcast.version();
            for (ms, bytes) in bursts {
                stage.now += Duration::from_millis(ms);
                stage.print(&bytes);
            }
            let most = stage.now.duration_since(stage.start).as_millis() / PACE.as_millis() + 1;
            prop_assert!(u128::from(stage.broadcast.version() - before) <= most);
        }
    }
}
