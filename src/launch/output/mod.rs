//! What an attempt writes: bounded without its help, and readable while it is written.

mod bound;
#[cfg(test)]
mod fuzz;
mod plain;
mod tail;

pub(crate) use bound::Bound;
pub use plain::plain;
pub use tail::Tail;
