//! Rebuttals, verdicts, and what they credit.

use alloy::primitives::{Address, B256, U256, keccak256};
use num_bigint::BigUint;
use oml_contracts::evidence::{EvidenceCounts, EvidenceTerms, Multiplier, exact};
use oml_contracts::leaf::BUNDLE_LEAVES;
use oml_contracts::rpc::abi::ChallengeManager::{self, Outcome};
use oml_contracts::rpc::abi::{self, CaseStatus, PaymentEscrow};
use rand::Rng;

use super::counts::Reached;
use super::difference::Difference;
use super::docket::{Care, Docket};
use super::world::{Call, World};
use crate::agreed::Coin;
use crate::model::{Case, CaseFindings, Payment, SignatureFacts, UniverseState, weigh};

impl World {
    pub(super) fn go_on_rebuttal(&mut self, at: usize, case: &Case) -> Result<(), Difference> {
        let rebuts = self.docket(at).is_some_and(|docket| docket.rebuts);
        if self.model.time <= case.deadline && rebuts && !self.chance(8) {
            return self.rebut(at, Care::Right);
        }
        if self.model.time <= case.deadline {
            self.pass_to(case.deadline, 1);
        }
        self.resolve(at, Care::Right)
    }

    /// A member's voucher for a tested request, right or wrong.
    fn payment(&mut self, case: &Case, member: Address, key: B256) -> Payment {
        let paying = |c: &&crate::model::Channel| {
            c.license == case.license && (c.payer == member || c.signer == member)
        };
        let channel = self.model.channels.iter().find(paying).cloned();
        let terms = &case.reference.license.terms;
        let requests = u64::from(!self.chance(40));
        let tokens = self.random.random_range(0..50_u64);
        let price = u128::from(requests) * terms.pricePerRequest
            + u128::from(tokens) * terms.pricePerThousandTokens / 1000;
        let amount = match self.random.random_range(0..20_u32) {
            0 => price.saturating_sub(1),
            1 => channel.as_ref().map_or(0, |c| c.deposited) + 1,
            2 => channel.as_ref().map_or(0, |c| c.deposited),
            _ => price,
        };
        let kind = if self.chance(3) { "OML.request.plain.v1" } else { "OML.request.v1" };
        let request = keccak256([keccak256(kind), terms.modelId, key].concat());
        Payment {
            payer: channel.as_ref().map_or(member, |c| c.payer),
            signer: channel.as_ref().map_or(Address::ZERO, |c| c.signer),
            salt: channel.as_ref().map_or(B256::ZERO, |c| c.salt),
            amount,
            requests,
            tokens,
            request: if self.chance(25) { self.word() } else { request },
            signature: SignatureFacts::default(),
        }
    }

    /// Signs the payment, mostly.
    fn voucher(
        &mut self,
        license: B256,
        given: &mut Payment,
    ) -> Result<PaymentEscrow::ClaimRow, Difference> {
        let channel = self.model.channel_id(license, given.payer, given.signer, given.salt);
        let Payment { amount, requests, tokens, request, .. } = *given;
        let digest = self.voucher_digest(channel, amount, requests, tokens, request);
        let right = if given.signer.is_zero() { given.payer } else { given.signer };
        let good = !self.chance(25);
        let (bytes, signature) = self.signature(right, digest, good)?;
        given.signature = signature;
        Ok(PaymentEscrow::ClaimRow {
            payer: given.payer,
            signer: given.signer,
            salt: given.salt,
            cumulativeAmount: given.amount,
            cumulativeRequests: given.requests,
            cumulativeTokens: given.tokens,
            requestHash: given.request,
            signature: bytes,
        })
    }

    /// Who pays, having opened a channel; mostly a member.
    fn paying_member(&mut self, case: &Case) -> Result<Address, Difference> {
        let committee = case.drawn.clone().unwrap_or_default().committee;
        let at = self.below(committee.len());
        let member = committee.get(at).copied().unwrap_or(self.people.payers[0]);
        let member = if self.chance(20) { self.people.payers[0] } else { member };
        let open = |c: &crate::model::Channel| {
            c.license == case.license && (c.payer == member || c.signer == member)
        };
        if !self.model.channels.iter().any(open) {
            // Half of them pay with a session key, or let another account pay.
            let (payer, signer) = match self.random.random_range(0..5_u32) {
                0 => (member, self.people.session),
                1 => (self.people.payers[1], member),
                2 => (member, self.any_wallet()),
                _ => (member, Address::ZERO),
            };
            self.open_channel_of(case.license, payer, signer)?;
        }
        Ok(member)
    }

    pub(super) fn rebut(&mut self, at: usize, care: Care) -> Result<(), Difference> {
        let Some(docket) = self.docket(at) else { return Ok(()) };
        let Some(case) = self.case_of(&docket) else { return Ok(()) };
        let member = self.paying_member(&case)?;
        let mut keys = docket.keys();
        // Few fingerprints, so that several members show vouchers for the same.
        let mut fingerprint = u16::try_from(self.below(keys.len().min(2))).unwrap_or(0);
        let key = keys.get(usize::from(fingerprint)).copied().unwrap_or_default();
        let mut given = self.payment(&case, member, key);
        let mut drawn = case.drawn.clone().unwrap_or_default();
        let mut found = case.outcome.clone().unwrap_or_default();
        let mut reference = docket.reference.clone();
        if care.spoils() {
            match self.random.random_range(0..6_u32) {
                0 => reference = self.spoiled_reference(&reference),
                1 => drawn = self.spoiled_draw(&drawn),
                2 => found = self.spoiled_outcome(&found),
                3 => drop(keys.pop()),
                4 => fingerprint = u16::try_from(keys.len()).unwrap_or(0),
                _ => {}
            }
        }
        let license = self.model.licenses[case.license].id;
        let voucher = self.voucher(license, &mut given)?;
        let data = ChallengeManager::rebutCall {
            r#ref: reference.clone(),
            drawn: drawn.clone(),
            outcome: found.clone(),
            openedKeyHashes: keys.clone(),
            fingerprint,
            voucher,
        };
        let call = Call::new(self.model.manager, "rebut", self.people.stranger, 0, &data);
        let findings = CaseFindings { drawn: &drawn, outcome: &found, keys: &keys };
        let verdict = self.model.rebut(&reference, findings, fingerprint, &given);
        self.hold(&call, verdict)?;
        self.compare_case(docket.id)
    }

    fn spoiled_outcome(&mut self, found: &Outcome) -> Outcome {
        let mut spoiled = found.clone();
        let bit = U256::from(1) << self.below(48);
        match self.random.random_range(0..3_u32) {
            0 => spoiled.hits ^= bit,
            1 => spoiled.outside ^= bit,
            _ => spoiled.keysHash = self.word(),
        }
        spoiled
    }

    pub(super) fn resolve(&mut self, at: usize, care: Care) -> Result<(), Difference> {
        let Some(docket) = self.docket(at) else { return Ok(()) };
        let Some(case) = self.case_of(&docket) else { return Ok(()) };
        self.resolve_of(&docket, &case, care)
    }

    pub(super) fn resolve_of(
        &mut self,
        docket: &Docket,
        case: &Case,
        care: Care,
    ) -> Result<(), Difference> {
        let mut reference = docket.reference.clone();
        let mut drawn = case.drawn.clone().unwrap_or_default();
        let (mut asked, mut found) = (case.asked, case.outcome.clone().unwrap_or_default());
        if care.spoils() || self.chance(10) {
            match self.random.random_range(0..8_u32) {
                0 => reference = self.spoiled_reference(&reference),
                1 => drawn = self.spoiled_draw(&drawn),
                2 => asked = self.word(),
                3 => found = self.spoiled_outcome(&found),
                _ => {}
            }
        }
        let data = ChallengeManager::resolveCall {
            r#ref: reference.clone(),
            drawn: drawn.clone(),
            questionsHash: asked,
            outcome: found.clone(),
        };
        let call = Call::new(self.model.manager, "resolve", self.people.stranger, 0, &data);
        let verdict = self.model.resolve(&reference, &drawn, asked, &found);
        let ended = verdict.is_ok();
        self.hold(&call, verdict)?;
        self.compare_case(docket.id)?;
        if ended { self.ended(docket, case.status) } else { Ok(()) }
    }

    /// Counts how the case ended, and holds the verdict against exact products.
    fn ended(&mut self, docket: &Docket, before: CaseStatus) -> Result<(), Difference> {
        let Some(case) = self.case_of(docket) else { return Ok(()) };
        let leak = case.reference.leak;
        let turn = match (case.status, before, leak, case.slashes()) {
            (CaseStatus::Upheld, _, false, _) => "upheld",
            (CaseStatus::Upheld, _, true, true) => "leak upheld, host answers",
            (CaseStatus::Upheld, _, true, false) => "leak upheld, flag only",
            (CaseStatus::Dismissed, _, false, _) => "dismissed",
            (CaseStatus::Dismissed, ..) => "leak dismissed",
            (_, CaseStatus::Opened, ..) => "void: not drawn",
            (_, CaseStatus::Drawn, ..) => "void: no questions",
            _ if case.commits as usize == 0 => "void: nobody committed",
            _ => self.late_turn(&case),
        };
        self.counts.reach(Reached::Turn(turn));
        let members = case.drawn.as_ref().map_or(0, |drawn| drawn.committee.len());
        if usize::from(case.reveals) < members && case.outcome.is_some() {
            self.counts.reach(Reached::Turn("judged without all members"));
        }
        if case.dissenters != 0 {
            self.counts.reach(Reached::Turn("judged with a dissenter"));
        }
        if case.reference.license.terms.epoch != 0 && case.outcome.is_some() {
            self.counts.reach(Reached::Turn("judged by a later universe"));
        }
        if !case.removed.is_zero() {
            self.counts.reach(Reached::Turn("judged with an observation removed"));
        }
        match &case.outcome {
            Some(found) => self.exact(&case, found),
            None => Ok(()),
        }
    }

    fn late_turn(&self, case: &Case) -> &'static str {
        let needed = crate::model::quorum(self.model.court.config.committeeSize.into());
        if usize::from(case.commits) < needed {
            "void: too few committed"
        } else if usize::from(case.reveals) < needed {
            "void: too few revealed"
        } else {
            "void: leaves not opened"
        }
    }

    /// No verdict against the host may rest on less than the exact evidence.
    fn exact(&mut self, case: &Case, found: &Outcome) -> Result<(), Difference> {
        let terms = &case.reference.license.terms.evidence;
        let weighed = weigh(terms, case, self.model.court.config.bundlesPerCase, found);
        let bounds = EvidenceTerms {
            personal_hit: Multiplier::new(terms.personalHit),
            personal_miss: Multiplier::new(terms.personalMiss),
            shared_hit: Multiplier::new(terms.sharedHit),
            shared_miss: Multiplier::new(terms.sharedMiss),
            assignment_p: terms.assignmentP,
            alpha_inverse: terms.alphaInverse,
        };
        let counts = EvidenceCounts {
            personal_hits: weighed.personal.0,
            personal_misses: weighed.personal.1,
            shared_inside: weighed.shared.0,
            shared_outside: weighed.shared.1,
        };
        let factor = BigUint::from(terms.alphaInverse)
            * BigUint::from(case.reference.cases)
            * BigUint::from(case.reference.licenses);
        let reaches = exact::reaches(&bounds, counts, &factor);
        if case.status == CaseStatus::Upheld && !reaches {
            return Err(Difference::Balance {
                what: format!("exact evidence of {}", case.id),
                expected: U256::ZERO,
                found: U256::from(1),
            });
        }
        if case.status == CaseStatus::Dismissed && reaches {
            self.counts.reach(Reached::Turn("dismissed by rounding"));
        }
        Ok(())
    }

    /// Bonds, fees and rewards are pulled.
    pub(super) fn pull_bonds(&mut self) -> Result<(), Difference> {
        let owed = self.model.court.balances.iter().filter(|(_, amount)| **amount != 0);
        let owed: Vec<(Coin, Address)> = owed.map(|(whose, _)| *whose).collect();
        let at = self.below(owed.len());
        let known = owed.get(at).copied().filter(|_| !self.chance(6));
        let (coin, by) =
            known.unwrap_or((Coin::native_if(self.random.random()), self.people.stranger));
        let to = match self.below(16) {
            0 => Address::ZERO,
            1..=4 => self.people.owner,
            _ => by,
        };
        let currency = if coin.is_native() { Address::ZERO } else { self.model.token };
        let data = ChallengeManager::withdrawBalanceCall { currency, to };
        let call = Call::new(self.model.manager, "withdrawBalance (bonds)", by, 0, &data);
        let verdict = self.model.pull_bonds(coin, by, to);
        self.hold(&call, verdict).map(drop)
    }

    // ---- The end of a sequence

    /// Cases, words, credits, flags, and the universe.
    pub(super) fn compare_court(&mut self) -> Result<(), Difference> {
        for case in self.model.court.cases.clone().into_values() {
            self.compare_case(case.id)?;
            for member in case.drawn.unwrap_or_default().committee {
                self.compare_word(case.id, member)?;
            }
        }
        for ((coin, account), amount) in self.model.court.balances.clone() {
            let currency = if coin.is_native() { Address::ZERO } else { self.model.token };
            let call = ChallengeManager::balanceOfCall { currency, account };
            let found = self.chain.read(self.model.manager, &call)?;
            super::compare::same(&format!("bonds of {account}"), U256::from(amount), found)?;
        }
        for (deployment, case) in self.model.court.flags.clone() {
            let call = ChallengeManager::flagOfCall { deploymentHash: deployment };
            let found = self.chain.read(self.model.manager, &call)?;
            super::compare::same("flag", case.into(), found.into())?;
        }
        Ok(())
    }

    pub(super) fn compare_universe(&mut self, universe: &UniverseState) -> Result<(), Difference> {
        let (model, epoch) = (universe.model, universe.epoch);
        let call = abi::LicenseRegistry::universeCall { modelId: model, epoch };
        let found = self.chain.read(self.model.registry, &call)?;
        let seed = universe.seed.unwrap_or_default();
        super::compare::same(
            "licenses",
            U256::from(universe.licenses),
            U256::from(found.licenses),
        )?;
        super::compare::same("cases", U256::from(universe.cases), U256::from(found.cases))?;
        super::compare::same("model seed", seed.into(), found.seed.into())?;
        for bundle in 0..(universe.personal + universe.shared) / BUNDLE_LEAVES {
            let call = abi::LicenseRegistry::isBurnedCall { modelId: model, epoch, bundle };
            let found = self.chain.read(self.model.registry, &call)?;
            let burned = universe.burned.contains(&bundle);
            super::compare::same(
                "burned",
                U256::from(u8::from(burned)),
                U256::from(u8::from(found)),
            )?;
        }
        Ok(())
    }
}
