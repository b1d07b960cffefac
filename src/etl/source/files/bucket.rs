//! Files in the buckets of Amazon, Google and Azure, and of what speaks as they do.
//!
//! A store knows the checksum of what it holds (its `ETag`), so that nothing is fetched to see
//! whether anything is new. Reading asks for the very content that was found.

mod stores;

use super::{Folder, fits, hexadecimal};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::etl::job::Access;
use crate::etl::source::alive::Waiter;
use crate::etl::source::spool::{Spool, Spooled};
use crate::etl::source::{Alive, Found};
use crate::store::Input;
use futures::StreamExt;
use object_store::path::Path as Key;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use stores::{Place, failed};

/// Names told where nothing is found.
const NAMES_SHOWN: usize = 12;

/// The files of a path that may hold `*`.
pub(super) struct Bucket {
    project: PathBuf,
    place: Place,
    pattern: String,
    state: Mutex<State>,
}

/// What is known of the store by now.
#[derive(Default)]
struct State {
    store: Option<(Arc<dyn ObjectStore>, Arc<Waiter>)>,
    /// What was found, by its name in a release.
    found: BTreeMap<String, ObjectMeta>,
    /// The file that is read at present.
    fetched: Option<(String, Spooled)>,
}

impl Bucket {
    /// # Errors
    /// User where the path is none of a file in a bucket, or is not reached that way.
    pub(super) fn new(project: &Path, path: &str, access: Option<&Access>) -> Result<Self> {
        let (place, pattern) = Place::new(path, access)?;
        Ok(Self { project: project.to_owned(), place, pattern, state: Mutex::default() })
    }

    /// The store, with whom its answers are awaited.
    fn store(&self) -> Result<(Arc<dyn ObjectStore>, Arc<Waiter>)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((store, waiter)) = &state.store {
            return Ok((Arc::clone(store), Arc::clone(waiter)));
        }
        let (store, waiter) = (self.place.open(&self.project)?, Arc::new(Waiter::new()?));
        state.store = Some((Arc::clone(&store), Arc::clone(&waiter)));
        Ok((store, waiter))
    }

    fn place(&self, error: Error) -> Error {
        error.with("path", format!("`{}{}`", self.place.name(), self.pattern))
    }

    fn fetch(&self, found: &Found, alive: &mut Alive<'_>) -> Result<Spooled> {
        let (store, waiter) = self.store()?;
        let name = &found.input.name;
        let meta = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let meta = state.found.get(name).cloned();
            meta.ok_or_else(|| Error::internal("a file is read before it is found"))?
        };
        let mut spool = Spool::new(name)?;
        waiter
            .wait(alive, async {
                let options = GetOptions { if_match: meta.e_tag.clone(), ..Default::default() };
                let got = store.get_opts(&meta.location, options).await.map_err(gone)?;
                let mut bytes = got.into_stream();
                while let Some(bytes) = bytes.next().await {
                    spool.write(&bytes.map_err(failed)?)?;
                }
                match spool.bytes() == meta.size {
                    true => Ok(()),
                    false => Err(changed()),
                }
            })
            .map_err(|error| error.with("file", name))?;
        spool.finish()
    }

    /// Names where nothing was found, to choose from.
    fn beside(&self) -> Result<Vec<String>> {
        let (store, waiter) = self.store()?;
        let folder = self.pattern.rsplit_once('/').map(|(folder, _)| folder).unwrap_or_default();
        waiter.wait(&mut || Ok(()), async {
            let folder = Some(folder).filter(|folder| !folder.contains('*'));
            let folder = folder.map(key).transpose()?;
            let listed = store.list_with_delimiter(folder.as_ref()).await.map_err(failed)?;
            let objects = listed.objects.into_iter().map(|object| object.location);
            let folders = listed.common_prefixes.into_iter();
            Ok(objects.chain(folders).map(|key| key.to_string()).collect())
        })
    }
}

impl Folder for Bucket {
    fn inputs(&self, alive: &mut Alive<'_>) -> Result<Vec<Found>> {
        let (store, waiter) = self.store()?;
        let objects = waiter.wait(alive, matching(store.as_ref(), &self.pattern));
        let mut objects = objects.map_err(|error| self.place(error))?;
        objects.sort_by(|a, b| a.location.cmp(&b.location));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut inputs = Vec::with_capacity(objects.len());
        for object in objects {
            let name = format!("{}{}", self.place.name(), object.location);
            let input = Input {
                name: name.clone(),
                size_bytes: object.size,
                sha256: hexadecimal(&Sha256::digest(content(&object))),
            };
            state.found.insert(name, object);
            inputs.push(Found { input, modified: None });
        }
        Ok(inputs)
    }

    fn local(&self, found: &Found, alive: &mut Alive<'_>) -> Result<PathBuf> {
        let name = &found.input.name;
        let here = |state: &State| {
            let (have, spooled) = state.fetched.as_ref()?;
            (have == name).then(|| spooled.path.to_path_buf())
        };
        if let Some(path) = here(&self.state.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(path);
        }
        let spooled = self.fetch(found, alive)?;
        let path = spooled.path.to_path_buf();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.fetched = Some((name.clone(), spooled));
        Ok(path)
    }

    /// What was fetched stays as it is.
    fn check_unchanged(&self, _found: &Found) -> Result<()> {
        Ok(())
    }

    fn nothing_found(&self) -> Error {
        let error = self.place(Error::not_found("there is no such file"));
        let names = match self.beside() {
            Ok(names) => names,
            Err(beneath) => return error.hint(format!("its folder cannot be listed: {beneath}")),
        };
        match did_you_mean(&self.pattern, names.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean `{}{near}`?", self.place.name())),
            None if names.is_empty() => error.hint("there is no such folder, or it is empty"),
            None => {
                let some: Vec<&str> = names.iter().take(NAMES_SHOWN).map(String::as_str).collect();
                error.hint(format!("there are {}", some.join(", ")))
            }
        }
    }
}

/// The objects whose key fits a pattern: folder by folder, so that no other is listed.
async fn matching(store: &dyn ObjectStore, pattern: &str) -> Result<Vec<ObjectMeta>> {
    let (folders, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let mut within = vec![String::new()];
    for part in folders.split('/').filter(|part| !part.is_empty()) {
        if !part.contains('*') {
            within.iter_mut().for_each(|folder| *folder += &format!("{part}/"));
            continue;
        }
        let mut next = Vec::new();
        for folder in &within {
            let listed = store.list_with_delimiter(Some(&key(folder)?)).await;
            let below = listed.map_err(failed)?.common_prefixes;
            let below = below.iter().filter(|key| key.filename().is_some_and(|n| fits(part, n)));
            next.extend(below.map(|key| format!("{key}/")));
        }
        within = next;
    }
    let mut found = Vec::new();
    for folder in &within {
        if name.contains('*') {
            let listed = store.list_with_delimiter(Some(&key(folder)?)).await;
            let objects = listed.map_err(failed)?.objects.into_iter();
            found.extend(objects.filter(|o| o.location.filename().is_some_and(|n| fits(name, n))));
        } else {
            match store.head(&key(&format!("{folder}{name}"))?).await {
                Err(object_store::Error::NotFound { .. }) => {}
                object => found.push(object.map_err(failed)?),
            }
        }
    }
    Ok(found)
}

/// A name in a store, as it stands there: `Key::from` would write `ü` and `%` in another way, and so
/// name what is not there.
#[allow(clippy::disallowed_methods, reason = "a name in somebody's bucket, no path of the store")]
fn key(name: &str) -> Result<Key> {
    Key::parse(name).map_err(|error| {
        Error::user("a name in a bucket has no part `.` or `..`, nor control characters")
            .with("name", name)
            .caused_by(error)
    })
}

/// What tells the content of an object from any other.
fn content(object: &ObjectMeta) -> String {
    match &object.e_tag {
        Some(mark) => format!("{mark}\n{}", object.size),
        None => format!("{}\n{}", object.last_modified.timestamp_micros(), object.size),
    }
}

/// The error for what was found and cannot be had any more.
fn gone(error: object_store::Error) -> Error {
    use object_store::Error::{NotFound, Precondition};
    if matches!(error, NotFound { .. } | Precondition { .. }) { changed() } else { failed(error) }
}

fn changed() -> Error {
    Error::new(ErrorKind::Unavailable, "the file changed while it was being read")
        .hint("run again when its writer has finished")
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn names_are_found_whatever_letters_and_signs_they_have() {
        let store = InMemory::new();
        let folders = ["north", "süd", "100%", "北", "a b", "x~y", "q?", "[1]", "a|b", "{c}", "#1"];
        for folder in folders.iter().chain(&["r\\s", "%25"]) {
            let key = key(&format!("d/{folder}/f{folder}.csv")).unwrap();
            store.put(&key, "id\n1\n".into()).await.unwrap();
        }
        let found = matching(&store, "d/*/f*.csv").await.unwrap();
        assert_eq!(found.len(), folders.len() + 2);
        for object in found {
            let name = object.location.to_string();
            assert_eq!(matching(&store, &name).await.unwrap().len(), 1, "{name}");
            let (folder, _) = name.rsplit_once('/').unwrap();
            assert_eq!(matching(&store, &format!("{folder}/*.csv")).await.unwrap().len(), 1);
        }
        assert!(matching(&store, "d/../f.csv").await.is_err());
    }
}
