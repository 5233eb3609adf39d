//! The real `supervisorctl` against the real control server. What stands in is the daemon behind
//! that server: a scripted answerer in the test's own process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attach;
mod catalog;
mod checked;
mod down;
mod hostile;
mod logged_times;
mod logs;
mod mistyped;
mod printed;
mod quiesce;
mod replay;
mod screen;
mod scripted;
mod status;
mod steer;
mod watch;
