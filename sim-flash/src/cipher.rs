//! The stand-in for a chip's transparent flash encryption.

use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

use crate::profile::Encryption;

/// What an encrypting chip makes of the bytes it stores: AES-256 in XEX mode, `E(data ^ t) ^ t` with
/// `t = E(address of the block)`, over blocks of [`Cipher::BLOCK`] bytes.
#[derive(Clone)]
pub struct Cipher {
    aes: Aes256,
}

impl Cipher {
    /// Bytes per block: a changed bit garbles so many.
    pub const BLOCK: u32 = 16;

    pub(crate) fn new(encryption: &Encryption) -> Self {
        Cipher {
            aes: Aes256::new(&encryption.key.into()),
        }
    }

    /// Encrypts whole blocks that start at `addr`, in place. What is left over behind them stays as it is.
    pub fn encrypt(&self, addr: u32, bytes: &mut [u8]) {
        self.each(addr, bytes, Aes256::encrypt_block);
    }

    /// Decrypts whole blocks that start at `addr`, in place. What is left over behind them stays as it is.
    pub fn decrypt(&self, addr: u32, bytes: &mut [u8]) {
        self.each(addr, bytes, Aes256::decrypt_block);
    }

    fn each(&self, addr: u32, bytes: &mut [u8], step: impl Fn(&Aes256, &mut aes::Block)) {
        let (blocks, _) = bytes.as_chunks_mut::<16>();
        let mut at = addr;
        for block in blocks {
            let mut tweak = aes::Block::default();
            tweak[..4].copy_from_slice(&at.to_le_bytes());
            self.aes.encrypt_block(&mut tweak);
            let mut work = aes::Block::default();
            for i in 0..16 {
                work[i] = block[i] ^ tweak[i];
            }
            step(&self.aes, &mut work);
            for i in 0..16 {
                block[i] = work[i] ^ tweak[i];
            }
            at = at.wrapping_add(Self::BLOCK);
        }
    }
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher")
    }
}
