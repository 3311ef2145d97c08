//! How many seats a round has, and how many of them are struck.

/// Leaves that each seat asks about, all of them its own.
pub const LEAVES_PER_SEAT: u8 = 8;

/// Why no round has this size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoundSizeError {
    /// Not a size that an offer may name.
    #[error("{0} seats is no size of a round; choose 8, 16, 24 or 32 (4 on a local chain only)")]
    Unknown(u8),
    /// Nobody would be left to decide.
    #[error(
        "{struck} of {seats} seats can't be struck; strike fewer than there are, of at most 32"
    )]
    Struck {
        /// Seats of the round.
        seats: u8,
        /// Seats to strike.
        struck: u8,
    },
}

/// Seats of a round (N) and how many of them, those with most hits, are struck (c).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoundSize {
    seats: u8,
    struck: u8,
}

impl RoundSize {
    /// What a demo on a local chain with three provers uses; one hostile seat more frames.
    pub const DEMO: Self = Self { seats: 4, struck: 1 };

    /// What an offer may name: c = ⌊3N/5⌋.
    pub const OFFERED: [Self; 4] = [
        Self { seats: 8, struck: 4 },
        Self { seats: 16, struck: 9 },
        Self { seats: 24, struck: 14 },
        Self { seats: 32, struck: 19 },
    ];

    /// The size with so many seats, if an offer may name it.
    ///
    /// # Errors
    /// [`RoundSizeError::Unknown`].
    pub fn offered(seats: u8) -> Result<Self, RoundSizeError> {
        let known = Self::OFFERED.into_iter().chain([Self::DEMO]);
        known.into_iter().find(|size| size.seats == seats).ok_or(RoundSizeError::Unknown(seats))
    }

    /// Any size, for comparisons; contracts know only the [offered](Self::offered) ones.
    ///
    /// # Errors
    /// [`RoundSizeError::Struck`] if nobody is left, or above 32 seats.
    pub const fn any(seats: u8, struck: u8) -> Result<Self, RoundSizeError> {
        if struck >= seats || seats > 32 {
            return Err(RoundSizeError::Struck { seats, struck });
        }
        Ok(Self { seats, struck })
    }

    /// What is left of a round without so many seats that have every hit, which are struck first;
    /// there may be no seat left.
    #[must_use]
    pub(crate) const fn without(self, seats: u8) -> Self {
        Self { seats: self.seats.saturating_sub(seats), struck: self.struck.saturating_sub(seats) }
    }

    /// N: how many seats are drawn.
    #[must_use]
    pub const fn seats(self) -> u8 {
        self.seats
    }

    /// c: how many hostile seats do no harm to an innocent.
    #[must_use]
    pub const fn struck(self) -> u8 {
        self.struck
    }

    /// Seats whose leaves decide.
    #[must_use]
    pub const fn kept(self) -> u8 {
        self.seats - self.struck
    }

    /// Leaves that a round burns.
    #[must_use]
    pub const fn leaves(self) -> u16 {
        self.seats as u16 * LEAVES_PER_SEAT as u16
    }

    /// Leaves that decide: whichever of them is not a hit is a miss.
    #[must_use]
    pub const fn kept_leaves(self) -> u16 {
        self.kept() as u16 * LEAVES_PER_SEAT as u16
    }
}
