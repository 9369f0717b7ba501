//! The daemon on a host. It learns what runs from [`tmux`].

pub mod tmux;
