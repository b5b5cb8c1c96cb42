//! Numbers that look random and follow from the seed alone (xoshiro256++).

/// A generator. Not for secrets: whoever knows the seed knows all that comes.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: [u64; 4],
}

impl Random {
    /// The generator of this seed; the shard's number keeps shards with one seed apart.
    pub(crate) fn new(seed: [u8; 32], shard: u16) -> Self {
        let mut state = [0; 4];
        for (word, bytes) in state.iter_mut().zip(seed.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().expect("a chunk has eight bytes"));
        }
        // An all-zero state would stay zero for ever.
        state[0] ^= 0x9e37_79b9_7f4a_7c15;
        state[1] ^= u64::from(shard) << 32 | 0x5bd1;
        let mut random = Self { state };
        for _ in 0..16 {
            random.next();
        }
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }
}
