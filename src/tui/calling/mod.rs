//! Calling somebody who looks elsewhere: what is worth it, by which ways, how often, and how it is sent.
//!
//! The dashboard calls, because it alone knows all hosts, their contexts and tags, and whether somebody looks. So nothing
//! is sent while no dashboard runs, and two of them send it twice: they know nothing of each other.
//!
//! Promises:
//!
//! * **What a session says never becomes a program or an option.** There is no shell; the program is the user's own word, a
//!   value is one line of drawn text, and one that starts with a sign is kept from being an option or a file to read.
//! * **Nobody is flooded, and nothing that still holds is lost.** [`Calls`] holds back what comes too often, the newest of
//!   each session, and lets it go when its time has come.
//! * **A command never touches the terminal and never outlives its time** ([`run`]).

mod child;
mod limits;
mod news;
mod words;

pub use child::{TIME, Told, run};
pub use limits::{Calls, MOST, SAME_SESSION, WINDOW};
pub use news::{News, ways};
pub use words::{Order, order};
