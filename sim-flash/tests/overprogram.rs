//! Programs over programmed cells, where they are carried out: an AND, and a breach that is kept.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::{Cut, Flash, FlashError, Geometry, Overprogram, Profile, Tear};

const AT: u32 = 0x4000;

fn read<G: Geometry>(flash: &mut Flash<(), G>) -> [u8; 4] {
    let mut bytes = [0; 4];
    flash.read(AT, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_program_over_programmed_cells_is_an_and_and_is_kept_as_a_breach() {
    // Three pages, the second of which would set bits.
    let data = [0xF0; 768];
    let over = |flash: &mut Flash| {
        flash.write(AT + 0x180, &[0x0F]).unwrap();
        flash.write(AT, &data)
    };
    let refused = over(&mut Flash::new(Profile::w25q64jv())).unwrap_err();
    // The short way, and the one with care: what is protected elsewhere makes no difference.
    let mut outcomes = [false, true].map(|careful| {
        let mut flash = Flash::new(Profile::w25q64jv());
        flash.set_overprogram(Overprogram::And);
        if careful {
            flash.protect(0..4096);
        }
        over(&mut flash).unwrap();
        assert_eq!(flash.breaches().len(), 1);
        assert_eq!(flash.breaches()[0].op, 2, "the second page");
        assert_eq!(flash.breaches()[0].error, refused);
        assert_eq!(flash.trace().len(), 4);
        let mut bytes = [0; 768];
        flash.read(AT, &mut bytes).unwrap();
        flash.power_on();
        assert!(flash.breaches().is_empty(), "of this power-on alone");
        (bytes, flash.trace().to_string(), flash.stats())
    });
    assert_eq!(outcomes[0], outcomes[1]);
    let (bytes, ..) = &mut outcomes[0];
    assert_eq!(std::mem::replace(&mut bytes[0x180], 0xF0), 0, "0F & F0");
    assert_eq!(*bytes, data);
}

#[test]
fn a_program_too_many_is_kept_where_words_count() {
    let mut flash = Flash::new(Profile::nrf52840());
    flash.set_overprogram(Overprogram::And);
    for byte in [0xFE, 0xFC, 0xF8] {
        flash.write(AT, &[byte; 4]).unwrap();
    }
    assert_eq!(read(&mut flash), [0xF8; 4]);
    let [breach] = flash.breaches() else {
        panic!("one breach: {:?}", flash.breaches());
    };
    assert_eq!(
        breach.error.to_string(),
        "program 0x4000+0x4: a word may be programmed 2 times between erases (first at 0x4000)"
    );
}

#[test]
fn a_cut_program_is_an_and_as_a_whole_one() {
    let mut flash = Flash::new(Profile::w25q64jv());
    flash.set_overprogram(Overprogram::And);
    flash.write(AT, &[0x0F; 4]).unwrap();
    flash.arm(Cut {
        op: 1,
        tear: Tear::P1(2),
    });
    assert_eq!(flash.write(AT, &[0xF0; 4]), Err(FlashError::PowerLost));
    assert!(flash.fired() && flash.breaches().is_empty());
    flash.power_on();
    assert_eq!(read(&mut flash), [0, 0, 0x0F, 0x0F]);
}

#[test]
fn a_chip_that_refuses_it_refuses_it() {
    let mut flash = Flash::new(Profile::w25q64jv().with_overprogram_refused(true));
    let mut ecc = Flash::new(Profile::stm32l4());
    flash.set_overprogram(Overprogram::And);
    ecc.set_overprogram(Overprogram::And);
    flash.write(AT, &[0x0F; 8]).unwrap();
    ecc.write(AT, &[0x0F; 8]).unwrap();
    assert!(flash.write(AT, &[0xF0; 8]).is_err());
    assert!(ecc.write(AT, &[0x0E; 8]).is_err());
    assert!(flash.breaches().is_empty() && ecc.breaches().is_empty());
}
