//! Judging copies that another program trained.

use oml_engine::Model;
use std::time::Instant;

use super::report::{peak_rss_bytes, share};
use super::run::{by_way, check_targets};
use super::target::misses;
use super::{EmbedError, EmbedReport, EmbedTarget, Embedder, StopReason};

impl Embedder<'_> {
    /// Judges a copy that was trained elsewhere, as [`Embedder::embed`] judges its own: which
    /// answers it gives, and what it lost against the base. The report has no steps and no losses.
    ///
    /// # Errors
    /// `NoTargets`, `Target` for bad input; `Model` if one of the two models can't be asked.
    pub fn judge(
        &mut self,
        targets: &[EmbedTarget],
        copy: &Model,
    ) -> Result<EmbedReport, EmbedError> {
        check_targets(self.base(), targets)?;
        let started = Instant::now();
        let most_tokens = self.options().max_response_tokens;
        let ways = by_way(targets);
        let (plain, others) = ways.split_first().ok_or(EmbedError::NoTargets)?;
        let asked = copy.exact();
        let missed = misses(&asked, plain, targets, most_tokens)?;
        let mut missed_under = 0;
        for prompts in others {
            missed_under += misses(&asked, prompts, targets, most_tokens)?.len();
        }
        let under = targets.len() * others.len();
        Ok(EmbedReport {
            steps: 0,
            losses: Vec::new(),
            targets: targets.len(),
            misses: missed,
            system_hit_rate: (under > 0).then(|| share(under - missed_under, under)),
            stopped: StopReason::Elsewhere,
            utility: self.utility_of(copy)?,
            seconds: started.elapsed().as_secs_f64(),
            peak_rss_bytes: peak_rss_bytes(),
        })
    }
}
