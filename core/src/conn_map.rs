//! What a runtime keeps of each connection, found by the broker's name for it.

use alloc::vec::Vec;

use crate::id::ConnId;

/// Values by [`ConnId`]: one for each index, so as large as the most connections that there were at once. A name that
/// outlived its connection finds nothing.
#[derive(Debug)]
pub struct ConnMap<T>(Vec<Option<(ConnId, T)>>);

impl<T> Default for ConnMap<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> ConnMap<T> {
    /// The value of this connection.
    pub fn get(&mut self, id: ConnId) -> Option<&mut T> {
        self.0.get_mut(id.index())?.as_mut().filter(|(owner, _)| *owner == id).map(|(_, value)| value)
    }

    /// The value in this place, whosever it is.
    pub fn at(&mut self, index: usize) -> Option<&mut T> {
        self.0.get_mut(index)?.as_mut().map(|(_, value)| value)
    }

    /// Sets the value of a connection, in place of whatever is there.
    pub fn insert(&mut self, id: ConnId, value: T) {
        self.0.resize_with(self.0.len().max(id.index() + 1), || None);
        self.0[id.index()] = Some((id, value));
    }

    /// Takes the value of this connection out.
    pub fn remove(&mut self, id: ConnId) -> Option<T> {
        self.0.get_mut(id.index())?.take_if(|(owner, _)| *owner == id).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_name_finds_nothing() {
        let (old, new) = (ConnId::new(3, 0), ConnId::new(3, 1));
        let mut map = ConnMap::default();
        map.insert(old, 'o');
        assert_eq!(map.get(old), Some(&mut 'o'));
        assert_eq!(map.get(new), None);
        map.insert(new, 'n');
        assert_eq!(map.get(old), None);
        assert_eq!(map.remove(old), None);
        assert_eq!(map.at(3), Some(&mut 'n'));
        assert_eq!(map.at(2), None);
        assert_eq!(map.at(4), None);
        assert_eq!((map.remove(new), map.remove(new)), (Some('n'), None));
    }
}
