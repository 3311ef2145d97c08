//! Choosing instructions at run time: the program is compiled for any x86-64 (or other) processor.

/// Runs `work` with the widest vector instructions of this processor.
///
/// What `work` calls must be inlined to profit, so its operations are `#[inline(always)]`.
#[inline]
pub(crate) fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        if has_avx512() {
            #[expect(unsafe_code, reason = "only the caller can know the processor")]
            // SAFETY: the processor has the features, as was just asked.
            return unsafe { with_avx512(work) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            #[expect(unsafe_code, reason = "only the caller can know the processor")]
            // SAFETY: the processor has the features, as was just asked.
            return unsafe { with_avx2(work) };
        }
    }
    work()
}

/// Whether the kernels of [`gemm`](super::gemm) and sequences side by side run here; the tensor
/// library's matrix product and rows serve elsewhere.
#[inline]
pub(super) fn has_kernels() -> bool {
    if cfg!(feature = "portable-kernels") {
        return true;
    }
    #[cfg(target_arch = "x86_64")]
    {
        has_avx512()
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
fn with_avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}
