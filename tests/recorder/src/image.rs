//! One content of a directory.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rand::RngExt as _;
use rand::rngs::SmallRng;

/// What a directory may hold after a power cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Files with their content, directories with none; a directory comes before what is in it.
    entries: BTreeMap<PathBuf, Option<Vec<u8>>>,
}

/// Which part of what was not yet durable has reached the disk by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// None.
    Nothing,
    /// All: the process was killed and nothing else.
    Everything,
    /// All that happened until some moment.
    InOrder,
    /// Any pages of files; names in their order, as a journal keeps it.
    Journal {
        /// Pages may be torn between sectors.
        is_torn: bool,
    },
    /// Any pages of files, any names.
    Any {
        /// Pages may be torn between sectors.
        is_torn: bool,
    },
}

impl Mix {
    /// One of all.
    pub fn draw(rng: &mut SmallRng) -> Self {
        match rng.random_range(0..12) {
            0 => Self::Nothing,
            1 => Self::Everything,
            2 | 3 => Self::InOrder,
            number @ 4..8 => Self::Journal { is_torn: number % 2 == 0 },
            number => Self::Any { is_torn: number % 2 == 0 },
        }
    }
}

impl Image {
    /// Makes the directory hold this and nothing else.
    ///
    /// # Errors
    /// If the real disk refuses.
    pub fn write_to(&self, directory: &Path) -> io::Result<()> {
        if directory.exists() {
            fs::remove_dir_all(directory)?;
        }
        fs::create_dir_all(directory)?;
        for (path, content) in &self.entries {
            let path = directory.join(path);
            match content {
                Some(content) => fs::write(path, content)?,
                None => fs::create_dir(path)?,
            }
        }
        Ok(())
    }

    /// What is in it.
    pub fn entries(&self) -> impl Iterator<Item = (&Path, Option<&[u8]>)> {
        self.entries.iter().map(|(path, content)| (path.as_path(), content.as_deref()))
    }

    pub(crate) fn add(&mut self, path: PathBuf, content: Option<Vec<u8>>) {
        self.entries.insert(path, content);
    }

    /// How a directory differs from this; none if it does not.
    pub(crate) fn difference(&self, directory: &Path) -> io::Result<Option<String>> {
        let mut real = Self::default();
        real.read(directory, Path::new(""))?;
        let paths = self.entries.keys().chain(real.entries.keys());
        let different = paths.into_iter().find(|path| self.entries.get(*path) != real.entries.get(*path));
        let length = |image: &Self, path| match image.entries.get(path) {
            Some(Some(content)) => format!("a file of {} bytes", content.len()),
            Some(None) => "a directory".to_owned(),
            None => "nothing".to_owned(),
        };
        Ok(different.map(|path| {
            format!("{} is {}, and recorded as {}", path.display(), length(&real, path), length(self, path))
        }))
    }

    fn read(&mut self, root: &Path, path: &Path) -> io::Result<()> {
        for entry in fs::read_dir(root.join(path))? {
            let entry = entry?;
            let path = path.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.add(path.clone(), None);
                self.read(root, &path)?;
            } else {
                let content = fs::read(entry.path())?;
                self.add(path, Some(content));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (path, content)) in self.entries.iter().enumerate() {
            let space = if number == 0 { "" } else { " " };
            match content {
                Some(content) => write!(f, "{space}{}={}", path.display(), String::from_utf8_lossy(content))?,
                None => write!(f, "{space}{}/", path.display())?,
            }
        }
        Ok(())
    }
}
