//! What comes from the terminal.

use std::{io, time::Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use serde_json::{Value, json};

use super::{Doing, Player};
use crate::{draft::Text, skin::Asked};

impl Player {
    /// Takes what comes; `true` if that ends what is done.
    pub(super) fn take(&mut self, event: Event, doing: &mut Doing) -> io::Result<bool> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key, doing),
            Event::Paste(text) => self.paste(&text, doing).map(|()| false),
            Event::Resize(columns, rows) => {
                self.paper.resize(columns, rows)?;
                self.draw(doing)?;
                self.log
                    .event("resized", json!({ "columns": columns, "rows": rows }))?;
                Ok(false)
            }
            Event::Key(_) | Event::FocusGained | Event::FocusLost | Event::Mouse(_) => Ok(false),
        }
    }

    fn paste(&mut self, text: &str, doing: &Doing) -> io::Result<()> {
        if self.losing > 0 {
            self.losing -= 1;
            return self.log.event("lost", json!({ "pasted": text }));
        }
        if self.chooses(doing).is_some() {
            return self.log.event("unheard", json!({ "pasted": text }));
        }
        let skin = &self.skin;
        self.draft
            .pasted(text, |pasted, number| skin.fold(pasted, number));
        self.draw(doing)?;
        self.log
            .event("pasted", json!({ "characters": text.chars().count() }))
    }

    /// How many choices there are, where one is to be chosen.
    fn chooses(&self, doing: &Doing) -> Option<usize> {
        match doing {
            Doing::Asking(asked) => self.skin.choices(asked),
            Doing::Working { .. }
            | Doing::Stalled
            | Doing::Hanging
            | Doing::Limited { .. }
            | Doing::Waiting
            | Doing::Ended => None,
        }
    }

    fn key(&mut self, key: KeyEvent, doing: &mut Doing) -> io::Result<bool> {
        if let Some(count) = self.chooses(doing)
            && let Doing::Asking(asked) = doing
        {
            let chosen = choose(key, asked, count);
            if key.code == KeyCode::Enter && self.is_ignored()? {
                return Ok(false);
            }
            return match chosen {
                Some(answer) => {
                    let asked = asked.clone();
                    self.answer(&asked, &answer).map(|()| true)
                }
                None => Ok(false),
            };
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        let interrupts = key.code == KeyCode::Esc || key.code == KeyCode::Char('c') && control;
        if interrupts && matches!(doing, Doing::Hanging) {
            self.log.event("interrupted", Value::Null)?;
            return Ok(true);
        }
        match key.code {
            KeyCode::Enter if alt => self.draft.typed('\n'),
            KeyCode::Enter => return self.enter(doing),
            KeyCode::Char('j') if control && self.skin.is_open() => self.draft.typed('\n'),
            KeyCode::Char('j') if control => return self.enter(doing),
            KeyCode::Char('u' | 'c') if control => self.draft.clear(),
            KeyCode::Char(character) if !control && !alt => self.draft.typed(character),
            KeyCode::Backspace => self.draft.backspace(),
            KeyCode::Esc => self.escape()?,
            _ => {}
        }
        Ok(false)
    }

    fn escape(&mut self) -> io::Result<()> {
        if self.queue.is_empty() {
            self.draft.clear();
            return Ok(());
        }
        while let Some(text) = self.queue.pop() {
            self.draft.put_back(text);
        }
        self.log.event("unqueued", Value::Null)
    }

    fn is_ignored(&mut self) -> io::Result<bool> {
        let ignored = self.ignoring > 0;
        if ignored {
            self.ignoring -= 1;
            self.log.event("ignored", json!({ "key": "Enter" }))?;
        }
        Ok(ignored)
    }

    fn enter(&mut self, doing: &mut Doing) -> io::Result<bool> {
        if self.is_ignored()? {
            return Ok(false);
        }
        let text = self.draft.take();
        if let Doing::Asking(asked) = doing {
            let answer = text.map_or_else(String::new, |text| text.whole);
            self.log.submitted(&answer)?;
            let asked = asked.clone();
            return self.answer(&asked, &answer).map(|()| true);
        }
        match text {
            None => Ok(false),
            Some(text) if matches!(doing, Doing::Working { .. } | Doing::Hanging) => {
                let queued = json!({ "text": text.whole });
                self.queue.push(text);
                self.draw(doing)?;
                self.log.event("queued", queued)?;
                Ok(false)
            }
            Some(text) => self.submit(text, doing),
        }
    }

    fn answer(&mut self, asked: &Asked, answer: &str) -> io::Result<()> {
        self.paper.write(self.skin.answered(asked, answer));
        self.log.event("answered", json!({ "answer": answer }))
    }

    /// A text is submitted; `true` if a turn begins with it.
    pub(super) fn submit(&mut self, text: Text, doing: &mut Doing) -> io::Result<bool> {
        self.paper.write(self.skin.submitted(&text));
        self.log.submitted(&text.whole)?;
        if let Some(lines) = self.skin.command(&text.whole, &self.session.id) {
            self.paper.write(lines);
            return Ok(false);
        }
        match doing {
            Doing::Limited { words, until } if Instant::now() < *until => {
                self.paper.write(self.skin.limit(words));
                Ok(false)
            }
            Doing::Ended => Ok(false),
            Doing::Limited { .. }
            | Doing::Waiting
            | Doing::Stalled
            | Doing::Hanging
            | Doing::Asking(_)
            | Doing::Working { .. } => {
                self.turn = Some(Instant::now());
                Ok(true)
            }
        }
    }
}

/// The answer that this key gives, if it gives one.
fn choose(key: KeyEvent, asked: &mut Asked, count: usize) -> Option<String> {
    match key.code {
        KeyCode::Char(digit) => {
            let number = usize::try_from(digit.to_digit(10)?).ok()?;
            (1..=count).contains(&number).then(|| number.to_string())
        }
        KeyCode::Up => {
            asked.at = asked.at.saturating_sub(1);
            None
        }
        KeyCode::Down => {
            asked.at = (asked.at + 1).min(count.saturating_sub(1));
            None
        }
        KeyCode::Enter => Some((asked.at + 1).to_string()),
        KeyCode::Esc => Some("esc".to_owned()),
        _ => None,
    }
}
