//! supervisorctl

fn main() {}
