//! The terminal we draw on: taken over at the start, given back at every end.
//!
//! Promise: whatever ends the dashboard (return, error, panic, signal), the terminal is as it was before; nothing here
//! asks the terminal a question, because the answer would come as typed keys.

use std::io::{self, BufWriter, Stdout, Write as _};
use std::mem::ManuallyDrop;
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
    EnableFocusChange, Event, EventStream,
};
use crossterm::style::{Print, ResetColor, SetAttribute};
use crossterm::terminal::{
    self, BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen,
};
use crossterm::{execute, queue};
use futures::StreamExt as _;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::config::Notify;
use crate::term::sanitize;

/// The most columns of a notification: what pop-ups show on one line.
const CALL: usize = 80;
/// A full frame of a large terminal in full colour: it leaves in one write.
const FRAME_BYTES: usize = 64 << 10;
/// How long the thread that reads events may take to let go before the terminal is handed on. It is woken at once;
/// this only bounds a busy machine.
const READER_LETS_GO: Duration = Duration::from_millis(50);
/// Presses and the wheel, in coordinates that fit wide terminals. Not motion: it would wake us for nothing.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";

/// Whether the terminal is ours right now. Global because the panic hook has nothing else to look at.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// Whether clicks and the wheel are for the dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mouse {
    On,
    Off,
}

/// What ratatui draws on. Never dropped as it is: it would show the cursor, and panic over a terminal that is gone.
type Canvas = ManuallyDrop<Terminal<CrosstermBackend<BufWriter<Stdout>>>>;

/// The terminal while it is ours. Dropping it gives the terminal back.
#[derive(Debug)]
pub struct Tty {
    terminal: Canvas,
    events: Option<EventStream>,
    mouse: Mouse,
}

impl Tty {
    /// Takes the terminal over and starts reading events.
    pub fn take(mouse: Mouse) -> io::Result<Self> {
        HOOK.call_once(|| {
            let next = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                give_back();
                next(info);
            }));
        });
        take_over(mouse)?;
        let taken = fresh().map(|terminal| Self {
            terminal,
            events: Some(EventStream::new()),
            mouse,
        });
        if taken.is_err() {
            give_back();
        }
        taken
    }

    /// The size in cells; what cannot be a size comes as 80×24.
    pub fn area(&self) -> Rect {
        match terminal::size() {
            Ok((cols, rows)) if cols > 0 && rows > 0 => Rect::new(0, 0, cols, rows),
            _ => Rect::new(0, 0, 80, 24),
        }
    }

    /// The next event; `None` when the terminal is gone. Safe to cancel.
    pub async fn event(&mut self) -> Option<io::Result<Event>> {
        match &mut self.events {
            Some(events) => events.next().await,
            None => std::future::pending().await,
        }
    }

    /// The event that is already there, if any; an error when the terminal is gone.
    ///
    /// Asks with the task's own waker: until the next event comes, the stream wakes whoever asked first, and with a waker
    /// that wakes nobody the next key would lie there until something else happens.
    pub async fn event_at_hand(&mut self) -> Option<io::Result<Event>> {
        let events = self.events.as_mut()?;
        std::future::poll_fn(|cx| {
            Poll::Ready(match events.poll_next_unpin(cx) {
                Poll::Ready(event) => {
                    Some(event.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into())))
                }
                Poll::Pending => None,
            })
        })
        .await
    }

    /// Draws one frame; only cells that changed are written.
    pub fn draw(&mut self, view: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| view(frame.buffer_mut()))?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }

    /// Makes the next frame draw every cell, on a cleared screen.
    pub fn forget(&mut self) -> io::Result<()> {
        // A new terminal instead of its own `clear`, which asks for the cursor's place.
        let before = std::mem::replace(&mut self.terminal, fresh()?);
        dismiss(before);
        execute!(self.terminal.backend_mut(), Clear(ClearType::All))
    }

    pub fn set_mouse(&mut self, mouse: Mouse) -> io::Result<()> {
        self.mouse = mouse;
        match mouse {
            Mouse::On => execute!(self.terminal.backend_mut(), Print(MOUSE_ON)),
            Mouse::Off => execute!(self.terminal.backend_mut(), DisableMouseCapture),
        }
    }

    /// Calls somebody who looks elsewhere. Words may be foreign.
    pub fn call(&mut self, way: Notify, words: &str) -> io::Result<()> {
        let is_in_tmux = std::env::var_os("TMUX").is_some();
        let bytes = call_bytes(way, words, is_in_tmux);
        let mut out = io::stdout();
        out.write_all(bytes.as_bytes())?;
        out.flush()
    }

    /// Gives the terminal to somebody else: stops reading, restores everything.
    pub fn lend(&mut self) {
        if self.events.take().is_some() {
            // Taking the reader's lock proves that its thread no longer waits for input.
            drop(crossterm::event::poll(READER_LETS_GO));
        }
        give_back();
    }

    /// Takes the terminal back after [`Tty::lend`], whatever it looks like now.
    pub fn take_back(&mut self) -> io::Result<()> {
        take_over(self.mouse)?;
        self.forget()?;
        self.events = Some(EventStream::new());
        Ok(())
    }

    /// Gives the terminal back and leaves a line on the ordinary screen, if there still is one.
    pub fn leave_with(mut self, line: &str) {
        self.lend();
        if !line.is_empty() {
            let mut out = io::stdout();
            drop(writeln!(out, "{line}").and_then(|()| out.flush()));
        }
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        give_back();
    }
}

/// Lets go of a canvas without its farewell; what is left of it is one buffer, once per attach.
fn dismiss(mut canvas: Canvas) {
    // With the cursor shown, dropping it writes nothing.
    if canvas.show_cursor().is_ok() {
        drop(ManuallyDrop::into_inner(canvas));
    }
}

/// Whether the terminal does not exist any more: there is nobody to tell, and nothing to tell it on.
pub fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

fn fresh() -> io::Result<Canvas> {
    let out = BufWriter::with_capacity(FRAME_BYTES, io::stdout());
    Terminal::new(CrosstermBackend::new(out)).map(ManuallyDrop::new)
}

fn take_over(mouse: Mouse) -> io::Result<()> {
    terminal::enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    queue!(
        out,
        EnterAlternateScreen,
        Clear(ClearType::All),
        EnableBracketedPaste,
        EnableFocusChange
    )?;
    if mouse == Mouse::On {
        queue!(out, Print(MOUSE_ON))?;
    }
    out.flush()
}

/// A bell is passed on by whatever lies between: tmux marks the window and rings outside. Of a notification tmux passes
/// on only what is wrapped for that, and drops it by default, so there a bell goes with it.
fn call_bytes(way: Notify, words: &str, is_in_tmux: bool) -> String {
    let words = sanitize::label(words, CALL);
    match way {
        Notify::Off => String::new(),
        Notify::Bell => "\x07".to_owned(),
        Notify::Osc9 => passed(&format!("]9;{words}\x07"), is_in_tmux),
        Notify::Osc777 => {
            let body = words.strip_prefix("cm-tui: ").unwrap_or(&words);
            passed(&format!("]777;notify;cm-tui;{body}\x07"), is_in_tmux)
        }
    }
}

/// One escape sequence, without its escape, as it reaches the terminal.
fn passed(sequence: &str, is_in_tmux: bool) -> String {
    if is_in_tmux {
        format!("\x1bPtmux;\x1b\x1b{sequence}\x1b\\\x07")
    } else {
        format!("\x1b{sequence}")
    }
}

/// Undoes all of [`take_over`], once. Errors are ignored: a terminal that is gone needs nothing back.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    drop(execute!(
        io::stdout(),
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableFocusChange,
        DisableBracketedPaste,
        ResetColor,
        SetAttribute(crossterm::style::Attribute::Reset),
        LeaveAlternateScreen,
        Show
    ));
    drop(terminal::disable_raw_mode());
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Notify::Off, false, "")]
    #[case(Notify::Bell, true, "\x07")]
    #[case(Notify::Osc9, false, "\x1b]9;shop\u{b7}]52;c;eA== asks\x07")]
    #[case(
        Notify::Osc9,
        true,
        "\x1bPtmux;\x1b\x1b]9;shop\u{b7}]52;c;eA== asks\x07\x1b\\\x07"
    )]
    #[case(
        Notify::Osc777,
        false,
        "\x1b]777;notify;cm-tui;shop\u{b7}]52;c;eA== asks\x07"
    )]
    #[case(
        Notify::Osc777,
        true,
        "\x1bPtmux;\x1b\x1b]777;notify;cm-tui;shop\u{b7}]52;c;eA== asks\x07\x1b\\\x07"
    )]
    fn a_call_is_one_sequence_whatever_the_words(
        #[case] way: Notify,
        #[case] is_in_tmux: bool,
        #[case] bytes: &str,
    ) {
        let words = "shop\x07\x1b]52;c;eA== asks";
        assert_eq!(call_bytes(way, words, is_in_tmux), bytes);
    }
}
