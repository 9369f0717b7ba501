//! Which prompts are answered without a person: the grammar against real shells, the shipped rules against what has gone
//! wrong elsewhere, and what a person is told on the command line.

mod cli;
mod contexts;
mod corpus;
mod place;
mod properties;
mod rules;
mod shells;
mod suggest;
