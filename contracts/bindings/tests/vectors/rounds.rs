//! Words, seals, hand-outs and sheets of rounds.

use super::*;
use oml_contracts::round::{
    CaseWords, HandOut, SEAT_KEYS, Seal, SeatIndex, SheetChain, SheetTags, WordIndex,
    deployment_commitment, keys_hash, round_id, round_word,
};

/// The definition of the tree: pairs, level by level.
fn plain_root(words: &[RoundWord]) -> B256 {
    let mut level: Vec<B256> = words.iter().map(|word| b(*word)).collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| keccak256((pair[0], pair[1]).abi_encode())).collect();
    }
    level[0]
}

fn words(license: LicenseId) -> Vec<RoundWord> {
    let word = |index: WordIndex| {
        let (account, salt) = keys_of(index);
        let word = round_word(license, index, account, &salt);
        let tag = keccak256("OML.round.v1");
        let direct = (tag, b(license), U256::from(index.get()), a(account), b(salt));
        assert_eq!(b(word), keccak256(direct.abi_encode_params()));
        word
    };
    WordIndex::all().map(word).collect()
}

/// Account and salt of a word.
fn keys_of(index: WordIndex) -> (EthAddress, Salt) {
    let i = u32::from(index.get());
    (address("sealer", i), Salt::new(bytes("wordSalt", i)))
}

struct Signed {
    seal: Seal,
    hand_out: HandOut,
}

/// Seals and hand-outs, whose digests alloy computes too.
fn signed(words: &[RoundWord], rounds: EthAddress) -> Vec<Signed> {
    let domain = Domain { chain_id: CHAIN, verifying_contract: rounds };
    let theirs = eip712_domain! {
        name: "OML",
        version: "1",
        chain_id: CHAIN,
        verifying_contract: a(rounds),
    };
    let make = |i: u32| {
        let word = words[i as usize];
        let deployment = DeploymentCommitment::new(bytes("commitment", i));
        let payer = address("payer", i);
        let seal = Seal { word, deployment, seats: 16, payer, promise_bps: bps(250) };
        let hash = sol::Seal {
            word: b(word),
            deployment: b(deployment),
            seats: 16,
            payer: a(payer),
            promiseBps: 250,
        };
        assert_eq!(b(seal.digest(&domain)), hash.eip712_signing_hash(&theirs));
        let hand_out = HandOut {
            round: RoundId::new(bytes("round", i)),
            seat: SeatIndex(u8::try_from(i).unwrap()),
            keys: KeysHash::new(bytes("keys", i)),
            deployment,
        };
        let hash = sol::HandOut {
            roundId: b(hand_out.round),
            seat: hand_out.seat.0,
            keysHash: b(hand_out.keys),
            deployment: b(deployment),
        };
        assert_eq!(b(hand_out.digest(&domain)), hash.eip712_signing_hash(&theirs));
        Signed { seal, hand_out }
    };
    (0..3).map(make).collect()
}

/// Seat of the first sheet; the next one is of the next seat.
const FIRST_SEAT: u8 = 5;

/// The chain after one sheet and after two, held against alloy's encoder.
fn chains(prover: EthAddress, keys: KeysHash, tags: &SheetTags) -> [B256; 2] {
    let mut chain = SheetChain::default();
    let mut direct = FixedBytes::<28>::ZERO;
    [FIRST_SEAT, FIRST_SEAT + 1].map(|seat| {
        chain = chain.linked(SeatIndex(seat), prover, keys, tags);
        let fields = (direct, U256::from(seat), a(prover), b(keys), B256::new(tags.word()));
        direct = FixedBytes::from_slice(&keccak256(fields.abi_encode_params())[..28]);
        assert_eq!(chain.bytes(), direct.0);
        B256::right_padding_from(&direct[..])
    })
}

pub(crate) fn rounds() -> Value {
    let (contract, license) = (address("rounds", 0), LicenseId::new(bytes("license", 0)));
    let words = words(license);
    let tree = CaseWords::new(&words).unwrap();
    assert_eq!(b(tree.root()), plain_root(&words));
    let proven: Vec<WordIndex> = [0, 1, 63, 64, 127].map(|i| WordIndex::new(i).unwrap()).to_vec();
    let siblings: Vec<[u8; 32]> = proven.iter().flat_map(|index| tree.proof(*index)).collect();
    let ids: Vec<RoundId> = WordIndex::all()
        .map(|index| {
            let (word, account) = (tree.word(index), keys_of(index).0);
            let id = round_id(word, account);
            assert_eq!(b(id), keccak256((b(word), a(account)).abi_encode_params()));
            id
        })
        .collect();

    let deployment = hash::deployment_hash("http://127.0.0.1:9001");
    let access = AccessHash::new(bytes("access", 0));
    let salt = Salt::new(bytes("salt", 0));
    let commitment = deployment_commitment(deployment, access, &salt);
    let direct = (b(deployment), b(access), b(salt)).abi_encode_params();
    assert_eq!(b(commitment), keccak256(direct));

    let key_hashes: [KeyHash; SEAT_KEYS] =
        std::array::from_fn(|i| KeyHash::new(bytes("key", u32::try_from(i).unwrap())));
    let keys = keys_hash(&key_hashes);
    let direct: Vec<u8> = key_hashes.iter().flat_map(|key| *key.as_bytes()).collect();
    assert_eq!(b(keys), keccak256(direct));
    let tags = SheetTags(
        texts()
            .map(tag_of)
            .into_iter()
            .chain([tag_of("b")])
            .collect::<Vec<_>>()
            .try_into()
            .unwrap(),
    );
    let prover = address("prover", 0);
    let chains = chains(prover, keys, &tags);

    let signed = signed(&words, contract);
    let domain = Domain { chain_id: CHAIN, verifying_contract: contract };
    let key = SigningKey::from_slice(&bytes("key", 0)).unwrap();
    json!({
        "chainId": CHAIN.to_string(), "rounds": contract, "licenseId": license,
        "account": column(&WordIndex::all().collect::<Vec<_>>(), |i| keys_of(*i).0.to_string()),
        "wordSalt": column(&WordIndex::all().collect::<Vec<_>>(), |i| keys_of(*i).1.to_string()),
        "word": column(&words, ToString::to_string),
        "roundId": column(&ids, ToString::to_string),
        "casesRoot": tree.root(),
        "proven": column(&proven, |i| i.get().to_string()),
        "sibling": column(&siblings, |s| hex(s)),
        "deploymentHash": deployment, "accessHash": access, "salt": salt,
        "commitment": commitment,
        "signer": EthAddress::of_key(key.verifying_key()),
        "seats": "16", "promiseBps": "250",
        "sealDeployment": column(&signed, |s| s.seal.deployment.to_string()),
        "sealPayer": column(&signed, |s| s.seal.payer.to_string()),
        "sealDigest": column(&signed, |s| s.seal.digest(&domain).to_string()),
        "sealSignature": column(&signed, |s| s.seal.sign(&domain, &key).unwrap().to_string()),
        "handOutRoundId": column(&signed, |s| s.hand_out.round.to_string()),
        "handOutKeysHash": column(&signed, |s| s.hand_out.keys.to_string()),
        "handOutDigest": column(&signed, |s| s.hand_out.digest(&domain).to_string()),
        "keyHash": column(&key_hashes, ToString::to_string),
        "keysHash": keys, "tags": hex(tags.word()), "prover": prover, "sheetSeat": FIRST_SEAT.to_string(),
        "chainOfOne": chains[0], "chainOfTwo": chains[1],
    })
}
