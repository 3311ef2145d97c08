//! A license to judge for: what was drawn for it, by which terms, and what is left to ask.

use crate::error::{FailureKind, HintExt as _};
use eyre::Result;
use oml_client::Chain;
use oml_client::files::LicenseFile;
use oml_client::universe::{UniverseStanding, license_draw};
use oml_contracts::LicenseId;
use oml_contracts::evidence::EvidenceTerms;
use oml_prover::check::{Answers, CheckOutcome, SeveralTerms};
use oml_prover::fingerprint::{AnswersPerKey, LicenseDraw, Universe};

/// Hit rate for which multipliers are chosen where no license's terms say it.
const OFFLINE_RATE: f64 = 0.6;
/// 1/alpha where no license's terms say it.
const OFFLINE_ALPHA_INVERSE: u64 = 1_000_000_000;

/// A license to judge answers for, and by which terms.
#[derive(Clone, Debug)]
pub(super) struct Judging {
    pub(super) license_id: Option<LicenseId>,
    pub(super) draw: LicenseDraw,
    pub(super) terms: EvidenceTerms,
    pub(super) standing: UniverseStanding,
}

impl Judging {
    /// From a license file and the chain.
    pub(super) async fn of_license(
        chain: &Chain,
        universe: &Universe,
        license: &LicenseFile,
    ) -> Result<Self> {
        Ok(Self {
            license_id: Some(license.license_id),
            draw: license_draw(chain, universe, license).await?,
            terms: license.terms.evidence(),
            standing: UniverseStanding::read(chain, universe).await?,
        })
    }

    pub(super) fn offline(universe: &Universe, draw: LicenseDraw) -> Result<Self> {
        let terms =
            EvidenceTerms::for_rates(OFFLINE_RATE, 0.9, draw.assignment_p, OFFLINE_ALPHA_INVERSE)
                .hint(
                format!("--assignment-p {} can't be used", draw.assignment_p),
                "16384 is one in four",
                FailureKind::Failed,
            )?;
        Ok(Self { license_id: None, draw, terms, standing: UniverseStanding::offline(universe) })
    }

    /// What is left to ask, and from how many one could choose.
    pub(super) const fn standing(&self) -> &UniverseStanding {
        &self.standing
    }

    pub(super) fn judge(
        &self,
        answers: &Answers,
        universe: &Universe,
        per_key: AnswersPerKey,
    ) -> Result<CheckOutcome> {
        if per_key == AnswersPerKey::ONE {
            return Ok(answers.judge(universe, &self.draw, &self.terms, self.standing.counts)?);
        }
        // The terms' multipliers are for one answer; several have another chance.
        let terms = SeveralTerms::for_rate(per_key, OFFLINE_RATE, self.terms.alpha_inverse)?;
        Ok(answers.judge_several(universe, &self.draw, &terms, self.standing.counts))
    }
}

/// A number of answers per key from a flag.
pub(in crate::commands::fingerprint) fn per_key(answers: u8) -> Result<AnswersPerKey> {
    let number = AnswersPerKey::new(answers).hint(
        format!("--answers {answers} can't be used"),
        "it is the number with which the copy was embedded, 1 to 8",
        FailureKind::Failed,
    )?;
    Ok(number)
}
