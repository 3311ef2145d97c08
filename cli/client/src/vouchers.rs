//! Where the vouchers come from that a host settles: files, or the store of its node.

use crate::error::{FailureKind, HintExt, Result, fail};
use crate::files;
use oml_contracts::{ChannelId, LicenseId};
use oml_node::ledger::newest_paid;
use oml_node::store::Store;
use oml_payments::SignedVoucher;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Vouchers are cumulative: of each channel only the one with the most requests is worth sending.
pub(crate) fn newest_per_channel(vouchers: Vec<SignedVoucher>) -> Vec<SignedVoucher> {
    let mut newest: BTreeMap<ChannelId, SignedVoucher> = BTreeMap::new();
    for voucher in vouchers {
        let order = |v: &SignedVoucher| (v.cumulative_requests, v.cumulative_amount);
        if newest.get(&voucher.channel_id).is_none_or(|known| order(known) < order(&voucher)) {
            newest.insert(voucher.channel_id, voucher);
        }
    }
    newest.into_values().collect()
}

/// The vouchers that pay for the newest receipt of every channel, from a node's store; a voucher
/// whose request failed is not among them.
///
/// # Errors
/// There is no store at `url`, or it can't be read.
pub async fn from_store(url: &str, license: LicenseId) -> Result<Vec<SignedVoucher>> {
    let store = open_store(url).await?;
    let (failed, hint) = (|| unreadable(url), STORE_HINT);
    let mut vouchers = Vec::new();
    for channel in store.served_channels(license).await.hint(failed(), hint, FailureKind::Failed)? {
        let paid = newest_paid(&store, channel).await.hint(failed(), hint, FailureKind::Failed)?;
        vouchers.extend(paid.map(|(_, voucher)| voucher));
    }
    store.close().await;
    Ok(vouchers)
}

const STORE_HINT: &str = "name the store of the host's node, e.g. --store sqlite:oml-node.db";

fn unreadable(url: &str) -> String {
    format!("store {} could not be read", hide_password(url))
}

/// Opens a node's store, and makes none.
///
/// # Errors
/// There is no store at `url`, or it can't be opened.
pub async fn open_store(url: &str) -> Result<Store> {
    if let Some(path) = url.strip_prefix("sqlite:")
        && !Path::new(path.trim_start_matches("//").split('?').next().unwrap_or_default()).is_file()
    {
        let missing = format!("there is no store at {}", hide_password(url));
        return Err(fail(missing, STORE_HINT, FailureKind::Failed));
    }
    Store::open(url).await.hint(unreadable(url), STORE_HINT, FailureKind::Failed)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Box<SignedVoucher>),
    Many(Vec<SignedVoucher>),
}

/// The vouchers in these files, each of which holds one or a list.
///
/// # Errors
/// A file that can't be read or holds something else.
pub fn from_files(paths: &[PathBuf]) -> Result<Vec<SignedVoucher>> {
    let mut vouchers = Vec::new();
    for path in paths {
        let hint = "a voucher is the JSON inside a request's X-OML-Voucher header";
        match files::load(path, "a voucher or a list of vouchers", hint)? {
            OneOrMany::One(voucher) => vouchers.push(*voucher),
            OneOrMany::Many(list) => vouchers.extend(list),
        }
    }
    Ok(vouchers)
}

/// A store's URL without the password in it.
#[must_use]
pub fn hide_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((user, host)) = rest.rsplit_once('@') else { return url.to_owned() };
    let user = user.split_once(':').map_or(user, |(name, _)| name);
    format!("{scheme}://{user}:…@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::{Amount, EthAddress, RequestHash, Salt, Signature};

    fn voucher(channel: u8, requests: u64) -> SignedVoucher {
        SignedVoucher {
            channel_id: ChannelId::new([channel; 32]),
            payer: EthAddress::new([1; 20]),
            signer: EthAddress::ZERO,
            salt: Salt::new([2; 32]),
            cumulative_amount: Amount::new(u128::from(requests) * 10),
            cumulative_requests: requests,
            cumulative_tokens: requests * 7,
            request_hash: RequestHash::new([3; 32]),
            signature: Signature::new([4; 65]),
        }
    }

    #[test]
    fn only_the_newest_voucher_of_a_channel_is_claimed() {
        let newest =
            newest_per_channel(vec![voucher(1, 3), voucher(2, 1), voucher(1, 5), voucher(1, 4)]);
        assert_eq!(newest, [voucher(1, 5), voucher(2, 1)]);
    }

    #[test]
    fn files_hold_one_voucher_or_a_list() {
        let dir = tempfile::tempdir().unwrap();
        let (one, many) = (dir.path().join("one.json"), dir.path().join("many.json"));
        files::save(&one, &voucher(1, 1)).unwrap();
        files::save(&many, &vec![voucher(1, 2), voucher(2, 1)]).unwrap();
        assert_eq!(
            from_files(&[one, many]).unwrap(),
            [voucher(1, 1), voucher(1, 2), voucher(2, 1)]
        );
        let bad = dir.path().join("bad.json");
        std::fs::write(&bad, "[1]").unwrap();
        let error = from_files(&[bad]).unwrap_err();
        assert!(error.to_string().contains("bad.json is not a voucher"), "{error}");
    }

    #[tokio::test]
    async fn a_store_that_is_not_there_is_not_created() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("none.db");
        let error =
            from_store(&format!("sqlite:{}", path.display()), LicenseId::ZERO).await.unwrap_err();
        assert!(error.to_string().contains("there is no store at"), "{error}");
        assert!(!path.exists());
    }

    #[test]
    fn passwords_of_stores_are_not_shown() {
        assert_eq!(
            hide_password("postgres://me:secret@db:5432/oml"),
            "postgres://me:…@db:5432/oml"
        );
        assert_eq!(hide_password("sqlite:oml.db"), "sqlite:oml.db");
        assert_eq!(hide_password("postgres://db/oml"), "postgres://db/oml");
    }
}
