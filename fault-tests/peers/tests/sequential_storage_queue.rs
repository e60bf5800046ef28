//! sequential-storage 8.0.2, the queue: items pushed and popped in three pages of 256 bytes, without a cache.

use fault_tests::property::Property;
use fault_tests::{DeviceFlash, PowerCuts, Profile, block_on};
use sequential_storage::cache::{Cache, Uncached};
use sequential_storage::queue::{QueueConfig, QueueStorage};
use sim_flash::Level;

type Flash = DeviceFlash<sim_flash::Sectors256>;
type Queue = QueueStorage<Flash, Cache<Uncached, Uncached, Uncached>>;

#[derive(Clone, Debug)]
enum Ask {
    Push(u8),
    Pop,
}

#[test]
fn the_queue_survives_cuts_between_operations() {
    PowerCuts::on(Profile::sectors_of_256().with_size(3 * 256))
        .store(|flash: Flash| {
            Ok::<_, ()>(Queue::new(
                flash,
                const { QueueConfig::new(0..3 * 256) },
                Cache::new_uncached(),
            ))
        })
        .operations([
            Ask::Push(1),
            Ask::Push(2),
            Ask::Pop,
            Ask::Push(3),
            Ask::Push(4),
            Ask::Pop,
        ])
        .apply(|queue, ask| match ask {
            Ask::Push(item) => block_on(queue.push(&[*item; 60], false)),
            Ask::Pop => block_on(queue.pop(&mut [0; 128])).map(|_| ()),
        })
        .read(|queue| {
            block_on(async {
                let (mut items, mut buffer) = (Vec::new(), [0; 128]);
                let mut all = queue.iter().await?;
                while let Some(item) = all.next(&mut buffer).await? {
                    items.push((*item).to_vec());
                }
                Ok::<_, sequential_storage::Error<_>>(items)
            })
        })
        .model(Vec::new(), |items, ask| match ask {
            Ask::Push(item) => items.push(vec![*item; 60]),
            Ask::Pop => drop(items.remove(0)),
        })
        // A push that was cut has used up room, and a later one may find none.
        .tolerate(Property::Completion)
        .level(Level::L0)
        .not_kept()
        .check();
}
