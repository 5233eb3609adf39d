//! Text for the terminal of an attempt, with a proof that it was taken.
//!
//! Promise: a text is typed once or not at all, and arrives as it is; nothing is typed into another
//! program, over what a person has typed, or as an answer to a question. It is taken only where the
//! screen proves it; where it does not, that is said with what is on the screen, and nothing is typed
//! again. It ends within half a minute, also when tmux hangs, and leaves nothing of the text with tmux,
//! nor in any command line.
//!
//! How: [`typed`](crate::agent::typed) decides, of one look after the other; in here it is performed.
//!
//! 1. One look: may it be typed? What an earlier try has left there is only submitted. What it asks about
//!    its usage limit is closed first, with one press of the key that its profile has for that.
//!    So is what it does ended, where that is wanted, with the key that its profile has for it; whoever works on
//!    after that is left alone.
//! 2. Escape is pressed before, where the profile says so, and it is looked again.
//! 3. The text goes to tmux on its standard input, and from there into the terminal in the same call,
//!    as a bracketed paste. A program that has not asked for one would get its line breaks as keys, so
//!    then only one line is typed. With `bracketed = false` lines are submitted one after the other, as
//!    a program that reads lines expects it.
//! 4. When it is seen on the input line, or as the program's mark for it, the key that submits is
//!    pressed by itself: together with a paste, programs take it for a part of that.
//! 5. It is pressed again, with growing waits, as long as the text stands there and nothing else came.
//!
//! What an earlier daemon left there is only submitted, and that only where it is known again (`left`).
//!
//! What proof there is depends on the program: one with an input line shows it; of a shell, its prompt
//! came back or another program reads; of what shows no prompt there is none.

mod brackets;
mod error;
mod foreground;
mod left;
mod terminal;

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use super::context::Context;
use crate::{
    agent::{
        profile::Profile,
        screen::Screen,
        typed::{
            By, Course, Look, Next, Permission, Ready, Refusal, Standing, Verdict, check,
            may_press, may_submit, may_type, shows, standing, verdict,
        },
    },
    fault,
    model::AttemptRef,
};

pub use error::{Extent, TypingError};
pub(super) use foreground::{called, line_of_agent, near};
pub use left::Left;
pub(super) use left::submit_left;
use terminal::Terminal;

/// For all of it but what comes after: that nothing is left with tmux.
const WITHIN: Duration = Duration::from_secs(20);
/// How long a text may take to be seen on the input line.
const SEEN_WITHIN: Duration = Duration::from_secs(6);
/// The same where no input line is known, and it may never be seen.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);
/// How long after Escape a program may take what follows for a part of it.
const ESCAPE: Duration = Duration::from_millis(300);

/// A text, and for whom.
#[derive(Debug, Clone)]
pub struct Text {
    /// What runs in the terminal.
    pub profile: Profile,
    /// What is to be typed.
    pub text: String,
    /// What may be typed over.
    pub permission: Permission,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// It was taken.
    Taken(By),
    /// It was typed and submitted; whether it was taken, this screen does not say.
    Undecided {
        /// What is on the screen.
        screen: String,
    },
}

/// Types a text, and looks whether it is taken. Once begun, it has to be seen through: dropped midway,
/// it may leave the text on the input line.
pub(super) async fn type_into(
    context: &Context,
    attempt: &AttemptRef,
    text: &Text,
) -> Result<Typed, TypingError> {
    check(&text.text)?;
    let extent = Mutex::new(Extent::Nothing);
    let unreachable = |why| TypingError::Terminal {
        why,
        extent: so_far(&extent),
    };
    let terminal = Terminal::of(context, attempt, &text.profile).await;
    let terminal = terminal.map_err(unreachable)?;
    let task = Task {
        terminal: &terminal,
        text,
        extent: &extent,
    };
    let late = || unreachable(format!("it was not done within {WITHIN:?}"));
    let done = tokio::time::timeout(WITHIN, task.perform()).await;
    let done = done.unwrap_or_else(|_| Err(late()));
    // Where it came through, pasting has deleted it.
    let left = matches!(done, Err(TypingError::Terminal { .. }));
    if left
        && so_far(&extent) > Extent::Nothing
        && let Err(why) = terminal.forget().await
    {
        tracing::warn!("{}: text may be left with tmux: {why}", attempt.worker);
    }
    done
}

fn so_far(extent: &Mutex<Extent>) -> Extent {
    extent.lock().map_or(Extent::Submitted, |extent| *extent)
}

struct Task<'a> {
    terminal: &'a Terminal<'a>,
    text: &'a Text,
    extent: &'a Mutex<Extent>,
}

impl Task<'_> {
    async fn perform(&self) -> Result<Typed, TypingError> {
        let before = self.look().await?;
        let first = self.ready(&before)?;
        let (before, ready) = match &first {
            Ready::Close(key) => {
                let to = "leave what it asked about its limit";
                self.press_first(&first, key, to).await?
            }
            Ready::Interrupt(key) => self.press_first(&first, key, "end what it did").await?,
            Ready::Type | Ready::Submit => (before, first.clone()),
        };
        let (before, ready) = match ready {
            // Of a program that was interrupted, a second key may open something.
            Ready::Type
                if self.text.profile.typing.escape && !matches!(first, Ready::Interrupt(_)) =>
            {
                self.press("Escape").await?;
                let before = self.wait(ESCAPE, |_| false).await?;
                let ready = refused(self.ready_at_last(&before, &first), &before)?;
                (before, ready)
            }
            ready => (before, ready),
        };
        if ready == Ready::Type {
            // Line by line, the paste submits all but the last.
            self.went(match self.text.profile.typing.bracketed {
                false if self.text.text.contains('\n') => Extent::Submitted,
                _ => Extent::Typed,
            });
            fault::point(|| "before the paste".into());
            let pasted = self.terminal.paste(&self.text.text).await;
            fault::point(|| "after the paste".into());
            pasted.map_err(|why| self.unreachable(why))?;
            self.seen(&before).await?;
        }
        self.submit(&before).await
    }

    fn ready(&self, look: &Look) -> Result<Ready, TypingError> {
        let Text {
            profile,
            text,
            permission,
        } = self.text;
        refused(may_type(profile, text, *permission, look), look)
    }

    /// Nothing is left to be pressed first: what it asks now has no key any more, and who was interrupted does
    /// nothing. `before`: what was there to be done first.
    fn ready_at_last(&self, look: &Look, before: &Ready) -> Result<Ready, Refusal> {
        let Text { profile, text, .. } = self.text;
        let interrupted = matches!(before, Ready::Interrupt(_));
        let permission = Permission {
            busy: self.text.permission.busy && !interrupted,
            interrupt: false,
            // What was pressed changes it.
            still: None,
            ..self.text.permission
        };
        match may_type(profile, text, permission, look)? {
            Ready::Close(_) => {
                let menu = look.sighting.menu().map(|menu| menu.question.clone());
                Err(Refusal::Limited { menu })
            }
            ready => Ok(ready),
        }
    }

    /// Presses a key, once, to this end, and waits until text may be typed.
    async fn press_first(
        &self,
        first: &Ready,
        key: &str,
        to: &'static str,
    ) -> Result<(Look, Ready), TypingError> {
        self.press(key).await?;
        self.wait(ESCAPE, |_| false).await?;
        let ready = |look: &Look| self.ready_at_last(look, first).is_ok();
        let look = self.wait(SEEN_WITHIN, ready).await?;
        match self.ready_at_last(&look, first) {
            Ok(ready) => Ok((look, ready)),
            Err(why) => Err(TypingError::Pressed {
                pressed: format!("{key} was pressed to {to}"),
                why,
                screen: plain(&look.screen),
            }),
        }
    }

    /// Waits until the text is where the key submits it.
    async fn seen(&self, before: &Look) -> Result<(), TypingError> {
        let Text { profile, text, .. } = self.text;
        let at = |look: &Look| standing(profile, text, look);
        let limit = match at(before) {
            Standing::Unseen => SHOWN_WITHIN,
            Standing::Text | Standing::Empty | Standing::Other(_) => SEEN_WITHIN,
        };
        let is_there = |look: &Look| match at(look) {
            Standing::Text => true,
            Standing::Unseen => shows(text, before, look),
            Standing::Empty | Standing::Other(_) => false,
        };
        let look = self.wait(limit, is_there).await?;
        self.stands(&look)
    }

    /// What Enter would submit is the text, as far as that can be seen.
    fn stands(&self, look: &Look) -> Result<(), TypingError> {
        let Text { profile, text, .. } = self.text;
        let line_by_line = !profile.typing.bracketed && text.contains('\n');
        match standing(profile, text, look) {
            Standing::Text | Standing::Unseen => Ok(()),
            // Its last line alone may be there.
            Standing::Empty | Standing::Other(_) if line_by_line => Ok(()),
            missing => Err(TypingError::Unseen {
                shown: match missing {
                    Standing::Other(typed) => typed,
                    Standing::Text | Standing::Empty | Standing::Unseen => String::new(),
                },
                screen: plain(&look.screen),
            }),
        }
    }

    /// Submits it, until something is known.
    async fn submit(&self, before: &Look) -> Result<Typed, TypingError> {
        let look = self.look().await?;
        self.stands(&look)?;
        let may = may_submit(&self.text.profile, self.text.permission, &look);
        may.map_err(|why| self.held(why, &look))?;
        self.submit_seen(before, look).await
    }

    /// The same by this look, which allows it.
    async fn submit_seen(&self, before: &Look, mut look: Look) -> Result<Typed, TypingError> {
        let Text { profile, text, .. } = self.text;
        self.submit_once(&look).await?;
        let mut course = Course::pressed();
        let mut pressed = Instant::now();
        loop {
            look = self.look_again().await?;
            let verdict: Verdict = verdict(profile, text, before, &look);
            match course.next(verdict, pressed.elapsed()) {
                Next::Look => {}
                Next::Press => {
                    self.submit_once(&look).await?;
                    pressed = Instant::now();
                }
                Next::Taken(by) => return Ok(Typed::Taken(by)),
                Next::Undecided => {
                    let screen = plain(&look.screen);
                    return Ok(Typed::Undecided { screen });
                }
                Next::Left => {
                    let input = look.sighting.input.as_ref();
                    let left = input.and_then(|input| input.typed.clone());
                    return Err(TypingError::Left {
                        key: profile.typing.submit.clone(),
                        presses: course.presses(),
                        left: left.unwrap_or_default(),
                        screen: plain(&look.screen),
                    });
                }
            }
        }
    }

    async fn submit_once(&self, look: &Look) -> Result<(), TypingError> {
        let Text {
            profile,
            permission,
            ..
        } = self.text;
        may_press(profile, *permission, look).map_err(|why| self.held(why, look))?;
        self.went(Extent::Submitted);
        fault::point(|| "before the key that submits".into());
        let pressed = self.press(&profile.typing.submit).await;
        fault::point(|| "after the key that submits".into());
        pressed
    }

    fn held(&self, why: Refusal, look: &Look) -> TypingError {
        TypingError::Held {
            why,
            extent: so_far(self.extent),
            screen: plain(&look.screen),
        }
    }

    /// Looks until it holds or the time is over; the last look.
    async fn wait(
        &self,
        limit: Duration,
        holds: impl Fn(&Look) -> bool,
    ) -> Result<Look, TypingError> {
        let begin = Instant::now();
        loop {
            let look = self.look_again().await?;
            if holds(&look) || begin.elapsed() >= limit {
                return Ok(look);
            }
        }
    }

    async fn look(&self) -> Result<Look, TypingError> {
        let look = self.terminal.look().await;
        look.map_err(|why| self.unreachable(why))
    }

    async fn look_again(&self) -> Result<Look, TypingError> {
        let look = self.terminal.look_again().await;
        look.map_err(|why| self.unreachable(why))
    }

    async fn press(&self, key: &str) -> Result<(), TypingError> {
        let pressed = self.terminal.press(key).await;
        pressed.map_err(|why| self.unreachable(why))
    }

    fn went(&self, so_far: Extent) {
        if let Ok(mut extent) = self.extent.lock() {
            *extent = so_far;
        }
    }

    fn unreachable(&self, why: String) -> TypingError {
        TypingError::Terminal {
            why,
            extent: so_far(self.extent),
        }
    }
}

fn refused(ready: Result<Ready, Refusal>, look: &Look) -> Result<Ready, TypingError> {
    ready.map_err(|why| TypingError::Refused {
        why,
        screen: plain(&look.screen),
    })
}

/// What a person would see.
fn plain(screen: &Screen) -> String {
    let lines = screen.lines().iter();
    let lines: Vec<&str> = lines
        .map(|line| if line.rule { "─" } else { &line.text })
        .collect();
    lines.join("\n").trim_matches('\n').to_owned()
}
