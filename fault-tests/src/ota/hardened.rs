//! A device with `ota-core`'s hardened policy in its bootloader and in its application.
//!
//! It differs from the stock one in how it boots and in its update core; what it does with them is the
//! same, and so are the promises that it is judged by. Beyond those, each boot at rest must leave
//! otadata as a stock bootloader boots the same slot from, and no image is started more often than it
//! may be.

use std::cell::Cell;
use std::ops::Range;

use ota_core::boot::{BootInputs, Refused, Wipe};
use ota_core::flash::SECTOR;
use ota_core::hardened::{
    Appearance, BootError, Chosen, Decision, Log, Order, Reason, Source, appearance,
    load_boot_image, load_table, select_boot_partition, simplify, simplify_torn_rows,
};
use ota_core::image::UnsignedVerifier;
use ota_core::otadata::{self, Entry};
use ota_core::partition::{PartitionTable, Slot, TABLE_LEN};
use sim_flash::{Op, State, Tear};
use xxhash_rust::xxh3::xxh3_128;

use super::application::CHUNK;
use super::caller::Caller;
use super::company::{StockBoot, judge_stock_choice};
use super::course::Outcome;
use super::device::{Device, Started, Verifier, pins};
use super::efuse::Efuse;
use super::firmware::ImageId;
use super::marks;
use super::policy::Policy;
use super::watch::watch;
use super::world::{World, judge_boot};
use crate::chip::{Chip, ChipError, InUnits};
use crate::explore::Record;
use crate::property::{Property, anti_rollback};
use crate::subject::{Dead, Journal, Rest};

/// Exhaustion of the log was met.
pub const EXHAUSTED: &str = "log exhausted";

/// A full log that was in doubt was left for a new one.
pub const RENEWED: &str = "full log left in doubt";

/// Bytes of a row of otadata.
const ROW: u32 = 32;

/// Rows of a sector of otadata.
const ROWS: u32 = SECTOR / ROW;

/// One power-on of `device` under the hardened policy, on a chip that programs `W` bytes at least.
pub(super) fn power_on<const W: usize>(
    device: &Device,
    log: Log,
    chip: &mut Chip<'_>,
    journal: &mut Journal<World>,
) -> Result<Rest, Dead> {
    let mut table = [0; TABLE_LEN];
    let mut buffer = [0; CHUNK];
    let Ok(verifier) = UnsignedVerifier::new(device.target, &mut buffer) else {
        return Ok(Rest::Stuck);
    };
    let mut verifier = Verifier::knowing(verifier, &device.accepted);
    // Otherwise what a stock bootloader finds is not of this policy's making.
    let alone = device.policy.in_application().is_some();
    let stock = { alone.then(|| StockBoot::start(device, chip, journal.world())) }.flatten();
    let inputs = pins(journal);
    let found = journal.world().minimum();
    let minimum = Cell::new(found);
    let booted = boot::<W>(
        device,
        device.on_flash(log),
        chip,
        &mut verifier,
        &mut Efuse::new(&minimum, device.target.chip),
        journal,
        inputs,
        &mut table,
    );
    if chip.dead() {
        return Err(Dead);
    }
    if let Some(stock) = stock {
        let ours = { booted.as_ref() }.map(|decision| decision.image.region);
        stock.judge(device, chip, journal, ours.ok());
    }
    journal.found(anti_rollback::judge_minimum(found, minimum.get()));
    journal.change(|world| world.burn(minimum.get()));
    // It has no entry that decides alone.
    let mut conduct = device.conduct(chip, None, inputs);
    let decision = match booted {
        Ok(decision) => decision,
        Err(error) => {
            journal.boot(&error);
            if let BootError::NothingBootable { tried, .. } = &error {
                journal.found(anti_rollback::judge_nothing(tried));
            }
            let got = match error {
                BootError::NothingBootable { .. } => "nothing that boots".into(),
                other => other.to_string(),
            };
            journal.violated(Property::NoBrick, "a slot whose image verifies", got);
            watch(journal, chip, &conduct, device.policy.wear());
            return Ok(Rest::Stuck);
        }
    };
    let image = device.jump(chip, journal, decision.image.region, &decision)?;
    conduct.running = Some(decision.partition);
    if decision.wipe == Some(Wipe::Done) && decision.order == Order::Kept {
        journal.change(World::is_reset);
    }
    // Where calls are made their plan judges; and when all is over, how the new update ends is all that is judged.
    if matches!(journal.world(), World::Updates(_)) {
        judge(device, journal, &decision, image);
    }
    if alone {
        judge_stock_choice(device, chip, journal, &decision)?;
    }
    let (running, table) = (decision.partition, &table);
    let rest = if let World::Calls(plan) = *journal.world() {
        let mut caller = Caller {
            device,
            journal,
            running,
            table,
        };
        caller.run(chip, verifier, plan, outcome(&decision, image))?
    } else {
        let started = Started {
            verifier,
            minimum: &minimum,
            table,
            running,
            image,
        };
        device.application::<W>(chip, journal, started)?
    };
    watch(journal, chip, &conduct, device.policy.wear());
    // A generation that was begun in the place of stock code's entries is given up by zeroing rows, too.
    let wipes =
        |op: Op| matches!(op, Op::Program { data, .. } if data.iter().all(|byte| *byte == 0));
    if decision.chosen.is_some_and(by_record) && chip.done().filter_map(|row| row.op()).any(wipes) {
        journal.sometimes(RENEWED);
    }
    Ok(rest)
}

/// The bootloader, step by step: the world hears that a start is being counted.
#[expect(
    clippy::result_large_err,
    reason = "the list of refused slots is the point of the error"
)]
#[expect(
    clippy::too_many_arguments,
    reason = "those of the bootloader, and the journal"
)]
fn boot<const W: usize>(
    device: &Device,
    log: Log,
    chip: &mut Chip<'_>,
    verifier: &mut Verifier<'_>,
    efuse: &mut Efuse<'_>,
    journal: &mut Journal<World>,
    inputs: BootInputs,
    table: &mut [u8; TABLE_LEN],
) -> Result<Decision, BootError<ChipError>> {
    let flash = &mut InUnits::<W>::new(chip);
    let table = load_table(flash, &device.boot, table)?;
    let selection = select_boot_partition(flash, table, &device.boot, log, &inputs)?;
    if let Some(slot) = selection.counts() {
        journal.change(|world| world.counting(slot));
    }
    load_boot_image(flash, verifier, efuse, table, &device.boot, selection)
}

/// Whether a record says what is chosen, and no entry of stock code.
const fn by_record(chosen: Chosen) -> bool {
    matches!(chosen.source, Source::Record { .. })
}

/// The slot that otadata chooses, if its image does not verify.
fn astray(decision: &Decision) -> Option<Slot> {
    let (chosen, first) = (decision.chosen?, decision.tried.iter().next()?);
    let refused = matches!(first.refused, Refused::Image(_) | Refused::OtherImage);
    (first.slot == chosen.slot && refused).then_some(first.slot)
}

/// What a boot decided, for the judge of calls.
pub(super) fn outcome(decision: &Decision, image: Option<ImageId>) -> Outcome {
    Outcome {
        slot: decision.slot,
        image,
        astray: astray(decision),
    }
}

fn judge(
    device: &Device,
    journal: &mut Journal<World>,
    decision: &Decision,
    image: Option<ImageId>,
) {
    if let Some(slot) = astray(decision).filter(|_| decision.chosen.is_some_and(by_record)) {
        journal.violated(
            Property::PublishOrder,
            "the record chooses a slot whose image verifies",
            format!("it chooses {slot}, whose image does not"),
        );
    }
    if let Reason::RolledBack { .. } = decision.reason {
        journal.sometimes(marks::ROLLED_BACK);
    }
    if !decision.tried.is_empty() {
        journal.sometimes(marks::FELL_BACK);
    }
    if decision.order == Order::Exhausted {
        journal.sometimes(EXHAUSTED);
        journal.change(World::exhausted);
    }
    if let (Reason::Trial { .. }, Some(image)) = (decision.reason, image)
        && journal.world().has_started(image)
    {
        journal.violated(
            Property::RollbackConvergence,
            format!(
                "{} is started once before it confirms itself",
                device.name(image)
            ),
            "it is started again",
        );
    }
    device.judge_version(journal, decision.slot, image);
    judge_boot(journal, |image| device.name(image), decision.slot, image);
    if let (Order::Kept, Some(image)) = (decision.order, image) {
        journal.change(|world| world.settle(image));
    }
    if let (Reason::RolledBack { .. }, Some(image)) = (decision.reason, image) {
        // Acted on: what was given up stays given up.
        journal.change(|world| world.confirm(image));
    }
}

/// The flash with the simplest otadata that the device cannot tell from this one, if that is another.
pub(super) fn simplest(device: &Device, log: Log, state: &State) -> Option<State> {
    with_otadata(device, state, |otadata, weak, table| {
        simplify(otadata, weak, table, log, device.room);
    })
}

/// The first address that is as good as this one where there is always room in a log of this otadata.
pub(super) fn interchangeable(otadata: u32, addr: u32) -> u32 {
    let at = addr.wrapping_sub(otadata);
    match u8::try_from(at % SECTOR / ROW) {
        Ok(row) if at < otadata::MIN_SIZE => {
            let first = ota_core::hardened::interchangeable(row);
            addr - u32::from(row - first) * ROW
        }
        _ => addr,
    }
}

/// The flash with plainer otadata that has the same simplest one, if rows are torn in ways of their own.
pub(super) fn plainer(device: &Device, log: Log, state: &State) -> Option<State> {
    with_otadata(device, state, |otadata, weak, table| {
        simplify_torn_rows(otadata, weak, table, log);
    })
}

/// The flash with otadata as `change` makes it, if that changes it. It is given the bytes, and which of their
/// bits are weak.
fn with_otadata(
    device: &Device,
    state: &State,
    change: impl FnOnce(&mut [u8], &mut [u8], PartitionTable<'_>),
) -> Option<State> {
    const LENGTH: usize = otadata::MIN_SIZE as usize;
    let at = device.otadata()?;
    let (mut otadata, mut weak) = ([0; LENGTH], [0; LENGTH]);
    state.read(at, &mut otadata);
    if state.has_weak(at..at + otadata::MIN_SIZE) {
        if !state.reprogram_heals() {
            // Rows with weak bits that are alike now are not for long.
            return None;
        }
        state.weak(at, &mut weak);
    }
    let mut table = [0; TABLE_LEN];
    state.read(device.boot.table_offset, &mut table);
    let table = PartitionTable::for_bootloader(&table, device.boot.flash_size).ok()?;
    let (mut changed, mut still_weak) = (otadata, weak);
    change(&mut changed, &mut still_weak, table);
    if (&changed, &still_weak) == (&otadata, &weak) {
        return None;
    }
    let mut state = state.clone();
    state.load(at, &changed);
    if still_weak != [0; LENGTH] {
        state.weaken(at, &still_weak);
    }
    Some(state)
}

/// The rows of otadata, and the headers of images.
pub(super) fn records(device: &Device) -> Vec<Record> {
    let rows = device.otadata().into_iter().flat_map(|otadata| {
        [otadata, otadata + SECTOR]
            .into_iter()
            .flat_map(|sector| (0..ROWS).map(move |row| (row, sector + row * ROW)))
    });
    let images = device.records.iter().filter(|record| {
        let otadata = device.otadata().unwrap_or(u32::MAX);
        !(otadata..otadata + 2 * SECTOR).contains(&record.range.start)
    });
    rows.map(|(row, at)| {
        let learned = if row == 0 { learned_entry } else { learned_row };
        let record = Record::new(at..at + ROW, learned).telling_all(|learned| learned > REFUSED);
        // Two CRCs and a count of zeros, or the CRC of an entry.
        if row == 0 {
            record
        } else {
            record.staying_refused()
        }
    })
    .chain(images.cloned())
    .map(|record| match &device.cipher {
        Some(cipher) => record.through(cipher),
        None => record,
    })
    .collect()
}

/// Tears of an erase that leave a valid entry which nobody wrote.
///
/// That is stock code's weakness, as the CRC covers the number alone. The hardened policy does not believe such an entry
/// beside a generation of its own; while there is none, which is in the first call on a device that comes from stock,
/// it has nothing else to go by, and its guarantee says so.
pub(super) fn solved_erase(device: &Device, erased: &Range<u32>, before: &State) -> Vec<Tear> {
    let tried = match device.policy {
        Policy::Stock => true,
        Policy::Hardened(_) => device.otadata().is_some_and(|at| has_birth(before, at)),
        Policy::StockBootloader | Policy::StockApplication => false,
    };
    if device.cipher.is_some() || !tried {
        return Vec::new();
    }
    device.map().solved_erase(erased, before)
}

/// Whether a generation was begun in one of the sectors of otadata, which is at `at`.
fn has_birth(state: &State, at: u32) -> bool {
    [at, at + SECTOR].into_iter().any(|sector| {
        let mut first = [0; ROW as usize];
        state.read(sector + ROW, &mut first);
        appearance(&first) == Appearance::Record
    })
}

/// What is learned of a row that says nothing; more is learned of all others, namely what they are.
const REFUSED: u128 = 1;

/// Of an entry for stock code: whether it is erased, damaged, or what it is.
pub(super) fn learned_entry(bytes: &[u8]) -> u128 {
    let Some(entry) = bytes.first_chunk().map(Entry::parse) else {
        return u128::MAX;
    };
    if entry == Entry::ERASED {
        0
    } else if entry.is_blankish() {
        REFUSED
    } else {
        xxh3_128(bytes) | 2
    }
}

/// Of a row of the log: whether it is blank, refused wherever it lies, or what it is.
fn learned_row(bytes: &[u8]) -> u128 {
    match bytes.first_chunk().map(appearance) {
        Some(Appearance::Blank) => 0,
        Some(Appearance::Refused) => REFUSED,
        Some(Appearance::Record) => xxh3_128(bytes) | 2,
        None => u128::MAX,
    }
}
