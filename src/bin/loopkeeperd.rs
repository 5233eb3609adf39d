//! loopkeeperd

fn main() {}
