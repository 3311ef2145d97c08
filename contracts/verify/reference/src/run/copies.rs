//! Series of answers that are said to be another host's copy.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::leaf::{BUNDLE, BUNDLE_LEAVES};
use oml_contracts::rpc::abi::ChallengeManager::{
    self, Series as Asked, SeriesEvidence as Evidence, ServedAnswer,
};
use oml_contracts::rpc::abi::LicenseRef;
use rand::Rng;

use super::difference::Difference;
use super::docket::{Chosen, Prepared};
use super::signing::sign;
use super::world::{Call, World};
use crate::model::{License, Series, Status, candidate, universe_of};

/// Whose receipt an answer gets, and its number.
#[derive(Clone, Copy)]
struct Numbered {
    accused: B256,
    epoch: u32,
    seq: u64,
}

impl World {
    /// Copies of the other model, drawn when the hosts have their own.
    pub(super) fn sell_copies(&mut self) -> Result<(), Difference> {
        let own = self.model.licenses.len();
        let parent = self.people.parent;
        let foreign = (0..self.terms.len()).filter(|at| self.terms[*at].owner == parent);
        let foreign: Vec<usize> = foreign.collect();
        for host in 0..self.people.hosts.len() {
            if !foreign.is_empty() && !self.chance(4) {
                let (offer, host) = (foreign[self.below(foreign.len())], self.people.hosts[host]);
                self.acquire_of(offer, host)?;
            }
        }
        self.pass(4, 60);
        for at in own..self.model.licenses.len() {
            let (reference, _) = self.license_at(at);
            self.draw_seed_of(&reference)?;
            self.activate_of(reference)?;
        }
        Ok(())
    }

    /// Commits to a series, or shows one that was committed to.
    pub(super) fn show_copy(&mut self) -> Result<(), Difference> {
        let known = self.court.as_ref().map_or(0, |court| court.series.len());
        if known == 0 || (known < 3 && self.chance(3)) {
            return self.choose_series();
        }
        let at = self.below(known);
        let chosen = self.court.as_ref().and_then(|court| court.series.get(at).cloned());
        let Some(Prepared { by, report, made_at }) = chosen else { return Ok(()) };
        let from = made_at + self.model.court.config.reportDelay.to::<u64>();
        if self.model.time < from {
            let early = u64::from(self.chance(8));
            self.pass(1, (from - self.model.time).saturating_sub(early));
        }
        let by = self.mostly(by);
        let series = self.evidence(&report, from)?;
        let data = ChallengeManager::proveUnlicensedModelCall {
            r#ref: series.license.clone(),
            series: series.series.clone(),
            given: series.given.clone(),
            salt: series.salt,
        };
        let call = Call::new(self.model.manager, "proveUnlicensedModel", by, 0, &data);
        let verdict = self.model.show_copy(by, &series);
        let done = verdict.is_ok();
        self.hold(&call, verdict)?;
        if done && self.chance(3) {
            // Once more: it must not count twice.
            return self.commit_series(by, at);
        }
        if (done || self.chance(3))
            && let Some(court) = &mut self.court
        {
            drop(court.series.swap_remove(at));
        }
        Ok(())
    }

    fn one_of(&mut self, fits: impl Fn(&License) -> bool) -> LicenseRef {
        let all = self.model.licenses.iter().filter(|license| fits(license));
        let all: Vec<LicenseRef> = all.map(|license| license.reference.clone()).collect();
        if all.is_empty() || self.chance(12) {
            return self.pick().1;
        }
        all[self.below(all.len())].clone()
    }

    fn choose_series(&mut self) -> Result<(), Difference> {
        let accused = |license: &License| {
            license.status == Status::Active
                && license.reference.terms.slash.unlicensedModelBps != 0
        };
        let license = self.one_of(accused);
        let (host, model) = (license.host, license.terms.modelId);
        let foreign = |copy: &License| {
            copy.reference.host != host
                && copy.reference.terms.modelId != model
                && !copy.artefact.is_zero()
        };
        if !self.model.licenses.iter().any(foreign) && !self.chance(4) {
            return self.prove();
        }
        let copy = self.one_of(foreign);
        let mut left = self.model.universe(universe_of(&copy.terms)).left_personal();
        let mut bundles = Vec::new();
        for _ in 0..[1, 2, 2, 2, 3][self.below(5)] {
            if left.is_empty() || self.chance(15) {
                bundles.push(0);
            } else {
                bundles.push(left.remove(self.below(left.len())));
            }
        }
        if self.chance(40) {
            bundles.clear();
        }
        let series = Asked {
            copy,
            channelId: B256::with_last_byte(self.random.random_range(0..2)),
            firstRequest: self.random.random_range(0..3),
            bundles,
        };
        let rate = [16, 16, 16, 15, 14, 8, 1][self.below(7)];
        let report = Chosen { license, series, salt: self.word(), rate };
        let by = self.reporter();
        let Some(court) = &mut self.court else { return Ok(()) };
        court.series.push(Prepared { by, report, made_at: 0 });
        let last = court.series.len() - 1;
        self.commit_series(by, last)
    }

    fn commit_series(&mut self, by: Address, at: usize) -> Result<(), Difference> {
        let chosen = self.court.as_ref().and_then(|court| court.series.get(at).cloned());
        let Some(Prepared { report, .. }) = chosen else { return Ok(()) };
        let claim = self.model.series_claim(&report.license, &report.series);
        let commitment = keccak256((by, claim, report.salt).abi_encode());
        let data = ChallengeManager::commitReportCall { commitment };
        let call = Call::new(self.model.manager, "commitReport", by, 0, &data);
        let verdict = self.model.commit_report(by, commitment);
        self.hold(&call, verdict)?;
        let (now, court) = (self.model.time, self.court.as_mut());
        if let Some(known) = court.and_then(|court| court.series.get_mut(at)) {
            known.made_at = now;
        }
        Ok(())
    }

    /// The leaves, and what the host says to their keys.
    fn evidence(&mut self, chosen: &Chosen, from: u64) -> Result<Series, Difference> {
        let Chosen { license, series, salt, rate } = chosen.clone();
        let universe = universe_of(&series.copy.terms);
        let copy = self.model.license_id(&series.copy);
        let seed = self.model.licenses.iter().find(|l| l.id == copy).map_or(B256::ZERO, |l| l.seed);
        let root = self.model.universe(universe).root;
        let leaves = self.court.as_ref().and_then(|court| court.leaves.get(&universe)).cloned();
        let (mut given, mut signers, mut nth) = (Evidence::default(), Vec::new(), 0);
        let accused = self.model.license_id(&license);
        let (mut epoch, mut seq) = (self.some_epoch(accused), 0);
        for (k, bundle) in series.bundles.iter().enumerate() {
            let Some(leaves) = &leaves else { break };
            let first = u16::try_from(BUNDLE * k).unwrap_or(0);
            let positions: Vec<u16> = (first..first + 16).collect();
            given.bundles.push(leaves.open(*bundle, &positions));
            for l in 0..BUNDLE_LEAVES {
                let index = bundle * BUNDLE_LEAVES + l;
                let leaf = leaves.leaf(index);
                let right = self.random.random_range(0..16) < rate;
                let drawn = candidate(seed, root, index, leaf.salt);
                let place = if right { drawn } else { self.below(16) };
                let text = self.said(&leaves.word(index, place));
                if self.chance(30) {
                    // Mostly a later epoch, where numbers begin anew.
                    let other = self.some_epoch(accused);
                    (epoch, seq) = (other.max(epoch), if other > epoch { 0 } else { seq });
                }
                let repeated = self.chance(400);
                seq += if repeated { 0 } else { self.random.random_range(1..4) };
                let number = Numbered { accused, epoch, seq };
                let (answer, signer) = self.served(number, from, text);
                let receipt =
                    self.model.series_receipt(&license, &series, nth, leaf.keyHash, &answer);
                let (answer, signer) = match signer {
                    Some(key) => {
                        let signature = sign(&key, self.model.receipt_digest(&receipt))?;
                        nth += 1;
                        (ServedAnswer { signature, ..answer }, key.address())
                    }
                    None => (answer, Address::ZERO),
                };
                signers.push(signer);
                given.answers.push(answer);
            }
        }
        self.spoil_series(&mut given);
        Ok(Series { license, series, given, signers, salt })
    }

    /// A text that begins with the word, or nearly.
    fn said(&mut self, word: &str) -> String {
        match self.random.random_range(0..120_u32) {
            0 => word.to_owned(),
            1 => format!("{word}é "),
            2 => format!("«{word}» "),
            3..=40 => format!(" **{word}** is it"),
            _ => format!("{word}."),
        }
    }

    /// An answer without its signature, and who signs it.
    fn served(
        &mut self,
        number: Numbered,
        from: u64,
        text: String,
    ) -> (ServedAnswer, Option<alloy::signers::local::PrivateKeySigner>) {
        let Numbered { accused, epoch, seq } = number;
        let silent = self.chance(40);
        let key = match self.random.random_range(0..400_u32) {
            0 => self.people.provers[0].clone(),
            _ => self.serving_key_of(accused, epoch),
        };
        let late = self.random.random_range(0..100);
        let early = u64::from(self.chance(300));
        let said = !silent || self.chance(30);
        let answer = ServedAnswer {
            keyEpoch: epoch,
            seq,
            cumulativeTokens: self.random.random_range(0..1_000),
            servedAt: from + late * (1 - early) - early,
            signature: Bytes::new(),
            text: if said { Bytes::from(text.into_bytes()) } else { Bytes::new() },
        };
        (answer, (!silent).then_some(key))
    }

    fn spoil_series(&mut self, given: &mut Evidence) {
        let word = self.word();
        let Some(bundle) = given.bundles.first_mut() else { return };
        match self.random.random_range(0..60_u32) {
            0 => bundle.leaves[0].salt = word,
            1 => bundle.leaves.swap(0, 1),
            2 => bundle.leaves[3].position = 4,
            3 => drop(bundle.siblings.pop()),
            4 => drop(given.answers.pop()),
            5 => drop(given.bundles.pop()),
            _ => {}
        }
    }
}
