//! The agent on a host, over the real shells of this machine in a home of their own.

mod agentless;
mod installing;
mod login;
mod over_ssh;
mod probing;
pub mod upgrading;
mod uploading;
