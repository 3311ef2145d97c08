//! Leaves and trees.

use super::*;

/// Leaf `i` of the vector universe: (salt, key hash, tags).
fn leaf_parts(i: u32) -> (Salt, KeyHash, LeafTags) {
    let tag = |j: u32| {
        let [x, y, z, ..] = bytes("candidate", i.wrapping_mul(16) + j);
        // Spread over the range, distinct by construction.
        Tag::new([u8::try_from(16 * j + 1).unwrap(), x, y, z])
    };
    let tags: Vec<Tag> = (0..16).map(tag).collect();
    let tags = LeafTags::new(tags.try_into().unwrap()).unwrap();
    (Salt::new(bytes("leafSalt", i)), KeyHash::new(bytes("leafKey", i)), tags)
}

fn leaf_of(model: ModelId, i: u32) -> LeafHash {
    let (salt, key, tags) = leaf_parts(i);
    leaf_hash(model, EPOCH, i, salt, key, &tags)
}

pub(crate) fn leaf() -> Value {
    let model = ModelId::new(bytes("model", 0));
    let indices = [0_u32, 1, 15, 16, 65_535, u32::MAX];
    let parts: Vec<_> = indices.map(leaf_parts).to_vec();
    let leaves = indices.map(|i| leaf_of(model, i));
    for ((i, (salt, key, tags)), leaf) in indices.iter().zip(&parts).zip(&leaves) {
        let packed: Vec<u8> = tags.as_array().iter().flat_map(|t| *t.as_bytes()).collect();
        let direct =
            (keccak256("OML.leaf.v1"), b(model), EPOCH, *i, b(*salt), b(*key)).abi_encode_packed();
        assert_eq!(direct.len() + packed.len(), 200);
        assert_eq!(b(*leaf), keccak256([direct, packed].concat()));
    }
    json!({
        "modelId": model, "epoch": EPOCH.to_string(),
        "index": column(&indices, ToString::to_string),
        "salt": column(&parts, |p| p.0.to_string()),
        "keyHash": column(&parts, |p| p.1.to_string()),
        "tags0": column(&parts, |p| hex(p.2.words()[0])),
        "tags1": column(&parts, |p| hex(p.2.words()[1])),
        "leaf": column(&leaves, ToString::to_string),
    })
}

/// The definition of the tree, over the padded leaves.
fn plain_root(leaves: &[LeafHash]) -> B256 {
    let mut level: Vec<B256> = leaves.iter().map(|leaf| b(*leaf)).collect();
    level.resize(leaves.len().max(16).next_power_of_two(), B256::ZERO);
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| keccak256((pair[0], pair[1]).abi_encode())).collect();
    }
    level[0]
}

pub(crate) fn tree() -> Value {
    let model = ModelId::new(bytes("model", 0));
    let counts = [16_u32, 32, 48, 80, 256];
    let roots: Vec<Root> = counts
        .iter()
        .map(|count| {
            let leaves: Vec<LeafHash> = (0..*count).map(|i| leaf_of(model, i)).collect();
            let tree = UniverseTree::from_leaves(leaves.iter().copied()).unwrap();
            assert_eq!(b(tree.root()), plain_root(&leaves));
            tree.root()
        })
        .collect();

    // One opened bundle in full: the last of the universe with 80 leaves.
    let (count, bundle) = (80_u32, 4_u32);
    let leaves: Vec<LeafHash> = (0..count).map(|i| leaf_of(model, i)).collect();
    let tree = UniverseTree::from_leaves(leaves.iter().copied()).unwrap();
    let siblings = tree.bundle_proof(bundle).unwrap();
    let opened: [LeafHash; 16] = leaves[64..80].try_into().unwrap();
    assert!(verify_bundle(tree.root(), count, bundle, &opened, &siblings));
    let parts: Vec<_> = (64..80).map(leaf_parts).collect();
    json!({
        "modelId": model, "epoch": EPOCH.to_string(),
        "count": column(&counts, ToString::to_string),
        "root": column(&roots, ToString::to_string),
        "bundleCount": count.to_string(), "bundle": bundle.to_string(),
        "bundleRoot": tree.root(),
        "bundleSalt": column(&parts, |p| p.0.to_string()),
        "bundleKeyHash": column(&parts, |p| p.1.to_string()),
        "bundleTags0": column(&parts, |p| hex(p.2.words()[0])),
        "bundleTags1": column(&parts, |p| hex(p.2.words()[1])),
        "bundleLeaf": column(&opened, ToString::to_string),
        "sibling": column(&siblings, |s| hex(s)),
    })
}
