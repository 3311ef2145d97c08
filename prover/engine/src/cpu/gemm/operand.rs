//! Sequences side by side in the number format of a product.

use super::format::{NumberFormat, to_bfloat16, to_bytes};
use super::kernel::Panel;
use super::sums::{HalfSums, write_sums};
use crate::cpu::line::{Line, WordLine, room};
use crate::cpu::vector::Simd;

/// What an operand is prepared for.
#[derive(Clone, Copy, Debug)]
pub(in crate::cpu) struct Form {
    pub(super) format: NumberFormat,
    pub(super) inner: usize,
    /// Whether a product takes sums of halves of its panels.
    pub(in crate::cpu) halved: bool,
}

impl Form {
    /// For products of the same format and inner dimension, at least one.
    pub(in crate::cpu) fn of_all<const N: usize>(forms: [Self; N]) -> Self {
        Self { halved: forms.iter().any(|form| form.halved), ..forms[0] }
    }
}

/// Memory for activations in low precision and for sums of them, used again.
#[derive(Debug, Default)]
pub(in crate::cpu) struct Converted {
    words: Vec<WordLine>,
    scales: Vec<Line>,
    sums: Vec<Line>,
}

/// Panels of activations in the form of a product: the right operand.
pub(in crate::cpu) struct Operand<'a> {
    x: &'a [Line],
    form: Form,
    converted: &'a Converted,
}

impl<'a> Operand<'a> {
    /// Converts panels `x: [panels, inner]`.
    pub(in crate::cpu) fn new(
        simd: Simd,
        form: Form,
        x: &'a [Line],
        converted: &'a mut Converted,
    ) -> Self {
        let Form { format, inner, halved } = form;
        if halved {
            write_sums(simd, x, inner, &mut converted.sums);
        }
        if format != NumberFormat::F32 {
            let (depth, panels) = (format.words(inner), x.len() / inner);
            let count = converted.words.len().max(panels * depth);
            converted.words.resize(count, WordLine::ZERO);
            let scales = room(&mut converted.scales, panels);
            let outputs = converted.words.chunks_mut(depth).zip(scales);
            for (x, (words, scales)) in x.chunks(inner).zip(outputs) {
                match format {
                    NumberFormat::Bf16 => to_bfloat16(x, words),
                    _ => to_bytes(simd, x, words, scales),
                }
            }
        }
        Self { x, form, converted }
    }

    /// Panels two by two, with the sums of their halves.
    pub(super) fn pairs(&self) -> impl Iterator<Item = HalfSums<'_>> {
        assert!(self.form.halved, "the sums were not made");
        HalfSums::of(self.x, self.form.inner, &self.converted.sums)
    }

    /// The panel of a position, as the kernels read it.
    pub(in crate::cpu) fn panel(&self, index: usize) -> Panel<'_> {
        let Form { format, inner, .. } = self.form;
        let depth = format.words(inner);
        let words = || &self.converted.words[index * depth..][..depth];
        match format {
            NumberFormat::F32 => Panel::F32(&self.x[index * inner..][..inner]),
            NumberFormat::Bf16 => Panel::Bf16(words()),
            NumberFormat::Int8 => Panel::Int8(words(), &self.converted.scales[index]),
        }
    }
}
