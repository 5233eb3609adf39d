//! One look at an attempt in its terminal: its screen, and what it leaves behind.
//!
//! Promise: it changes nothing, ends within its limit, and can do no more than the worker itself: tmux is
//! asked with the worker's user, whose server may answer what it likes. Without a screen there is no look;
//! what else cannot be seen is left out.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::{as_user::AsUser, attempt::way_in, command::Request, context::Context, tmux};
use crate::{
    agent::{
        profile::Profile,
        screen::Screen,
        sighting::sight,
        signs::{Sights, Signs},
    },
    causes::in_one_line,
    model::AttemptRef,
};

/// How long tmux may take to say what is on the screen.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a screen that are taken; one of 200 columns and 50 lines has some 60 KiB with its colours.
const LARGEST: usize = 1024 * 1024;

/// What there is to be seen.
///
/// # Errors
/// Why there is no screen.
pub(super) async fn look(
    context: &Context,
    attempt: &AttemptRef,
    as_user: Option<AsUser>,
    sights: &Sights,
) -> Result<Signs, String> {
    let profile = Profile::shipped(&sights.agent).map_err(|error| in_one_line(&error))?;
    let screen = screen(context, attempt, as_user).await?;
    let sighting = sight(&profile, &screen, Timestamp::now(), &TimeZone::system());
    Ok(Signs {
        sighting,
        picture: profile.fingerprint(&screen),
        children: Vec::new(),
        committed: None,
        heartbeat: None,
    })
}

/// What is on the screen, with its colours.
async fn screen(
    context: &Context,
    attempt: &AttemptRef,
    as_user: Option<AsUser>,
) -> Result<Screen, String> {
    let socket = way_in(context, attempt).await?;
    let socket = socket.ok_or("it has no terminal")?;
    let tmux = super::find("tmux").ok_or("tmux is not in PATH")?;
    let target = tmux::target(&attempt.worker);
    let mut arguments = vec!["-S".into(), socket.into()];
    for word in ["display-message", "-p", "-t", &target, "#{pane_width}", ";"] {
        arguments.push(word.into());
    }
    for word in ["capture-pane", "-p", "-e", "-t", &target] {
        arguments.push(word.into());
    }
    let request = Request {
        program: tmux,
        arguments,
        workdir: "/".into(),
        environment: Vec::new(),
        as_user,
        input: Vec::new(),
        limit: PATIENCE,
        keep: LARGEST,
        cgroup: None,
    };
    let outcome = context.runner.run(request).await;
    let outcome = outcome.map_err(|error| in_one_line(&error))?;
    if !outcome.exit.is_success() {
        let said = String::from_utf8_lossy(&outcome.errors);
        return Err(format!("tmux: {}: {}", outcome.exit, said.trim()));
    }
    let text = String::from_utf8_lossy(&outcome.output);
    let (width, screen) = text.split_once('\n').unwrap_or_default();
    Ok(Screen::read(screen, width.trim().parse().ok()))
}
