//! The example's device, and images that do not verify.

#[path = "parsers/checks.rs"]
#[expect(
    dead_code,
    reason = "the seeds need its flash, its checks are the parsers'"
)]
mod checks;
#[path = "../examples/update.rs"]
#[expect(dead_code, reason = "its `main` is for the command line")]
mod example;
#[path = "parsers/seeds.rs"]
#[expect(dead_code, reason = "the parsers need more of them")]
mod seeds;

use std::fs;
use std::path::{Path, PathBuf};

/// A folder with the device's flash and the images that it is offered.
struct Desk(PathBuf);

impl Desk {
    /// A new device that runs `image`.
    fn new(name: &str, image: &[u8]) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        let desk = Self(folder);
        fs::write(desk.path("first.bin"), image).unwrap();
        desk.device("new", "first.bin", &[]).unwrap();
        desk
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_str().unwrap().to_owned()
    }

    fn device(&self, command: &str, image: &str, options: &[&str]) -> Result<(), String> {
        let paths = [self.path("flash.bin"), self.path(image)];
        let words = [command, &paths[0], &paths[1]];
        let words: Vec<String> = words
            .iter()
            .chain(options)
            .map(|w| (*w).to_owned())
            .collect();
        example::device(&words).map_err(|failure| failure.to_string())
    }

    /// Offers an image, until the device is done with it.
    fn offer(&self, image: &[u8], options: &[&str]) -> Result<(), String> {
        fs::write(self.path("offer.bin"), image).unwrap();
        self.device("run", "offer.bin", options)
    }

    /// Whether the device runs `image` and wants no other, offered that one.
    fn runs(&self, image: &[u8], options: &[&str]) -> bool {
        let before = fs::read(self.path("flash.bin")).unwrap();
        self.offer(image, options).unwrap();
        let after = fs::read(self.path("flash.bin")).unwrap();
        before == after
    }
}

#[test]
fn an_image_that_is_not_whole_is_an_error_and_the_one_before_it_runs() {
    let [first, second] = [1, 2].map(|version| seeds::image_of(700, version));
    let desk = Desk::new("example-unsigned", &first);
    let mut damaged = second.clone();
    damaged[400] ^= 4;
    let refused = desk.offer(&damaged, &[]).unwrap_err();
    assert!(refused.contains("checksum"), "{refused}");
    // Offered again it is no better.
    assert!(desk.offer(&damaged, &[]).is_err());
    assert!(desk.offer(&second, &[]).is_ok());
    assert!(desk.runs(&second, &[]));
}

#[cfg(not(feature = "secure-boot-ecdsa"))]
#[test]
fn without_the_feature_no_key_is_trusted_rather_than_every_image() {
    let image = seeds::image_of(700, 1);
    let desk = Desk::new("example-featureless", &image);
    assert!(desk.offer(&image, &["--trusts", "00"]).is_err());
}

#[cfg(feature = "secure-boot-ecdsa")]
#[test]
fn a_device_that_trusts_a_key_takes_what_it_signed_and_nothing_else() {
    use signed::{digest_of, sign};

    let [first, second, third] = [1, 2, 3].map(|version| seeds::image_of(700, version));
    let desk = Desk::new("example-signed", &sign(&first, 7));
    let key = digest_of(7);
    let options = ["--trusts", key.as_str()];
    for (offered, why) in [
        (second.clone(), "there is none"),
        (sign(&second, 8), "no eFuse holds the digest of its key"),
    ] {
        let refused = desk.offer(&offered, &options).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    assert!(desk.offer(&sign(&third, 7), &options).is_ok());
    assert!(desk.runs(&sign(&third, 7), &options));
    // Nor does it run anything else, be it there.
    let stranger = digest_of(8);
    assert!(desk.offer(&third, &["--trusts", &stranger]).is_err());
    assert!(desk.offer(&third, &["--trusts", "no digest"]).is_err());
}

/// Signed images.
#[cfg(feature = "secure-boot-ecdsa")]
#[path = "wavering/sign.rs"]
mod signed;
