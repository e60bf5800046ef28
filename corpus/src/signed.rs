//! Signed images: what `espsecure sign-data` made of bundled ones. The keys were thrown away.

/// One signed image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Name without extension, for instance `c3_4k_signed_rsa3072`; behind it, where one name would stand for two,
    /// what is special.
    pub name: &'static str,
    /// How it is signed, as espsecure spells the key type: `rsa3072`, `ecdsa256`, `ecdsa384`.
    pub scheme: &'static str,
    /// The command that made it.
    pub command: &'static str,
    /// The file: the image, padded to a whole sector, and the sector with its one signature block.
    pub bytes: &'static [u8],
}

/// The signed image of this name (without extension), for instance `c3_4k_signed_rsa3072`.
pub fn signed(name: &str) -> Option<&'static Signed> {
    SIGNED.iter().find(|image| image.name == name)
}

macro_rules! signed {
    ($image:literal, $scheme:literal) => {
        signed!($image, $scheme, "")
    };
    ($image:literal, $scheme:literal, $special:literal) => {
        Signed {
            name: concat!($image, "_signed_", $scheme, $special),
            scheme: $scheme,
            command: concat!(
                "espsecure sign-data --version 2 --keyfile ",
                $scheme,
                $special,
                ".pem --output ",
                $image,
                "_signed_",
                $scheme,
                $special,
                ".bin ",
                $image,
                ".bin"
            ),
            bytes: include_bytes!(concat!(
                "../signed/",
                $image,
                "_signed_",
                $scheme,
                $special,
                ".bin"
            )),
        }
    };
}

/// Every signed image.
pub static SIGNED: &[Signed] = &[
    signed!("c3_4k", "rsa3072"),
    signed!("c3_4k", "ecdsa256"),
    signed!("c3_4k", "ecdsa384"),
    signed!("c3_securepad2", "ecdsa256"),
    // A key made by `openssl genrsa -3 3072`: its exponent is 3.
    signed!("c3_4k", "rsa3072", "_e3"),
];
