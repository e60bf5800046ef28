//! The errors of this module with another idea of what a flash error is.
//!
//! A list of refusals outlives the flash that they come from; it keeps only the kind of its error.

use super::{DescError, Refusal, VerifyError};

impl<E> VerifyError<E> {
    /// The same error, with `f` applied to the flash's own.
    pub fn map_flash<G>(self, f: impl FnOnce(E) -> G) -> VerifyError<G> {
        let refusal = match self.refusal {
            Refusal::Flash(e) => Refusal::Flash(f(e)),
            Refusal::Magic { found } => Refusal::Magic { found },
        };
        VerifyError {
            at: self.at,
            refusal,
        }
    }
}

impl<E> DescError<E> {
    /// The same error, with `f` applied to the flash's own.
    pub fn map_flash<G>(self, f: impl FnOnce(E) -> G) -> DescError<G> {
        match self {
            Self::Flash(e) => DescError::Flash(f(e)),
            Self::TooShort { size } => DescError::TooShort { size },
            Self::Magic(error) => DescError::Magic(error),
        }
    }
}
