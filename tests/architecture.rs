//! The structure as a test.
