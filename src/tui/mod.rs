//! The dashboard, Elm style: wait → [`Msg`](message::Msg) → [`update`](update::update) → carry out effects → draw when
//! something changed.
//!
//! The room owns the terminal and nothing else: what runs where comes from [`Fleet`](crate::fleet::Fleet), what the user likes from the config.
//! Its promises:
//!
//! * **One owner.** [`Model`](model::Model) is the only state; only `update` changes it; views only read it. Where things
//!   are on screen is one pure function ([`layout`]) for views and the mouse.
//! * **Nothing blocks the loop.** Requests are handed over without waiting, files are read on another thread, and a burst of
//!   notices is taken in with a budget before one frame shows where it led.
//! * **It sleeps.** No message, no frame; the timer runs only while something on screen changes with time alone.
//! * **Foreign text never reaches the terminal.** Labels pass through [`widget::Brush`], panes through
//!   [`widget::ScreenView`], and both write cells only.
//! * **The terminal is given back** at every end ([`terminal`]).
//!
//! Floors inside the room, each importing only those below:
//! `mod` · `update` · `view`, `timing` · `cards` · `layout` · `about`, `notes` · `model`, `message` · `overlay`, `scroll` · `subject` ·
//! `widget`, `rows` · `settings` · `attach` · `keymap`, `action`, `look`, `toast` · `theme`, `key` · `inbox` · `sight` · `colours`,
//! `effect` · `calling`, `attention`, `fixture`, `questions`, `clock`, `own`, `passthrough`, `signals`, `terminal`.

pub mod about;
pub mod action;
pub mod attach;
pub mod attention;
pub mod calling;
pub mod cards;
pub mod clock;
pub mod colours;
pub mod effect;
pub mod fixture;
pub mod inbox;
pub mod key;
pub mod keymap;
pub mod layout;
pub mod look;
pub mod message;
pub mod model;
pub mod notes;
pub mod overlay;
pub mod own;
pub mod passthrough;
pub mod questions;
pub mod rows;
mod run;
pub mod scroll;
pub mod settings;
pub mod sight;
mod signals;
pub mod subject;
pub mod terminal;
pub mod theme;
pub mod timing;
pub mod toast;
pub mod update;
pub mod view;
pub mod widget;

pub use run::{Options, TuiError, run};
