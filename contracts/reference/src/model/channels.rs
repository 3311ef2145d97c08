//! Channels, claims and balances: the escrow's rules.

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::rpc::abi;

use super::{
    BPS, Channel, Events, License, MAX_96, Model, Refused, Row, Status, Verdict, require, share,
    time40,
};
use crate::evm::CHAIN_ID;

impl Model {
    /// Channel id by its formula.
    #[must_use]
    pub fn channel_id(&self, license: B256, payer: Address, signer: Address, salt: B256) -> B256 {
        let chain = U256::from(CHAIN_ID);
        keccak256((chain, self.escrow, license, payer, signer, salt).abi_encode_params())
    }

    /// `openChannel`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn open_channel(
        &mut self,
        at: usize,
        payer: Address,
        (signer, salt): (Address, B256),
        amount: u128,
        value: u128,
    ) -> Verdict {
        self.atomically(|m| {
            let license = m.license(at)?;
            require(license.status == Status::Active && m.time <= license.deadline)?;
            require(amount != 0 && amount <= MAX_96)?;
            let id = m.channel_id(license.id, payer, signer, salt);
            require(m.channels.iter().all(|channel| channel.id != id))?;
            m.pull(license.native, payer, m.escrow, amount, value)?;
            m.channels.push(Channel {
                license: at,
                id,
                payer,
                signer,
                salt,
                deposited: amount,
                claimed: 0,
                reserved: 0,
                thaw_end: 0,
            });
            Ok(vec![
                m.escrow_event(&abi::PaymentEscrow::ChannelOpened {
                    channelId: id,
                    licenseId: license.id,
                    payer,
                    signer,
                    salt,
                    currency: m.currency(license.native),
                    thawPeriod: license.reference.terms.thawPeriod,
                }),
                m.escrow_event(&abi::PaymentEscrow::ChannelDeposited {
                    channelId: id,
                    amount,
                    deposited: amount,
                }),
            ])
        })
    }

    /// `deposit`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn deposit(&mut self, at: usize, by: Address, amount: u128, value: u128) -> Verdict {
        self.atomically(|m| {
            let channel = m.channels.get(at).cloned().ok_or(Refused::ANY)?;
            let license = m.license(channel.license)?;
            let deposited = channel.deposited.saturating_add(amount);
            require(amount != 0 && deposited <= MAX_96)?;
            m.pull(license.native, by, m.escrow, amount, value)?;
            m.channels[at].deposited = deposited;
            Ok(vec![m.escrow_event(&abi::PaymentEscrow::ChannelDeposited {
                channelId: channel.id,
                amount,
                deposited,
            })])
        })
    }

    /// The escrow's `startThaw`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn thaw_channel(&mut self, at: usize) -> Verdict {
        let channel = self.channels.get(at).cloned().ok_or(Refused::ANY)?;
        let license = self.license(channel.license)?;
        require(channel.thaw_end == 0)?;
        let thaw_end = self.time + license.reference.terms.thawPeriod.to::<u64>();
        self.channels[at].thaw_end = thaw_end;
        Ok(vec![self.escrow_event(&abi::PaymentEscrow::ChannelThawing {
            channelId: channel.id,
            thawEnd: time40(thaw_end),
        })])
    }

    /// The escrow's `withdraw`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn withdraw_channel(&mut self, at: usize) -> Verdict {
        self.atomically(|m| {
            let channel = m.channels.get(at).cloned().ok_or(Refused::ANY)?;
            let license = m.license(channel.license)?;
            require(channel.thaw_end != 0 && m.time >= channel.thaw_end)?;
            let kept = channel.claimed.max(channel.reserved);
            let amount = channel.deposited - kept;
            m.channels[at].deposited = kept;
            m.channels[at].thaw_end = 0;
            m.pay(license.native, m.escrow, channel.payer, amount)?;
            Ok(vec![m.escrow_event(&abi::PaymentEscrow::ChannelWithdrawn {
                channelId: channel.id,
                payer: channel.payer,
                amount,
            })])
        })
    }

    /// `close` by the host's call, or by its signature if `signed`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn close(&mut self, at: usize, by: Address, last: u128, signed: bool) -> Verdict {
        self.atomically(|m| {
            let channel = m.channels.get(at).cloned().ok_or(Refused::ANY)?;
            let license = m.license(channel.license)?;
            require(by == license.reference.host || signed)?;
            let kept = channel.claimed.max(channel.reserved).max(last);
            require(kept < channel.deposited)?;
            m.channels[at].deposited = kept;
            m.channels[at].thaw_end = 0;
            m.pay(license.native, m.escrow, channel.payer, channel.deposited - kept)?;
            Ok(vec![m.escrow_event(&abi::PaymentEscrow::ChannelClosed {
                channelId: channel.id,
                finalAmount: kept,
                toPayer: channel.deposited - kept,
            })])
        })
    }

    /// Why a row is not taken; 0 if it is. Numbers are those of `ClaimError`.
    fn fault(&self, license: &License, row: &Row, limit: u128) -> u8 {
        let Some(channel) = row.channel.and_then(|at| self.channels.get(at)) else { return 1 };
        let terms = &license.reference.terms;
        let price = U256::from(row.requests) * U256::from(terms.pricePerRequest)
            + U256::from(row.tokens) * U256::from(terms.pricePerThousandTokens) / U256::from(1000);
        if row.amount <= channel.claimed {
            2
        } else if U256::from(row.amount) < price {
            3
        } else if row.amount > channel.deposited {
            4
        } else if row.amount - channel.claimed > limit {
            6
        } else if !row.signed {
            5
        } else {
            0
        }
    }

    /// `claim`.
    ///
    /// # Errors
    /// [`super::Refused`] for a license that does not exist.
    pub fn claim(&mut self, at: usize, rows: &[Row]) -> Result<(Events, u128), Refused> {
        let license = self.license(at)?;
        let ratio = u128::from(license.reference.terms.minCollateralRatioBps);
        let limit = license.collateral * BPS / ratio;
        let mut events = Vec::new();
        let mut total = 0;
        for row in rows {
            let fault = self.fault(&license, row, limit - total);
            if let (0, Some(channel)) = (fault, row.channel) {
                let amount = row.amount - self.channels[channel].claimed;
                self.channels[channel].claimed = row.amount;
                total += amount;
                events.push(self.escrow_event(&abi::PaymentEscrow::VoucherClaimed {
                    channelId: row.channel_id,
                    amount,
                    cumulativeAmount: row.amount,
                }));
            } else {
                let reason =
                    abi::PaymentEscrow::ClaimError::try_from(fault).map_err(|_| Refused::ANY)?;
                events.push(self.escrow_event(&abi::PaymentEscrow::VoucherRejected {
                    channelId: row.channel_id,
                    reason,
                }));
            }
        }
        if total != 0 {
            let for_owner = share(total, license.reference.terms.ownerShareBps);
            let host = license.reference.host;
            *self.balances.entry((license.native, host)).or_default() += total - for_owner;
            let (to_owner, to_parents) = self.credit_owner(&license, for_owner);
            events.push(self.escrow_event(&abi::PaymentEscrow::ClaimSplit {
                licenseId: license.id,
                total,
                toHost: total - for_owner,
                toOwner: to_owner,
                toParents: to_parents,
            }));
        }
        Ok((events, total))
    }

    /// `reserve`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn reserve(&mut self, at: usize, row: &Row) -> Verdict {
        let license = self.license(at)?;
        require(self.fault(&license, row, u128::MAX) == 0)?;
        let channel = row.channel.ok_or(Refused::ANY)?;
        require(row.amount > self.channels[channel].reserved)?;
        self.channels[channel].reserved = row.amount;
        Ok(vec![self.escrow_event(&abi::PaymentEscrow::VoucherReserved {
            channelId: row.channel_id,
            cumulativeAmount: row.amount,
        })])
    }

    /// `withdrawBalance`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn pull_balance(&mut self, native: bool, by: Address, to: Address) -> Verdict {
        self.atomically(|m| {
            let amount = m.balances.remove(&(native, by)).unwrap_or_default();
            require(amount != 0 && !to.is_zero())?;
            m.pay(native, m.escrow, to, amount)?;
            Ok(vec![m.escrow_event(&abi::PaymentEscrow::BalanceWithdrawn {
                currency: m.currency(native),
                account: by,
                to,
                amount: U256::from(amount),
            })])
        })
    }
}
