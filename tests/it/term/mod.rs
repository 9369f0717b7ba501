//! The term room from outside: its invariants for any input, and tmux's grid as the judge.

mod passage;
mod properties;
mod tmux;
