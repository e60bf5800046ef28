//! What the crate promises about its data.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn names_in(folder: &str, extension: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(extension).map(str::to_owned)
        })
        .collect()
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let names: Vec<_> = names.map(str::to_owned).collect();
    let set: BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!(set.len(), names.len(), "a name is listed twice");
    set
}

#[test]
fn every_case_in_the_folder_is_listed_and_the_other_way_round() {
    assert_eq!(
        listed(corpus::CASES.iter().map(|case| case.name)),
        names_in("cases", ".case")
    );
    assert!(corpus::CASES.is_sorted_by_key(|case| case.name));
}

#[test]
fn every_image_in_the_folder_is_listed_and_the_other_way_round() {
    assert_eq!(
        listed(corpus::IMAGES.iter().map(|image| image.name)),
        names_in("images", ".bin")
    );
}

#[test]
fn every_signed_image_in_the_folder_is_listed_and_the_other_way_round() {
    assert_eq!(
        listed(corpus::SIGNED.iter().map(|image| image.name)),
        names_in("signed", ".bin")
    );
    for image in corpus::SIGNED {
        // The image, whole sectors of it, and the sector that says who signed it.
        assert_eq!(image.bytes.len() % 4096, 0);
        assert_eq!(image.bytes[image.bytes.len() - 4096], 0xE7);
    }
}

#[test]
fn every_table_in_the_folder_is_listed_and_the_other_way_round() {
    let csv: BTreeSet<_> = names_in("tables", ".csv")
        .into_iter()
        .filter(|name| !name.contains(".back"))
        .collect();
    assert_eq!(listed(corpus::TABLES.iter().map(|table| table.name)), csv);
    for table in corpus::TABLES {
        assert_eq!(table.name.starts_with('v'), table.binary().is_some());
    }
}

#[test]
fn descriptions_of_images_agree_with_their_bytes() {
    for image in corpus::IMAGES {
        let chip_id = match image.chip {
            "esp32" => 0,
            "esp32c3" => 5,
            "esp32s3" => 9,
            "esp32c6" => 13,
            other => panic!("{other}: add its chip id"),
        };
        let bytes = image.bytes;
        assert_eq!(bytes[0], 0xE9, "{}", image.name);
        assert_eq!(bytes[12..14], u16::to_le_bytes(chip_id), "{}", image.name);
        assert_eq!(
            bytes[36..40],
            image.secure_version.to_le_bytes(),
            "{}",
            image.name
        );
        let version = &bytes[48..80];
        let end = version.iter().position(|byte| *byte == 0).unwrap();
        assert_eq!(&version[..end], image.version.as_bytes(), "{}", image.name);
        assert!(image.command.contains(image.chip) && image.command.contains(image.name));
    }
}

#[test]
fn look_ups_find_what_is_listed_and_nothing_else() {
    for image in corpus::IMAGES {
        assert_eq!(corpus::image(image.name), Some(image));
    }
    for table in corpus::TABLES {
        assert_eq!(corpus::table(table.name), Some(table));
    }
    assert_eq!(corpus::image("c3_64k.bin"), None);
    assert_eq!(corpus::table(""), None);
    assert_eq!(corpus::case("no such case"), None);
}

#[test]
fn vectors_are_one_object_per_line() {
    for file in corpus::vectors() {
        assert!(file.text.lines().count() > 100, "{}", file.name);
        for line in file.text.lines() {
            assert!(
                line.starts_with('{') && line.ends_with('}'),
                "{}",
                file.name
            );
        }
    }
}
