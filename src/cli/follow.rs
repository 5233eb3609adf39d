//! `events -f`: what happens, from one daemon to the next.
//!
//! Promise: an end of the daemon leaves neither a gap nor a double, and is told.
//!
//! How: each stream begins with what is on record already. Of that, what was shown before is left out.

use std::{collections::VecDeque, thread, time::Duration};

use super::{Context, failure::Failure};
use crate::{
    control::{
        client::{Client, ClientError, PATIENCE},
        protocol::{ENDED, Request},
    },
    decide::Notice,
};

/// Events that a stream begins with: far more than happen while the daemon is down.
const BEFORE: usize = 1000;
/// How often it is looked whether there is a daemon again.
const LOOK: Duration = Duration::from_millis(500);

/// Shows the last `lines` events and all that come, until Ctrl-C.
pub(super) fn run(
    mut client: Client,
    lines: usize,
    context: &Context,
    show: impl Fn(&Notice) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (before, ended) = until_now(&mut client, lines.max(BEFORE));
    let first = before.len().saturating_sub(lines);
    before.iter().skip(first).try_for_each(&show)?;
    ended?;
    let mut shown = VecDeque::from(before);
    loop {
        let Err(why) = go_on(&mut client, &mut shown, &show)? else {
            return Ok(());
        };
        if !is_down(&why) {
            return Err(why.into());
        }
        Failure::show("daemon is down; its events go on with the next one\n");
        client = next(context)?;
        Failure::show("daemon is back\n");
    }
}

/// The last events, and how their stream ended. They are read at once: a pager that is not scrolled
/// must not keep the daemon waiting, which would hang up.
pub(super) fn until_now(
    client: &mut Client,
    last: usize,
) -> (Vec<Notice>, Result<(), ClientError>) {
    let mut events = Vec::new();
    let follow = false;
    let mut ended = client.follow(&Request::Events { last, follow });
    while ended.is_ok() {
        match client.next_event(Some(PATIENCE)) {
            Ok(Some(event)) => events.push(event),
            Ok(None) => break,
            Err(why) => ended = Err(why),
        }
    }
    (events, ended)
}

/// Shows what was not shown yet, until the stream ends.
fn go_on(
    client: &mut Client,
    shown: &mut VecDeque<Notice>,
    show: impl Fn(&Notice) -> Result<(), Failure>,
) -> Result<Result<(), ClientError>, Failure> {
    shown.drain(..shown.len().saturating_sub(BEFORE));
    let mut known = shown.clone();
    let stream = Request::Events {
        last: BEFORE,
        follow: true,
    };
    if let Err(why) = client.follow(&stream) {
        return Ok(Err(why));
    }
    loop {
        let event = match client.next_event(None) {
            Ok(Some(event)) => event,
            Ok(None) => return Ok(Ok(())),
            Err(why) => return Ok(Err(why)),
        };
        if let Some(at) = known.iter().position(|one| *one == event) {
            known.drain(..=at);
            continue;
        }
        show(&event)?;
        shown.push_back(event);
        if shown.len() > BEFORE {
            shown.pop_front();
        }
    }
}

/// There may be another one soon.
fn is_down(why: &ClientError) -> bool {
    match why {
        ClientError::NotRunning { .. }
        | ClientError::NoSocket { .. }
        | ClientError::Silent { .. }
        | ClientError::Broken { .. } => true,
        ClientError::Refused(refusal) => refusal.message == ENDED,
        ClientError::Another { .. }
        | ClientError::NoAccess { .. }
        | ClientError::Protocol { .. }
        | ClientError::Stranger { .. } => false,
    }
}

fn next(context: &Context) -> Result<Client, Failure> {
    loop {
        match context.try_connect_within(PATIENCE)? {
            Ok(client) => return Ok(client),
            Err(why) if is_down(&why) => thread::sleep(LOOK),
            Err(other) => return Err(other.into()),
        }
    }
}
