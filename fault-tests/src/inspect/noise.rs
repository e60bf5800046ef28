//! Telling ciphertext from code and data.

/// The least that can be told about, in bytes.
const LEAST: usize = 1024;

/// Whether bytes look encrypted (or compressed, or drawn at random): each value is about as frequent as any other.
///
/// Pearson's χ² of the 256 frequencies. Uniform bytes come to 255 ± 23 at any length; machine code, text, tables and
/// erased flash to thousands, at the latest from a few KiB on.
pub(super) fn looks_encrypted(bytes: &[u8]) -> bool {
    /// Ten standard deviations above what uniform bytes come to.
    const MOST: f64 = 480.0;

    if bytes.len() < LEAST {
        return false;
    }
    // Enough to tell, whatever the length.
    let bytes = &bytes[..bytes.len().min(16 * LEAST)];
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    let expected = bytes.len() as f64 / 256.0;
    let chi: f64 = { counts.iter() }
        .map(|count| (f64::from(*count) - expected).powi(2) / expected)
        .sum();
    chi < MOST
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

    #[test]
    fn ciphertext_looks_encrypted_and_firmware_does_not() {
        for seed in 0..200 {
            let mut bytes = vec![0; 0x1000];
            ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
            assert!(looks_encrypted(&bytes), "{seed}");
            assert!(looks_encrypted(&bytes[..LEAST]), "{seed}");
        }
        for image in corpus::IMAGES {
            assert!(!looks_encrypted(image.bytes), "{}", image.name);
        }
        for table in corpus::TABLES.iter().filter_map(corpus::Table::binary) {
            assert!(!looks_encrypted(table));
        }
        assert!(!looks_encrypted(&[0xFF; 0x1000]));
        assert!(!looks_encrypted(&[0; 0x1000]));
        assert!(!looks_encrypted(b"text ".repeat(1000).as_slice()));
    }
}
