//! sequential-storage 8.0.2, the map: two keys in three pages of 256 bytes, without a cache.

use fault_tests::{DeviceFlash, PowerCuts, Profile, block_on};
use sequential_storage::cache::{Cache, Uncached};
use sequential_storage::map::{MapConfig, MapStorage};

type Flash = DeviceFlash<sim_flash::Sectors256>;
type Map = MapStorage<u8, Flash, Cache<Uncached, Uncached, Uncached, u8>>;

#[test]
fn a_stored_item_survives_power_cuts() {
    PowerCuts::on(Profile::sectors_of_256().with_size(3 * 256))
        .store(|flash: Flash| {
            Ok::<_, ()>(Map::new(flash, const { MapConfig::new(0..3 * 256) }, Cache::new_uncached()))
        })
        .operations([(1, [0x11_u8; 40]), (2, [0x22; 40]), (1, [0x33; 40]), (1, [0x44; 40]), (2, [0x55; 40])])
        .apply(|map, (key, value)| block_on(map.store_item(&mut [0; 128], key, &&value[..])))
        .read(|map| {
            let mut read = |key| {
                let mut buffer = [0; 128];
                let found = block_on(map.fetch_item::<&[u8]>(&mut buffer, &key));
                found.map(|item| item.map(<[u8]>::to_vec))
            };
            read(1).and_then(|one| Ok([one, read(2)?]))
        })
        .model([None, None], |items, (key, value)| items[usize::from(*key) - 1] = Some(value.to_vec()))
        .check();
}
