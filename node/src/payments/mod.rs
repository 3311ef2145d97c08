//! Vouchers on the payer's side, redemption on the host's.
