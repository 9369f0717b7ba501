//! cm-tui: a live dashboard for AI coding tools that run in tmux. This page is the map.
//!
//! `cm-tui` shows every session of every host in one full-screen terminal UI, says which one needs the human and for
//! what, answers with one key, starts, attaches and kills. On each host runs a small daemon, `cm-agent`, which watches
//! tmux by push. tmux holds the sessions, so they outlive both.
//!
//! ```text
//!  your terminal                                each host, this machine too
//! ┌───────────────────────────┐                ┌──────────────────────────────────────────┐
//! │ cm-tui                    │ SSH connection │ cm-agent stdio ── Unix socket ──┐        │
//! │  tui ◄─ fleet ◄─ transport ◄══════════════►│                                 ▼        │
//! │                           │ (here: the     │ cm-agent: server ─ hub ─ monitor         │
//! │  attach: a connection     │  socket alone) │            │ control mode, pane output   │
//! │          of its own       ◄══════════════► │            ▼                             │
//! └───────────────────────────┘                │ tmux servers (outlive agent and cm-tui)  │
//!                                              └──────────────────────────────────────────┘
//! ```
//!
//! # Words
//!
//! | word | meaning |
//! | --- | --- |
//! | **agent** | the `cm-agent` daemon on a host |
//! | **tool** | the AI coding program in a session, described by a [`ToolProfile`](domain::ToolProfile) |
//! | **context** | where work runs: a host plus a folder |
//! | **pane** | a tmux pane, the source of output |
//! | **session** | one tool in one tmux pane |
//! | **host** / **fleet** | a machine / all machines as the client sees them |
//! | **screen** | the character grid of a pane |
//! | **view**, **overlay**, **widget** | a whole page / something stacked on it that takes the keys / something drawn in a rectangle |
//! | **prompt** | what a tool asks for |
//! | **decision** | what was answered to a prompt: by whom, under which rule, and what came of it |
//! | **Request, Reply, Event** | client → agent; its answer; a fact from the agent |
//! | **Msg, Action, Effect** | what reached the UI loop; what the user meant; what `update` asks the world to do |
//!
//! # Floors
//!
//! A room imports only rooms below it; a test reads every `use crate::` and holds it against this table. `agent` and
//! `fleet` never see each other: they meet in [`protocol`]. Nothing below `tui` knows ratatui; nothing in [`domain`] or
//! [`term`] does I/O or reads a clock: time is passed in.
//!
//! ```text
//! 7  bin/cm-tui.rs            bin/cm-agent.rs
//! 6  cli
//! 5  tui
//! 4  fleet                    agent
//! 3            transport
//! 2       protocol   config   logging
//! 1       domain   term   paths
//! ```
//!
//! The feature `client` (on by default) holds everything that only the dashboard needs; without it the agent is built
//! alone, which is what gets copied to other hosts.
//!
//! # How data flows
//!
//! ```text
//! tmux output ─► agent::tmux ─► hub ─► monitor (emulator → detector → evidence merged)
//!                                │
//!                                └► Event, ScreenUpdate ─► server ─► connection ═══► fleet::host
//!                                                                                        │
//!                      frame ◄─ view ◄─ Model ◄─ update ◄─ Msg::Notice ◄─────────────────┘
//!
//! key ─► keymap ─► Action ─► update ─► Effect::Send(host, Request) ─► fleet ─► wire ─► hub ─► tmux
//! ```
//!
//! - **One owner per state.** The hub owns the sessions of a host, the model everything the client shows. Both are plain
//!   values behind one task.
//! - **Decisions are data.** `update` and the monitor return what should happen; only the edges touch the world.
//! - **States are believed by evidence.** Hooks, status reports, titles, notices, the foreground program and the screen
//!   each make a claim ([`domain::Source`], most trusted first); the monitor merges them, says where they disagree, and can
//!   explain itself ([`domain::Explanation`]). None of them but a hook is authority: what is printed can be imitated.
//! - **Output is pushed, never polled.** Each pane's bytes reach the agent through a descriptor that tmux hands over,
//!   joined to a snapshot in one command list ([`agent::tmux`]).
//! - **Screens are states, not streams.** A client gets a keyframe, then numbered updates at a bounded rate; a slow one
//!   loses intermediate screens, never the truth. A pane over its byte budget is not parsed, but joined again.
//! - **Hosts know nothing of each other.** One task each keeps its connection ([`fleet`]); what only the human can answer
//!   on the way (trust, secrets, whether to install) is a question that travels up and an answer that travels down
//!   (`transport::asking`). [`transport`] alone knows SSH.
//! - **What sessions print is kept on their host** as recordings and numbered lines ([`agent::record`]): bounded, written by
//!   one thread beside the hub, and read by number, so that who reads goes on where the last connection ended.
//! - **Decisions leave a trace first.** What is about to be answered is on disk before it is ([`agent::audit`]): one line
//!   each, chained, so that any change is found.
//! - **The dashboard calls people.** It knows all hosts, their contexts and tags, and whether somebody looks ([`tui::calling`]):
//!   without one nothing is sent, and two of them send it twice.
//! - **Events are never dropped.** They are numbered; a client that comes back asks for what it missed.
//!
//! # Where to add …
//!
//! | to add | touch | proof |
//! | --- | --- | --- |
//! | a tool | `assets/tools/NAME.toml`, a line in `domain/tool/known.rs` | recorded screens in `tests/screens/NAME/` |
//! | a theme | `themes/NAME.toml` | the theme test loads every file and checks each role |
//! | a key or action | a row in `tui/action.rs`, an arm in `tui/update/` | help, palette, hints and config names follow |
//! | a wire message | a variant in `protocol/message.rs`, an arm in `agent/hub/orders.rs` or `fleet/state.rs` | the protocol samples |
//! | a setting | a field with a default in `config/settings.rs` | the documented-sample test |
//! | a way to a host | a file in `transport/` that yields a byte stream, an arm in `fleet/line.rs` | `tests/it/fleet/ssh.rs` over it |

pub mod agent;
#[cfg(feature = "client")]
pub mod cli;
pub mod config;
pub mod domain;
#[cfg(feature = "client")]
pub mod fleet;
pub mod logging;
pub mod paths;
pub mod protocol;
pub mod term;
pub mod transport;
#[cfg(feature = "client")]
pub mod tui;
