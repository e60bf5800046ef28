//! RAM: what the values that a caller keeps take, on a target with 32-bit or 64-bit addresses.
//!
//! Flash, verifier and eFuse are the caller's; here they take nothing.

use std::mem::size_of;

use ota_core::image::{ImageMetadata, UnsignedVerifier};
use ota_core::{boot, hardened, update};

/// Most bytes of each.
#[test]
fn what_a_caller_keeps_is_as_small_as_the_readme_says() {
    for (name, size, most) in [
        (
            "update::Ota",
            size_of::<update::Ota<'_, (), (), (), 1>>(),
            224,
        ),
        (
            "one more handle",
            {
                let two = size_of::<update::Ota<'_, (), (), (), 2>>();
                two - size_of::<update::Ota<'_, (), (), (), 1>>()
            },
            120,
        ),
        (
            "hardened::Ota",
            size_of::<hardened::Ota<'_, (), (), (), 1>>(),
            256,
        ),
        ("UnsignedVerifier", size_of::<UnsignedVerifier<'_>>(), 40),
        ("ImageMetadata", size_of::<ImageMetadata>(), 56),
        ("boot::Decision", size_of::<boot::Decision>(), 1888),
        ("hardened::Decision", size_of::<hardened::Decision>(), 1712),
        ("hardened::Selection", size_of::<hardened::Selection>(), 136),
    ] {
        println!("{name}: {size}");
        assert!(
            size <= most,
            "{name} takes {size} bytes, {most} are documented"
        );
    }
}
