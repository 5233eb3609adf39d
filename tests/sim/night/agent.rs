//! A loop of a night: what its agent is about, from its start to its end.
//!
//! Told to begin or to go on, it says what it is about to do, and goes on piece by piece for the rest of the
//! night: steps that are to be seen, a build in a child, something that it waits for and of which nothing is
//! to be seen, a question. Between two pieces, and in the midst of steps, it needs its provider. What it met
//! it stands before until a text comes; a question is answered by a person. What it does follows from its own
//! random numbers alone, however often somebody looks.

use std::ops::Range;

use fastrand::Rng;
use loopkeeper::{
    agent::{
        signs::Signs,
        typed::{By, Permission, Refusal},
    },
    decide::Typed,
    model::AttemptRef,
};

use crate::{terminal::Limit, world::moment};

use super::{
    LONGEST_SILENCE,
    book::{Book, Cause},
    report::Tale,
    screens,
    weather::{Weather, stalls},
};

const MINUTE: u64 = 60_000;
/// For so long it tries to reach its provider by itself, ms.
const RETRIES: u64 = 10 * MINUTE;
/// From one step to the next, ms.
const STEP: u64 = 15_000;
/// How long an agent thinks and says what it is about to do when it was told something, ms.
const ANSWERS: Range<u64> = 10_000..60_000;

/// One of the loops.
#[derive(Debug, Clone)]
pub(super) struct Loop {
    rng: Rng,
    /// When it is to stall, the last first.
    stalls: Vec<u64>,
    agent: Option<Agent>,
    book: Book,
}

#[derive(Debug, Clone)]
struct Agent {
    of: AttemptRef,
    doing: Doing,
    /// How often its transcript has grown.
    grown: usize,
}

#[derive(Debug, Clone)]
enum Doing {
    Starts {
        until: u64,
    },
    /// At its input line, for a word.
    Waits,
    Steps {
        since: u64,
        until: u64,
    },
    /// It works, and nothing of that is to be seen.
    Quiet {
        until: u64,
    },
    Builds {
        since: u64,
        until: u64,
    },
    Asks {
        until: u64,
    },
    Stalls,
    Limited(Box<Limit>),
    /// Its provider does not answer, and it tries again.
    Retries {
        until: u64,
    },
    /// The same, and it has given up.
    GaveUp,
}

impl Doing {
    /// When it is over by itself.
    fn until(&self) -> Option<u64> {
        match self {
            Self::Starts { until }
            | Self::Steps { until, .. }
            | Self::Quiet { until }
            | Self::Builds { until, .. }
            | Self::Asks { until }
            | Self::Retries { until } => Some(*until),
            Self::Waits | Self::Stalls | Self::Limited(_) | Self::GaveUp => None,
        }
    }

    fn is_work(&self) -> bool {
        matches!(
            self,
            Self::Steps { .. } | Self::Quiet { .. } | Self::Builds { .. }
        )
    }
}

impl Loop {
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self {
            stalls: stalls(rng),
            rng: rng.fork(),
            agent: None,
            book: Book::new(),
        }
    }

    /// What is to be seen of the attempt that began then.
    pub(super) fn shows(
        &mut self,
        t: u64,
        of: &AttemptRef,
        began: u64,
        weather: &Weather,
    ) -> Signs {
        self.meets(t, of, began, weather).shows(t)
    }

    /// A text comes to the attempt that began then.
    pub(super) fn types(
        &mut self,
        t: u64,
        of: &AttemptRef,
        began: u64,
        permission: Permission,
        weather: &Weather,
        tale: &mut Tale,
    ) -> Typed {
        let agent = self.meets(t, of, began, weather);
        let doing = agent.doing.clone();
        let picture = agent.shows(t).picture;
        let moved = permission.still.is_some_and(|still| still != picture);
        let moved = moved.then_some(Refusal::Moved);
        if let Some(why) = refuses(&doing, permission).or(moved) {
            let screen = "what is there".into();
            return Typed::Refused { why, screen };
        }
        tale.texts += 1;
        tale.wrong_texts += u64::from(doing.is_work());
        let goes_on = match doing {
            Doing::Waits | Doing::Limited(_) | Doing::GaveUp => true,
            // Some hang so that a word is not enough, until they are interrupted.
            Doing::Stalls => permission.interrupt || self.rng.u32(0..10) > 0,
            _ => false,
        };
        let luck = self.rng.u32(0..200);
        if luck == 0 {
            return Typed::Failed {
                why: "tmux does not answer".into(),
                screen: None,
                submitted: false,
            };
        }
        if goes_on {
            self.answers(t, weather);
        }
        let works = self
            .agent
            .as_ref()
            .is_some_and(|agent| agent.doing.is_work());
        tale.in_vain += u64::from(!works);
        match (works, luck) {
            (true, 6..) => Typed::Taken(By::Work),
            (false, 6..) if goes_on => Typed::Taken(By::Transcript),
            _ => Typed::Undecided,
        }
    }

    pub(super) fn works(&mut self, t: u64, of: &AttemptRef, weather: &Weather) -> bool {
        self.advance(t, weather);
        let agent = self.agent.as_ref().filter(|agent| agent.of == *of);
        agent.is_some_and(|agent| agent.doing.is_work())
    }

    /// Its program has ended.
    pub(super) fn ends(&mut self, t: u64, why: Cause, weather: &Weather) {
        self.advance(t, weather);
        self.agent = None;
        self.book.stands(t, why, t, weather);
    }

    pub(super) fn goes_down(&mut self, t: u64, weather: &Weather) {
        self.advance(t, weather);
        self.agent = None;
        self.book.goes_down(t, weather);
    }

    pub(super) fn comes_up(&mut self, t: u64) {
        self.book.comes_up(t);
    }

    /// The night is over.
    pub(super) fn over(mut self, t: u64, weather: &Weather) -> Book {
        self.advance(t, weather);
        self.book.close(t, weather);
        self.book
    }

    /// The agent as it is now; of an attempt of which nothing was seen yet it began then.
    fn meets(&mut self, t: u64, of: &AttemptRef, began: u64, weather: &Weather) -> &Agent {
        if self.agent.as_ref().is_none_or(|agent| agent.of != *of) {
            let within = self.rng.u64(3_000..15_000);
            self.book.starts(within);
            self.agent = Some(Agent {
                of: of.clone(),
                doing: Doing::Starts {
                    until: began + within,
                },
                grown: 0,
            });
        }
        self.advance(t, weather);
        self.agent.as_ref().unwrap()
    }

    /// Time passes.
    fn advance(&mut self, t: u64, weather: &Weather) {
        while let Some(agent) = &mut self.agent {
            let Some(at) = agent.doing.until().filter(|until| *until <= t) else {
                return;
            };
            match &agent.doing {
                Doing::Starts { .. } => agent.doing = Doing::Waits,
                Doing::Retries { .. } if weather.outage(at).is_some() => {
                    agent.doing = Doing::GaveUp;
                }
                _ => self.goes_on(at, weather),
            }
        }
    }

    /// It was told something, and first says what it is about to do.
    fn answers(&mut self, at: u64, weather: &Weather) {
        let within = self.rng.u64(ANSWERS);
        self.goes_on(at, weather);
        if let Some(agent) = &mut self.agent
            && agent.doing.is_work()
        {
            agent.doing = Doing::Steps {
                since: at,
                until: at + within,
            };
        }
    }

    /// It needs its provider, and goes on with the next piece.
    fn goes_on(&mut self, at: u64, weather: &Weather) {
        let doing = if let Some(end) = weather.limit(at) {
            self.book.stands(at, Cause::Limit, at, weather);
            let limit = Limit::new(moment(end, 0), moment(at, 0));
            Doing::Limited(Box::new(limit))
        } else if let Some(end) = weather.outage(at) {
            self.book.stands(at, Cause::Outage, at, weather);
            Doing::Retries {
                until: end.min(at + RETRIES),
            }
        } else if self.stalls.last().is_some_and(|stall| *stall <= at) {
            self.stalls.pop();
            let known = at + LONGEST_SILENCE;
            self.book.stands(at, Cause::Stall, known, weather);
            Doing::Stalls
        } else {
            self.piece(at, weather)
        };
        if let Some(agent) = &mut self.agent {
            agent.grown = agent.grown_by(at) + 1;
            agent.doing = doing;
        }
    }

    fn piece(&mut self, at: u64, weather: &Weather) -> Doing {
        let minutes = |rng: &mut Rng, least: u64, most: u64| rng.u64(least * MINUTE..most * MINUTE);
        let rng = &mut self.rng;
        let doing = match rng.u32(0..100) {
            0..70 => {
                let until = at + minutes(rng, 1, 20);
                Doing::Steps {
                    since: at,
                    until: until.min(weather.next(at)),
                }
            }
            70..85 => {
                let long = rng.u32(0..8) == 0;
                let lasts = if long {
                    minutes(rng, 40, 180)
                } else {
                    minutes(rng, 3, 40)
                };
                Doing::Builds {
                    since: at,
                    until: at + lasts,
                }
            }
            85..99 => {
                let long = rng.u32(0..10) == 0;
                let lasts = if long {
                    rng.u64(30 * MINUTE..LONGEST_SILENCE)
                } else {
                    minutes(rng, 1, 30)
                };
                Doing::Quiet { until: at + lasts }
            }
            _ => {
                let until = at + minutes(rng, 1, 40);
                // Until somebody answers, there is nothing that could be done.
                self.book.stands(at, Cause::Question, until, weather);
                return Doing::Asks { until };
            }
        };
        self.book.works(at, weather);
        doing
    }
}

impl Agent {
    /// How often its transcript has grown by then.
    fn grown_by(&self, t: u64) -> usize {
        match &self.doing {
            Doing::Steps { since, .. } => self.grown + usize::try_from((t - since) / STEP).unwrap(),
            _ => self.grown,
        }
    }

    fn shows(&self, t: u64) -> Signs {
        let grown = self.grown_by(t);
        match &self.doing {
            Doing::Starts { .. } => screens::starts(),
            Doing::Waits => screens::waits(),
            Doing::Steps { .. } | Doing::Quiet { .. } | Doing::Stalls => screens::work(grown),
            Doing::Builds { since, .. } => screens::build(grown, *since, t),
            Doing::Asks { .. } => screens::asks(),
            Doing::Limited(limit) => limit.signs(moment(t, 0)),
            Doing::Retries { .. } => screens::retries(),
            Doing::GaveUp => screens::gave_up(),
        }
    }
}

/// Why nothing is typed to who does this, as the real one refuses it.
fn refuses(doing: &Doing, permission: Permission) -> Option<Refusal> {
    match doing {
        Doing::Starts { .. } => Some(Refusal::NoInput {
            profile: "claude".into(),
        }),
        Doing::Steps { .. } | Doing::Quiet { .. } | Doing::Builds { .. } | Doing::Stalls => {
            (!permission.busy).then_some(Refusal::Busy)
        }
        Doing::Asks { .. } => Some(Refusal::Asking {
            question: "Do you want to proceed?".into(),
        }),
        Doing::Limited(_) => (!permission.limited).then_some(Refusal::Limited { menu: None }),
        Doing::Waits | Doing::Retries { .. } | Doing::GaveUp => None,
    }
}
