//! Every file of the committed corpora, on a stable toolchain and without a sanitizer.

use std::path::Path;

use weirmq_fuzz::{TARGETS, replay};

#[test]
fn every_corpus_is_survived() {
    for &(name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let files = replay(&folder, target);
        assert!(files > 0, "{} has no files", folder.display());
    }
}
