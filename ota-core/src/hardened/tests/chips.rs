//! Devices whose flash is not serial NOR: the same life on each, with cuts.

use super::*;
use embedded_storage::nor_flash::NorFlash;

/// A kind of flash, over the cells of a RAM one.
pub(super) trait Chip: Clone + Default {
    type Flash<'d>: NorFlash<Error = NorFlashErrorKind>
    where
        Self: 'd;

    fn over<'d>(&'d mut self, ram: &'d mut Ram) -> Self::Flash<'d>;
}

/// A device with such a flash.
#[derive(Clone)]
pub(super) struct On<C> {
    pub(super) device: Device,
    pub(super) chip: C,
}

type Booted = core::result::Result<Decision, BootError<NorFlashErrorKind>>;

impl<C: Chip> On<C> {
    pub(super) fn new(slots: &[Slot], log: Log) -> Self {
        let mut device = Device::new(slots);
        device.log = log;
        let chip = C::default();
        Self { device, chip }
    }

    pub(super) fn boot(&mut self) -> Booted {
        let device = &mut self.device;
        boot(
            &mut self.chip.over(&mut device.ram),
            &mut Numbered,
            &mut NoSecureVersion,
            &device.config,
            device.log,
            &device.inputs,
            &mut [0; TABLE_LEN],
        )
    }

    /// What a stock bootloader boots.
    pub(super) fn stock(&self) -> Option<Slot> {
        let mut left = self.power_on();
        let decision = crate::boot::boot(
            &mut left.chip.over(&mut left.device.ram),
            &mut Numbered,
            &mut NoSecureVersion,
            &BootConfig::new(SIZE),
            &BootInputs::default(),
            &mut [0; TABLE_LEN],
        );
        decision.ok().map(|decision| decision.slot)
    }

    pub(super) fn app<T>(
        &mut self,
        running: Slot,
        calls: impl FnOnce(&mut super::Ota<'_, C::Flash<'_>, Numbered, NoSecureVersion>) -> Result<T>,
    ) -> Result<T> {
        let device = &mut self.device;
        let bytes = device.ram.table();
        let table = PartitionTable::for_application(&bytes, true).unwrap();
        let config = AppConfig {
            rollback: true,
            ..AppConfig::new(Target::new(&chip::ESP32C3), SIZE)
        };
        let flash = self.chip.over(&mut device.ram);
        let running = place(&device.slots, running);
        let log = device.log;
        let mut ota = Ota::new(
            flash,
            Numbered,
            NoSecureVersion,
            table,
            running,
            config,
            log,
        );
        calls(&mut ota)
    }

    /// Downloads image `number` from `running` into `to`, and chooses it.
    pub(super) fn switch(&mut self, running: Slot, to: Slot, number: u8) -> Result<()> {
        let to = self.device.partition(to);
        self.app(running, |ota| {
            let handle = ota.begin(&to, ImageSize::Unknown)?;
            let mut bytes = image(number);
            bytes.resize(bytes.len().next_multiple_of(32), 0xFF);
            ota.write(handle, &bytes)?;
            ota.end(handle)?;
            ota.set_boot_partition(&to)
        })
    }

    pub(super) fn confirm(&mut self, running: Slot) -> Result<()> {
        self.app(running, |ota| ota.mark_app_valid_cancel_rollback())
    }

    /// A whole update, confirmed.
    pub(super) fn update(&mut self, running: Slot, to: Slot, number: u8) {
        self.switch(running, to, number).unwrap();
        assert_eq!(self.boot().unwrap().slot, to);
        self.confirm(to).unwrap();
    }

    pub(super) fn power_on(&self) -> Self {
        Self {
            device: self.device.power_on(),
            chip: self.chip.clone(),
        }
    }

    /// What is left when operation `op` is cut, of those in `day`; `None` if there are not so many.
    fn cut(&self, op: usize, torn: Torn, day: impl FnOnce(&mut Self)) -> Option<Self> {
        let mut device = self.power_on();
        device.device.ram.power = op;
        device.device.ram.torn = torn;
        day(&mut device);
        device.device.ram.is_dead().then(|| device.power_on())
    }

    /// Cuts each operation of `day`, and some of the next boot: `A` or `B` boots, what is chosen is in order,
    /// and the next updates go through.
    pub(super) fn each_cut_leaves_a_device_that_updates(
        &self,
        tears: &[Torn],
        day: impl Fn(&mut Self),
    ) {
        let mut cuts = 0;
        for torn in tears {
            for op in 0.. {
                let Some(left) = self.cut(op, *torn, &day) else {
                    break;
                };
                cuts += 1;
                for again in [0, 3, 5, 9, 14, 40] {
                    let mut left = left.power_on();
                    left.device.ram.power = again;
                    left.device.ram.torn = *torn;
                    let _ = left.boot();
                    left.power_on()
                        .goes_on(&std::format!("{torn:?} in {op}, then {again}"));
                }
            }
        }
        assert!(cuts > 30, "{cuts}");
    }

    fn goes_on(&mut self, what: &str) {
        let decision = self.boot().unwrap();
        assert_eq!(decision.order, Order::Kept, "{what}");
        let running = decision.slot;
        let other = if running == A { B } else { A };
        self.confirm(running).unwrap();
        self.update(running, other, 9);
        self.update(other, running, 10);
        assert_eq!(self.stock(), Some(running), "{what}");
        self.device.cost();
        assert_eq!(self.boot().unwrap().slot, running, "{what}");
        assert_eq!(self.device.cost(), otadata(0, 0), "{what}");
    }
}
