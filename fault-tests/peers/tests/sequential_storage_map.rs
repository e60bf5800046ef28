//! sequential-storage 8.0.2, the map: two keys in three pages of 256 bytes, without a cache.

use fault_tests::power_cuts::{Checked, Story};
use fault_tests::property::Property;
use fault_tests::{DeviceFlash, PowerCuts, Profile, block_on};
use sequential_storage::cache::{Cache, Uncached};
use sequential_storage::map::{MapConfig, MapStorage};
use sim_flash::Level;

type Flash = DeviceFlash<sim_flash::Sectors256>;
type Map = MapStorage<u8, Flash, Cache<Uncached, Uncached, Uncached, u8>>;

fn items(level: Level) -> Result<Checked, Box<Story>> {
    PowerCuts::on(Profile::sectors_of_256().with_size(3 * 256))
        .store(|flash: Flash| {
            Ok::<_, ()>(Map::new(
                flash,
                const { MapConfig::new(0..3 * 256) },
                Cache::new_uncached(),
            ))
        })
        .operations([
            (1, [0x11_u8; 40]),
            (2, [0x22; 40]),
            (1, [0x33; 40]),
            (1, [0x44; 40]),
            (2, [0x55; 40]),
        ])
        .apply(|map, (key, value)| block_on(map.store_item(&mut [0; 128], key, &&value[..])))
        .read(|map| {
            let mut read = |key| {
                let mut buffer = [0; 128];
                let found = block_on(map.fetch_item::<&[u8]>(&mut buffer, &key));
                found.map(|item| item.map(<[u8]>::to_vec))
            };
            read(1).and_then(|one| Ok([one, read(2)?]))
        })
        .model([None, None], |items, (key, value)| {
            items[usize::from(*key) - 1] = Some(value.to_vec())
        })
        .level(level)
        .not_kept()
        .verdict()
}

#[test]
fn a_stored_item_survives_cuts_between_operations() {
    items(Level::L0).expect("nothing is lost");
}

/// See the README: confirmed without this project.
#[test]
fn an_erase_that_stops_with_the_first_bytes_left_loses_an_acknowledged_item() {
    let story = items(Level::L1).expect_err("an item is lost");
    assert_eq!(story.property(), Property::Durability);
    assert!(story.to_string().contains("E9."), "{story}");
}
