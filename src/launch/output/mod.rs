//! What an attempt writes: bounded without its help, and readable while it is written. A worker that
//! systemd carries writes into the journal, which has bounds of its own; what a terminal is sent is
//! recorded ([`recording`]).

mod bound;
mod export;
#[cfg(test)]
mod fuzz;
mod head;
pub(crate) mod journal;
mod page;
mod place;
mod plain;
pub mod recording;
mod tail;
mod writer;

pub(crate) use bound::Bound;
pub use export::{Entry, Export};
pub(crate) use head::head;
pub use journal::{Entries, READER};
pub(crate) use page::Page;
pub(super) use place::place;
pub use plain::plain;
pub use tail::Tail;
pub(crate) use writer::JournalWriter;
