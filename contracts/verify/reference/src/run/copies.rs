//! Series of answers that are said to be another host's copy.

use alloy::primitives::{Address, B256, FixedBytes, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolValue;
use oml_contracts::leaf::BUNDLE_LEAVES;
use oml_contracts::rpc::abi::LicenseRef;
use oml_contracts::rpc::abi::Proofs::{self, Series as Asked, ServedAnswer};
use rand::Rng;

use super::difference::Difference;
use super::leaves::Leaves;
use super::registrar::{Chosen, Prepared};
use super::signing::sign_short;
use super::world::{Call, World};
use crate::model::{License, Series, Status, Tag, candidate, tags, universe_of};

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
            self.deliver_of(reference)?;
        }
        Ok(())
    }

    /// Commits to a series, or shows one that was committed to.
    pub(super) fn show_copy(&mut self) -> Result<(), Difference> {
        let known = self.desk.as_ref().map_or(0, |desk| desk.series.len());
        if known == 0 || (known < 3 && self.chance(3)) {
            return self.choose_series();
        }
        let at = self.below(known);
        let chosen = self.desk.as_ref().and_then(|desk| desk.series.get(at).cloned());
        let Some(Prepared { by, report, made_at }) = chosen else { return Ok(()) };
        let from = self.await_report(made_at);
        let by = self.mostly(by);
        let series = self.evidence(&report, from)?;
        let data = Proofs::proveUnlicensedModelCall {
            r#ref: series.license.clone(),
            series: series.series.clone(),
            opened: series.opened.clone(),
            answers: series.answers.clone(),
            salt: series.salt,
        };
        let call = Call::new(self.model.proofs, "proveUnlicensedModel", by, 0, &data);
        let verdict = self.model.show_copy(by, &series);
        let done = verdict.is_ok();
        self.hold(&call, verdict)?;
        if done && self.chance(3) {
            // Once more: it must not count twice.
            return self.commit_series(by, at);
        }
        if (done || self.chance(3))
            && let Some(desk) = &mut self.desk
        {
            drop(desk.series.swap_remove(at));
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
            copy.reference.host != host && copy.reference.terms.modelId != model && copy.delivered
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
        let Some(desk) = &mut self.desk else { return Ok(()) };
        desk.series.push(Prepared { by, report, made_at: 0 });
        let last = desk.series.len() - 1;
        self.commit_series(by, last)
    }

    fn commit_series(&mut self, by: Address, at: usize) -> Result<(), Difference> {
        let chosen = self.desk.as_ref().and_then(|desk| desk.series.get(at).cloned());
        let Some(Prepared { report, .. }) = chosen else { return Ok(()) };
        let claim = self.model.series_claim(&report.license, &report.series);
        let made_at = self.commit(by, keccak256((by, claim, report.salt).abi_encode()))?;
        if let Some(known) = self.desk.as_mut().and_then(|desk| desk.series.get_mut(at)) {
            (known.by, known.made_at) = (by, made_at);
        }
        Ok(())
    }

    /// The leaves, and what the host says to their keys.
    fn evidence(&mut self, chosen: &Chosen, from: u64) -> Result<Series, Difference> {
        let Chosen { license, series, salt, .. } = chosen.clone();
        let universe = universe_of(&series.copy.terms);
        let leaves = self.desk.as_ref().and_then(|desk| desk.leaves.get(&universe)).cloned();
        let accused = self.model.license_id(&license);
        let mut number = Numbered { accused, epoch: self.some_epoch(accused), seq: 0 };
        let bundles = series.bundles.clone();
        let mut given =
            Series { license, series, opened: vec![], answers: vec![], signers: vec![], salt };
        for bundle in bundles {
            let Some(leaves) = &leaves else { break };
            given.opened.push(leaves.open(bundle));
            for index in bundle * BUNDLE_LEAVES..(bundle + 1) * BUNDLE_LEAVES {
                let tag = self.tag(&given, leaves, index, chosen.rate);
                number = self.next_number(number);
                let (answer, key) = self.served(number, from, tag);
                self.answer(&mut given, leaves.leaf(index).keyHash, answer, key)?;
            }
        }
        self.spoil_series(&mut given);
        Ok(given)
    }

    /// The copy's answer, at this rate in 16, or another.
    fn tag(&mut self, given: &Series, leaves: &Leaves, index: u32, rate: u32) -> Tag {
        let copy = self.model.license_id(&given.series.copy);
        let seed = self.model.licenses.iter().find(|l| l.id == copy).map_or(B256::ZERO, |l| l.seed);
        let root = self.model.universe(universe_of(&given.series.copy.terms)).root;
        let leaf = leaves.leaf(index);
        let right = self.random.random_range(0..16) < rate;
        let drawn = candidate(seed, root, index, leaf.salt);
        let place = if right { drawn } else { self.below(16) };
        // Now and then nothing that is a word.
        if self.chance(150) { [0; 4] } else { tags(&leaf)[place] }
    }

    /// Mostly the next number; a later epoch begins anew.
    fn next_number(&mut self, last: Numbered) -> Numbered {
        let Numbered { accused, mut epoch, mut seq } = last;
        if self.chance(30) {
            let other = self.some_epoch(accused);
            (epoch, seq) = (other.max(epoch), if other > epoch { 0 } else { seq });
        }
        let repeated = self.chance(400);
        seq += if repeated { 0 } else { self.random.random_range(1..4) };
        Numbered { accused, epoch, seq }
    }

    /// An answer without its signature, and who signs it.
    fn served(
        &mut self,
        number: Numbered,
        from: u64,
        tag: Tag,
    ) -> (ServedAnswer, Option<PrivateKeySigner>) {
        let Numbered { accused, epoch, seq } = number;
        let silent = self.chance(40);
        let key = match self.random.random_range(0..400_u32) {
            0 => self.people.forger.clone(),
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
            tag: FixedBytes(if said { tag } else { [0; 4] }),
            textHash: self.word(),
            r: B256::ZERO,
            vs: B256::ZERO,
        };
        (answer, (!silent).then_some(key))
    }

    /// Adds an answer with its signature.
    fn answer(
        &self,
        given: &mut Series,
        key_hash: B256,
        mut answer: ServedAnswer,
        key: Option<PrivateKeySigner>,
    ) -> Result<(), Difference> {
        let signer = key.as_ref().map_or(Address::ZERO, PrivateKeySigner::address);
        if let Some(key) = key {
            let nth = given.signers.iter().filter(|signer| !signer.is_zero()).count() as u64;
            let receipt =
                self.model.series_receipt(&given.license, &given.series, nth, key_hash, &answer);
            (answer.r, answer.vs) = sign_short(&key, self.model.receipt_digest(&receipt))?;
        }
        given.signers.push(signer);
        given.answers.push(answer);
        Ok(())
    }

    fn spoil_series(&mut self, given: &mut Series) {
        let word = self.word();
        let Some(bundle) = given.opened.first_mut() else { return };
        match self.random.random_range(0..60_u32) {
            0 => bundle.leaves[0].salt = word,
            1 => bundle.leaves.swap(0, 1),
            2 => drop(bundle.leaves.pop()),
            3 => drop(bundle.siblings.pop()),
            4 => drop(given.answers.pop()),
            5 => drop(given.opened.pop()),
            _ => {}
        }
    }
}
