//! The dashboard, driven as the loop drives it: messages in, effects and cells out.

#![expect(
    clippy::unwrap_used,
    reason = "what these stories need exists, or they fail"
)]

mod asked;
mod explain;
pub(crate) mod fixture;
mod hostile;
mod hosts;
mod inbox;
mod modes;
mod own;
mod picture;
mod presses;
mod questions;
mod races;
mod sizes;
mod story;
mod views;
