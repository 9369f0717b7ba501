//! SSH: connections to a real sshd on loopback, and to a server in memory for what a real one cannot be told to do.

pub mod fake;
pub mod human;
pub mod lab;
pub mod network;

mod compression;
mod exec;
mod faults;
mod leaks;
mod login;
mod routes;
mod unreachable;
