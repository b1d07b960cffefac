//! Memory that work takes out of that of all queries, and has to do without where there is no more.

use crate::engine::{Engine, Reserved};
use std::fmt;
use std::sync::{Arc, Mutex};

/// Memory of which others have some, too.
pub(crate) trait Room: Send {
    /// Takes more, unless there is no more.
    fn grow(&mut self, bytes: usize) -> bool;

    /// Gives some back.
    fn shrink(&mut self, bytes: usize);
}

impl Room for Reserved {
    fn grow(&mut self, bytes: usize) -> bool {
        Self::grow(self, bytes)
    }

    fn shrink(&mut self, bytes: usize) {
        Self::shrink(self, bytes);
    }
}

/// As much as there is: for who looks at sources without an engine.
struct Boundless;

impl Room for Boundless {
    fn grow(&mut self, _bytes: usize) -> bool {
        true
    }

    fn shrink(&mut self, _bytes: usize) {}
}

/// Gives rooms, none of which has taken anything yet.
#[derive(Clone)]
pub(crate) struct Rooms(Arc<dyn Fn() -> Box<dyn Room> + Send + Sync>);

impl Rooms {
    /// Out of an engine's memory, under a name that an error of it tells.
    pub(crate) fn of(engine: &Engine, what: &'static str) -> Self {
        let engine = engine.clone();
        Self(Arc::new(move || Box::new(engine.reserve(what))))
    }

    /// Without a bound.
    pub(crate) fn boundless() -> Self {
        Self(Arc::new(|| Box::new(Boundless)))
    }

    /// A room.
    pub(crate) fn room(&self) -> Box<dyn Room> {
        (self.0)()
    }
}

/// A room that is held by what is in it, and given back with it.
pub(crate) struct Held {
    room: Mutex<Box<dyn Room>>,
    bytes: usize,
}

impl Held {
    /// An empty room.
    pub(crate) fn new(room: Box<dyn Room>) -> Self {
        Self { room: Mutex::new(room), bytes: 0 }
    }

    /// Takes, or gives back, until it is so many bytes; false where there is no room.
    pub(crate) fn hold(&mut self, bytes: usize) -> bool {
        let room = self.room.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        if bytes > self.bytes && !room.grow(bytes - self.bytes) {
            return false;
        }
        room.shrink(self.bytes.saturating_sub(bytes));
        self.bytes = bytes;
        true
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes)
    }
}

#[cfg(test)]
pub(in crate::etl) mod tests {
    use super::*;

    /// So many bytes.
    pub(in crate::etl) struct Bytes(pub(in crate::etl) usize);

    impl Room for Bytes {
        fn grow(&mut self, bytes: usize) -> bool {
            let is_enough = bytes <= self.0;
            self.0 -= if is_enough { bytes } else { 0 };
            is_enough
        }

        fn shrink(&mut self, bytes: usize) {
            self.0 += bytes;
        }
    }

    #[test]
    fn what_is_held_goes_up_and_down_and_no_further_than_there_is_room() {
        let mut held = Held::new(Box::new(Bytes(100)));
        assert!(held.hold(60) && held.hold(100) && !held.hold(101));
        assert!(held.hold(10) && held.hold(100));
    }
}
