//! A license to judge for: what was drawn for it, with which error, and what is left to ask.

use crate::error::{FailureKind, HintExt as _};
use eyre::Result;
use oml_client::Chain;
use oml_client::files::LicenseFile;
use oml_client::universe::{UniverseStanding, license_draw};
use oml_contracts::LicenseId;
use oml_contracts::leaf::BUNDLE;
use oml_prover::check::{AnswerTerms, Answers, CheckOutcome};
use oml_prover::fingerprint::{AnswersPerKey, LicenseDraw, Universe};

/// 1/alpha where no license's terms say it.
const OFFLINE_ALPHA_INVERSE: u64 = 1_000_000_000;

/// A license to judge answers for, and with which error.
#[derive(Clone, Debug)]
pub(super) struct Judging {
    pub(super) license_id: Option<LicenseId>,
    pub(super) draw: LicenseDraw,
    pub(super) alpha_inverse: u64,
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
            alpha_inverse: license.terms.evidence().alpha_inverse,
            standing: UniverseStanding::read(chain, universe).await?,
        })
    }

    pub(super) fn offline(universe: &Universe, draw: LicenseDraw) -> Self {
        let standing = UniverseStanding::offline(universe);
        Self { license_id: None, draw, alpha_inverse: OFFLINE_ALPHA_INVERSE, standing }
    }

    /// What is left to ask, and from how many one could choose.
    pub(super) const fn standing(&self) -> &UniverseStanding {
        &self.standing
    }

    /// Personal fingerprints that are left when so many were asked.
    pub(super) fn left_to_ask(&self, asked: u32) -> u32 {
        let all = self.standing.unburned.len().saturating_mul(BUNDLE);
        u32::try_from(all).unwrap_or(u32::MAX).saturating_sub(asked)
    }

    pub(super) fn judge(
        &self,
        answers: &Answers,
        universe: &Universe,
        per_key: AnswersPerKey,
    ) -> Result<CheckOutcome> {
        let terms = AnswerTerms::new(per_key, self.alpha_inverse)?;
        Ok(answers.judge(universe, &self.draw, &terms, self.standing.counts))
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
