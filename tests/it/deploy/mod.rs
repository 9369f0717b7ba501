//! The agent on a host, over the real shells of this machine in a home of their own.

mod agentless;
mod installing;
mod login;
mod over_ssh;
mod probing;
mod upgrading;
mod uploading;
