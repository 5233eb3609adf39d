//! The steps, one after the other.

mod doing;
mod keys;

use std::{
    io, process,
    time::{Duration, Instant},
};

use crossterm::event;
use serde_json::{Value, json};

use crate::{
    child,
    draft::{Draft, Text},
    line::Line,
    log::Log,
    paper::Paper,
    script::{Step, Written},
    session::Session,
    skin::{Asked, Beat, Field, Kind, Skin},
};

use doing::{Doing, Work};

/// How often the spinner turns.
const FRAME: Duration = Duration::from_millis(100);

/// How it ended.
pub(crate) struct End {
    pub(crate) words: Vec<Line>,
    pub(crate) code: u8,
}

/// The agent.
pub(crate) struct Player {
    skin: Box<dyn Skin>,
    paper: Paper,
    log: Log,
    session: Session,
    draft: Draft,
    /// What waits for the end of the turn.
    queue: Vec<Text>,
    /// How many Enters do nothing.
    ignoring: u32,
    /// How many pastes do not arrive.
    losing: u32,
    /// When the turn began; `None` between two.
    turn: Option<Instant>,
    beat: Beat,
    /// How many pieces of work are done.
    pieces: usize,
    /// What is told of a step when its first picture is drawn.
    begun: Option<(&'static str, Value)>,
}

impl Player {
    pub(crate) fn new(skin: Box<dyn Skin>, paper: Paper, log: Log, session: Session) -> Self {
        Self {
            skin,
            paper,
            log,
            session,
            draft: Draft::default(),
            queue: Vec::new(),
            ignoring: 0,
            losing: 0,
            turn: None,
            beat: Beat {
                frame: 0,
                elapsed: Duration::ZERO,
            },
            pieces: 0,
            begun: None,
        }
    }

    pub(crate) fn start(&mut self, kind: Kind, arguments: &[String]) -> io::Result<()> {
        self.paper.write(self.skin.banner());
        let started = json!({
            "profile": format!("{kind:?}").to_lowercase(),
            "pid": process::id(),
            "arguments": arguments,
            "session": self.session.id,
            "resumed": self.session.resumed,
        });
        self.log.event("started", started)
    }

    /// Plays all steps, and waits behind them for ever; how it ended if one of them is an end.
    pub(crate) fn play(&mut self, script: &[Written]) -> io::Result<End> {
        for written in script {
            self.begun = Some(("step", json!({ "step": written.words })));
            if let Some(end) = self.step(&written.step)? {
                return Ok(end);
            }
            // What is only a mode has no picture.
            self.tell_begun()?;
            self.log.event("done", json!({ "step": written.words }))?;
        }
        self.begun = Some(("end", Value::Null));
        self.between_turns(Doing::Ended)?;
        Ok(End {
            words: Vec::new(),
            code: 0,
        })
    }

    /// Gives the terminal back.
    pub(crate) fn close(mut self, words: &[Line], code: u8) -> io::Result<()> {
        self.paper.close(words)?;
        self.log.event("exited", json!({ "code": code }))
    }

    fn step(&mut self, step: &Step) -> io::Result<Option<End>> {
        let now = Instant::now();
        match step {
            Step::Say(text) => self.paper.write(self.skin.says(text)),
            Step::Work(time) => self.turn(Work::Grow(now), now + *time)?,
            Step::Repaint(time) => self.turn(Work::Repaint, now + *time)?,
            Step::Retry(time) => self.turn(Work::Retry, now + *time)?,
            Step::Child(time) => {
                let child = child::spawn(*time)?;
                self.log.event("child", json!({ "pid": child.id() }))?;
                self.paper.write(self.skin.builds());
                self.turn(Work::Build(child), now + *time)?;
            }
            Step::Stall => self.perform(Doing::Stalled)?,
            Step::Hang => self.perform(Doing::Hanging)?,
            Step::Ask { question, choices } => {
                let asked = Asked {
                    question: question.clone(),
                    choices: choices.clone(),
                    at: 0,
                };
                self.perform(Doing::Asking(asked))?;
            }
            Step::Limit { words, holds, menu } => {
                self.paper.write(self.skin.limit(words));
                if let Some(asked) = self.skin.limit_menu().filter(|_| *menu) {
                    self.perform(Doing::Asking(asked))?;
                }
                self.turn = None;
                let (words, until) = (words.clone(), now + *holds);
                self.between_turns(Doing::Limited { words, until })?;
            }
            Step::Outage => {
                self.paper.write(self.skin.outage());
                self.turn = None;
                self.between_turns(Doing::Waiting)?;
            }
            Step::Wait => self.between_turns(Doing::Waiting)?,
            Step::Ignore(times) => self.ignoring += times,
            Step::Lose(times) => self.losing += times,
            Step::Resumed => {}
            Step::Crash(code) => {
                self.draw_last()?;
                let (words, own) = self.skin.crash();
                let code = code.unwrap_or(own);
                return Ok(Some(End { words, code }));
            }
            Step::Exit(code) => {
                self.draw_last()?;
                let words = self.skin.farewell(&self.session.id);
                return Ok(Some(End { words, code: *code }));
            }
        }
        Ok(None)
    }

    fn turn(&mut self, work: Work, until: Instant) -> io::Result<()> {
        self.perform(Doing::Working {
            work,
            until,
            frame: Instant::now() + FRAME,
        })
    }

    /// A turn that is not over yet is; what waited for that is submitted.
    fn between_turns(&mut self, mut doing: Doing) -> io::Result<()> {
        if self.turn.is_some() {
            self.beat();
            self.paper.write(self.skin.over(self.beat));
        }
        self.turn = None;
        while !self.queue.is_empty() {
            let text = self.queue.remove(0);
            if self.submit(text, &mut doing)? {
                return Ok(());
            }
        }
        self.perform(doing)
    }

    /// Draws, takes what comes and goes on drawing until this is over.
    fn perform(&mut self, mut doing: Doing) -> io::Result<()> {
        if doing.is_turn() && self.turn.is_none() {
            self.turn = Some(Instant::now());
        }
        self.beat();
        self.draw(&doing)?;
        self.tell_begun()?;
        loop {
            let comes = match doing.until() {
                Some(until) => event::poll(until.saturating_duration_since(Instant::now()))?,
                None => true,
            };
            if comes && self.take(event::read()?, &mut doing)? {
                return Ok(());
            }
            if self.goes_on(&mut doing)? {
                self.draw(&doing)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Time passes; `false` if that ends it.
    fn goes_on(&mut self, doing: &mut Doing) -> io::Result<bool> {
        let Doing::Working { work, until, frame } = doing else {
            return Ok(true);
        };
        let now = Instant::now();
        if now >= *frame {
            *frame = now + FRAME;
            self.beat.frame += 1;
            self.beat();
            if work.yields(now) {
                self.pieces += 1;
                self.paper.write(self.skin.works(self.pieces));
            }
        }
        Ok(!work.is_over(now >= *until)?)
    }

    /// How long the turn is now.
    fn beat(&mut self) {
        self.beat.elapsed = self.turn.map_or(Duration::ZERO, |begun| begun.elapsed());
    }

    fn draw(&mut self, doing: &Doing) -> io::Result<()> {
        let field = Field {
            draft: &self.draft,
            queue: &self.queue,
            columns: self.paper.columns(),
            room: self.paper.room(),
        };
        let mut below = self.skin.below_input();
        let live = match doing {
            Doing::Working { .. } | Doing::Stalled | Doing::Hanging => {
                let mut live = match doing {
                    Doing::Working {
                        work: Work::Retry, ..
                    } => self.skin.retries(self.beat),
                    Doing::Working {
                        work: Work::Build(_),
                        ..
                    } => self.skin.building(self.beat),
                    _ => self.skin.busy(self.beat),
                };
                if self.skin.is_open() {
                    live.extend(self.skin.input(&field));
                } else {
                    below = 0;
                }
                live
            }
            Doing::Asking(asked) => {
                below = 0;
                self.skin.asks(asked, &self.draft)
            }
            Doing::Limited { .. } | Doing::Waiting | Doing::Ended => self.skin.input(&field),
        };
        self.paper.draw(&live, below)
    }

    fn tell_begun(&mut self) -> io::Result<()> {
        match self.begun.take() {
            Some((event, more)) => self.log.event(event, more),
            None => Ok(()),
        }
    }

    /// The picture that it ends with.
    fn draw_last(&mut self) -> io::Result<()> {
        self.draw(match self.turn {
            Some(_) => &Doing::Stalled,
            None => &Doing::Waiting,
        })?;
        self.tell_begun()
    }
}
