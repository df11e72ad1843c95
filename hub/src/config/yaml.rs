//! YAML as a small tree that remembers on which line everything stands.
//!
//! Settings are not deserialised straight into structs, because serde stops at the first mistake.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error, Spanned};

use super::Mistake;

/// What stands at one place of the file.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Item>),
    Map(Vec<(Item, Item)>),
}

/// A node and the line on which it was written.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) node: Node,
    pub(super) line: usize,
}

/// Reads one document.
///
/// The budget is far above any real configuration and far below anything that could keep a small machine busy:
/// a file of aliases to aliases, or of a thousand brackets, is one mistake with its line.
pub(super) fn parse(text: &str) -> Result<Item, Mistake> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 20_000,
            max_nodes: 10_000,
            max_depth: 16,
            flow_nesting_limit: 16,
            max_aliases: 64,
            max_anchors: 64,
            max_documents: 2,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10_000,
            max_replay_stack_depth: 8,
        },
        // Repeated keys are reported by the reader, beside all other mistakes.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `no` is a word, and so is 0755.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    // A file that holds only comments has no document at all.
    serde_saphyr::from_str_with_options::<Option<Spanned<Node>>>(text, options)
        .map(|item| item.map_or(Item { node: Node::Null, line: 1 }, Item::from))
        .map_err(|error| syntax(&error))
}

fn syntax(error: &Error) -> Mistake {
    let place = error.location().filter(|place| place.line() > 0);
    let number = |n: u64| usize::try_from(n).ok();
    let said = error.without_snippet().to_string();
    // The library repeats the place at the end of its sentence.
    let said = said.split(" at line ").next().unwrap_or_default();
    let message = match error.without_snippet() {
        Error::MultipleDocuments { .. } => "a second document starts here; the settings are one".to_owned(),
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } | Error::AliasReplayStackDepthExceeded { .. } => {
            format!("this is more, or deeper, than any settings need ({said})")
        }
        _ => format!("this is not readable YAML: {said}"),
    };
    Mistake {
        line: place.and_then(|place| number(place.line())),
        column: place.and_then(|place| number(place.column())),
        key: String::new(),
        message,
    }
}

impl From<Spanned<Node>> for Item {
    fn from(spanned: Spanned<Node>) -> Self {
        let line = usize::try_from(spanned.referenced.line()).unwrap_or(usize::MAX);
        Self { node: spanned.value, line }
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::<Node>::deserialize(deserializer).map(Self::from)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Nodes)
    }
}

struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(i128::try_from(value).map_or_else(|_| Node::Text(value.to_string()), Node::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Node, E> {
        Ok(Node::Text(String::from_utf8_lossy(value).into_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}
