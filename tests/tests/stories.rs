//! Every story of `stories/`, told in every way: each line of it comes true, and nothing is left in the end.

use std::path::Path;

use weirmq_tests::sim::Story;

#[test]
fn stories() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder").map(|file| file.expect("a file").path()).collect();
    files.sort();
    let mut faults = Vec::new();
    for file in &files {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        if file.extension().is_none_or(|extension| extension != "story") {
            faults.push(format!("{name}: not a story; the folder is for files NAME.story"));
            continue;
        }
        let text = std::fs::read_to_string(file).expect("a story");
        if !text.starts_with("# ") {
            faults.push(format!("{name}:1: begin with a comment that says what the story is about"));
        }
        match Story::parse(&text) {
            Err(error) => faults.push(format!("{name}:{error}")),
            Ok(story) => {
                if let Err((variant, error)) = story.run_all() {
                    faults.push(format!("{name}:{error}\n    ({variant})"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} of {} stories:\n{}", faults.len(), files.len(), faults.join("\n"));
    assert!(!files.is_empty());
}
