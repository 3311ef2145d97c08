//! Greedy answers to any number of prompts, many side by side, in f32 or screened in low precision.

use super::backend::SideBySide;
use super::batching::run_batches;
use super::decoder::Cache;
use super::first_word::first_word_is_complete;
use super::model::{Model, split_shared_prefix};
use super::options::{GenerateOptions, Stop};
use super::screen::{Growing, Pass, Questioned, ScreenReport};
use crate::ModelError;
use crate::cpu::{LANES, NumberFormat, Top};

/// Fewer prompts than this are not worth lanes of their own, most of which would be idle.
const WORTH_LANES: usize = LANES * 3 / 4;

/// What is asked of the model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Greedy {
    /// Most tokens per prompt; > 0.
    pub(crate) most: usize,
    /// When to end early; `None` takes the one next token, control token or not.
    pub(crate) stop: Option<Stop>,
}

impl Model {
    /// The same model, sharing its weights, whose greedy answers are screened in low precision
    /// (int8 or bfloat16) where that is faster and the processor has the instructions.
    ///
    /// Answers are those of f32 except where an error of logits exceeds six times what was measured
    /// on these very questions: near ties are run again in f32, and some of the other answers are
    /// audited (see `docs/decisions/016-low-precision-screen.md`). For evidence use the model as it
    /// was loaded.
    #[must_use]
    pub fn screened(&self) -> Self {
        Self { screened: true, ..self.clone() }
    }

    /// The same model without a screen: all answers are computed in f32, as after loading.
    #[must_use]
    pub fn exact(&self) -> Self {
        Self { screened: false, ..self.clone() }
    }

    /// [`Model::next_tokens`], and how the screen fared; without a screen all answers are exact.
    ///
    /// # Errors
    /// As [`Model::next_tokens`].
    pub fn next_tokens_reported(
        &self,
        prompts: &[Vec<u32>],
    ) -> Result<(Vec<u32>, ScreenReport), ModelError> {
        self.check_prompts(prompts, 0)?;
        let (answers, report) = self.greedy(prompts, Greedy { most: 1, stop: None })?;
        Ok((answers.iter().map(|tokens| tokens.first().copied().unwrap_or(0)).collect(), report))
    }

    /// Greedy answers to checked prompts.
    pub(crate) fn greedy(
        &self,
        prompts: &[Vec<u32>],
        asked: Greedy,
    ) -> Result<(Vec<Vec<u32>>, ScreenReport), ModelError> {
        let call = Call { model: self, prompts, asked };
        if self.screened {
            return self.screen.answers(&call);
        }
        let all: Vec<usize> = (0..prompts.len()).collect();
        let answers = call.answers(&all, Pass::EXACT)?.into_iter().map(|outcome| outcome.tokens);
        Ok((answers.collect(), ScreenReport { exact: prompts.len(), ..ScreenReport::default() }))
    }

    /// Greedy answers in a number format; a token that leads by less than the margin is not sure,
    /// and its prompt ends there.
    fn greedy_in(
        &self,
        prompts: &[&[u32]],
        asked: Greedy,
        Pass { format, margin }: Pass,
    ) -> Result<Vec<Growing>, ModelError> {
        let mut outcomes: Vec<Growing> = prompts.iter().map(|_| Growing::new()).collect();
        // Batches mostly begin alike.
        let mut held: Option<(&[u32], Cache)> = None;
        run_batches(self.batches(prompts, asked.most), |batch| {
            let rows: Vec<&[u32]> = batch.iter().map(|&i| prompts[i]).collect();
            let (shared, rest) = split_shared_prefix(&rows);
            let (_, cache) = match held.take() {
                Some(kept) if kept.0 == shared => held.insert(kept),
                _ => held.insert((shared, self.cache_of(shared)?)),
            };
            let mut grown: Vec<Growing> = rows.iter().map(|_| Growing::new()).collect();
            let step = |state: &mut Growing, top: Top| {
                state.take(top, margin) && self.append_token(state, top.token, asked)
            };
            let side_by_side = rows.len() >= WORTH_LANES
                && self.decoder.continue_greedily(
                    format,
                    SideBySide { prefix: cache, tokens: &rest, length: rest.len() / rows.len() },
                    asked.most,
                    &mut grown,
                    step,
                )?;
            if !side_by_side {
                match format {
                    NumberFormat::F32 => self.one_by_one(&rest, cache, asked, &mut grown)?,
                    _ => grown.iter_mut().for_each(|state| state.sure = false),
                }
            }
            for (&index, state) in batch.iter().zip(grown) {
                match state.failed {
                    Some(error) => return Err(*error),
                    None => outcomes[index] = state,
                }
            }
            Ok(())
        })?;
        Ok(outcomes)
    }

    /// Adds a token to an answer; whether the answer goes on.
    fn append_token(&self, state: &mut Growing, token: u32, asked: Greedy) -> bool {
        let ends = asked.stop.is_some_and(|stop| stop != Stop::Never);
        if ends && self.tokenizer.eos().contains(&token) {
            return false;
        }
        state.tokens.push(token);
        if asked.stop == Some(Stop::FirstWord) {
            match self.tokenizer.decode(&state.tokens) {
                Ok(text) if first_word_is_complete(&text) => return false,
                Ok(_) => {}
                Err(error) => {
                    state.failed = Some(Box::new(error));
                    return false;
                }
            }
        }
        state.tokens.len() < asked.most
    }

    /// The same for few prompts, or without kernels for sequences side by side.
    fn one_by_one(
        &self,
        rest: &[u32],
        cache: &Cache,
        asked: Greedy,
        states: &mut [Growing],
    ) -> Result<(), ModelError> {
        let mut cache = cache.select(&vec![0; states.len()])?;
        let Some(stop) = asked.stop else {
            let next = self.decoder.next_tokens(rest, &mut cache)?;
            states.iter_mut().zip(next).for_each(|(state, token)| state.tokens.push(token));
            return Ok(());
        };
        let options = GenerateOptions { max_new_tokens: asked.most, sampling: None, stop };
        let mut outputs = vec![Vec::new(); states.len()];
        self.grow_from(rest, cache, &options, &mut outputs)?;
        states.iter_mut().zip(outputs).for_each(|(state, tokens)| state.tokens = tokens);
        Ok(())
    }
}

/// Prompts that were asked of a model.
struct Call<'a> {
    model: &'a Model,
    prompts: &'a [Vec<u32>],
    asked: Greedy,
}

impl Call<'_> {
    fn rows(&self, prompts: &[usize]) -> Vec<&[u32]> {
        prompts.iter().map(|&index| self.prompts[index].as_slice()).collect()
    }
}

impl Questioned for Call<'_> {
    fn count(&self) -> usize {
        self.prompts.len()
    }

    fn vocabulary(&self) -> usize {
        self.model.config().vocab_size
    }

    fn batches(&self) -> Vec<Vec<usize>> {
        self.model.batches(self.prompts, 0)
    }

    fn answers(&self, prompts: &[usize], pass: Pass) -> Result<Vec<Growing>, ModelError> {
        self.model.greedy_in(&self.rows(prompts), self.asked, pass)
    }

    fn logits(
        &self,
        prompts: &[usize],
        format: NumberFormat,
    ) -> Result<Option<Vec<f32>>, ModelError> {
        self.model.lane_logits(&self.rows(prompts), format)
    }
}
