//! The firmware images: real output of `esptool elf2image` on made-up sections.

/// One firmware image, as `esptool` wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Name without extension, for instance `c3_64k`: chip, then roughly the size.
    pub name: &'static str,
    /// The chip it is built for, as esptool spells it: `esp32c3`, `esp32`, `esp32s3`, `esp32c6`.
    pub chip: &'static str,
    /// Version in the application descriptor.
    pub version: &'static str,
    /// Anti-rollback version in the application descriptor.
    pub secure_version: u32,
    /// What the linked file held.
    pub sections: Sections,
    /// The command that made it.
    pub command: &'static str,
    /// The file, from the header's first byte to the last byte of the hash.
    pub bytes: &'static [u8],
}

impl Image {
    /// Size of the file in bytes.
    pub const fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// Sizes in bytes of the sections of the file that an image was made from. 0: no such section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sections {
    /// Application descriptor, always 256; first in the mapped read-only data.
    pub app_desc: u32,
    /// Mapped read-only data after the descriptor.
    pub rodata: u32,
    /// Mapped code.
    pub text: u32,
    /// Initialised data, copied to RAM.
    pub dram: u32,
    /// Code copied to RAM.
    pub iram: u32,
}

/// The bundled image of this name (without extension), for instance `c3_64k`.
pub fn image(name: &str) -> Option<&'static Image> {
    IMAGES.iter().find(|image| image.name == name)
}

macro_rules! image {
    ($name:literal, $chip:literal, $version:literal, $secure_version:literal, [$app_desc:literal, $rodata:literal, $text:literal, $dram:literal, $iram:literal], $command:literal) => {
        Image {
            name: $name,
            chip: $chip,
            version: $version,
            secure_version: $secure_version,
            sections: Sections {
                app_desc: $app_desc,
                rodata: $rodata,
                text: $text,
                dram: $dram,
                iram: $iram,
            },
            command: $command,
            bytes: include_bytes!(concat!("../images/", $name, ".bin")),
        }
    };
}

/// Every bundled image.
pub static IMAGES: &[Image] = &[
    image!(
        "c3_min",
        "esp32c3",
        "1.0.0",
        0,
        [256, 0, 0, 0, 16],
        "esptool --chip esp32c3 elf2image --flash-mode dio --flash-freq 40m --flash-size 4MB -o c3_min.bin c3_min.elf"
    ),
    image!(
        "c3_4k",
        "esp32c3",
        "1.0.0",
        0,
        [256, 2048, 0, 1000, 700],
        "esptool --chip esp32c3 elf2image --flash-mode dio --flash-freq 40m --flash-size 4MB -o c3_4k.bin c3_4k.elf"
    ),
    image!(
        "c3_4k_v2",
        "esp32c3",
        "2.0.0",
        0,
        [256, 2048, 0, 1000, 700],
        "esptool --chip esp32c3 elf2image --flash-mode dio --flash-freq 40m --flash-size 4MB -o c3_4k_v2.bin c3_4k_v2.elf"
    ),
    image!(
        "c3_secver3",
        "esp32c3",
        "3.0.0",
        3,
        [256, 2048, 0, 1000, 700],
        "esptool --chip esp32c3 elf2image --flash-mode dio --flash-freq 40m --flash-size 4MB -o c3_secver3.bin c3_secver3.elf"
    ),
    image!(
        "c3_nodigest",
        "esp32c3",
        "1.0.0",
        0,
        [256, 2048, 0, 1000, 700],
        "esptool --chip esp32c3 elf2image --flash-mode dio --flash-freq 40m --flash-size 4MB --dont-append-digest -o c3_nodigest.bin c3_nodigest.elf"
    ),
    image!(
        "c3_minrev",
        "esp32c3",
        "1.0.0",
        0,
        [256, 2048, 0, 1000, 700],
        "esptool --chip esp32c3 elf2image --flash-mode dio --flash-freq 40m --flash-size 4MB --min-rev-full 3 --max-rev-full 199 -o c3_minrev.bin c3_minrev.elf"
    ),
    image!(
        "c3_16k",
        "esp32c3",
        "1.0.0",
        0,
        [256, 9000, 0, 4000, 3000],
        "esptool --chip esp32c3 elf2image --flash-mode dio --flash-freq 40m --flash-size 4MB -o c3_16k.bin c3_16k.elf"
    ),
    image!(
        "c3_64k",
        "esp32c3",
        "1.0.0",
        0,
        [256, 40_000, 0, 12_000, 9000],
        "esptool --chip esp32c3 elf2image --flash-mode dio --flash-freq 40m --flash-size 4MB -o c3_64k.bin c3_64k.elf"
    ),
    image!(
        "c3_128k",
        "esp32c3",
        "1.0.0",
        0,
        [256, 30_000, 20_000, 8000, 9000],
        "esptool --chip esp32c3 elf2image --flash-mode dio --flash-freq 40m --flash-size 4MB -o c3_128k.bin c3_128k.elf"
    ),
    image!(
        "c3_256k",
        "esp32c3",
        "1.0.0",
        0,
        [256, 60_000, 110_000, 12_000, 20_000],
        "esptool --chip esp32c3 elf2image --flash-mode dio --flash-freq 40m --flash-size 4MB -o c3_256k.bin c3_256k.elf"
    ),
    image!(
        "c3_512k",
        "esp32c3",
        "1.0.0",
        0,
        [256, 100_000, 330_000, 16_000, 30_000],
        "esptool --chip esp32c3 elf2image --flash-mode dio --flash-freq 40m --flash-size 4MB -o c3_512k.bin c3_512k.elf"
    ),
    image!(
        "c6_4k",
        "esp32c6",
        "1.0.0",
        0,
        [256, 2048, 0, 1000, 700],
        "esptool --chip esp32c6 elf2image --flash-mode dio --flash-freq 40m --flash-size 4MB -o c6_4k.bin c6_4k.elf"
    ),
    image!(
        "e32_4k",
        "esp32",
        "1.0.0",
        0,
        [256, 2048, 0, 1000, 700],
        "esptool --chip esp32 elf2image --flash-mode dio --flash-freq 40m --flash-size 4MB -o e32_4k.bin e32_4k.elf"
    ),
    image!(
        "s3_4k",
        "esp32s3",
        "1.0.0",
        0,
        [256, 2048, 0, 1000, 700],
        "esptool --chip esp32s3 elf2image --flash-mode dio --flash-freq 40m --flash-size 4MB -o s3_4k.bin s3_4k.elf"
    ),
];
