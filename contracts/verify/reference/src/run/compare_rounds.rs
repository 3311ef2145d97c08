//! Rounds, ledgers, provers, tickets and seats: all of them, at the end of a sequence.

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolValue;
use oml_contracts::rpc::abi::{ProverRegistry, Rounds};

use super::compare::same;
use super::difference::Difference;
use super::world::World;
use crate::agreed::Coin;
use crate::model::{BURN, INDICES, ReferenceModel, SealedRound};

fn word(account: Address) -> U256 {
    U256::from_be_bytes(account.into_word().0)
}

impl World {
    /// Everything that level 2 knows.
    pub(super) fn compare_rounds(&mut self) -> Result<(), Difference> {
        for (id, round) in self.model.court.rounds.clone() {
            self.compare_round(id, &round)?;
            self.compare_sheets(id, &round)?;
            self.compare_seats(id, &round)?;
        }
        self.compare_ledgers()?;
        for (place, round) in self.model.court.flags.clone() {
            let call = Rounds::flagOfCall { deploymentHash: place };
            let found = self.chain.read(self.model.rounds, &call)?;
            same("flag", round.into(), found.into())?;
        }
        self.compare_fees()?;
        self.compare_provers()?;
        self.compare_tickets()?;
        self.compare_stakes()
    }

    fn compare_round(&mut self, id: B256, round: &SealedRound) -> Result<(), Difference> {
        let found = self.chain.read(self.model.rounds, &Rounds::roundCall { roundId: id })?;
        let what = format!("round {id}");
        same(&what, U256::from(round.sealed_at), U256::from(found.sealedAt))?;
        same(&what, U256::from(round.beacon_round), U256::from(found.beaconRound))?;
        same(&what, U256::from(round.tickets), U256::from(found.tickets))?;
        same(&what, U256::from(round.seats), U256::from(found.seats))?;
        let status = round.outcome.status() as u8;
        same(&what, U256::from(status), U256::from(found.status as u8))?;
        same(&what, U256::from(round.promise), U256::from(found.promiseBps))?;
        let paid = round.paid.iter().fold(0_u32, |bits, seat| bits | 1 << seat);
        same(&what, U256::from(paid), U256::from(found.paid))?;
        same(&what, word(round.payer), word(found.payer))?;
        same(&what, round.deployment.into(), found.deployment.into())?;
        let call = Rounds::convictedByCall { roundId: id };
        let found = self.chain.read(self.model.rounds, &call)?;
        same(&what, round.convicted.unwrap_or_default().into(), found.into())
    }

    fn compare_sheets(&mut self, id: B256, round: &SealedRound) -> Result<(), Difference> {
        let bits = round.sheets.iter().fold(0_u32, |bits, sheet| bits | 1 << sheet.seat);
        let mut chain = B256::ZERO;
        for sheet in &round.sheets {
            // A list of words, of which the first has 28 bytes, is encoded like a struct of them.
            chain = keccak256((chain, sheet.clone()).abi_encode());
            chain[28..].fill(0);
        }
        let found = self.chain.read(self.model.rounds, &Rounds::sheetsCall { roundId: id })?;
        same(&format!("who answered {id}"), U256::from(bits), U256::from(found.answered))?;
        let found = B256::right_padding_from(&found.chain[..]);
        same(&format!("sheets of {id}"), chain.into(), found.into())
    }

    /// What the contract owes each prover, and what it would burn.
    fn compare_fees(&mut self) -> Result<(), Difference> {
        for prover in self.model.court.fees.keys().copied().collect::<Vec<_>>() {
            let found = self.chain.read(self.model.rounds, &Rounds::feesCall { prover })?;
            let expected = U256::from(self.model.fees_of(prover));
            same(&format!("fees of {prover}"), expected, found)?;
        }
        let found = self.chain.read(self.model.rounds, &Rounds::unearnedFeesCall {})?;
        same("fees to burn", U256::from(self.model.court.unearned), found)
    }

    /// Whose seats those of a pending round are: of others nobody has to know it any more.
    fn compare_seats(&mut self, id: B256, round: &SealedRound) -> Result<(), Difference> {
        let Some(seed) = self.model.seed_of(id) else { return Ok(()) };
        if self.model.time > self.model.opens_until(round) {
            return Ok(());
        }
        let found = self.chain.read(self.model.rounds, &Rounds::seedOfCall { roundId: id })?;
        same("seed", seed.into(), found.into())?;
        for seat in 0..round.seats {
            let Some((ticket, holder)) = self.model.seat_of(id, seed, seat) else { continue };
            let call = Rounds::seatOfCall { roundId: id, seat };
            let found = self.chain.read(self.model.rounds, &call)?;
            let what = format!("seat {seat} of {id}");
            same(&what, U256::from(ticket), U256::from(found.ticket))?;
            same(&what, word(holder.unwrap_or_default()), word(found.holder))?;
        }
        Ok(())
    }

    fn compare_ledgers(&mut self) -> Result<(), Difference> {
        for license in self.model.licenses.clone() {
            for leak in [false, true] {
                let ledger = self.model.court.ledgers.get(&(license.id, leak)).cloned();
                let ledger = ledger.unwrap_or_default();
                let call = Rounds::ledgerCall { licenseId: license.id, leak };
                let found = self.chain.read(self.model.rounds, &call)?;
                let what = format!("ledger of {}", license.id);
                let log = ledger.log(ReferenceModel::premium(&license.reference, leak));
                let bits = |log: i64| U256::from(log.cast_unsigned());
                same(&what, bits(log), bits(found.logA))?;
                same(&what, U256::from(ledger.charged()), U256::from(found.charged))?;
                let opened = (0..INDICES).filter(|index| ledger.opened.contains_key(index));
                let opened = opened.fold(0_u64, |bits, index| bits | 1 << index);
                same(&what, U256::from(opened), U256::from(found.opened))?;
            }
        }
        Ok(())
    }

    fn compare_provers(&mut self) -> Result<(), Difference> {
        for (account, prover) in self.model.tickets.provers.clone() {
            let call = ProverRegistry::proverCall { account };
            let found = self.chain.read(self.model.tickets.address, &call)?;
            let what = format!("prover {account}");
            let tickets = self.model.tickets.held_by(account).len();
            same(&what, prover.encryption_key.into(), found.encryptionKey.into())?;
            same(&what, U256::from(tickets), U256::from(found.tickets))?;
            same(&what, U256::from(prover.alive_from), U256::from(found.aliveFrom))?;
            same(&what, U256::from(prover.alive_until), U256::from(found.aliveUntil))?;
            same(&what, U256::from(prover.thaw_end), U256::from(found.thawEnd))?;
            same(&what, U256::from(prover.thawing), U256::from(found.thawing))?;
        }
        Ok(())
    }

    fn compare_tickets(&mut self) -> Result<(), Difference> {
        let address = self.model.tickets.address;
        let total = self.chain.read(address, &ProverRegistry::totalTicketsCall {})?;
        same("places", U256::from(self.model.tickets.total), U256::from(total))?;
        for (index, place) in (0..).zip(self.model.tickets.places.clone()) {
            let Some(last) = place.last() else { continue };
            let found = self.chain.read(address, &ProverRegistry::ticketCall { index })?;
            let what = format!("ticket {index}");
            same(&what, word(last.holder), word(found.owner))?;
            same(&what, U256::from(last.from), U256::from(found.validFrom))?;
            same(&what, U256::from(last.until), U256::from(found.validUntil))?;
        }
        Ok(())
    }

    /// What everybody has of the provers' money.
    fn compare_stakes(&mut self) -> Result<(), Difference> {
        let Some(docket) = &self.docket else { return Ok(()) };
        let mut people: Vec<Address> =
            docket.accounts.iter().map(PrivateKeySigner::address).collect();
        people.extend(docket.provers.iter().chain(&docket.reporters));
        people.extend([self.people.stranger, self.people.parent, BURN]);
        people.extend([self.model.rounds, self.model.tickets.address]);
        for account in people {
            for coin in [Coin::Stake, Coin::Native, Coin::Token] {
                let expected = self.model.wallets.get(&(coin, account)).copied();
                let found = self.chain.balance(coin, account)?;
                let what = format!("wallet of {account} in {coin:?}");
                same(&what, U256::from(expected.unwrap_or_default()), found)?;
            }
        }
        Ok(())
    }
}
