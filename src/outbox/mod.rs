//! What this process says, on its way to who may not listen.
//!
//! Promise: who says something goes on at once, whatever becomes of it. What is said comes out whole and
//! in its order; what does not fit any more is left out, and one entry in its place says how much that
//! was. At the end of the process all of it is out, unless it is not taken for too long.
//!
//! How: a queue with a bound, and a thread of its own that writes. Once something was left out, all
//! is until the queue is empty: so there is one gap for each time that nobody listened.

mod stderr;

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

pub(crate) use stderr::Stderr;

/// Entries that are kept.
const KEPT: usize = 1024;
/// How long the end of the process is put off for them.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The way out.
#[derive(Clone, Default)]
pub(crate) struct Outbox(Arc<Shared>);

/// Waits for the last words when it is dropped.
pub(crate) struct LastWords(pub(crate) Outbox);

#[derive(Default)]
struct Shared {
    kept: Mutex<Kept>,
    changed: Condvar,
}

#[derive(Default)]
struct Kept {
    waiting: VecDeque<Vec<u8>>,
    /// One is out of the queue, and not written yet.
    writing: bool,
    left_out: usize,
}

impl Kept {
    fn next(&mut self, missing: &impl Fn(usize) -> Vec<u8>) -> Option<Vec<u8>> {
        let next = self.waiting.pop_front();
        next.or_else(|| match std::mem::take(&mut self.left_out) {
            0 => None,
            many => Some(missing(many)),
        })
    }
}

impl Outbox {
    /// Has everything written by `write`, which may take its time; what stands for so many entries that
    /// are `missing`.
    ///
    /// # Errors
    /// There is no thread for it.
    pub(crate) fn begin(
        mut write: impl FnMut(&[u8]) + Send + 'static,
        missing: impl Fn(usize) -> Vec<u8> + Send + 'static,
    ) -> io::Result<Self> {
        let outbox = Self::default();
        let own = outbox.clone();
        thread::Builder::new()
            .name("outbox".to_owned())
            .spawn(move || {
                loop {
                    let entry = own.take(&missing);
                    write(&entry);
                }
            })?;
        Ok(outbox)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nobody leaves anything half done in it.
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says it, if there is room.
    pub(crate) fn say(&self, entry: Vec<u8>) {
        let mut kept = self.kept();
        if kept.left_out > 0 || kept.waiting.len() >= KEPT {
            kept.left_out += 1;
        } else {
            kept.waiting.push_back(entry);
        }
        self.0.changed.notify_all();
    }

    /// The next one, when there is one; the one before is written.
    fn take(&self, missing: &impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
        let mut kept = self.kept();
        kept.writing = false;
        loop {
            if let Some(entry) = kept.next(missing) {
                kept.writing = true;
                return entry;
            }
            self.0.changed.notify_all();
            let changed = self.0.changed.wait(kept);
            kept = changed.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until everything is written, or until that has taken too long.
    fn finish(&self, limit: Duration) {
        let under_way =
            |kept: &mut Kept| kept.writing || kept.left_out > 0 || !kept.waiting.is_empty();
        let changed = &self.0.changed;
        let done = changed.wait_timeout_while(self.kept(), limit, under_way);
        drop(done);
    }
}

/// Each write says one thing, as those of [`tracing_subscriber::fmt`] do.
impl io::Write for Outbox {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        self.say(entry.to_vec());
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LastWords {
    fn drop(&mut self) {
        self.0.finish(LAST_WORDS);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn missing(many: usize) -> Vec<u8> {
        format!("{many} missing").into_bytes()
    }

    /// One whose every entry is taken by hand.
    fn by_hand() -> (Outbox, mpsc::Receiver<String>) {
        // Who writes waits until it is received.
        let (written, taken) = mpsc::sync_channel(0);
        let write = move |entry: &[u8]| {
            written
                .send(String::from_utf8(entry.to_vec()).unwrap())
                .unwrap()
        };
        (Outbox::begin(write, missing).unwrap(), taken)
    }

    fn take(taken: &mpsc::Receiver<String>) -> String {
        taken.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_counted_and_the_rest_comes_in_order() {
        let (outbox, taken) = by_hand();
        let many = 3 * KEPT;
        for number in 0..many {
            outbox.say(number.to_string().into_bytes());
        }
        let mut came = Vec::new();
        let gap = loop {
            let entry = take(&taken);
            match entry.strip_suffix(" missing") {
                Some(count) => break count.parse::<usize>().unwrap(),
                None => came.push(entry),
            }
        };
        let expected: Vec<String> = (0..came.len()).map(|number| number.to_string()).collect();
        assert_eq!(came, expected);
        assert_eq!(came.len() + gap, many);
        assert!(came.len() >= KEPT, "{}", came.len());
        outbox.say(b"after".to_vec());
        assert_eq!(take(&taken), "after");
    }

    #[test]
    fn the_end_waits_for_all_of_it_but_not_for_who_does_not_listen() {
        let (outbox, taken) = by_hand();
        outbox.say(b"unheard".to_vec());
        outbox.finish(Duration::from_millis(10));
        let listening = thread::spawn(move || [take(&taken), take(&taken), take(&taken)]);
        for word in ["the", "end"] {
            outbox.say(word.as_bytes().to_vec());
        }
        outbox.finish(Duration::from_secs(60));
        let kept = outbox.kept();
        assert!(kept.waiting.is_empty() && !kept.writing);
        assert_eq!(listening.join().unwrap(), ["unheard", "the", "end"]);
    }
}
