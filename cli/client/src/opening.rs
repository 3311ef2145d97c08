//! Opening a channel so that its salt is never lost: the file is written before the money moves.
//!
//! Only the file knows the salt, and without it neither payments nor the way out work. So the file
//! is written after the rehearsal and before the transaction, with the first deposit in it, and is
//! completed when the channel is open. The same command goes on where it was stopped.

use crate::chain::{Chain, Payment};
use crate::channel::{ChangedChannel, OpenChannel, OpenedChannel};
use crate::error::{FailureKind, Result, fail, resumable};
use crate::files::{self, ChannelFile};
use crate::keep::Readers;
use oml_contracts::hash;
use oml_contracts::rpc::abi::PaymentEscrow::{self, ChannelStatus};
use std::path::Path;

/// Opens a channel of the signer and keeps it in the file `out`, which is never written over. A
/// file of the same opening, left by a command that was stopped, is gone on with. A dry run writes
/// nothing.
///
/// # Errors
/// Another file at `out`, no signer, too little money, network failure, a refusal of the contracts.
pub async fn open(chain: &Chain, order: &OpenChannel, out: &Path) -> Result<OpenedChannel> {
    let begun = begun(chain, order, out).await?;
    if let Some(file) = &begun
        && is_open(chain, file).await?
    {
        let change = ChangedChannel { channel_id: file.channel_id, transactions: Vec::new() };
        return completed(chain, file.clone(), change, out);
    }
    let is_new = begun.is_none();
    let file = match begun {
        Some(file) => file,
        None => new_channel(chain, order)?,
    };
    let call = PaymentEscrow::openChannelCall {
        r#ref: file.license.sol_ref()?,
        signer: file.signer.into(),
        salt: file.salt.into(),
        amount: order.amount.get(),
    };
    let (currency, escrow) = (file.license.terms.currency, chain.escrow());
    let deposit = Payment::new(currency, escrow, "deposit", order.amount);
    let keep = || if is_new { files::save_new(out, &file, Readers::Anyone) } else { Ok(()) };
    let paid = chain.send_paying_kept("open channel", escrow, call, &deposit, keep).await;
    let paid = resumable(paid)?;
    let change = ChangedChannel { channel_id: file.channel_id, transactions: paid.records };
    completed(chain, file, change, out)
}

/// A channel that is not on chain yet.
fn new_channel(chain: &Chain, order: &OpenChannel) -> Result<ChannelFile> {
    let OpenChannel { license, voucher_signer, amount } = order;
    let payer = chain.me()?;
    let signer = voucher_signer.unwrap_or(payer);
    let salt = files::random_salt();
    let (chain_id, escrow) = (chain.addresses().chain_id, chain.escrow().into());
    let channel_id = hash::channel_id(chain_id, escrow, license.license_id, payer, signer, salt);
    let opening = Some(*amount);
    Ok(ChannelFile { channel_id, payer, signer, salt, license: license.clone(), opening })
}

/// The same opening, if a command before this one was stopped in it.
async fn begun(chain: &Chain, order: &OpenChannel, out: &Path) -> Result<Option<ChannelFile>> {
    if !files::is_there(out) {
        return Ok(None);
    }
    let file = ChannelFile::load(out)?;
    let currency = chain.currency(file.license.terms.currency).await?;
    let (id, path) = (file.channel_id, out.display());
    let Some(deposit) = file.opening else {
        return Err(fail(
            format!("{path} holds channel {id} already, and is never written over"),
            "add to it with `oml channel deposit`, or name another file for another channel with \
             --out",
            FailureKind::Failed,
        ));
    };
    let payer = chain.me()?;
    let same = file.license == order.license
        && file.payer == payer
        && file.signer == order.voucher_signer.unwrap_or(payer)
        && deposit == order.amount;
    if same {
        return Ok(Some(file));
    }
    Err(fail(
        format!(
            "{path} holds an opening that was stopped: channel {id} of {} to license {}, signed by \
             {}, with {}",
            file.payer,
            file.license.license_id,
            file.signer,
            currency.of(deposit)
        ),
        "go on with it by the same command and values, or name another file with --out",
        FailureKind::Failed,
    ))
}

/// Whether a stopped opening has come through after all.
async fn is_open(chain: &Chain, file: &ChannelFile) -> Result<bool> {
    chain.wait_for_own_transactions().await?;
    let call = PaymentEscrow::channelCall { channelId: file.channel_id.into() };
    Ok(chain.read(chain.escrow(), call).await?.status != ChannelStatus::None)
}

/// The file without what was only needed on the way.
fn completed(
    chain: &Chain,
    file: ChannelFile,
    change: ChangedChannel,
    out: &Path,
) -> Result<OpenedChannel> {
    let file = ChannelFile { opening: None, ..file };
    if !chain.is_dry_run() {
        files::save(out, &file)?;
    }
    Ok(OpenedChannel { file, change })
}
