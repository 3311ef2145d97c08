//! What is kept of a sequence so that it can go on.

/// Keys and values of the positions of one sequence, per layer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sequence {
    layers: Vec<LayerPast>,
}

/// Those of one layer, `[positions, kv_heads · d]`.
#[derive(Debug, Clone, Default)]
struct LayerPast {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Sequence {
    /// Adds the keys and values of the next positions to those of a layer.
    pub(super) fn extend(&mut self, layer: usize, k: &[f32], v: &[f32]) {
        if self.layers.len() <= layer {
            self.layers.resize_with(layer + 1, Default::default);
        }
        self.layers[layer].keys.extend_from_slice(k);
        self.layers[layer].values.extend_from_slice(v);
    }

    /// Keys and values of a layer, `[positions, kv_width]`.
    pub(super) fn layer(&self, index: usize) -> (&[f32], &[f32]) {
        self.layers.get(index).map_or((&[], &[]), |past| (&past.keys, &past.values))
    }

    /// Positions held, given the width of a position.
    pub(crate) fn positions(&self, kv_width: usize) -> usize {
        self.layers.first().map_or(0, |past| past.keys.len() / kv_width)
    }
}
