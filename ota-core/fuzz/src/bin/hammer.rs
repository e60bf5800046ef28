//! Hammers the parsers with damaged seeds, on a stable toolchain.
//!
//! `hammer N [PARSER]`: N executions of each, or of one; prints the time of each. The same every time.
//! `hammer --seeds`: writes the seeds to `corpus/`, where `cargo fuzz` looks for them.

use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use ota_core_fuzz::{PARSERS, hammer, seeds};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("--seeds") => write_seeds(),
        Some(count) => {
            let count = count.parse().expect("a number of executions");
            let chosen = arguments.get(1);
            for parser in PARSERS {
                if chosen.is_none_or(|chosen| chosen == parser) {
                    let start = Instant::now();
                    hammer(parser, count);
                    let time = start.elapsed().as_secs_f64();
                    println!("{parser}: {count} executions in {time:.1} s");
                }
            }
        }
        None => eprintln!("usage: hammer N [PARSER] | hammer --seeds"),
    }
}

fn write_seeds() {
    for parser in PARSERS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(parser);
        fs::create_dir_all(&folder).expect("a folder");
        for (number, seed) in seeds(parser).iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed).expect("a file");
        }
    }
}
