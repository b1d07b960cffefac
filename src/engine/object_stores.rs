//! The engine's object stores: the warehouse's, and nothing else.

use crate::error::Result;
use datafusion::common::exec_err;
use datafusion::execution::object_store::{ObjectStoreRegistry, ObjectStoreUrl};
use object_store::ObjectStore;
use std::sync::Arc;
use url::Url;

/// The one scheme the engine resolves. Nobody can write a URL in SQL that anything reads; if one
/// day somebody could, it would still only reach stored tables.
const SCHEME: &str = "starhouse";

/// Architecture invariant: no URL reaches the host's files or network through the engine.
#[derive(Debug)]
pub(crate) struct WarehouseOnly {
    store: Arc<dyn ObjectStore>,
}

impl WarehouseOnly {
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// The URL under which scans find the warehouse's store.
    pub(crate) fn url() -> Result<ObjectStoreUrl> {
        ObjectStoreUrl::parse(format!("{SCHEME}://warehouse"))
            .map_err(super::errors::from_datafusion)
    }
}

impl ObjectStoreRegistry for WarehouseOnly {
    /// Nothing can be added; the store offered is given back.
    fn register_store(
        &self,
        _url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        Some(store)
    }

    fn get_store(&self, url: &Url) -> datafusion::error::Result<Arc<dyn ObjectStore>> {
        if url.scheme() == SCHEME {
            Ok(Arc::clone(&self.store))
        } else {
            exec_err!("queries read the warehouse only, not {url}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    #[test]
    fn only_the_warehouse_resolves() {
        let stores = WarehouseOnly::new(Arc::new(InMemory::new()));
        let warehouse = WarehouseOnly::url().unwrap();
        assert!(stores.get_store(warehouse.as_ref()).is_ok());
        for elsewhere in ["file:///etc/passwd", "http://example.org/x", "s3://bucket/x"] {
            let url = Url::parse(elsewhere).unwrap();
            stores.register_store(&url, Arc::new(InMemory::new()));
            assert!(stores.get_store(&url).is_err(), "{elsewhere}");
        }
    }
}
