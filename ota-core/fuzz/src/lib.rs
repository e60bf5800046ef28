//! What the fuzz targets and the hammer share: the checks of `tests/parsers`, and their seeds.

#[path = "../../tests/parsers/boots.rs"]
mod boots;
#[path = "../../tests/parsers/checks.rs"]
mod checks;
#[path = "../../tests/parsers/damage.rs"]
mod damage;
#[path = "../../tests/parsers/readers.rs"]
mod readers;
#[path = "../../tests/parsers/seeds.rs"]
mod seeds;

use damage::{Draw, damage};

/// The parsers; `readers` are those of an image, compared, and `boot` is all of them together.
pub const PARSERS: [&str; 7] = [
    "table",
    "otadata",
    "image",
    "readers",
    "signature",
    "record_log",
    "boot",
];

/// Hands bytes to a parser; panics if it does, or if a law is broken.
pub fn check(parser: &str, data: &[u8]) {
    match parser {
        "table" => checks::table(data),
        "otadata" => checks::otadata(data),
        "image" => checks::image(data),
        "readers" => readers::readers(data),
        "boot" => boots::boot(data),
        "signature" => checks::signature(data),
        "record_log" => checks::record_log(data),
        other => panic!("there is no parser {other}"),
    }
}

/// Bytes that a parser accepts.
pub fn seeds(parser: &str) -> Vec<Vec<u8>> {
    match parser {
        "table" => {
            let tables = corpus::TABLES.iter().filter_map(|table| table.binary());
            let some = tables.step_by(5).map(<[u8]>::to_vec);
            some.chain([seeds::table().to_vec()]).collect()
        }
        "otadata" => vec![seeds::otadata()],
        "image" => vec![seeds::image(100), seeds::image(2000)],
        "readers" => readers::images(),
        "boot" => boots::flashes(),
        "signature" => {
            let signed = corpus::SIGNED.iter().take(3).map(|image| {
                let at = image.bytes.len() - 4096;
                image.bytes[at..at + 1216].to_vec()
            });
            signed.chain(seeds::signatures()).collect()
        }
        "record_log" => seeds::record_logs(),
        other => panic!("there is no parser {other}"),
    }
}

/// Hands damaged seeds to a parser, `count` times; says where it is each million.
pub fn hammer(parser: &str, count: u64) {
    let seeds = seeds(parser);
    let mut draw = Draw::new(0x5EED);
    let mut bytes = Vec::new();
    for n in 0..count {
        let seed = &seeds[draw.below(seeds.len())];
        damage(&mut draw, seed, &mut bytes);
        if n % 1_000_000 == 0 && n > 0 {
            eprintln!("{parser}: {n}");
        }
        check(parser, &bytes);
    }
}
