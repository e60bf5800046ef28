//! A device that updates itself, on a flash that is a file: pull its plug with `kill -9`.
//!
//! ```text
//! cargo run -p ota-core --example update -- new flash.bin corpus/images/c3_4k.bin
//! cargo run -p ota-core --example update -- run flash.bin corpus/images/c3_4k_v2.bin
//! ```
//!
//! `new` makes the flash: a partition table and a first image. `run` powers the device on and offers
//! it an image. The device boots, and its application does what one should: it confirms itself if it
//! is on trial and its self-test passes, and goes back if not; it downloads what is on offer, goes on
//! where a download was cut short, chooses it and resets. When nothing is left to do it says so and
//! stops. Kill it anywhere and run it again: it always ends there.
//!
//! Options of `run`, behind the file names:
//!
//! - `--trusts DIGEST`: it runs and takes nothing but images signed by the key with this digest, 64 hexadecimal
//!   digits, on the curve P-256 (`espsecure digest-sbv2-public-key` makes it; built with `--features
//!   secure-boot-ecdsa`). Without it every image that is whole counts, whoever made it;
//! - `--fails VERSION`: images with this version in their descriptor fail their self-test;
//! - `--announce`: says each piece of work on the flash before it is done;
//! - `--hold-at N`: stands still before the piece with that number, to be killed there.
//!
//! What does not verify is an error, with which it stops: the exit code is 1, and what ran before still runs.
//!
//! Each operation of the chip goes to the file in pieces, a few bytes each; an erase zeroes its
//! sector before it sets it. So a kill leaves it half done, as a cut does.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::{env, fmt, fs, process, thread};

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read,
    check_write,
};
use ota_core::boot::{BootConfig, BootInputs};
use ota_core::efuse::NoSecureVersion;
use ota_core::hardened::{self, Log, Reason};
use ota_core::image::app_desc::{self, AppDesc};
#[cfg(feature = "secure-boot-ecdsa")]
use ota_core::image::signature::{SignedVerifier, TrustedKeys};
use ota_core::image::stream::BufferTooShort;
use ota_core::image::{ImageMetadata, Target, UnsignedVerifier, VerifyError, VerifyImage};
use ota_core::partition::{
    DEFAULT_TABLE_OFFSET, Label, Partition, PartitionTable, SubType, TABLE_LEN, Type, emit_table,
};
use ota_core::update::{AppConfig, ImageSize, OtaError};
use ota_core::{Region, chip, flash};

const FLASH_SIZE: u32 = 0x4_0000;
const TARGET: Target = Target::new(&chip::ESP32C3);
/// A new image is started so often before it counts as bad: once more than the power fails in a row, where it fails while
/// the image is on trial.
const ATTEMPTS: u8 = 5;

/// A NOR flash in a file.
struct FileFlash {
    file: File,
    announce: bool,
    hold_at: Option<u64>,
    pieces: u64,
}

/// Bytes of a program that go to the file at a time.
const PROGRAM_PIECE: usize = 8;
/// Bytes of an erase that do.
const ERASE_PIECE: usize = 512;

/// The file could not be read or written, or the operation is not one of this flash.
#[derive(Debug)]
pub(crate) struct FlashError(NorFlashErrorKind);

impl From<io::Error> for FlashError {
    fn from(error: io::Error) -> Self {
        eprintln!("the file of the flash: {error}");
        Self(NorFlashErrorKind::Other)
    }
}

impl From<NorFlashErrorKind> for FlashError {
    fn from(kind: NorFlashErrorKind) -> Self {
        Self(kind)
    }
}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        self.0
    }
}

impl FileFlash {
    fn open(path: &str) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self {
            file,
            announce: false,
            hold_at: None,
            pieces: 0,
        })
    }

    /// One piece of an operation; the plug may be pulled before it or after it.
    fn piece(&mut self, at: u32, bytes: &[u8]) -> io::Result<()> {
        if self.announce {
            println!("piece {} at 0x{at:x}", self.pieces);
        }
        if self.hold_at == Some(self.pieces) {
            println!("holding");
            loop {
                thread::park();
            }
        }
        self.pieces += 1;
        self.file.seek(SeekFrom::Start(at.into()))?;
        self.file.write_all(bytes)
    }
}

impl ErrorType for FileFlash {
    type Error = FlashError;
}

impl ReadNorFlash for FileFlash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        check_read(self, offset, bytes.len())?;
        self.file.seek(SeekFrom::Start(offset.into()))?;
        Ok(self.file.read_exact(bytes)?)
    }

    fn capacity(&self) -> usize {
        FLASH_SIZE as usize
    }
}

impl NorFlash for FileFlash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        check_erase(self, from, to)?;
        for sector in (from..to).step_by(4096) {
            for level in [0x00, 0xFF] {
                for at in (sector..sector + 4096).step_by(ERASE_PIECE) {
                    self.piece(at, &[level; ERASE_PIECE])?;
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, mut at: u32, bytes: &[u8]) -> Result<(), FlashError> {
        check_write(self, at, bytes.len())?;
        for piece in bytes.chunks(PROGRAM_PIECE) {
            let mut cells = [0; PROGRAM_PIECE];
            let cells = &mut cells[..piece.len()];
            self.read(at, cells)?;
            cells.iter_mut().zip(piece).for_each(|(c, b)| *c &= b);
            self.piece(at, cells)?;
            at += u32::try_from(piece.len()).unwrap_or(0);
        }
        Ok(())
    }
}

/// Which images count.
#[derive(Clone, Copy)]
enum Trust {
    /// Those that are whole.
    Anyone,
    /// Those that are signed by the key with this digest.
    #[cfg(feature = "secure-boot-ecdsa")]
    Key([u8; 32]),
}

impl Trust {
    /// In the key with this digest, in hexadecimal; in anyone without.
    fn in_key(digest: Option<&str>) -> Result<Self, Failure> {
        let Some(digest) = digest else {
            return Ok(Self::Anyone);
        };
        #[cfg(feature = "secure-boot-ecdsa")]
        {
            let mut bytes = [0; 32];
            let digits = digest.as_bytes().chunks(2).map(str::from_utf8);
            let mut parsed = digits.map(|two| u8::from_str_radix(two.ok()?, 16).ok());
            bytes
                .iter_mut()
                .try_for_each(|byte| {
                    *byte = parsed.next()??;
                    Some(())
                })
                .filter(|()| digest.len() == 64)
                .ok_or("--trusts wants 64 hexadecimal digits")?;
            Ok(Self::Key(bytes))
        }
        #[cfg(not(feature = "secure-boot-ecdsa"))]
        Err(
            format!("--trusts {digest}: built without the feature secure-boot-ecdsa")
                .as_str()
                .into(),
        )
    }

    /// A verifier of such images, which reads through `buffer`.
    fn verifier(self, buffer: &mut [u8]) -> Result<Verifier<'_>, BufferTooShort> {
        let whole = UnsignedVerifier::new(TARGET, buffer)?;
        match self {
            Self::Anyone => Ok(Verifier::Unsigned(whole)),
            #[cfg(feature = "secure-boot-ecdsa")]
            Self::Key(digest) => {
                let keys = TrustedKeys::only(digest);
                SignedVerifier::ecdsa_p256(whole, keys).map(Verifier::Signed)
            }
        }
    }
}

/// Both verifiers. A product has one, and names it where this names `Verifier`.
enum Verifier<'b> {
    Unsigned(UnsignedVerifier<'b>),
    #[cfg(feature = "secure-boot-ecdsa")]
    Signed(SignedVerifier<'b>),
}

impl<F: ReadNorFlash> VerifyImage<F> for Verifier<'_> {
    fn verify(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<F::Error>> {
        match self {
            Self::Unsigned(verifier) => verifier.verify(flash, at),
            #[cfg(feature = "secure-boot-ecdsa")]
            Self::Signed(verifier) => verifier.verify(flash, at),
        }
    }
}

/// otadata and two slots.
fn partitions() -> [Partition; 3] {
    let row = |kind, subtype, offset, size, label| Partition {
        kind,
        subtype,
        offset,
        size,
        label: Label::try_from(label).unwrap_or(Label([0; 16])),
        flags: 0,
    };
    [
        row(Type::DATA, SubType::OTA, 0xD000, 0x2000, "otadata"),
        row(Type::APP, SubType::ota(0), 0x1_0000, 0x1_0000, "ota_0"),
        row(Type::APP, SubType::ota(1), 0x2_0000, 0x1_0000, "ota_1"),
    ]
}

/// Makes the flash of a new device.
fn new_device(path: &str, image: &str) -> Result<(), Failure> {
    let mut bytes = vec![0xFF; FLASH_SIZE as usize];
    let mut table = [0; TABLE_LEN];
    emit_table(partitions(), true, &mut table)?;
    let mut put = |at: u32, what: &[u8]| {
        bytes[at as usize..at as usize + what.len()].copy_from_slice(what);
    };
    put(DEFAULT_TABLE_OFFSET, &table);
    put(0x1_0000, &fs::read(image)?);
    Ok(fs::write(path, bytes)?)
}

/// What the application leaves the device to.
enum Next {
    Reset,
    Rest,
}

/// Power on, until nothing is left to do.
fn run(flash: &mut FileFlash, trust: Trust, offered: &[u8], fails: &str) -> Result<(), Failure> {
    loop {
        let (mut table, mut buffer) = ([0; TABLE_LEN], [0; flash::SECTOR as usize]);
        let config = BootConfig::new(FLASH_SIZE);
        let inputs = BootInputs::default();
        let mut verifier = trust.verifier(&mut buffer)?;
        let mut none = NoSecureVersion;
        let decision = hardened::boot(
            flash,
            &mut verifier,
            &mut none,
            &config,
            Log::DEFAULT,
            &inputs,
            &mut table,
        )?;
        println!("{decision}");
        let on_trial = matches!(decision.reason, Reason::Trial { .. });
        let running = decision.partition;
        let verifier = trust.verifier(&mut buffer)?;
        if let Next::Rest = application(flash, verifier, running, on_trial, offered, fails)? {
            return Ok(());
        }
        println!("reset");
    }
}

type Ota<'a> = hardened::Ota<'a, &'a mut FileFlash, Verifier<'a>, NoSecureVersion>;

/// What the application in `running` does.
fn application(
    flash: &mut FileFlash,
    verifier: Verifier<'_>,
    running: Partition,
    on_trial: bool,
    offered: &[u8],
    fails: &str,
) -> Result<Next, Failure> {
    let mut table = [0; TABLE_LEN];
    flash.read(DEFAULT_TABLE_OFFSET, &mut table)?;
    let table = PartitionTable::for_application(&table, true)?;
    let config = AppConfig {
        rollback: true,
        ..AppConfig::new(TARGET, FLASH_SIZE)
    };
    let log = Log::DEFAULT;
    let mut ota: Ota<'_> = hardened::Ota::new(
        flash,
        verifier,
        NoSecureVersion,
        table,
        running,
        config,
        log,
    )
    .with_attempts(ATTEMPTS);

    let me = ota.partition_description(&running)?;
    if on_trial {
        if text(&me.version) == fails {
            ota.mark_app_invalid_rollback()?;
            println!("refused {}", text(&me.version));
            return Ok(Next::Reset);
        }
        ota.mark_app_valid_cancel_rollback()?;
        println!("confirmed {}", text(&me.version));
    }
    let new = describe(offered)?;
    if me == new {
        println!("rest {}", text(&me.version));
        return Ok(Next::Rest);
    }
    if let Some(bad) = ota.last_invalid_partition()?
        && ota.partition_description(&bad)? == new
    {
        println!("rest {}: what is on offer is bad", text(&me.version));
        return Ok(Next::Rest);
    }
    download(&mut ota, offered, &new)?;
    Ok(Next::Reset)
}

/// Brings the offered image into the other slot, and chooses it.
fn download(ota: &mut Ota<'_>, offered: &[u8], new: &AppDesc) -> Result<(), Failure> {
    let to = ota.next_update_partition(None).ok_or("one slot only")?;
    let there = ota.progress(&to)?;
    // What was begun may have been another image.
    let same = there > 0
        && ota
            .partition_description(&to)
            .is_ok_and(|desc| desc == *new);
    let (handle, from) = if same {
        println!("goes on at {there}");
        (ota.resume(&to, there)?, there)
    } else {
        (ota.begin(&to, ImageSize::Sequential)?, 0)
    };
    let rest = offered.get(from as usize..).unwrap_or_default();
    for chunk in rest.chunks(1024) {
        ota.write(handle, chunk)?;
    }
    ota.end(handle)?;
    ota.set_boot_partition(&to)?;
    println!("chose {}", text(&new.version));
    Ok(())
}

/// The descriptor of an image in a file.
fn describe(image: &[u8]) -> Result<AppDesc, Failure> {
    let from = app_desc::OFFSET as usize;
    let record = image.get(from..).and_then(<[u8]>::first_chunk);
    let record = record.ok_or("the image on offer is too short")?;
    AppDesc::parse(record).map_err(|_| Failure::from("what is on offer is no image"))
}

/// A field of a descriptor, up to its NUL.
fn text(field: &[u8]) -> &str {
    let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
    str::from_utf8(text).unwrap_or("?")
}

/// Why the device stopped.
pub(crate) enum Failure {
    Ota(OtaError<FlashError>),
    Other(String),
}

impl From<OtaError<FlashError>> for Failure {
    fn from(error: OtaError<FlashError>) -> Self {
        Self::Ota(error)
    }
}

impl From<FlashError> for Failure {
    fn from(error: FlashError) -> Self {
        Self::Ota(OtaError::Flash(error))
    }
}

impl From<&str> for Failure {
    fn from(why: &str) -> Self {
        Self::Other(why.to_owned())
    }
}

macro_rules! other {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Other(error.to_string())
            }
        }
    )*};
}
other!(
    io::Error,
    hardened::BootError<FlashError>,
    BufferTooShort,
    ota_core::partition::TableError,
    ota_core::partition::EmitError
);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ota(error) => error.fmt(f),
            Self::Other(why) => f.write_str(why),
        }
    }
}

/// The command line, without the program's name.
pub(crate) fn device(args: &[String]) -> Result<(), Failure> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["new", path, image] => new_device(path, image),
        ["run", path, image, ref options @ ..] => {
            let mut flash = FileFlash::open(path)?;
            let option = |name| {
                let at = options.iter().position(|option| *option == name)?;
                options.get(at + 1).copied()
            };
            flash.announce = options.contains(&"--announce");
            flash.hold_at = option("--hold-at").and_then(|n| n.parse().ok());
            run(
                &mut flash,
                Trust::in_key(option("--trusts"))?,
                &fs::read(image)?,
                option("--fails").unwrap_or("none"),
            )
        }
        _ => Err("usage: update new FLASH IMAGE | update run FLASH IMAGE [OPTIONS]".into()),
    }
}

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    if let Err(failure) = device(&args) {
        eprintln!("{failure}");
        process::exit(1);
    }
}
