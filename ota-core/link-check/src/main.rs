//! Calls into `ota-core` from a program without `std`, without an allocator and with its own
//! panic handler. That it links is the proof; it is not meant to be run.
#![no_std]
#![no_main]
// When sizes are measured, most of it is left out.
#![cfg_attr(feature = "parts", allow(dead_code, unused_imports))]

use core::hint::black_box;
use core::panic::PanicInfo;

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use ota_core::boot::{BootConfig, BootInputs, FactoryReset, boot};
use ota_core::device::{self, Device, Memory, Running};
use ota_core::efuse::Unary;
use ota_core::flash::Watched;
use ota_core::hardened;
use ota_core::image::{
    Header, ImageMetadata, Refusal, UnsignedVerifier, Target, VerifyError, VerifyImage, read_app_desc,
};
use ota_core::partition::{PartitionTable, Slot, TABLE_LEN, Type, emit_table};
use ota_core::update::{AppConfig, ImageSize, Ota, partition_at};
use ota_core::{Region, chip};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    #[cfg(feature = "no-panic")]
    {
        unsafe extern "C" {
            /// Defined nowhere: the linker asks for it as soon as one panic can be reached.
            safe fn a_panic_can_be_reached() -> !;
        }
        a_panic_can_be_reached()
    }
    #[cfg(not(feature = "no-panic"))]
    halt()
}

/// What the compiler takes for granted on any target. A firmware has them from its runtime; here
/// nothing else is linked in, so that nothing can come in with it. Never run, so they do nothing;
/// but the optimiser must not know that.
mod runtime {
    macro_rules! symbols {
        ($($name:ident)*) => {
            $(#[unsafe(no_mangle)]
            extern "C" fn $name(argument: usize) -> usize {
                core::hint::black_box(argument)
            })*
        };
    }
    symbols! { memcpy memmove memset memcmp bcmp rust_eh_personality }
}

fn halt() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// A flash of which the optimiser knows nothing.
struct Opaque;

impl ErrorType for Opaque {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Opaque {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        black_box((offset, bytes));
        black_box(Ok(()))
    }

    fn capacity(&self) -> usize {
        black_box(4 << 20)
    }
}

impl NorFlash for Opaque {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        black_box((from, to));
        black_box(Ok(()))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        black_box((offset, bytes));
        black_box(Ok(()))
    }
}

/// Each public way into the crate once, with results that are used.
fn call() {
    let mut bytes = black_box([0xFF; TABLE_LEN]);
    let table = PartitionTable::for_bootloader(&bytes, 4 << 20);
    black_box(table.map(|t| (t.len(), t.slot(Slot::Factory), t.otadata(), t.ota_count()))).ok();
    let table = PartitionTable::for_application(&bytes, true);
    let found = black_box(table.ok().and_then(|t| t.slot(Slot::Ota(0))));
    black_box(emit_table(found, true, &mut bytes)).ok();

    black_box(read_app_desc(&mut Opaque, a_slot())).ok();
    call_verify();
    call_boot();
    call_update();
    call_hardened_boot();
    call_hardened_update();
    call_watched();
}

fn a_slot() -> Region {
    black_box(Region::new(0x1_0000, 0x10_0000))
}

/// The verifier that reads images.
fn call_verify() {
    let mut bytes = black_box([0; 512]);
    if let Ok(mut verifier) = UnsignedVerifier::new(Target::new(&chip::ESP32C3), &mut bytes) {
        black_box(verifier.verify(&mut Opaque, a_slot())).ok();
    }
}

/// The verifiers that look at signatures too. They are not part of the proof: the big numbers of
/// other crates may hold panics that the optimiser cannot rule out.
#[cfg(any(feature = "part-rsa", feature = "part-ecdsa"))]
mod signed {
    use super::{Opaque, a_slot, black_box};
    use ota_core::chip;
    use ota_core::image::signature::{SignedVerifier, TrustedKeys};
    use ota_core::image::{UnsignedVerifier, Target, VerifyImage};

    #[derive(Clone, Copy)]
    pub(crate) enum Key {
        #[cfg(feature = "part-rsa")]
        Rsa,
        #[cfg(feature = "part-ecdsa")]
        Ecdsa,
    }

    pub(crate) fn call_signed(key: Key) {
        let mut bytes = black_box([0; 1216]);
        let keys = black_box(TrustedKeys::only([7; 32]));
        let Ok(image) = UnsignedVerifier::new(Target::new(&chip::ESP32C3), &mut bytes) else {
            return;
        };
        let verifier = match key {
            #[cfg(feature = "part-rsa")]
            Key::Rsa => SignedVerifier::rsa3072(image, keys),
            #[cfg(feature = "part-ecdsa")]
            Key::Ecdsa => SignedVerifier::ecdsa_p256(image, keys),
        };
        if let Ok(mut verifier) = verifier {
            black_box(verifier.verify(&mut Opaque, a_slot())).ok();
        }
    }
}
#[cfg(any(feature = "part-rsa", feature = "part-ecdsa"))]
use signed::{Key, call_signed};

/// A verifier of which the optimiser knows no more than of the flash.
struct Anything;

impl VerifyImage<Opaque> for Anything {
    fn verify(
        &mut self,
        flash: &mut Opaque,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<NorFlashErrorKind>> {
        let mut first = [0];
        flash.read(at.offset, &mut first).map_err(|e| VerifyError {
            at: at.offset,
            refusal: Refusal::Flash(e),
        })?;
        let [found] = first;
        black_box(Err(VerifyError {
            at: at.offset,
            refusal: Refusal::Magic { found },
        }))
    }
}

/// A bootloader's configuration and inputs, with every option on and off.
fn any_boot() -> (BootConfig, BootInputs) {
    let config = BootConfig {
        rollback: black_box(true),
        anti_rollback: black_box(false),
        app_test: black_box(true),
        factory_reset: black_box(Some(FactoryReset {
            data_labels: "nvs, phy_init",
            erase_otadata: true,
        })),
        ..BootConfig::new(black_box(4 << 20))
    };
    let inputs = BootInputs {
        factory_reset_pin: black_box(false),
        app_test_pin: black_box(false),
        deep_sleep_wake: black_box(false),
    };
    (config, inputs)
}

/// An application's configuration, with every option on and off.
fn any_app() -> AppConfig {
    AppConfig {
        rollback: black_box(true),
        anti_rollback: black_box(false),
        flash_encryption: black_box(false),
        read_back: black_box(false),
        ..AppConfig::new(Target::new(&chip::ESP32C3), black_box(4 << 20))
    }
}

/// A flash that reports.
fn call_watched() {
    let mut watched = Watched::new(Opaque, black_box(0x8000), |done| {
        black_box(done);
    });
    black_box(watched.erase(black_box(0), black_box(0x1_0000))).ok();
    black_box(watched.write(black_box(0), &[0; 4])).ok();
}

/// The bootloader, with every option on and off.
fn call_boot() {
    let mut table = black_box([0; TABLE_LEN]);
    let mut efuse = black_box(Unary::new(0, 16));
    let (config, inputs) = any_boot();
    let decision = boot(
        &mut Opaque,
        &mut Anything,
        &mut efuse,
        &config,
        &inputs,
        &mut table,
    );
    black_box(decision).ok();
}

/// Each call of the application's side, with anything for its arguments.
fn call_update() {
    let bytes = black_box([0; TABLE_LEN]);
    let Ok(table) = PartitionTable::for_application(&bytes, true) else {
        return;
    };
    let Some(running) = partition_at(table, black_box(0x1_0000)) else {
        return;
    };
    let config = any_app();
    let efuse = black_box(Unary::new(0, 16));
    let mut ota: Ota<'_, _, _, _, 2> = Ota::new(Opaque, Anything, efuse, table, running, config);
    let Some(next) = black_box(ota.next_update_partition(None)) else {
        return;
    };
    let data: &[u8] = black_box(&[0xE9; 100]);
    if let Ok(handle) = ota.begin(&next, ImageSize::Known(black_box(1000))) {
        black_box(ota.set_final_partition(handle, &running, black_box(true))).ok();
        black_box(ota.write(handle, data)).ok();
        black_box(ota.write_with_offset(handle, data, black_box(4096))).ok();
        black_box(ota.end(handle)).ok();
    }
    if let Ok(handle) = ota.begin_in_steps(&next, ImageSize::Known(black_box(1000))) {
        black_box(ota.erase_step(handle, black_box(0x1_0000))).ok();
    }
    if let Ok(handle) = ota.resume(&next, ImageSize::Sequential, black_box(4096)) {
        black_box(ota.abort(handle)).ok();
    }
    black_box(ota.set_boot_partition(&next)).ok();
    black_box(ota.boot_partition()).ok();
    black_box(ota.state_partition(&next)).ok();
    black_box(ota.mark_app_valid_cancel_rollback()).ok();
    black_box(ota.mark_app_invalid_rollback()).ok();
    black_box(ota.last_invalid_partition()).ok();
    black_box(ota.erase_last_boot_app_partition()).ok();
    black_box(ota.invalidate_inactive_otadata_slot()).ok();
    black_box(ota.bootloader_description(None)).ok();
    if let Ok(header) = Header::parse(&black_box([0xE9; 24])) {
        let desc = ota.partition_description(&next).ok();
        black_box(ota.check_image_validity(Type::APP, &header, desc.as_ref())).ok();
    }
}

fn any_log() -> hardened::Log {
    hardened::Log::new(black_box(30), black_box(20)).unwrap_or_default()
}

/// The hardened policy's boot.
fn call_hardened_boot() {
    let mut room = black_box([0; TABLE_LEN]);
    let (config, inputs) = any_boot();
    let mut efuse = black_box(Unary::new(0, 16));
    let decision = hardened::boot(
        &mut Opaque,
        &mut Anything,
        &mut efuse,
        &config,
        any_log(),
        &inputs,
        &mut room,
    );
    black_box(decision).ok();
}

/// Each call of the hardened policy's application.
fn call_hardened_update() {
    black_box(hardened::appearance(&black_box([0; 32])));
    let (room, log) = (black_box([0; TABLE_LEN]), any_log());
    let efuse = black_box(Unary::new(0, 16));
    let Ok(table) = PartitionTable::for_application(&room, true) else {
        return;
    };
    let Some(running) = partition_at(table, black_box(0x1_0000)) else {
        return;
    };
    let config = any_app();
    let ota: hardened::Ota<'_, _, _, _, 2> =
        hardened::Ota::new(Opaque, Anything, efuse, table, running, config, log);
    let mut ota = ota.with_attempts(black_box(3));
    let Some(next) = black_box(ota.next_update_partition(None)) else {
        return;
    };
    let data: &[u8] = black_box(&[0xE9; 100]);
    if let Ok(handle) = ota.begin(&next, ImageSize::Known(black_box(1000))) {
        black_box(ota.set_final_partition(handle, &running, black_box(true))).ok();
        black_box(ota.write(handle, data)).ok();
        black_box(ota.write_with_offset(handle, data, black_box(4096))).ok();
        black_box(ota.end(handle)).ok();
    }
    if let Ok(handle) = ota.begin_in_steps(&next, ImageSize::Known(black_box(1000))) {
        black_box(ota.erase_step(handle, black_box(0x1_0000))).ok();
    }
    black_box(ota.progress(&next)).ok();
    if let Ok(handle) = ota.resume(&next, black_box(4096)) {
        black_box(ota.abort(handle)).ok();
    }
    black_box(ota.set_boot_partition(&next)).ok();
    black_box(ota.boot_partition()).ok();
    black_box(ota.state_partition(&next)).ok();
    black_box(ota.foreign_bootloader()).ok();
    black_box(ota.mark_app_valid_cancel_rollback()).ok();
    black_box(ota.mark_app_invalid_rollback()).ok();
    black_box(ota.check_rollback_is_possible()).ok();
    black_box(ota.last_invalid_partition()).ok();
    black_box(ota.erase_last_boot_app_partition()).ok();
    black_box(ota.invalidate_inactive_otadata_slot()).ok();
}

/// The short way: the bootloader and each call of the application.
fn call_device() {
    let device = black_box(Device::esp32c3(4 << 20).with_attempts(3));
    let mut memory = Memory::new();
    black_box(device.boot(&mut Opaque, &mut memory)).ok();
    let running = black_box(Running::At(0x1_0000));
    let Ok(mut ota) = device::Ota::open(Opaque, device, running, &mut memory) else {
        return;
    };
    black_box(ota.is_on_trial()).ok();
    black_box(ota.boots_next()).ok();
    black_box(ota.confirm()).ok();
    black_box(ota.reject()).ok();
    black_box(ota.boot_next(black_box(Slot::Ota(1)))).ok();
    if let Ok(mut update) = ota.begin(ImageSize::Known(black_box(1000))) {
        black_box(update.write(black_box(&[0xE9; 100]))).ok();
        if let Ok(ready) = update.finish() {
            black_box(ready.boot_next()).ok();
        }
    }
    if let Ok(update) = ota.resume() {
        black_box(update.written());
    }
}

#[cfg(feature = "allocate")]
fn allocate() {
    extern crate alloc;
    black_box(alloc::boxed::Box::new(black_box(0u8)));
}

/// The parts that `sizes.sh` measures one by one; all of them for the proof.
fn call_parts() {
    #[cfg(not(feature = "parts"))]
    {
        call();
        call_device();
    }
    #[cfg(feature = "part-boot")]
    call_boot();
    #[cfg(feature = "part-update")]
    call_update();
    #[cfg(feature = "part-hardened-boot")]
    call_hardened_boot();
    #[cfg(feature = "part-hardened-update")]
    call_hardened_update();
    #[cfg(feature = "part-verify")]
    call_verify();
    #[cfg(feature = "part-rsa")]
    call_signed(Key::Rsa);
    #[cfg(feature = "part-ecdsa")]
    call_signed(Key::Ecdsa);
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    call_parts();
    #[cfg(feature = "allocate")]
    allocate();
    #[cfg(feature = "panic")]
    black_box(black_box([0u8; 2])[black_box(2)]);
    halt()
}
