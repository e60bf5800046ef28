//! Which updates are measured: sizes, chunks and ways of erasing, on every chip.

use fault_tests::ota::made;
use sim_flash::{Geometry, Profile};

use super::bound::Bound;
use super::machine::SLOT;
use super::update::{Case, Erasing, NotMeasured, Policy, Update, update};

/// Sizes of the image in bytes.
pub const SIZES: [u32; 3] = [64 << 10, 256 << 10, 1 << 20];

/// Bytes handed to each `write`.
pub const CHUNKS: [u32; 9] = [
    256,
    512,
    1 << 10,
    2 << 10,
    4 << 10,
    8 << 10,
    16 << 10,
    32 << 10,
    64 << 10,
];

/// A chip, and every update that was measured on it.
#[derive(Clone, Debug)]
pub struct Chip {
    /// The profile's name.
    pub name: String,
    /// The bound, and the updates of each size that fits.
    pub sizes: Vec<(u32, Option<Bound>, Vec<Measured>)>,
}

/// An update, and what it cost.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The update.
    pub case: Case,
    /// What it cost, if it could be had.
    pub cost: Result<Update, NotMeasured>,
}

/// Measures everything, on as many threads as there are chips.
///
/// # Panics
///
/// If a measurement does.
pub fn measure() -> Vec<Chip> {
    std::thread::scope(|scope| {
        let all = [
            scope.spawn(|| measure_chip(&Profile::w25q64jv())),
            scope.spawn(|| measure_chip(&Profile::w25q128jv())),
            scope.spawn(|| measure_chip(&Profile::mx25r6435f())),
            scope.spawn(|| measure_chip(&Profile::gd25q32c())),
            scope.spawn(|| measure_chip(&Profile::rp2040())),
            scope.spawn(|| measure_chip(&Profile::nrf52840())),
            scope.spawn(|| measure_chip(&Profile::nrf52832())),
            scope.spawn(|| measure_chip(&Profile::stm32l4())),
            scope.spawn(|| measure_chip(&Profile::esp32_encrypted())),
            scope.spawn(|| measure_chip(&Profile::esp32c3_encrypted())),
        ];
        { all }
            .map(|chip| chip.join().expect("a measurement does not panic"))
            .into()
    })
}

/// Measures every update on one chip.
pub fn measure_chip<G: Geometry>(profile: &Profile<G>) -> Chip {
    let size = |len: u32| {
        let image = made::image(len as usize, u64::from(len));
        let measured = cases(len).map(|case| Measured {
            case,
            cost: update(profile, case, &image),
        });
        let fits = SLOT + len <= profile.size();
        let bound = fits.then(|| Bound::of(profile, SLOT..SLOT + len, len));
        (len, bound, measured.collect())
    };
    Chip {
        name: profile.name().to_owned(),
        sizes: SIZES.map(size).into(),
    }
}

/// Every update of an image of this size.
fn cases(len: u32) -> impl Iterator<Item = Case> {
    Policy::ALL.into_iter().flat_map(move |policy| {
        Erasing::ALL.into_iter().flat_map(move |erasing| {
            CHUNKS.into_iter().map(move |chunk| Case {
                policy,
                erasing,
                chunk,
                len,
            })
        })
    })
}
