//! The id of a revision.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The full id of a revision. It derefs to `str`, compares with strings, and is cheap to clone.
///
/// It is a text as it stands in a file's header, in a database's version table or in a program: that a graph has such a
/// revision is [`Graph::contains`](super::Graph::contains)'s to say.
///
/// ```
/// use limbeck::graph::RevisionId;
///
/// let id = RevisionId::from("1a6f2c80b311");
/// assert_eq!(id, "1a6f2c80b311");
/// assert!(id.starts_with("1a6f"));
/// assert_eq!([id].join(", "), "1a6f2c80b311");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct RevisionId(Arc<str>);

impl RevisionId {
    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for RevisionId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for RevisionId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Both hash and compare as their texts do.
impl Borrow<str> for RevisionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&*self.0, f)
    }
}

impl fmt::Debug for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl From<&str> for RevisionId {
    fn from(id: &str) -> Self {
        RevisionId(id.into())
    }
}

impl From<String> for RevisionId {
    fn from(id: String) -> Self {
        RevisionId(id.into())
    }
}

impl From<&String> for RevisionId {
    fn from(id: &String) -> Self {
        RevisionId(id.as_str().into())
    }
}

impl From<Arc<str>> for RevisionId {
    fn from(id: Arc<str>) -> Self {
        RevisionId(id)
    }
}

impl From<&RevisionId> for RevisionId {
    fn from(id: &RevisionId) -> Self {
        id.clone()
    }
}

impl From<RevisionId> for Arc<str> {
    fn from(id: RevisionId) -> Self {
        id.0
    }
}

impl From<RevisionId> for String {
    fn from(id: RevisionId) -> Self {
        String::from(&*id.0)
    }
}

impl From<&RevisionId> for String {
    fn from(id: &RevisionId) -> Self {
        String::from(&*id.0)
    }
}

/// Equal texts, from both sides.
macro_rules! compares {
    ($($other:ty),*) => {$(
        impl PartialEq<$other> for RevisionId {
            fn eq(&self, other: &$other) -> bool {
                let other: &str = other.as_ref();
                *self.0 == *other
            }
        }

        impl PartialEq<RevisionId> for $other {
            fn eq(&self, other: &RevisionId) -> bool {
                other == self
            }
        }
    )*};
}
compares!(str, &str, String, Arc<str>);
