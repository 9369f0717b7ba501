//! The client's side of all hosts: one task per host keeps its connection, [`FleetState`] is what is known.
//!
//! The dashboard and the command line both use this room. It never draws and never decides: it carries requests out,
//! brings facts in, and says how fresh they are.

mod front;
mod host;
mod link;
mod state;

pub use front::{Fleet, FleetConfig, HostNotice, Notice, RequestId, SendError};
pub use state::{ConnectionState, FleetState, Host, Mirror};
