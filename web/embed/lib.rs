//! The web app of Kairos Hub, embedded: the files that Vite built, as one table in the binary.
//!
//! The build script makes the table (`embed/build.rs`); here is only how to ask it. The hub serves
//! [`index`] for `/`, `/admin`, `/trust` and `/watch`, [`mirror`] for `/mirror`, and [`get`] for everything else.
//!
//! ```
//! let page = kairos_web::index();
//! assert_eq!(page.content_type, "text/html; charset=utf-8");
//! assert!(kairos_web::get("no/such/file").is_none());
//! ```

/// What the pages need and nothing more: own scripts, own styles, own pictures, own hub.
///
/// Nothing inline and nothing from elsewhere; a page that breaks this does not work in `web/dev/mock-hub.mjs` either. The
/// phone's database is WebAssembly in a worker, which has to be said; it opens no door for scripts.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

/// One embedded file.
#[derive(Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its path below the root, without a leading slash: `assets/mirror-B4kx.js`.
    pub path: &'static str,
    /// The file as it is.
    pub bytes: &'static [u8],
    /// The same, gzipped at build time, for clients that accept it; `None` where it would save too little.
    pub gzip: Option<&'static [u8]>,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// A strong entity tag in quotes, from the SHA-256 of `bytes`; a gzipped answer needs a tag of its own or a weak one.
    pub etag: &'static str,
    /// Whether the name changes with the content, so that a browser may keep the file for good.
    pub immutable: bool,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Returns the file at `path`, with or without a leading slash.
///
/// A plain look-up in a table: no path can lead out of it.
pub fn get(path: &str) -> Option<&'static Asset> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let at = ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
    ASSETS.get(at)
}

/// Returns the phone app's page, served at `/`, `/admin`, `/trust` and `/watch`.
pub fn index() -> &'static Asset {
    &ASSETS[INDEX]
}

/// Returns the mirror's page, served at `/mirror`.
pub fn mirror() -> &'static Asset {
    &ASSETS[MIRROR]
}

/// Returns every embedded file, ordered by path.
pub fn all() -> &'static [Asset] {
    ASSETS
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The paths a page loads: every `src` and `href` that points below the root.
    fn loads(page: &Asset) -> Vec<&str> {
        std::str::from_utf8(page.bytes)
            .unwrap()
            .split(['"', '\''])
            .filter(|part| part.starts_with('/') && part.len() > 1)
            .collect()
    }

    #[test]
    fn the_table_is_sorted_and_every_file_can_be_found() {
        assert!(all().is_sorted_by_key(|asset| asset.path));
        for asset in all() {
            assert_eq!(get(asset.path), Some(asset));
            assert_eq!(get(&format!("/{}", asset.path)), Some(asset));
        }
    }

    #[test]
    fn pages_are_pages_and_are_always_asked_for_again() {
        for page in [index(), mirror()] {
            assert_eq!(page.content_type, "text/html; charset=utf-8");
            assert!(!page.immutable);
        }
    }

    #[test]
    fn whatever_a_page_loads_is_embedded() {
        for page in [index(), mirror()] {
            for path in loads(page) {
                let asset = get(path);
                assert!(asset.is_some(), "{} loads {path}", page.path);
            }
        }
    }

    #[test]
    fn a_page_has_no_inline_script_or_style() {
        for page in [index(), mirror()] {
            let text = std::str::from_utf8(page.bytes).unwrap();
            assert!(!text.contains("<style") && !text.contains(" style="));
            for tag in text.split("<script").skip(1) {
                let (attributes, rest) = tag.split_once('>').unwrap();
                assert!(attributes.contains("src="));
                assert!(rest.trim_start().starts_with("</script"));
            }
        }
    }

    #[test]
    fn tags_are_quoted_and_differ() {
        let mut tags: Vec<_> = all().iter().map(|asset| asset.etag).collect();
        assert!(tags.iter().all(|tag| tag.len() == 66 && tag.starts_with('"') && tag.ends_with('"')));
        tags.sort_unstable();
        tags.dedup();
        let mut contents: Vec<_> = all().iter().map(|asset| asset.bytes).collect();
        contents.sort_unstable();
        contents.dedup();
        assert_eq!(tags.len(), contents.len());
    }

    #[test]
    fn only_hashed_names_are_immutable() {
        for asset in all() {
            assert_eq!(asset.immutable, asset.path.starts_with("assets/"), "{}", asset.path);
        }
    }

    #[test]
    fn what_rules_the_cache_is_never_kept_by_it() {
        for (path, content_type) in [
            ("service-worker.js", "text/javascript; charset=utf-8"),
            ("manifest.webmanifest", "application/manifest+json"),
        ] {
            // A build that left the web app out has neither.
            if let Some(asset) = get(path) {
                assert_eq!((asset.content_type, asset.immutable), (content_type, false), "{path}");
            }
        }
        let wasm: Vec<_> = all().iter().filter(|asset| asset.path.ends_with(".wasm")).collect();
        assert!(wasm.iter().all(|asset| asset.content_type == "application/wasm" && asset.immutable));
        assert!(wasm.len() <= 1, "one variant of SQLite is enough");
    }

    #[test]
    fn gzip_is_gzip_and_smaller() {
        for asset in all() {
            if let Some(gzip) = asset.gzip {
                assert_eq!(gzip[..2], [0x1f, 0x8b]);
                assert!(gzip.len() < asset.bytes.len());
            }
        }
    }

    #[test]
    fn nothing_leads_out_of_the_table() {
        for path in
            ["", "/", "..", "../Cargo.toml", "/assets/", "assets/../index.html", "//index.html", ".vite/manifest.json"]
        {
            assert_eq!(get(path), None, "{path}");
        }
    }
}
