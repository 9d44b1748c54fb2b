//! The revisions that a binary carries: files and graph together.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use sha2::{Digest as _, Sha256};

use crate::graph::RevisionId;
use crate::graph::{Graph, GraphError, GraphTables, Node};
use crate::revision::{EmbeddedRevision, Revision, RevisionError, Store};
use crate::snippet::Snippet;

/// A set of revisions that form one valid graph. Cheap to clone.
///
/// ```
/// use limbeck::{Migrations, Revision};
///
/// # fn main() -> Result<(), limbeck::Error> {
/// let accounts = "-- revision: 1a6f2c80b311\n-- down_revision: none\n\n-- @upgrade\nCREATE TABLE accounts (id BIGINT);\n";
/// let migrations = Migrations::new([Revision::parse("accounts.sql", accounts)?])?;
/// assert_eq!(migrations.len(), 1);
/// assert_eq!(migrations.graph().heads(), ["1a6f2c80b311"]);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Migrations {
    inner: Inner,
    /// Whose they are, for messages about several joined sets.
    package: Option<Cow<'static, str>>,
}

#[derive(Clone)]
enum Inner {
    /// What a build script embedded, read on first use.
    Embedded(&'static Embedded),
    Checked(Arc<Set>),
}

struct Set {
    /// A node's number is its revision's place.
    revisions: Store,
    graph: Graph,
    /// In the same order, where no build script worked them out.
    lineages: OnceLock<Box<[String]>>,
}

/// What a build script wrote down of a folder: everything that follows from its files alone, so that a boot works
/// nothing of it out again.
///
/// Not for hands, as [`EmbeddedRevision`](crate::EmbeddedRevision).
#[doc(hidden)]
pub struct Embedded {
    revisions: &'static [EmbeddedRevision],
    graph: GraphTables,
    set: OnceLock<Set>,
}

impl Embedded {
    /// The revisions in the graph's canonical order, where a parent's place is smaller than its child's; and the graph.
    #[must_use]
    pub const fn new(revisions: &'static [EmbeddedRevision], graph: GraphTables) -> Self {
        Embedded {
            revisions,
            graph,
            set: OnceLock::new(),
        }
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded")
            .field("revisions", &self.revisions.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Migrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migrations")
            .field("revisions", &self.len())
            .finish_non_exhaustive()
    }
}

/// Why revisions form no set that can be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationsError {
    /// A file is no revision file.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// The files do not form a valid graph.
    #[error("{}: {error}{}", place(.path, *.line), .other.as_ref().map(|other| format!("; the other one is {other}")).unwrap_or_default())]
    #[non_exhaustive]
    Graph {
        /// The file that the error is about.
        path: String,
        /// The line of the header that it is about, from 1.
        line: Option<usize>,
        /// The other file, where two disagree.
        other: Option<String>,
        /// The graph's error.
        error: Box<GraphError>,
        /// The line, where the file's text is at hand.
        snippet: Option<Box<Snippet>>,
    },
    /// Two files of the same revision.
    #[error("{}: revision `{revision}` is in {other} already", place(.path, *.line))]
    #[non_exhaustive]
    Duplicate {
        /// The revision.
        revision: RevisionId,
        /// The second file.
        path: String,
        /// The line of its id, from 1.
        line: Option<usize>,
        /// The first file.
        other: String,
        /// The line, where the file's text is at hand.
        snippet: Option<Box<Snippet>>,
    },
    /// `requires_binary` names a revision that is not in the set: no binary could ever run against it.
    #[error("{}: requires_binary: there is no revision {required}: {}", place(.path, *.line), match .nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "name one of this graph in full, most often the revision itself".to_owned(),
    })]
    #[non_exhaustive]
    UnknownRequiredBinary {
        /// The file.
        path: String,
        /// The line, from 1.
        line: Option<usize>,
        /// The revision.
        revision: RevisionId,
        /// What its `requires_binary` names.
        required: RevisionId,
        /// An id that this may be a slip of.
        nearest: Option<RevisionId>,
        /// The line, where the file's text is at hand.
        snippet: Option<Box<Snippet>>,
    },
    /// A file or folder could not be read.
    #[error("{path}: could not be read")]
    #[non_exhaustive]
    Io {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A revision file in a folder inside of the one that is read.
    #[error(
        "{path}: a revision file in a subfolder, which is not read: move it up into {folder}, or ask for subfolders \
         (`Migrations::from_tree`, `Embed::subfolders`, `--subfolders`)"
    )]
    #[non_exhaustive]
    Subfolder {
        /// The file.
        path: String,
        /// The folder that is read.
        folder: String,
    },
}

/// What becomes of folders inside of a folder of revision files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Subfolders {
    /// A revision file in one is an error.
    #[default]
    Refused,
    /// They are read as well.
    Read,
}

impl MigrationsError {
    /// The line of the file with a mark under what is wrong, where the error is about a line and its text is at hand.
    #[must_use]
    pub fn snippet(&self) -> Option<&Snippet> {
        match self {
            MigrationsError::Revision(error) => error.snippet(),
            MigrationsError::Graph { snippet, .. }
            | MigrationsError::Duplicate { snippet, .. }
            | MigrationsError::UnknownRequiredBinary { snippet, .. } => snippet.as_deref(),
            MigrationsError::Io { .. } | MigrationsError::Subfolder { .. } => None,
        }
    }

    /// The file that the error is about.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            MigrationsError::Revision(error) => Some(error.path()),
            MigrationsError::Graph { path, .. }
            | MigrationsError::Duplicate { path, .. }
            | MigrationsError::UnknownRequiredBinary { path, .. }
            | MigrationsError::Io { path, .. }
            | MigrationsError::Subfolder { path, .. } => Some(path),
        }
    }

    /// The line in that file, from 1.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            MigrationsError::Revision(error) => Some(error.line()),
            MigrationsError::Graph { line, .. }
            | MigrationsError::Duplicate { line, .. }
            | MigrationsError::UnknownRequiredBinary { line, .. } => *line,
            MigrationsError::Io { .. } | MigrationsError::Subfolder { .. } => None,
        }
    }
}

fn place(path: &str, line: Option<usize>) -> String {
    line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"))
}

impl Migrations {
    /// Checks that the revisions form one valid graph.
    ///
    /// # Errors
    ///
    /// [`MigrationsError::Graph`] names the file and line of what is wrong: an unknown or duplicate id, a
    /// cycle, a clash of labels.
    pub fn new(revisions: impl IntoIterator<Item = Revision>) -> Result<Self, MigrationsError> {
        let mut by_id: HashMap<RevisionId, Revision> = HashMap::new();
        let mut nodes = Vec::new();
        for revision in revisions {
            let node = node(&revision);
            if let Some(other) = by_id.get(&node.id) {
                return Err(MigrationsError::Duplicate {
                    revision: node.id.clone(),
                    path: revision.path().to_owned(),
                    line: revision.line_of("revision"),
                    other: other.path().to_owned(),
                    snippet: revision.snippet_of("revision", &[]).map(Box::new),
                });
            }
            by_id.insert(node.id.clone(), revision);
            nodes.push(node);
        }
        let graph = Graph::new(nodes).map_err(|error| located(&by_id, error))?;
        // The graph has these ids and no others.
        let revisions: Box<[Revision]> = graph.ids().filter_map(|id| by_id.remove(id)).collect();
        for revision in &revisions {
            if let Some(required) = revision.requires_binary().filter(|id| !graph.contains(id)) {
                return Err(MigrationsError::UnknownRequiredBinary {
                    path: revision.path().to_owned(),
                    line: revision.line_of("requires_binary"),
                    revision: revision.shared_id().clone(),
                    required: required.into(),
                    nearest: graph.nearest_id(required),
                    snippet: revision.snippet_of("requires_binary", &[]).map(Box::new),
                });
            }
        }
        let set = Set {
            revisions: Store::Read(revisions),
            graph,
            lineages: OnceLock::new(),
        };
        Ok(Migrations {
            inner: Inner::Checked(Arc::new(set)),
            package: None,
        })
    }

    /// Names the package that these revisions belong to: [`merge`](Migrations::merge) writes it before their paths where it
    /// joins sets of several. Default: the package in which [`embedded!`](crate::embedded) or
    /// [`migrations!`](crate::migrations!) stands; none for a folder that is read.
    #[must_use]
    pub fn named(mut self, package: impl Into<Cow<'static, str>>) -> Self {
        self.package = Some(package.into());
        self
    }

    /// Reads every file of a folder whose name ends in `.sql`, in any case, for tools that have no embedded
    /// revisions. Files of other names are left alone, and so are files and folders whose names begin with a dot.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), limbeck::error::MigrationsError> {
    /// for revision in &limbeck::Migrations::from_dir("migrations")? {
    ///     println!("{} {}", revision.id(), revision.summary());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`MigrationsError::Subfolder`] for a `.sql` file in a folder inside of this one;
    /// [`MigrationsError::Io`] where the folder or a file cannot be read, also for a symbolic link that leads
    /// nowhere or in a circle; else as [`Migrations::new`].
    pub fn from_dir(folder: impl AsRef<Path>) -> Result<Self, MigrationsError> {
        Migrations::read(folder.as_ref(), Subfolders::Refused)
    }

    /// [`from_dir`](Migrations::from_dir) with the folders inside of it, however deep.
    ///
    /// # Errors
    ///
    /// As [`from_dir`](Migrations::from_dir), but for [`MigrationsError::Subfolder`].
    pub fn from_tree(folder: impl AsRef<Path>) -> Result<Self, MigrationsError> {
        Migrations::read(folder.as_ref(), Subfolders::Read)
    }

    pub(crate) fn read(folder: &Path, subfolders: Subfolders) -> Result<Self, MigrationsError> {
        Migrations::new(read_all(folder, subfolders)?)
    }

    /// Joins several sets into one graph: each library brings its own labelled branch, and the service
    /// upgrades to `heads`. A revision that two sets share word for word is one revision.
    ///
    /// Where the sets are [named](Migrations::named) differently, the name stands before the paths of each one's files in
    /// all messages from here on: `billing/migrations/0001_init.sql`.
    ///
    /// ```no_run
    /// # mod audit { pub fn migrations() -> limbeck::Migrations { unimplemented!() } }
    /// # fn main() -> Result<(), limbeck::error::MigrationsError> {
    /// use limbeck::Migrations;
    ///
    /// let all = Migrations::merge([Migrations::from_dir("migrations")?, audit::migrations()])?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Migrations::new`], also where two sets hold different files for one id.
    pub fn merge(sets: impl IntoIterator<Item = Migrations>) -> Result<Self, MigrationsError> {
        let sets: Vec<Migrations> = sets.into_iter().collect();
        let packages: HashSet<_> = sets.iter().map(|set| &set.package).collect();
        let is_mixed = packages.len() > 1;
        let mut seen: HashMap<String, String> = HashMap::new();
        let mut all = Vec::new();
        for set in &sets {
            let package = set.package.as_deref().filter(|_| is_mixed);
            for revision in set.iter() {
                let checksum = revision.checksum().to_string();
                if seen.get(revision.id()) == Some(&checksum) {
                    continue;
                }
                seen.insert(revision.id().to_string(), checksum);
                all.push(match package {
                    Some(package) => revision.clone().in_package(package),
                    None => revision.clone(),
                });
            }
        }
        let mut joined = Migrations::new(all)?;
        if !is_mixed {
            joined.package = sets.into_iter().find_map(|set| set.package);
        }
        Ok(joined)
    }

    /// What `migrations!` expands to: each file's path and text.
    ///
    /// # Errors
    ///
    /// As [`Migrations::new`], and where a file is no revision file.
    pub fn from_files(
        files: impl IntoIterator<Item = (&'static str, &'static str)>,
    ) -> Result<Self, MigrationsError> {
        let revisions = files
            .into_iter()
            .map(|(path, text)| Revision::parse(path, text))
            .collect::<Result<Vec<_>, _>>()?;
        Migrations::new(revisions)
    }

    /// What `embedded!` expands to: what the build script checked and worked out, and the package of the macro.
    #[doc(hidden)]
    #[must_use]
    pub const fn from_embedded(embedded: &'static Embedded, package: &'static str) -> Self {
        Migrations {
            inner: Inner::Embedded(embedded),
            package: Some(Cow::Borrowed(package)),
        }
    }

    fn set(&self) -> &Set {
        match &self.inner {
            Inner::Embedded(embedded) => embedded.set.get_or_init(|| Set {
                revisions: Store::embedded(embedded.revisions),
                graph: Graph::restore(&embedded.graph),
                lineages: OnceLock::new(),
            }),
            Inner::Checked(set) => set,
        }
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.set().graph
    }

    /// The revision of this full id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Revision> {
        Some(self.set().revisions.at(self.graph().index(id)? as usize))
    }

    /// All revisions, parents and dependencies first.
    pub fn iter(&self) -> impl Iterator<Item = &Revision> {
        self.set().revisions.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set().revisions.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The lineage digest of a revision: sha256 over its id, its checksum, and the lineage digests of its
    /// `down_revision` and resolved `depends_on`, sorted. Equal digests prove that no ancestor was edited.
    #[must_use]
    pub fn lineage(&self, id: &str) -> Option<&str> {
        let node = self.graph().index(id)? as usize;
        let set = self.set();
        let embedded = set.revisions.lineage(node);
        embedded.or_else(|| {
            let lineages = set.lineages.get_or_init(|| self.all_lineages());
            Some(&*lineages[node])
        })
    }

    fn all_lineages(&self) -> Box<[String]> {
        let mut lineages: Vec<String> = Vec::with_capacity(self.len());
        for (node, revision) in (0..).zip(self.iter()) {
            let parents = self.graph().parents_of(node);
            let parents = parents.map(|parent| &*lineages[parent as usize]).collect();
            let checksum = revision.checksum().to_string();
            lineages.push(lineage(revision.id(), &checksum, parents));
        }
        lineages.into_boxed_slice()
    }

    /// The ids of a revision's parents and resolved dependencies, each once.
    #[cfg(feature = "_sqlx")]
    pub(crate) fn parents_of(&self, id: &str) -> Vec<RevisionId> {
        let graph = self.graph();
        let parents = graph.index(id).map(|node| graph.parents_of(node));
        let parents = parents.into_iter().flatten();
        parents.map(|parent| graph.id(parent).clone()).collect()
    }
}

/// A clone, so that what takes migrations takes a `static` of them too.
impl From<&Migrations> for Migrations {
    fn from(migrations: &Migrations) -> Self {
        migrations.clone()
    }
}

impl<'m> IntoIterator for &'m Migrations {
    type Item = &'m Revision;
    type IntoIter = Box<dyn Iterator<Item = &'m Revision> + 'm>;

    /// [`iter`](Migrations::iter).
    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

/// One link of the chain of digests.
pub(crate) fn lineage(id: &str, checksum: &str, mut parents: Vec<&str>) -> String {
    parents.sort_unstable();
    let mut hash = Sha256::new();
    for part in [id, checksum].into_iter().chain(parents) {
        hash.update(part.as_bytes());
        // No id, checksum or digest holds a line feed.
        hash.update(b"\n");
    }
    hex(&hash.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes every write");
            text
        })
}

fn node(revision: &Revision) -> Node {
    Node {
        id: revision.shared_id().clone(),
        down_revision: revision.down_revision().to_vec(),
        branch_labels: revision.branch_labels().to_vec(),
        depends_on: revision.depends_on().to_vec(),
    }
}

/// Every `.sql` file of a folder, in the order of their paths.
pub(crate) fn sql_files(
    folder: &Path,
    subfolders: Subfolders,
) -> Result<Vec<PathBuf>, MigrationsError> {
    let mut files = Vec::new();
    search(folder, &mut Vec::new(), &mut files)?;
    files.sort();
    if subfolders == Subfolders::Refused
        && let Some(path) = files.iter().find(|path| path.parent() != Some(folder))
    {
        return Err(MigrationsError::Subfolder {
            path: shown(path),
            folder: shown(folder),
        });
    }
    Ok(files)
}

/// Collects the files of a folder and of the folders inside of it; `above` are those that led here.
fn search(
    folder: &Path,
    above: &mut Vec<PathBuf>,
    files: &mut Vec<PathBuf>,
) -> Result<(), MigrationsError> {
    let real = folder.canonicalize().map_err(unreadable(folder))?;
    if above.contains(&real) {
        let circle = std::io::Error::other("a symbolic link leads in a circle");
        return Err(unreadable(folder)(circle));
    }
    above.push(real);
    for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
        let entry = entry.map_err(unreadable(folder))?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        // Follows a link: one that leads nowhere might have been a folder of revisions.
        let kind = std::fs::metadata(&path).map_err(unreadable(&path))?;
        let is_sql = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("sql"));
        if kind.is_dir() {
            search(&path, above, files)?;
        } else if is_sql {
            files.push(path);
        }
    }
    above.pop();
    Ok(())
}

fn read_all(folder: &Path, subfolders: Subfolders) -> Result<Vec<Revision>, MigrationsError> {
    sql_files(folder, subfolders)?
        .into_iter()
        .map(|path| {
            let bytes = std::fs::read(&path).map_err(unreadable(&path))?;
            Ok(Revision::parse_bytes(shown(&path), bytes)?)
        })
        .collect()
}

pub(crate) fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> MigrationsError {
    let path = shown(path);
    move |source| MigrationsError::Io { path, source }
}

/// A path as revisions and errors give it.
pub(crate) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn located(revisions: &HashMap<RevisionId, Revision>, error: GraphError) -> MigrationsError {
    let revision = error.revision().and_then(|id| revisions.get(id));
    let other = error.other().and_then(|id| revisions.get(id));
    MigrationsError::Graph {
        other: other
            .filter(|other| revision.is_none_or(|revision| revision.id() != other.id()))
            .map(|other| other.path().to_owned()),
        path: revision.map_or_else(
            || "migrations".to_owned(),
            |revision| revision.path().to_owned(),
        ),
        line: revision.and_then(|revision| revision.line_of(error.key())),
        snippet: revision
            .and_then(|revision| revision.snippet_of(error.key(), &error.words()))
            .map(Box::new),
        error: Box::new(error),
    }
}
