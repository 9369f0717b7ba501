//! The client's side of all hosts: one task per host keeps its connection, [`FleetState`] is what is known.
//!
//! The dashboard and the command line both use this room. It never draws and never decides: it carries requests out,
//! brings facts in, and says how fresh they are. Hosts know nothing of each other: whatever one does or fails to do,
//! the others go on.

pub mod agentless;
pub mod attach;
mod backoff;
pub mod deploy;
mod front;
mod host;
mod hosts;
mod line;
mod link;
mod notice;
mod pulse;
mod remote;
mod road;
mod serve;
mod standin;
mod state;
mod wake;

pub use front::{Fleet, SendError};
pub use hosts::{Here, host_of, hosts};
pub use notice::{HostNotice, Notice, RequestId};
pub use remote::{Remote, RemoteConfig};
pub use road::{
    BoxReader, BoxWriter, Boxed, Dial, DialError, Errand, HostSpec, Local, Retry, Road, Stream,
};
pub use state::{ConnectionState, FleetState, Host, Mirror};
