//! The power fails in every operation of a life.

use super::*;

/// One thing that happens to the device, of a life that each begins with the one before it.
type Day = (&'static str, fn(&mut Device) -> Result<()>);

fn boot_day(device: &mut Device) -> Result<()> {
    device.boot().map(|_| ()).map_err(|_| OtaError::NoOtadata)
}

const LIFE: &[Day] = &[
    ("first download", |d| d.download(FACTORY, A, 2)),
    ("first set_boot", |d| d.set_boot(FACTORY, A)),
    ("first trial", boot_day),
    ("confirm", |d| d.confirm(A)),
    ("download", |d| d.download(A, B, 3)),
    ("set_boot", |d| d.set_boot(A, B)),
    ("trial", boot_day),
    ("rollback", boot_day),
    ("idle", boot_day),
    ("download again", |d| d.download(A, B, 4)),
    ("set_boot again", |d| d.set_boot(A, B)),
    ("begin anew", |d| d.download(A, B, 5)),
    ("set_boot anew", |d| d.set_boot(A, B)),
    ("trial anew", boot_day),
    ("refuse", |d| {
        d.app(B, |ota| ota.mark_app_invalid_rollback())
    }),
    ("forget", |d| {
        d.app(A, |ota| ota.invalidate_inactive_otadata_slot())
            .or(Ok(()))
    }),
    ("factory", |d| d.set_boot(A, FACTORY)),
    ("download from factory", |d| d.download(FACTORY, A, 6)),
    ("set_boot from factory", |d| d.set_boot(FACTORY, A)),
    ("trial from factory", boot_day),
    ("confirm after factory", |d| d.confirm(A)),
    ("factory reset", |d| {
        d.inputs.factory_reset_pin = true;
        let booted = boot_day(d);
        d.inputs.factory_reset_pin = false;
        booted
    }),
];

/// The tears that an operation is cut with: many in otadata, few elsewhere.
fn tears(op: Op) -> Vec<Torn> {
    let (at, len) = match op {
        Op::Erase { from, to } => (from, (to - from) as usize),
        Op::Program { at, len } => (at, len),
    };
    let mut tears = std::vec![Torn::Nothing, Torn::Done];
    if matches!(op, Op::Erase { .. }) {
        tears.push(Torn::Zeroed);
    }
    if !is_otadata(at) {
        return tears;
    }
    for n in [1, 8, 24, 31, 32, 100, 128, 160, 1000]
        .into_iter()
        .filter(|n| *n < len)
    {
        tears.extend([Torn::Prefix(n), Torn::Suffix(n)]);
    }
    tears.extend((1..4).map(Torn::Some));
    if matches!(op, Op::Erase { .. }) {
        // Old bits beside risen ones: the entry but for a bit of its number, its label, its state or its CRC; other rows.
        let entry = [0, 1, 32, 40, 70, 100, 200, 230].map(|bit| Torn::Risen { row: 0, bit });
        let rows = [1, 4, 5, 6, 7, 8, 9, 10, 95].map(|row| Torn::Risen { row, bit: 0 });
        tears.extend(entry.into_iter().chain(rows));
        tears.extend([0, 1, 5, 6, 8].map(Torn::RisenRow));
    }
    tears
}

/// The tears that are followed by a second cut.
fn is_followed(torn: Torn) -> bool {
    matches!(
        torn,
        Torn::Nothing
            | Torn::Zeroed
            | Torn::Some(1)
            | Torn::Prefix(8)
            | Torn::Suffix(128)
            | Torn::Risen { row: 0, bit: 32 }
            | Torn::Risen { row: 5, .. }
    )
}

/// Cuts operation `op` of `day`; what is left, powered on again. `None` if the day has no such
/// operation.
fn cut(device: &Device, day: Day, op: usize, torn: Torn) -> Option<Device> {
    let mut device = device.power_on();
    device.ram.power = op;
    device.ram.torn = torn;
    let _ = day.1(&mut device);
    device.ram.is_dead().then(|| device.power_on())
}

type Ahead = Option<(Slot, [u8; 32])>;

/// After a cut in a day that leads from one of two boots to the other: boots, and what comes of it.
fn judge(device: &Device, allowed: [Ahead; 2], what: &str) -> Device {
    let mut first = device.power_on();
    let decision = first.boot();
    let decision = decision.unwrap_or_else(|error| panic!("{what}: {error}"));
    let got = Some((decision.slot, decision.image.digest));
    assert!(
        allowed.contains(&got),
        "{what}: {decision}\nallowed {allowed:?}"
    );
    assert_eq!(decision.order, Order::Kept, "{what}");
    assert_eq!(first.stock(), Some(decision.slot), "{what}: stock differs");
    first.ram.done.clone_from(&first.ram.ops);
    let cost = first.cost();
    assert!(cost.erases <= 3, "{what}: {cost:?}");
    // Nothing more to do at the next one, but for a trial that comes to its end.
    let mut second = first.power_on();
    let again = second.boot().unwrap();
    let over = matches!(decision.reason, Reason::Trial { .. });
    if !over {
        assert_eq!(
            (again.slot, again.image.digest),
            (decision.slot, decision.image.digest),
            "{what}"
        );
        assert_eq!(
            second.cost(),
            otadata(0, 0),
            "{what}: the second boot writes"
        );
    }
    first
}

fn live(slots: &[Slot], life: &[Day], log: Log) {
    let mut device = Device::new(slots);
    device.log = log;
    let mut cuts = 0;
    for day in life {
        let mut after = device.power_on();
        day.1(&mut after).unwrap_or_else(|error| panic!("{}: {error}", day.0));
        let allowed = [device.ahead(), after.ahead()];
        for (at, op) in after.ram.ops.iter().enumerate() {
            for torn in tears(*op) {
                let Some(left) = cut(&device, *day, at, torn) else {
                    continue;
                };
                cuts += 1;
                let what = std::format!("{} cut in op {at} {op:x?} {torn:?}", day.0);
                let booted = judge(&left, allowed, &what);
                if is_followed(torn) {
                    cuts += cut_the_boot(&left, &booted, allowed, &what);
                }
            }
        }
        device = after.power_on();
    }
    assert!(cuts > 1000, "{cuts}");
}

/// The power fails in the boot after a cut, too.
fn cut_the_boot(left: &Device, booted: &Device, [before, after]: [Ahead; 2], what: &str) -> u32 {
    let mut cuts = 0;
    let allowed = [left.ahead(), booted.ahead()];
    assert!([before, after].contains(&allowed[0]));
    for (second, op) in booted.ram.done.iter().enumerate() {
        for torn in tears(*op).into_iter().filter(|torn| is_followed(*torn)) {
            if let Some(twice) = cut(left, ("boot", boot_day), second, torn) {
                cuts += 1;
                judge(
                    &twice,
                    allowed,
                    &std::format!("{what}, boot cut in op {second} {torn:?}"),
                );
            }
        }
    }
    cuts
}

#[test]
fn every_cut_of_a_life_leaves_what_was_chosen_before_or_after() {
    live(&[FACTORY, A, B], LIFE, Log::DEFAULT);
}

#[test]
fn so_it_does_with_a_small_log() {
    live(&[FACTORY, A, B], LIFE, Log::new(10, 6).unwrap());
}

#[test]
fn so_it_does_without_a_factory_image() {
    const LIFE: &[Day] = &[
        ("download", |d| d.download(A, B, 3)),
        ("set_boot", |d| d.set_boot(A, B)),
        ("trial", boot_day),
        ("confirm", |d| d.confirm(B)),
        ("download back", |d| d.download(B, A, 4)),
        ("set_boot back", |d| d.set_boot(B, A)),
        ("trial back", boot_day),
        ("rollback", boot_day),
        ("erase last", |d| {
            d.app(B, |ota| ota.erase_last_boot_app_partition())
                .or(Ok(()))
        }),
    ];
    live(&[A, B], LIFE, Log::DEFAULT);
}

/// The entry of an image on trial, all of it but one bit of its label: nothing tells that from an entry of stock code, but
/// that it was to be erased. Factory is chosen in two switches, and the second one erases that entry.
#[test]
fn what_an_erase_leaves_of_an_entry_is_no_choice_of_stock_code() {
    let mut device = Device::new(&[FACTORY, A, B]);
    device.download(FACTORY, A, 2).unwrap();
    device.set_boot(FACTORY, A).unwrap();
    assert_eq!(device.boot().unwrap().slot, A);
    let reset = |device: &mut Device, pin: bool| {
        if pin {
            device.inputs.factory_reset_pin = true;
            boot_day(device).is_err()
        } else {
            device.set_boot(A, FACTORY).is_err()
        }
    };
    let mut entries = 0;
    for (pin, row, bit) in [false, true].into_iter().flat_map(|pin| {
        let bits = (0..256).map(move |bit| (pin, 0, bit));
        bits.chain((1..128).map(move |row| (pin, row, 7)))
    }) {
        let mut whole = device.power_on();
        assert!(!reset(&mut whole, pin));
        let erases = { whole.ram.ops.iter().enumerate() }
            .filter(|(_, op)| matches!(op, Op::Erase { from, .. } if is_otadata(*from)));
        for (at, _) in erases {
            let mut cut = device.power_on();
            (cut.ram.power, cut.ram.torn) = (at, Torn::Risen { row, bit });
            assert!(reset(&mut cut, pin));
            let mut cut = cut.power_on();
            cut.inputs.factory_reset_pin = false;
            let left = [0, 0x1000].map(|at| {
                let at = (OTADATA + at) as usize;
                Entry::parse(cut.ram.bytes[at..at + 32].first_chunk().unwrap())
            });
            entries += usize::from(left.iter().any(Entry::is_valid));
            // Before the choice is made the trial is over: it has been started.
            let what = std::format!("erase {at}, row {row}, bit {bit}, pin {pin}");
            assert_eq!(cut.boot().unwrap().slot, FACTORY, "{what}");
            assert_eq!(cut.stock(), Some(FACTORY), "{what}");
            cut.rests_with(FACTORY);
        }
    }
    assert!(entries > 100, "{entries}");
}
