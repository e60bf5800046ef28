//! The example's device, killed: 200 times, with SIGKILL, in the middle of what it does to its flash.
//!
//! This program is the device as well: it starts itself once more for each power-on, with the test
//! named `device` alone, which runs the example's own code. So nothing has to find, or build, another
//! program.
#![cfg(unix)]

#[path = "../examples/update.rs"]
#[expect(dead_code, reason = "its `main` is for the command line")]
mod example;

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use sha2::{Digest, Sha256};

/// The variable in which the device gets its arguments, each on a line.
const ARGUMENTS: &str = "OTA_CORE_DEVICE";
/// Kills in all.
const KILLS: u32 = 200;

#[test]
fn device() {
    if let Ok(arguments) = env::var(ARGUMENTS) {
        let arguments: Vec<String> = arguments.lines().map(str::to_owned).collect();
        if let Err(failure) = example::device(&arguments) {
            println!("failed: {failure}");
        }
    }
}

/// Random numbers that are the same each time: xorshift64.
struct Seed(u64);

impl Seed {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % n
    }
}

/// An image with a descriptor of this version, one segment, checksum and SHA-256.
fn image(version: &str, len: usize) -> Vec<u8> {
    let mut image = vec![0; 24];
    image[..4].copy_from_slice(&[0xE9, 1, 2, 0x20]);
    image[12] = 5;
    image[23] = 1;
    let mut data = vec![0; 256];
    data[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
    data[16..16 + version.len()].copy_from_slice(version.as_bytes());
    let mut seed = Seed(u64::try_from(len).unwrap());
    data.extend((0..len).map(|_| u8::try_from(seed.below(256)).unwrap()));
    image.extend(0x3FC8_0000_u32.to_le_bytes());
    image.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    image.extend(&data);
    image.resize(image.len().next_multiple_of(16), 0);
    if data.len().is_multiple_of(16) && image.len() == 32 + data.len() {
        image.extend([0; 16]);
    }
    *image.last_mut().unwrap() = data.iter().fold(0xEF, |sum, byte| sum ^ byte);
    let hash = Sha256::digest(&image);
    image.extend(hash);
    image
}

/// A folder of its own, gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A device, the image that it is offered, and what it has told the world.
struct Life {
    flash: String,
    offered: String,
    /// It has said that it confirmed version 2.
    confirmed: bool,
}

/// Where one power-on is to end.
#[derive(Clone, Copy, Debug)]
enum End {
    /// It comes to rest.
    Rest,
    /// Killed while it stands still before this piece of work on the flash.
    Held(u64),
    /// Killed at some instant after this piece was announced.
    Running(u64),
}

/// What a power-on was seen to do.
struct Seen {
    /// Where the pieces of work on the flash were.
    pieces: Vec<u32>,
    /// What it said when it came to rest.
    rest: Option<String>,
    /// By the signal.
    killed: bool,
}

impl Life {
    /// Starts the device with these arguments.
    fn start(arguments: &[&str]) -> Child {
        Command::new(env::current_exe().unwrap())
            .args(["--exact", "device", "--nocapture", "--test-threads=1"])
            .env(ARGUMENTS, arguments.join("\n"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn power_on(&mut self, end: End) -> Seen {
        let held;
        let mut arguments = vec!["run", &self.flash, &self.offered, "--fails", "3.0.0"];
        arguments.push("--announce");
        if let End::Held(piece) = end {
            held = piece.to_string();
            arguments.extend(["--hold-at", &held]);
        }
        let mut device = Self::start(&arguments);
        let mut seen = Seen {
            pieces: Vec::new(),
            rest: None,
            killed: false,
        };
        let lines = BufReader::new(device.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            assert!(!line.contains("failed: "), "{end:?}: {line}");
            // The test harness writes its own words in front of the first line.
            if let Some((_, piece)) = line.split_once("piece ") {
                let (number, at) = piece.split_once(" at 0x").unwrap();
                seen.pieces.push(u32::from_str_radix(at, 16).unwrap());
                if let End::Running(last) = end
                    && number.parse() == Ok(last)
                {
                    // SIGKILL, while it goes on.
                    device.kill().unwrap();
                }
            } else if line.contains("holding") {
                device.kill().unwrap();
            } else if line.starts_with("confirmed 2") {
                self.confirmed = true;
            } else if let Some(rest) = line.strip_prefix("rest ") {
                seen.rest = Some(rest.to_owned());
            } else if line.contains("boots ota_") && self.confirmed {
                // What was confirmed stays.
                assert!(line.contains("boots ota_1"), "{end:?}: {line}");
            }
        }
        let status = device.wait().unwrap();
        // It may have come to rest before the signal came.
        seen.killed = status.signal() == Some(9);
        assert!(seen.killed || status.success(), "{end:?}: {status}");
        seen
    }
}

/// A new device in `folder`.
fn life(folder: &Folder, offered: &str) -> Life {
    let flash = folder.file("flash.bin");
    let first = folder.file("first.bin");
    assert!(
        Life::start(&["new", &flash, &first])
            .wait()
            .unwrap()
            .success()
    );
    Life {
        flash,
        offered: folder.file(offered),
        confirmed: false,
    }
}

/// Kills devices that are offered this image until `kills` are done; each ends as it should.
fn kill(folder: &Folder, offered: &str, rest: &str, kills: u32, seed: &mut Seed) {
    let whole = life(folder, offered).power_on(End::Rest);
    assert_eq!(whole.rest.as_deref(), Some(rest));
    let in_otadata: Vec<usize> = (0..whole.pieces.len())
        .filter(|n| (0xD000..0xF000).contains(&whole.pieces[*n]))
        .collect();
    let mut done = 0;
    while done < kills {
        let mut life = life(folder, offered);
        // Up to four power-ons in a row end in a kill; every other one in otadata.
        for _ in 0..=seed.below(4) {
            let piece = match seed.below(2) {
                0 => in_otadata[seed.below(in_otadata.len())],
                _ => seed.below(whole.pieces.len()),
            };
            let piece = u64::try_from(piece).unwrap();
            let end = match seed.below(4) {
                0 => End::Running(piece),
                _ => End::Held(piece),
            };
            // A device that has less left to do rests before.
            done += u32::from(life.power_on(end).killed);
        }
        let last = life.power_on(End::Rest);
        assert_eq!(last.rest.as_deref(), Some(rest), "after {done} kills");
        let again = life.power_on(End::Rest);
        assert_eq!(again.rest.as_deref(), Some(rest));
        assert!(again.pieces.is_empty(), "a device at rest writes nothing");
    }
}

#[test]
fn killed_anywhere_the_device_ends_with_the_image_that_it_should() {
    let folder = Folder::new("killed");
    for (name, version, len) in [
        ("first", "1.0.0", 5000),
        ("good", "2.0.0", 9000),
        ("bad", "3.0.0", 7000),
    ] {
        fs::write(folder.file(&format!("{name}.bin")), image(version, len)).unwrap();
    }
    let mut seed = Seed(0x0B0B_0B0B_5EED);
    kill(&folder, "good.bin", "2.0.0", KILLS / 2, &mut seed);
    kill(
        &folder,
        "bad.bin",
        "1.0.0: what is on offer is bad",
        KILLS / 2,
        &mut seed,
    );
}
