//! Presets: chips that are common under firmware.
//!
//! Each says where its numbers come from. Where a maximum could not be found at a source it says so, too.

use super::builder::ProfileBuilder;
use super::{Profile, Span};
use crate::geometry::{
    EccDoubleWords, EncryptedRows16, EncryptedRows32, RomPages, Sectors1K, Sectors256, SpiNor,
    Words, WriteOnceWords,
};

const QUAD: &str = "four bits per cycle at 80 MHz, arithmetic: 25 ns a byte, and 16 cycles of command, address and dummy";
const WINBOND: &str =
    "W25Q32/64/128JV data sheet as quoted in driver sources (page, 4 KiB, 64 KiB; 32 KiB maximum)";
const ENDURANCE: &str = "data sheet: 100,000 erases per sector at least, 20 years";
/// Every encrypted preset uses this key; the flash of a test keeps no secrets.
const KEY: [u8; 32] = *b"a simulated flash has no secrets";

fn winbond<G>(name: &str) -> ProfileBuilder<G> {
    ProfileBuilder::start(name)
        .source("page program, erase times", WINBOND)
        .source("32 KiB erase, typical", "W25Q data sheets, not re-checked")
        .source(
            "byte program: 32 us and 3 us a byte; suspend",
            "SFDP of W25Q128JV, typical; maximum assumed 4 times for further bytes",
        )
        .source("read", QUAD)
        .source("endurance", ENDURANCE)
}

impl Profile<SpiNor> {
    /// Winbond W25Q64JV: serial NOR of 8 MiB, pages of 256 bytes, sectors of 4 KiB, blocks of 32 and 64 KiB.
    pub fn w25q64jv() -> Self {
        winbond("w25q64jv")
            .size(8 << 20)
            .chip_erase(Span::ms(20_000, 100_000))
            .source("chip erase", "half of W25Q128JV's")
            .finish()
    }

    /// Winbond W25Q128JV: as W25Q64JV, with 16 MiB.
    pub fn w25q128jv() -> Self {
        winbond("w25q128jv")
            .size(16 << 20)
            .chip_erase(Span::ms(40_000, 200_000))
            .source("chip erase", "W25Q128JV data sheet, not re-checked")
            .finish()
    }

    /// Macronix MX25R6435F: serial NOR of 8 MiB for low power, slower to erase.
    pub fn mx25r6435f() -> Self {
        ProfileBuilder::start("mx25r6435f")
            .size(8 << 20)
            .program(Span::us(32, 192), Span::us(1, 6), Span::us(896, 5_376))
            .erases(&[
                (4 << 10, Span::ms(48, 384)),
                (32 << 10, Span::ms(240, 1_920)),
                (64 << 10, Span::ms(480, 3_840)),
            ])
            .chip_erase(Span::ms(52_000, 312_000))
            .suspend(40_000, 448_000)
            .source(
                "all times",
                "the chip's SFDP table, in Zephyr's board file of nRF52840-DK",
            )
            .source("read", QUAD)
            .source("endurance", ENDURANCE)
            .finish()
    }

    /// GD25Q32C of `GigaDevice`: serial NOR of 4 MiB.
    pub fn gd25q32c() -> Self {
        ProfileBuilder::start("gd25q32c")
            .size(4 << 20)
            .program(Span::us(32, 32), Span::us(3, 12), Span::us(600, 4_500))
            .erases(&[
                (4 << 10, Span::ms(50, 400)),
                (32 << 10, Span::ms(150, 1_600)),
                (64 << 10, Span::ms(250, 2_000)),
            ])
            .chip_erase(Span::ms(15_000, 75_000))
            .source(
                "page program, erase times, typical",
                "GD25Q32C data sheet as quoted in driver sources",
            )
            .source(
                "byte program, chip erase, all maxima",
                "no source; in W25Q64JV's proportion to the typical times",
            )
            .source("read", QUAD)
            .source("endurance", ENDURANCE)
            .finish()
    }
}

impl Profile<RomPages> {
    /// RP2040 with its serial NOR of 2 MiB, through the ROM: whole pages of 256 bytes.
    pub fn rp2040() -> Self {
        winbond("rp2040")
            .size(2 << 20)
            .chip_erase(Span::ms(5_000, 25_000))
            .source(
                "page program of 256 bytes, sectors of 4 KiB",
                "RP2040's ROM functions, not re-checked",
            )
            .source("chip erase", "an eighth of W25Q128JV's")
            .finish()
    }
}

impl Profile<Words> {
    /// Nordic `nRF52840`: 1 MiB inside the controller, words of 32 bits, each programmed at most twice between erases.
    pub fn nrf52840() -> Self {
        ProfileBuilder::start("nrf52840")
            .size(1 << 20)
            .page(4)
            .program(Span::us(43, 43), Span::ns(0, 0), Span::us(43, 43))
            .erases(&[(4 << 10, Span::us(87_500, 87_500))])
            .chip_erase(Span::ms(173, 173))
            .read(0, 3_906)
            .suspend(0, 0)
            .partial_erase(1_000_000, 127_000_000)
            .endurance(10_000)
            .program_limit(4, 2, false)
            .collateral(false, false)
            .source(
                "word program, page erase, erase all",
                "nRF5340 product specification; nRF52840 is of the same order",
            )
            .source(
                "partial erase in steps of 1 to 127 ms",
                "register ERASEPAGEPARTIALCFG, field DURATION, 7 bits; 85 ms in all say drivers (nrf-hal, pull request 385), here the longer page erase",
            )
            .source(
                "two programs per word, 10,000 erases",
                "nRF52 product specification",
            )
            .source(
                "read",
                "64 MHz with wait states, arithmetic: 4 bytes in 15.6 ns",
            )
            .finish()
    }
}

impl Profile<Words> {
    /// Nordic `nRF52832`: 512 KiB inside the controller, words of 32 bits; each block of 512 bytes takes 181 of them
    /// between erases, fewer than two for each of its 128 words. No partial erase.
    pub fn nrf52832() -> Self {
        ProfileBuilder::start("nrf52832")
            .size(512 << 10)
            .page(4)
            .program(Span::us(338, 338), Span::ns(0, 0), Span::us(338, 338))
            .erases(&[(4 << 10, Span::us(89_700, 89_700))])
            .chip_erase(Span::us(295_300, 295_300))
            .read(0, 3_906)
            .suspend(0, 0)
            .endurance(10_000)
            .program_limit(512, 181, false)
            .collateral(false, false)
            .source(
                "181 programs per block of 512 bytes",
                "nRF52832 product specification 1.4, nWRITE, as quoted in Nordic DevZone question 68466",
            )
            .source(
                "counted per block",
                "nRF52832 product specification, NVMC, Writing to Flash",
            )
            .source(
                "page erase, maximum",
                "Zephyr, soc/nordic/nrf52/soc.h: FLASH_PAGE_ERASE_MAX_TIME_US",
            )
            .source(
                "word program, erase all, maxima",
                "nRF52832 product specification, not re-checked",
            )
            .source("typical times", "no source; the maxima")
            .source("10,000 erases", "nRF52 product specification")
            .source(
                "read",
                "64 MHz with wait states, arithmetic: 4 bytes in 15.6 ns",
            )
            .finish()
    }
}

impl Profile<EccDoubleWords> {
    /// ST STM32L4: 1 MiB inside the controller, double words with ECC, programmed once, or once more to zero.
    pub fn stm32l4() -> Self {
        ProfileBuilder::start("stm32l4")
            .size(1 << 20)
            .page(8)
            .program(
                Span::ns(81_690, 90_760),
                Span::ns(0, 0),
                Span::ns(81_690, 90_760),
            )
            .erases(&[(2 << 10, Span::us(22_020, 24_470))])
            .chip_erase(Span::us(22_130, 24_590))
            .read(0, 6_250)
            .suspend(0, 0)
            .endurance(10_000)
            .ecc(8, true)
            .refuses_overprogram()
            .collateral(false, false)
            .source(
                "refuses a program over a double word that is not erased",
                "STM32L4 reference manual RM0351, FLASH_SR, PROGERR; from memory, not re-checked",
            )
            .source(
                "double words with ECC, programmed once",
                "ST community on STM32L433; efton.sk STM32 gotcha 99",
            )
            .source("pages of 2 KiB", "STM32L476xx data sheet DS10198, 3.4")
            .source(
                "times, endurance",
                "STM32L476xx data sheet, from memory, not re-checked",
            )
            .source("read", "80 MHz, 4 wait states, 64 bits wide, arithmetic")
            .finish()
    }
}

impl Profile<EncryptedRows32> {
    /// ESP32 with flash encryption: serial NOR of 4 MiB behind rows of 32 bytes.
    pub fn esp32_encrypted() -> Self {
        winbond("esp32-encrypted")
            .size(4 << 20)
            .page(32)
            .encrypted(32, KEY)
            .source(
                "rows of 32 bytes, each programmed by itself",
                "ESP32 ROM, as bound in esp-idf-sys and esp-hal",
            )
            .source("chip erase", "W25Q64JV's")
            .finish()
    }
}

impl Profile<EncryptedRows16> {
    /// ESP32-C3 with flash encryption: serial NOR of 4 MiB behind rows of 16 bytes.
    pub fn esp32c3_encrypted() -> Self {
        winbond("esp32c3-encrypted")
            .size(4 << 20)
            .page(16)
            .encrypted(16, KEY)
            .source(
                "rows of 16 bytes, each programmed by itself",
                "later chips take 16, 32 or 64; esp-idf-sys and esp-hal",
            )
            .source("chip erase", "W25Q64JV's")
            .finish()
    }
}

/// A chip that does not exist: small sectors, so that a test sees them fill up and be erased after a few operations.
fn for_tests<G>(name: &str, sector: u32, page: u32) -> ProfileBuilder<G> {
    ProfileBuilder::start(name)
        .size(4 * sector)
        .page(page)
        .erases(&[(sector, Span::ms(45, 400))])
        .collateral(false, false)
        .source(
            "sizes",
            "chosen: small enough that a test sees sectors fill up",
        )
        .source("times", "those of W25Q64JV")
}

impl Profile<Sectors256> {
    /// A chip for tests that ANDs: four sectors of 256 bytes, pages of 64, otherwise as serial NOR.
    pub fn sectors_of_256() -> Self {
        for_tests("sectors-of-256", 256, 64).finish()
    }
}

impl Profile<Sectors1K> {
    /// A chip for tests that ANDs: four sectors of 1 KiB, pages of 256 bytes, otherwise as serial NOR.
    pub fn sectors_of_1024() -> Self {
        for_tests("sectors-of-1024", 1024, 256).finish()
    }

    /// The same chip, which refuses a program that would set a bit, and says so: see
    /// [`Rules::refuses_overprogram`](crate::Rules::refuses_overprogram).
    pub fn refusing() -> Self {
        for_tests("refusing", 1024, 256)
            .refuses_overprogram()
            .finish()
    }
}

impl Profile<WriteOnceWords> {
    /// A chip for tests: four sectors of 1 KiB, words of 32 bits that are programmed once between erases. A second program
    /// breaks a rule, and is an AND.
    pub fn write_once() -> Self {
        for_tests("write-once", 1024, 4)
            .program_limit(4, 1, false)
            .finish()
    }
}
