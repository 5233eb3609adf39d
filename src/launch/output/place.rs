//! Where attempts write: into the journal, if that can be read back, or into files.
//!
//! Promise: it is known before the first of them begins. A journal that does not answer is asked again
//! until it does, beside the loop; the operator is told meanwhile, and who begins from then on writes
//! there.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::journal::Unread;
use crate::launch::{News, directory::Output};

/// Between two questions.
const AGAIN: Duration = Duration::from_secs(60);
/// What the problem is about, in the words by which the daemon knows it again.
const ABOUT: &str = "journal";

/// `journal`: what it is where `ask` says that the journal can be read back.
pub(in crate::launch) fn place<A>(
    journal: Output,
    mut ask: impl FnMut() -> A + Send + 'static,
    news: mpsc::UnboundedSender<News>,
) -> watch::Receiver<Option<Output>>
where
    A: Future<Output = Result<(), Unread>> + Send,
{
    let (tell, output) = watch::channel(None);
    tokio::spawn(async move {
        let answer = loop {
            match ask().await {
                Err(Unread::Silent(why)) => {
                    tell.send_replace(Some(Output::File));
                    let problem = silent(&why);
                    if news.send(problem).is_err() {
                        // The daemon that does not listen any more is ending.
                        return;
                    }
                }
                Ok(()) => break journal,
                Err(Unread::Lasting(why)) => {
                    tracing::info!(
                        "output of workers goes into files in the state directory: {why}"
                    );
                    break Output::File;
                }
            }
            tokio::time::sleep(AGAIN).await;
        };
        tell.send_replace(Some(answer));
        drop(news.send(News::Well(ABOUT.into())));
    });
    output
}

fn silent(why: &str) -> News {
    News::Problem {
        about: ABOUT.into(),
        text: format!(
            "{why}, so what workers write that begin now goes into files in the state directory; it \
             is asked again each minute, and what helps is: systemctl restart systemd-journald"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asked, in turn, for these answers, and for no more.
    fn told(
        mut answers: Vec<Result<(), Unread>>,
    ) -> (
        watch::Receiver<Option<Output>>,
        mpsc::UnboundedReceiver<News>,
    ) {
        let (tell, news) = mpsc::unbounded_channel();
        let ask = move || std::future::ready(answers.remove(0));
        (place(Output::Journal, ask, tell), news)
    }

    #[tokio::test(start_paused = true)]
    async fn a_journal_that_does_not_answer_is_asked_until_it_does() {
        let hangs = || Err(Unread::Silent("it hangs".into()));
        let (mut output, mut news) = told(vec![hangs(), hangs(), Ok(())]);
        output.wait_for(Option::is_some).await.unwrap();
        assert_eq!(*output.borrow(), Some(Output::File));
        for _ in 0..2 {
            assert_eq!(news.recv().await, Some(silent("it hangs")));
        }
        assert_eq!(news.recv().await, Some(News::Well(ABOUT.into())));
        assert_eq!(*output.borrow(), Some(Output::Journal));
        assert_eq!(news.recv().await, None, "it is asked no more");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_not_for_us_is_no_problem() {
        let in_memory = Err(Unread::Lasting("in memory".into()));
        let (output, mut news) = told(vec![in_memory]);
        assert_eq!(news.recv().await, Some(News::Well(ABOUT.into())));
        assert_eq!(*output.borrow(), Some(Output::File));
        assert_eq!(news.recv().await, None);
    }
}
