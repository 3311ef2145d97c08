//! Vouchers and receipts.

use super::*;

#[expect(clippy::too_many_lines, reason = "one table of one file")]
pub(crate) fn eip712() -> Value {
    let (escrow, manager) = (address("escrow", 0), address("proofs", 0));
    let vouchers_domain = Domain { chain_id: CHAIN, verifying_contract: escrow };
    let receipts_domain = Domain { chain_id: CHAIN, verifying_contract: manager };
    let alloy_domain = |contract| {
        eip712_domain! {
            name: "OML",
            version: "1",
            chain_id: CHAIN,
            verifying_contract: a(contract),
        }
    };
    let key = SigningKey::from_slice(&bytes("key", 0)).unwrap();
    let vouchers: Vec<Voucher> = (0..3)
        .map(|i| Voucher {
            channel_id: ChannelId::new(bytes("channel", i)),
            cumulative_amount: Amount::new(u128::MAX >> (60 * i)),
            cumulative_requests: u64::from(i) + 1,
            cumulative_tokens: u64::MAX >> (30 * i),
            request_hash: RequestHash::new(bytes("request", i)),
        })
        .collect();
    let receipts: Vec<Receipt> = (0..3)
        .map(|i| Receipt {
            license_id: LicenseId::new(bytes("license", i)),
            key_epoch: u32::MAX >> (15 * i),
            channel_id: ChannelId::new(bytes("channel", i)),
            seq: u64::from(i),
            cumulative_requests: u64::from(i) + 1,
            cumulative_tokens: u64::MAX >> (30 * i),
            served_at: 1_800_000_000 + u64::from(i),
            request_hash: RequestHash::new(bytes("request", i)),
            response_hash: ResponseHash::new(bytes("response", i)),
        })
        .collect();
    for v in &vouchers {
        let theirs = sol::Voucher {
            channelId: b(v.channel_id),
            cumulativeAmount: v.cumulative_amount.get(),
            cumulativeRequests: v.cumulative_requests,
            cumulativeTokens: v.cumulative_tokens,
            requestHash: b(v.request_hash),
        };
        let digest = theirs.eip712_signing_hash(&alloy_domain(escrow));
        assert_eq!(b(v.digest(&vouchers_domain)), digest);
    }
    for r in &receipts {
        let theirs = sol::Receipt {
            licenseId: b(r.license_id),
            keyEpoch: r.key_epoch,
            channelId: b(r.channel_id),
            seq: r.seq,
            cumulativeRequests: r.cumulative_requests,
            cumulativeTokens: r.cumulative_tokens,
            servedAt: r.served_at,
            requestHash: b(r.request_hash),
            responseHash: b(r.response_hash),
        };
        let digest = theirs.eip712_signing_hash(&alloy_domain(manager));
        assert_eq!(b(r.digest(&receipts_domain)), digest);
    }
    let closes: Vec<Close> = vouchers
        .iter()
        .zip([0, 1, 2])
        .map(|(v, i)| Close {
            channel_id: v.channel_id,
            deposited: Amount::new(u128::MAX >> (50 * i)),
            final_amount: v.cumulative_amount,
        })
        .collect();
    for close in &closes {
        let theirs = sol::Close {
            channelId: b(close.channel_id),
            deposited: close.deposited.get(),
            finalAmount: close.final_amount.get(),
        };
        let digest = theirs.eip712_signing_hash(&alloy_domain(escrow));
        assert_eq!(b(close.digest(&vouchers_domain)), digest);
    }
    let voucher_signature = |v: &Voucher| v.sign(&vouchers_domain, &key).unwrap().to_string();
    let receipt_signature = |r: &Receipt| r.sign(&receipts_domain, &key).unwrap().to_string();
    json!({
        "chainId": CHAIN.to_string(), "escrow": escrow, "proofs": manager,
        "escrowSeparator": hex(vouchers_domain.separator()),
        "proofsSeparator": hex(receipts_domain.separator()),
        "signer": EthAddress::of_key(key.verifying_key()),
        "voucherChannelId": column(&vouchers, |v| v.channel_id.to_string()),
        "voucherCumulativeAmount": column(&vouchers, |v| v.cumulative_amount.to_string()),
        "voucherCumulativeRequests": column(&vouchers, |v| v.cumulative_requests.to_string()),
        "voucherCumulativeTokens": column(&vouchers, |v| v.cumulative_tokens.to_string()),
        "voucherRequestHash": column(&vouchers, |v| v.request_hash.to_string()),
        "voucherDigest": column(&vouchers, |v| v.digest(&vouchers_domain).to_string()),
        "voucherSignature": column(&vouchers, voucher_signature),
        "closeDeposited": column(&closes, |c| c.deposited.get().to_string()),
        "closeDigest": column(&closes, |c| c.digest(&vouchers_domain).to_string()),
        "closeSignature": column(&closes, |c| {
            c.sign(&vouchers_domain, &key).unwrap().to_string()
        }),
        "receiptLicenseId": column(&receipts, |r| r.license_id.to_string()),
        "receiptKeyEpoch": column(&receipts, |r| r.key_epoch.to_string()),
        "receiptChannelId": column(&receipts, |r| r.channel_id.to_string()),
        "receiptSeq": column(&receipts, |r| r.seq.to_string()),
        "receiptCumulativeRequests": column(&receipts, |r| r.cumulative_requests.to_string()),
        "receiptCumulativeTokens": column(&receipts, |r| r.cumulative_tokens.to_string()),
        "receiptServedAt": column(&receipts, |r| r.served_at.to_string()),
        "receiptRequestHash": column(&receipts, |r| r.request_hash.to_string()),
        "receiptResponseHash": column(&receipts, |r| r.response_hash.to_string()),
        "receiptDigest": column(&receipts, |r| r.digest(&receipts_domain).to_string()),
        "receiptSignature": column(&receipts, receipt_signature),
    })
}
