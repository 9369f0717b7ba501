//! The real tools, driven live against a model server of our own: what the dashboard says of them while they run.
//!
//! These tests need the tools themselves (`.ci/live-tools DIR` installs them) and are started with
//! `CM_LIVE_TOOLS=DIR cargo test --test it -- --ignored live::`. Everything runs in a lab: the tools have a home, a
//! project and an address of the model of their own, and reach nothing else.
//!
//! Nothing here waits for time. The model holds its answers until the test has seen what comes before; so every state
//! lasts, and the states that a client heard are compared as one list, in order.

mod approving;
mod claude_code;
mod codex;
mod elsewhere;
mod gemini_cli;
mod model;
mod tools;
mod watched;
