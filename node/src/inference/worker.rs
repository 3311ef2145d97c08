//! The one thread that owns the model. Requests wait in a bounded queue and run together in rounds
//! of a few tokens, so that a long answer does not keep short ones waiting.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

use oml_engine::{Prompt, Sampling};
use tokio::sync::mpsc::UnboundedSender;

use super::engine::ServedModel;
use super::scores::TokenLogProbability;
use crate::tasks::Tasks;

/// Most requests that run together.
const MAX_ACTIVE: usize = 16;
/// Tokens of a round while somebody watches the answer come.
const STREAM_ROUND: usize = 8;
/// Tokens of a round otherwise. Every round reads the sequence anew, so fewer rounds are faster.
const WHOLE_ROUND: usize = 64;

/// One request to the model.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) prompt: Prompt,
    pub(super) max_tokens: usize,
    pub(super) sampling: Option<Sampling>,
    /// Texts at which the answer ends; they are not part of it.
    pub(super) stop: Vec<String>,
    pub(super) stream: bool,
    /// Alternatives per token whose log-probabilities are wanted.
    pub(super) scores: Option<usize>,
    pub(super) out: UnboundedSender<Piece>,
}

/// Progress of one request. Nothing follows `End` or `Failed`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// The prompt has this many tokens and is running.
    Started(usize),
    /// More of the answer.
    Text(String),
    /// Log-probabilities of the whole answer, if they were asked for.
    Scores(Vec<TokenLogProbability>),
    /// The answer is whole.
    End { tokens: usize, reason: &'static str },
    /// The prompt can't run.
    BadPrompt(String),
    /// The model failed.
    Failed(String),
}

/// The queue is full, or the model's thread has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unavailable {
    Full,
    Gone,
}

/// Puts requests into the worker's queue.
#[derive(Debug, Clone)]
pub(super) struct Queue(SyncSender<Work>);

impl Queue {
    /// Starts the worker's thread; it ends when the last copy of the queue is dropped.
    pub(super) fn start(
        engine: impl ServedModel,
        waiting: usize,
        tasks: &Tasks,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(waiting);
        let work = move || ModelThread { engine, active: Vec::new() }.run(&receiver);
        tasks.spawn_thread("inference", work)?;
        Ok(Self(sender))
    }

    pub(super) fn submit(&self, work: Work) -> Result<(), Unavailable> {
        self.0.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => Unavailable::Full,
            TrySendError::Disconnected(_) => Unavailable::Gone,
        })
    }
}

/// A request that runs.
#[derive(Debug)]
struct RunningAnswer {
    sequence: Vec<u32>,
    /// Length of the prompt in tokens.
    start: usize,
    limit: usize,
    sampling: Option<Sampling>,
    stop: Vec<String>,
    stream: bool,
    scores: Option<usize>,
    /// Bytes of the answer that were sent.
    sent: usize,
    out: UnboundedSender<Piece>,
}

impl RunningAnswer {
    const fn generated(&self) -> usize {
        self.sequence.len() - self.start
    }
}

struct ModelThread<E> {
    engine: E,
    active: Vec<RunningAnswer>,
}

impl<E: ServedModel> ModelThread<E> {
    fn run(mut self, queue: &Receiver<Work>) {
        while self.admit(queue) {
            self.active.retain(|request| !request.out.is_closed());
            let Some(first) = self.active.first() else { continue };
            // Sampled requests have their own seeds and run alone.
            let sampling = first.sampling;
            let together =
                |request: &RunningAnswer| sampling.is_none() && request.sampling.is_none();
            let mut group: Vec<usize> =
                (0..self.active.len()).filter(|&i| i == 0 || together(&self.active[i])).collect();
            let ended = self.round(&mut group, sampling);
            for index in ended.into_iter().rev() {
                self.active.remove(index);
            }
            // Sampled requests take turns.
            if sampling.is_some() && self.active.len() > 1 {
                self.active.rotate_left(1);
            }
        }
    }

    /// Takes waiting requests; waits for one if none runs. False when there will be no more.
    fn admit(&mut self, queue: &Receiver<Work>) -> bool {
        while self.active.len() < MAX_ACTIVE {
            let work = if self.active.is_empty() {
                match queue.recv() {
                    Ok(work) => work,
                    Err(_) => return false,
                }
            } else {
                match queue.try_recv() {
                    Ok(work) => work,
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => return true,
                }
            };
            self.begin(work);
        }
        true
    }

    fn begin(&mut self, work: Work) {
        if work.out.is_closed() {
            return;
        }
        let context = self.engine.context();
        let sequence = match self.engine.encode(&work.prompt) {
            Ok(tokens) if tokens.is_empty() => Err("the prompt has no tokens".to_owned()),
            Ok(tokens) if tokens.len() >= context => Err(format!(
                "the prompt has {} tokens; this model reads at most {context}, answer included",
                tokens.len()
            )),
            other => other,
        };
        match sequence {
            Ok(sequence) => {
                let start = sequence.len();
                send(&work.out, Piece::Started(start));
                self.active.push(RunningAnswer {
                    start,
                    limit: work.max_tokens.min(context - start),
                    sequence,
                    sampling: work.sampling,
                    stop: work.stop,
                    stream: work.stream,
                    scores: work.scores,
                    sent: 0,
                    out: work.out,
                });
            }
            Err(message) => send(&work.out, Piece::BadPrompt(message)),
        }
    }

    /// Adds a few tokens to each request of the group; returns those that ended, in rising order.
    fn round(&mut self, group: &mut Vec<usize>, sampling: Option<Sampling>) -> Vec<usize> {
        let remaining = |i: &usize| self.active[*i].limit - self.active[*i].generated();
        let watched = group.iter().any(|&i| self.active[i].stream);
        let most = if watched { STREAM_ROUND } else { WHOLE_ROUND };
        let count = group.iter().map(remaining).min().unwrap_or(0).min(most);
        let sequences: Vec<Vec<u32>> =
            group.iter().map(|&i| self.active[i].sequence.clone()).collect();
        // Each round of a request draws from its own stream of random numbers.
        let step = self.active[group[0]].generated() as u64;
        let sampling = sampling.map(|s| Sampling { seed: s.seed.wrapping_add(step), ..s });
        let outputs = match self.engine.advance(&sequences, count, sampling) {
            Ok(outputs) => outputs,
            Err(message) => {
                for &i in group.iter() {
                    send(&self.active[i].out, Piece::Failed(message.clone()));
                }
                return std::mem::take(group);
            }
        };
        let mut ended = Vec::new();
        for (&index, output) in group.iter().zip(outputs) {
            let finished = output.len() < count;
            self.active[index].sequence.extend(output);
            if let Some(last) = self.deliver(index, finished) {
                send(&self.active[index].out, last);
                ended.push(index);
            }
        }
        ended
    }

    /// Sends new text; returns the last piece if the answer is whole.
    fn deliver(&mut self, index: usize, finished: bool) -> Option<Piece> {
        let request = &mut self.active[index];
        let tokens = request.generated();
        let mut text = match self.engine.decode(&request.sequence[request.start..]) {
            Ok(text) => text,
            Err(message) => return Some(Piece::Failed(message)),
        };
        let cut = request.stop.iter().filter_map(|stop| text.find(stop.as_str())).min();
        let reason = match cut {
            Some(at) => {
                text.truncate(at);
                Some("stop")
            }
            None if finished => Some("stop"),
            None if tokens >= request.limit => Some("length"),
            None => None,
        };
        let ready = if reason.is_some() { text.len() } else { settled(&text, &request.stop) };
        if let Some(new) = text.get(request.sent..ready).filter(|new| !new.is_empty()) {
            send(&request.out, Piece::Text(new.to_owned()));
            request.sent = ready;
        }
        if let (Some(top), true) = (request.scores, reason.is_some()) {
            match self.engine.scores(&request.sequence, request.start, top) {
                Ok(scores) => send(&request.out, Piece::Scores(scores)),
                Err(message) => return Some(Piece::Failed(message)),
            }
        }
        reason.map(|reason| Piece::End { tokens, reason })
    }
}

/// Bytes of an unfinished text that can't change any more: not an incomplete character, nor what
/// may turn out to be the beginning of a stop text.
fn settled(text: &str, stop: &[String]) -> usize {
    let whole = text.trim_end_matches('\u{fffd}');
    let longest = stop.iter().map(|s| s.len().saturating_sub(1)).max().unwrap_or(0);
    let mut end = whole.len().saturating_sub(longest);
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// A client that left is noticed at the next round.
fn send(out: &UnboundedSender<Piece>, piece: Piece) {
    let _ = out.send(piece);
}

#[cfg(test)]
mod tests {
    use super::super::echo::Echo;
    use super::*;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    fn work(prompt: &str, max_tokens: usize, stop: &[&str]) -> (Work, UnboundedReceiver<Piece>) {
        let (out, pieces) = unbounded_channel();
        let work = Work {
            prompt: Prompt::Text(prompt.to_owned()),
            max_tokens,
            sampling: None,
            stop: stop.iter().map(|s| (*s).to_owned()).collect(),
            stream: true,
            scores: None,
            out,
        };
        (work, pieces)
    }

    fn collect(mut pieces: UnboundedReceiver<Piece>) -> (String, Piece) {
        let mut text = String::new();
        while let Some(piece) = pieces.blocking_recv() {
            match piece {
                Piece::Text(more) => text.push_str(&more),
                Piece::Started(_) => {}
                last => return (text, last),
            }
        }
        panic!("no last piece after {text:?}");
    }

    #[test]
    fn answers_are_whole_bounded_and_cut_at_stops() {
        let queue = Queue::start(Echo, 8, &Tasks::new()).unwrap();
        let long = "0123456789".repeat(5);
        for (prompt, max_tokens, stop, text, tokens, reason) in [
            ("hello|", 20, vec![], "hello", 5, "stop"),
            ("hello|", 5, vec![], "hello", 5, "length"),
            ("hello|", 3, vec![], "hel", 3, "length"),
            ("hello world|", 20, vec!["lo w"], "hel", 8, "stop"),
            ("grüße|", 20, vec![], "grüße", 7, "stop"),
            (&format!("{long}|"), 50, vec!["zz"], long.as_str(), 50, "length"),
        ] {
            let (work, pieces) = work(prompt, max_tokens, &stop);
            queue.submit(work).unwrap();
            let (answer, last) = collect(pieces);
            assert_eq!(answer, text, "{prompt}");
            assert_eq!(last, Piece::End { tokens, reason }, "{prompt}");
        }
    }

    #[test]
    fn requests_run_together_and_failures_are_told() {
        let queue = Queue::start(Echo, 64, &Tasks::new()).unwrap();
        let texts: Vec<String> = (0..40).map(|i| "x".repeat(i + 1)).collect();
        let pieces: Vec<_> = texts
            .iter()
            .map(|text| {
                let (work, pieces) = work(&format!("{text}|"), 100, &[]);
                queue.submit(work).unwrap();
                pieces
            })
            .collect();
        for (text, pieces) in texts.iter().zip(pieces) {
            assert_eq!(collect(pieces).0, *text);
        }
        let (too_long, pieces) = work(&"y".repeat(200), 1, &[]);
        queue.submit(too_long).unwrap();
        assert!(matches!(collect(pieces).1, Piece::BadPrompt(m) if m.contains("200 tokens")));
        let (broken, pieces) = work("no bar", 1, &[]);
        queue.submit(broken).unwrap();
        assert_eq!(collect(pieces).1, Piece::Failed("no |".to_owned()));
    }

    #[test]
    fn a_full_queue_says_so() {
        let (sender, receiver) = sync_channel(1);
        let queue = Queue(sender);
        assert_eq!(queue.submit(work("a|", 1, &[]).0), Ok(()));
        assert_eq!(queue.submit(work("a|", 1, &[]).0), Err(Unavailable::Full));
        drop(receiver);
        assert_eq!(queue.submit(work("a|", 1, &[]).0), Err(Unavailable::Gone));
    }
}
