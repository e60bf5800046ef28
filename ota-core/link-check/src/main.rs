//! Calls into `ota-core` from a program without `std`, without an allocator and with its own
//! panic handler. That it links is the proof; it is not meant to be run.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use ota_core::image::{StreamVerifier, Target, VerifyImage, read_app_desc};
use ota_core::partition::{PartitionTable, Slot, TABLE_LEN, emit_table};
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

    let slot = black_box(Region::new(0x1_0000, 0x10_0000));
    black_box(read_app_desc(&mut Opaque, slot)).ok();
    if let Ok(mut verifier) = StreamVerifier::new(Target::new(&chip::ESP32C3), &mut bytes) {
        black_box(verifier.verify(&mut Opaque, slot)).ok();
    }
}

#[cfg(feature = "allocate")]
fn allocate() {
    extern crate alloc;
    black_box(alloc::boxed::Box::new(black_box(0u8)));
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    call();
    #[cfg(feature = "allocate")]
    allocate();
    #[cfg(feature = "panic")]
    black_box(black_box([0u8; 2])[black_box(2)]);
    halt()
}
