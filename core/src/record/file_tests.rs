//! Files in pieces, cut off, and damaged.

extern crate std;

use alloc::vec::Vec;

use super::*;
use proptest::prelude::*;

const SAMPLE_BYTES: usize = HEADER_BYTES + records_size(14) + records_size(10) + BLOCK_HEAD_BYTES;

fn sample() -> Vec<u8> {
    let mut file = Vec::new();
    write_header(77, &mut file);
    write_records(ShardId(0), b"records of one", &mut file);
    write_records(ShardId(1), b"of another", &mut file);
    write_end(Ending::Full, &mut file);
    file
}

type Blocks = Vec<(u16, Vec<u8>)>;

fn read(file: &[u8], piece: usize) -> Result<(Blocks, Ending), FileError> {
    let mut reader = FileReader::new();
    let mut blocks = Vec::new();
    for piece in file.chunks(piece) {
        reader.push(piece);
        while let Some(block) = reader.next_block()? {
            if let BlockKind::Records(shard) = block.kind {
                blocks.push((shard.0, block.bytes));
            }
        }
    }
    reader.finish().map(|ending| (blocks, ending))
}

#[test]
fn a_file_is_read_in_pieces_of_any_size() {
    let file = sample();
    let wanted = (alloc::vec![(0, b"records of one".to_vec()), (1, b"of another".to_vec())], Ending::Full);
    for piece in 1..=file.len() {
        assert_eq!(read(&file, piece), Ok(wanted.clone()), "{piece}");
    }
}

#[test]
fn version_1_is_what_it_was() {
    let mut file = Vec::new();
    write_header(0x0102, &mut file);
    write_records(ShardId(2), &[9], &mut file);
    write_end(Ending::Complete, &mut file);
    assert_eq!(file[..24], *b"WEIRREC\n\x01\0\0\0\0\0\0\0\x02\x01\0\0\0\0\0\0");
    assert_eq!(file[24..32], [2, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(file[36], 9);
    assert_eq!(file[37..45], [0, 0, 1, 0, 0, 0, 0, 0]);
    // CRC-32 as in zip and Ethernet, lowest byte first.
    assert_eq!(checksum(b"1234", b"56789"), 0xcbf4_3926);
    assert_eq!(file.len(), HEADER_BYTES + records_size(1) + BLOCK_HEAD_BYTES);
}

#[test]
fn every_cut_is_told_with_its_place() {
    let file = sample();
    let second = HEADER_BYTES + records_size(14);
    for cut in 0..file.len() {
        let wanted = match cut {
            0..HEADER_BYTES => FileError::NotARecording,
            _ if cut < second => FileError::Truncated { offset: HEADER_BYTES as u64 },
            _ if cut < second + records_size(10) => FileError::Truncated { offset: second as u64 },
            _ => FileError::Truncated { offset: (second + records_size(10)) as u64 },
        };
        assert_eq!(read(&file[..cut], 7), Err(wanted), "cut at {cut}");
    }
}

#[test]
fn what_follows_the_end_is_told() {
    let mut file = sample();
    let offset = file.len() as u64;
    file.push(0);
    assert_eq!(read(&file, 1_000), Err(FileError::AfterEnd { offset }));
}

#[test]
fn another_version_is_told() {
    let mut file = sample();
    file[8] = 2;
    assert_eq!(read(&file, 1_000), Err(FileError::Version(2)));
}

proptest! {
    #[test]
    fn every_damage_to_a_block_is_found(place in HEADER_BYTES..SAMPLE_BYTES, flip in 1..=255_u8) {
        let mut file = sample();
        prop_assert!(SAMPLE_BYTES == file.len());
        file[place] ^= flip;
        prop_assert!(read(&file, 64).is_err());
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _either = read(&bytes, 5);
        let _either = read(&[&sample()[..HEADER_BYTES], &bytes[..]].concat(), 5);
    }
}
