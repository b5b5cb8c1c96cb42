//! The data types of the protocol (MQTT 5.0, 1.5), one way each.

/// A Variable Byte Integer (MQTT 5.0, 1.5.5), 0..=268,435,455.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VarInt(pub u32);

/// A data type that can be written and read.
pub(super) trait Field: Sized {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);
    /// Takes it off the front.
    fn take(from: &mut Reader<'_>) -> Result<Self, String>;
}

/// Bytes that are read from the front.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], String> {
        if count > self.0.len() {
            return Err(format!("{count} bytes are claimed and {} are there", self.0.len()));
        }
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(super) fn field<T: Field>(&mut self) -> Result<T, String> {
        T::take(self)
    }
}

impl Field for u8 {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, String> {
        Ok(from.bytes(1)?[0])
    }
}

impl Field for u16 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.to_be_bytes());
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, String> {
        let bytes = from.bytes(2)?;
        Ok(Self::from_be_bytes([bytes[0], bytes[1]]))
    }
}

impl Field for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.to_be_bytes());
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, String> {
        let bytes = from.bytes(4)?;
        Ok(Self::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}

impl Field for VarInt {
    fn put(&self, out: &mut Vec<u8>) {
        let mut rest = self.0;
        while rest >= 128 {
            out.push(rest as u8 | 0x80);
            rest /= 128;
        }
        out.push(rest as u8);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, String> {
        let mut value = 0;
        for position in 0..4 {
            let byte: u8 = from.field()?;
            value += u32::from(byte & 0x7F) << (7 * position);
            if byte & 0x80 == 0 {
                let shortest = position == 0 || byte != 0;
                return if shortest { Ok(Self(value)) } else { Err("a length longer than it need be".into()) };
            }
        }
        Err("a length of more than four bytes".into())
    }
}

impl Field for Vec<u8> {
    fn put(&self, out: &mut Vec<u8>) {
        let len = u16::try_from(self.len()).expect("binary data of at most 65,535 bytes");
        len.put(out);
        out.extend(self);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, String> {
        let len: u16 = from.field()?;
        Ok(from.bytes(usize::from(len))?.to_vec())
    }
}

impl Field for String {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().to_vec().put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, String> {
        let text = Self::from_utf8(from.field()?).map_err(|error| error.to_string())?;
        if text.contains('\0') { Err("U+0000 in a string".into()) } else { Ok(text) }
    }
}

impl Field for (String, String) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, String> {
        Ok((from.field()?, from.field()?))
    }
}
