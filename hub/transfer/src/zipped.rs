//! Bounded zips: counted before they are listed, and cut off while they are unpacked.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use crate::fault::Fault;
use crate::limits;

/// The files of a zip by name, unpacked one at a time.
pub(crate) struct Zipped<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// How many bytes one file may have.
    most: u64,
    /// How many bytes the files still to come may have together.
    room: u64,
}

impl<'a> Zipped<'a> {
    /// Opens one.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Fault> {
        // Each file of a zip has one such mark in its directory; counting them first bounds the listing.
        let marks = bytes.windows(4).filter(|window| *window == b"PK\x01\x02").count();
        if marks > limits::ZIP_ENTRIES {
            return Err(Fault::too_much("Files in the zip", limits::ZIP_ENTRIES));
        }
        let archive =
            ZipArchive::new(Cursor::new(bytes)).map_err(|_| Fault::new("The zip is damaged or not whole."))?;
        if archive.len() > limits::ZIP_ENTRIES {
            return Err(Fault::too_much("Files in the zip", limits::ZIP_ENTRIES));
        }
        Ok(Self { archive, most: limits::UNPACKED, room: limits::UNPACKED_ALL })
    }

    /// The names, in the zip's order.
    pub(crate) fn names(&self) -> Vec<String> {
        (0..self.archive.len())
            .filter_map(|index| self.archive.name_for_index(index)?.ok().map(std::borrow::Cow::into_owned))
            .collect()
    }

    /// Unpacks a file, never further than the limits, whatever its header says.
    pub(crate) fn unpack(&mut self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let Some(index) = self.archive.index_for_name(name) else { return Ok(None) };
        let damaged = || Fault::at(name, "The file is damaged, or packed in a way that is not read here.");
        let file = self.archive.by_index(index).map_err(|_| damaged())?;
        let room = self.most.min(self.room);
        let mut bytes = Vec::new();
        file.take(room + 1).read_to_end(&mut bytes).map_err(|_| damaged())?;
        let length = bytes.len() as u64;
        if length > room {
            return Err(Fault::at(name, format!("Unpacked, it has more than the {room} bytes that are read.")));
        }
        self.room -= length;
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zip_of(files: &[(&str, usize)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, length) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(&vec![b'0'; *length]).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn each_file_and_all_together_are_bounded() {
        let bytes = zip_of(&[("a", 1000), ("b", 1001), ("c", 700), ("d", 400)]);
        let mut zip = Zipped { most: 1000, room: 2000, ..Zipped::open(&bytes).unwrap() };
        let mut length = |name| zip.unpack(name).map(|bytes| bytes.map(|bytes| bytes.len()));
        assert_eq!(length("a"), Ok(Some(1000)));
        assert_eq!(length("b").unwrap_err().to_string(), "b: Unpacked, it has more than the 1000 bytes that are read.");
        assert_eq!(length("c"), Ok(Some(700)));
        assert_eq!(length("d").unwrap_err().message, "Unpacked, it has more than the 300 bytes that are read.");
        assert_eq!(length("e"), Ok(None));
    }

    /// A zip whose headers have other numbers in place of one.
    fn lying(bytes: &[u8], truth: u32) -> Vec<u8> {
        let mut lying = bytes.to_vec();
        let mut replaced = 0;
        for at in 0..lying.len() - 4 {
            if lying[at..at + 4] == truth.to_le_bytes() {
                lying[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
                replaced += 1;
            }
        }
        assert_eq!(replaced, 2, "before the file and in the directory");
        lying
    }

    #[test]
    fn a_header_that_lies_helps_nobody() {
        let honest = zip_of(&[("a", 123_456)]);
        let unpacked = |bytes: &[u8]| {
            let mut zip = Zipped { most: 1000, ..Zipped::open(bytes).unwrap() };
            zip.unpack("a").unwrap_err().message
        };
        assert!(unpacked(&lying(&honest, 123_456)).contains("damaged"));
        // A wrong sum shows only at the file's end: nothing beyond the bound is unpacked.
        let mut sum = flate2::Crc::new();
        sum.update(&[b'0'; 123_456]);
        let lying = lying(&honest, sum.sum());
        assert_eq!(unpacked(&lying), "Unpacked, it has more than the 1000 bytes that are read.");
        assert!(Zipped::open(&lying).unwrap().unpack("a").unwrap_err().message.contains("damaged"));
    }
}
