//! The contracts' bytecode in an EVM of this process.

use std::collections::BTreeSet;

use alloy::primitives::{Address, Bytes, LogData, TxKind, U256};
use alloy::sol_types::{SolCall, SolValue};
use oml_contracts::rpc::abi::{ProverRegistry, Token};
use oml_contracts::rpc::creation_code;
use revm::context::result::{EVMError, ExecutionResult, InvalidTransaction, Output};
use revm::context::{BlockEnv, Context, TxEnv};
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::hardfork::SpecId;
use revm::state::{AccountInfo, Bytecode};
use revm::{Database, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext, MainnetEvm};

use crate::agreed::{CHAIN_ID, Coin, HASHES, MARGIN, block_hash};
use crate::settings::{ProofAuthority, RoundAuthority, Settings};
use crate::tokens::{self, TokenCode};
use crate::wallets::{self, WalletCode};

/// Gas of every call: below the cap of EIP-7825.
const GAS: u64 = 16_000_000;

/// The account that deploys everything.
const DEPLOYER: Address = Address::repeat_byte(0xde);

type Db = CacheDB<EmptyDB>;
type Vm = MainnetEvm<revm::handler::MainnetContext<Db>>;

/// What a transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// It went through, with these logs of the contracts under test.
    Done {
        /// What the call returned.
        output: Bytes,
        /// Who emitted what, in order; transfers of the token left out.
        logs: Vec<(Address, LogData)>,
    },
    /// It reverted with this data.
    Reverted(Bytes),
}

/// The deployed contracts and the EVM that runs them.
pub(crate) struct LocalEvm {
    vm: Vm,
    block: BlockEnv,
    /// Accounts that are contracts and make their calls by their operator.
    wallets: BTreeSet<Address>,
    /// Address of `LicenseRegistry`.
    pub(crate) registry: Address,
    /// Address of `CollateralVault`.
    pub(crate) vault: Address,
    /// Address of `PaymentEscrow`.
    pub(crate) escrow: Address,
    /// Address of `RandaoBeacon`.
    pub(crate) beacon: Address,
    /// Address of `TestToken`.
    pub(crate) token: Address,
    /// `Proofs`, or the account that takes its place.
    pub(crate) proofs: Address,
    /// `Rounds`, or the account that takes its place.
    pub(crate) rounds: Address,
    /// Address of `ProverRegistry`, where there is one.
    pub(crate) provers: Address,
    /// Address of another `TestToken`, for stakes.
    pub(crate) stake: Address,
}

impl std::fmt::Debug for LocalEvm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalEvm").field("registry", &self.registry).finish_non_exhaustive()
    }
}

/// Why the chain could not be set up or run: a fault of this program, not of the contracts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetUpError(pub String);

impl std::fmt::Display for SetUpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the chain of the reference model can't be set up: {}", self.0)
    }
}

impl std::error::Error for SetUpError {}

fn failed(what: &str, cause: impl std::fmt::Debug) -> SetUpError {
    SetUpError(format!("{what}: {cause:?}"))
}

fn first_block(time: u64) -> BlockEnv {
    BlockEnv {
        number: U256::from(1_000),
        timestamp: U256::from(time),
        gas_limit: 1_000_000_000,
        ..BlockEnv::default()
    }
}

fn machine(database: Db, block: &BlockEnv) -> Vm {
    Context::mainnet()
        .with_db(database)
        .with_block(block.clone())
        .modify_cfg_chained(|cfg| {
            cfg.chain_id = CHAIN_ID;
            cfg.set_spec_and_mainnet_gas_params(SpecId::PRAGUE);
            cfg.disable_nonce_check = true;
        })
        .build_mainnet()
}

impl LocalEvm {
    /// Deploys registry, vault, escrow, beacon, token and, where it is not an account, the contract
    /// of proofs.
    ///
    /// # Errors
    /// [`SetUpError`].
    pub(crate) fn new(settings: &Settings) -> Result<Self, SetUpError> {
        let block = first_block(settings.time);
        let [registry, vault, escrow, beacon, token, stake, contract, provers, court] =
            [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|nonce| DEPLOYER.create(nonce));
        let proofs = match &settings.proofs {
            ProofAuthority::Account(account) => *account,
            ProofAuthority::Contract(_) => contract,
        };
        let (rounds, wallets) = match &settings.rounds {
            RoundAuthority::Account(account, _) => (*account, BTreeSet::from([*account])),
            RoundAuthority::Contract(..) => (court, BTreeSet::new()),
        };
        let vm = machine(CacheDB::new(EmptyDB::default()), &block);
        let mut chain = Self {
            vm,
            block,
            wallets,
            registry,
            vault,
            escrow,
            beacon,
            token,
            proofs,
            rounds,
            provers,
            stake,
        };
        chain.know_blocks(1_000 - HASHES..1_000);
        let arguments = (vault, escrow, proofs, rounds, beacon).abi_encode_params();
        chain.deploy("LicenseRegistry", arguments, registry)?;
        let arguments = (registry, escrow, proofs, rounds).abi_encode_params();
        chain.deploy("CollateralVault", arguments, vault)?;
        chain.deploy("PaymentEscrow", (registry, vault).abi_encode_params(), escrow)?;
        let randao = (U256::from(MARGIN), U256::from(1)).abi_encode_params();
        chain.deploy("RandaoBeacon", randao, beacon)?;
        for place in [token, stake] {
            let arguments = ("Test Dollar".to_owned(), "TUSD".to_owned(), U256::from(18));
            chain.deploy("TestToken", arguments.abi_encode_params(), place)?;
        }
        if let ProofAuthority::Contract(config) = &settings.proofs {
            let arguments = (registry, vault, escrow, config.clone()).abi_encode_params();
            chain.deploy("Proofs", arguments, contract)?;
        }
        chain.establish_rounds(&settings.rounds)?;
        Ok(chain)
    }

    /// The contracts of level 2, or the account in their place.
    fn establish_rounds(&mut self, authority: &RoundAuthority) -> Result<(), SetUpError> {
        let (config, provers) = match authority {
            RoundAuthority::Account(account, windows) => {
                let code = Bytecode::new_legacy(wallets::judge(*windows));
                return self.set_code(*account, code);
            }
            RoundAuthority::Contract(config, provers, coin) => {
                let currency = if coin.is_native() { Address::ZERO } else { self.stake };
                let provers = ProverRegistry::Config { stakeCurrency: currency, ..provers.clone() };
                (config.clone(), provers)
            }
        };
        let (registry, vault, beacon) = (self.registry, self.vault, self.beacon);
        let (place, court) = (self.provers, self.rounds);
        self.deploy("ProverRegistry", provers.abi_encode_params(), place)?;
        let arguments = (registry, vault, place, beacon, config).abi_encode_params();
        self.deploy("Rounds", arguments, court)
    }

    /// Another chain with the same past.
    #[must_use]
    pub(crate) fn fork(&self) -> Self {
        let database = self.vm.ctx.journaled_state.database.clone();
        Self {
            vm: machine(database, &self.block),
            block: self.block.clone(),
            wallets: self.wallets.clone(),
            ..*self
        }
    }

    fn deploy(
        &mut self,
        contract: &'static str,
        arguments: Vec<u8>,
        expected: Address,
    ) -> Result<(), SetUpError> {
        let data = creation_code(contract, &arguments).map_err(|e| failed("bytecode", e))?;
        let tx = TxEnv {
            caller: DEPLOYER,
            kind: TxKind::Create,
            data,
            gas_limit: GAS,
            gas_price: 0,
            chain_id: Some(CHAIN_ID),
            ..TxEnv::default()
        };
        let result = self.vm.transact_commit(tx).map_err(|e| failed("creation", e))?;
        match result {
            ExecutionResult::Success { output: Output::Create(_, Some(place)), .. }
                if place == expected =>
            {
                Ok(())
            }
            other => Err(failed("creation", other)),
        }
    }

    /// Gives native currency.
    pub(crate) fn fund(&mut self, account: Address, amount: u128) {
        let info = AccountInfo { balance: U256::from(amount), ..AccountInfo::default() };
        self.vm.ctx.journaled_state.database.insert_account_info(account, info);
    }

    /// Makes an account a wallet that answers like this when it is asked for signatures.
    ///
    /// # Errors
    /// [`SetUpError`].
    pub(crate) fn make_wallet(
        &mut self,
        account: Address,
        says: WalletCode,
    ) -> Result<(), SetUpError> {
        self.set_code(account, Bytecode::new_legacy(wallets::code(says)))?;
        self.wallets.insert(account);
        Ok(())
    }

    /// Makes an account a wallet that takes no money.
    ///
    /// # Errors
    /// [`SetUpError`].
    pub(crate) fn make_refusing_wallet(&mut self, account: Address) -> Result<(), SetUpError> {
        self.set_code(account, Bytecode::new_legacy(wallets::refusing()))?;
        self.wallets.insert(account);
        Ok(())
    }

    /// Lets the provers' token behave like this from now on.
    ///
    /// # Errors
    /// [`SetUpError`].
    pub(crate) fn change_stake_token(&mut self, does: &TokenCode) -> Result<(), SetUpError> {
        let code = tokens::code(does, self.token);
        self.set_code(self.stake, Bytecode::new_legacy(code))
    }

    /// Lets an account, whose key still works, delegate to the code of a wallet (EIP-7702).
    ///
    /// # Errors
    /// [`SetUpError`].
    pub(crate) fn delegate(&mut self, account: Address, to: Address) -> Result<(), SetUpError> {
        self.set_code(account, Bytecode::new_eip7702(to))
    }

    fn set_code(&mut self, account: Address, code: Bytecode) -> Result<(), SetUpError> {
        let database = &mut self.vm.ctx.journaled_state.database;
        let info = database.basic(account).map_err(|e| failed("account", e))?;
        database.insert_account_info(account, info.unwrap_or_default().with_code(code));
        Ok(())
    }

    /// Runs one transaction of an account, or of the operator of a wallet that makes the call.
    ///
    /// # Errors
    /// [`SetUpError`] if the EVM itself fails; a revert is an outcome.
    pub(crate) fn call(
        &mut self,
        from: Address,
        to: Address,
        value: u128,
        data: Vec<u8>,
    ) -> Result<CallOutcome, SetUpError> {
        if self.wallets.contains(&from) {
            let data = wallets::forwarded(to, value, &data);
            return self.transact(DEPLOYER, from, 0, data);
        }
        self.transact(from, to, value, data)
    }

    fn transact(
        &mut self,
        from: Address,
        to: Address,
        value: u128,
        data: Vec<u8>,
    ) -> Result<CallOutcome, SetUpError> {
        let tx = TxEnv {
            caller: from,
            kind: TxKind::Call(to),
            value: U256::from(value),
            data: data.into(),
            gas_limit: GAS,
            gas_price: 0,
            chain_id: Some(CHAIN_ID),
            ..TxEnv::default()
        };
        let result = match self.vm.transact_commit(tx) {
            // Who sends more than it has is refused before any code runs.
            Err(EVMError::Transaction(InvalidTransaction::LackOfFundForMaxFee { .. })) => {
                return Ok(CallOutcome::Reverted(Bytes::new()));
            }
            other => other.map_err(|e| failed("transaction", e))?,
        };
        match result {
            ExecutionResult::Success { logs, output, .. } => {
                let tokens = [self.token, self.stake];
                let logs = logs.into_iter().filter(|log| !tokens.contains(&log.address));
                Ok(CallOutcome::Done {
                    output: output.into_data(),
                    logs: logs.map(|log| (log.address, log.data)).collect(),
                })
            }
            ExecutionResult::Revert { output, .. } => Ok(CallOutcome::Reverted(output)),
            other => Err(failed("transaction", other)),
        }
    }

    /// Calls a view.
    ///
    /// # Errors
    /// [`SetUpError`] if it reverts or returns something else.
    pub(crate) fn read<C: SolCall>(
        &mut self,
        to: Address,
        call: &C,
    ) -> Result<C::Return, SetUpError> {
        match self.call(Address::ZERO, to, 0, call.abi_encode())? {
            CallOutcome::Done { output, .. } => {
                C::abi_decode_returns(&output).map_err(|e| failed(C::SIGNATURE, e))
            }
            CallOutcome::Reverted(reason) => Err(failed(C::SIGNATURE, reason)),
        }
    }

    /// What an account has of a coin.
    ///
    /// # Errors
    /// [`SetUpError`].
    pub(crate) fn balance(&mut self, coin: Coin, account: Address) -> Result<U256, SetUpError> {
        if coin.is_native() {
            let info = self.vm.ctx.journaled_state.database.basic(account);
            return Ok(info.map_err(|e| failed("account", e))?.unwrap_or_default().balance);
        }
        let token = if coin == Coin::Stake { self.stake } else { self.token };
        self.read(token, &Token::balanceOfCall { account })
    }

    /// Lets blocks and time pass.
    pub(crate) fn pass(&mut self, blocks: u64, seconds: u64) {
        let number: u64 = self.block.number.saturating_to();
        self.know_blocks(number..number + blocks);
        self.block.number += U256::from(blocks);
        self.block.timestamp += U256::from(seconds);
        self.vm.set_block(self.block.clone());
    }

    /// Gives the database the hashes of these blocks.
    fn know_blocks(&mut self, numbers: std::ops::Range<u64>) {
        let database = &mut self.vm.ctx.journaled_state.database;
        for number in numbers {
            database.cache.block_hashes.insert(U256::from(number), block_hash(number));
        }
    }
}
