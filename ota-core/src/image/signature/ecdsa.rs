//! ECDSA on P-256 and P-384, by the crates of those names.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use p256::ecdsa::signature::hazmat::PrehashVerifier;

use super::block::Block;
use super::refusal::BlockRefusal;

/// A number as the crates want it: most significant byte first.
fn reversed<const N: usize>(bytes: &[u8; N]) -> [u8; N] {
    let mut reversed = *bytes;
    reversed.reverse();
    reversed
}

macro_rules! check {
    ($(#[$doc:meta])* $name:ident, $curve:ident, $len:literal, x $x:literal, y $y:literal, r $r:literal, s $s:literal) => {
        $(#[$doc])*
        pub(super) fn $name(block: &Block<'_>) -> Result<(), BlockRefusal> {
            use $curve::ecdsa::{Signature, VerifyingKey};

            let x = reversed(block.field::<$x, $len>());
            let y = reversed(block.field::<$y, $len>());
            let point = $curve::Sec1Point::from_affine_coordinates(&x.into(), &y.into(), false);
            let key = VerifyingKey::from_sec1_point(&point).map_err(|_| BlockRefusal::Key)?;
            let r = reversed(block.field::<$r, $len>());
            let s = reversed(block.field::<$s, $len>());
            // Neither may be 0, nor as large as the order of the curve.
            let signature =
                Signature::from_scalars(r, s).map_err(|_| BlockRefusal::Signature)?;
            key.verify_prehash(block.image_digest(), &signature)
                .map_err(|_| BlockRefusal::Signature)
        }
    };
}

check!(
    /// Checks the signature of a block by the key in it.
    check_p256, p256, 32, x 37, y 69, r 101, s 133
);
check!(
    /// Checks the signature of a block by the key in it.
    check_p384, p384, 48, x 53, y 101, r 149, s 197
);
