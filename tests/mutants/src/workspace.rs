//! A copy of the repository, whose core has the mutants in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use serde_json::Value;

use crate::constant::Constants;
use crate::find::{Found, find};
use crate::mutant::Mutant;
use crate::rewrite::{SWITCH, marks_at, marks_in, rewrite, root};

/// What is mutated, below `core/src`.
pub(crate) const FOLDERS: [&str; 5] = ["packet", "session", "connection", "broker", "topic"];

/// The copy and where it comes from.
pub(crate) struct Workspace {
    /// Where the tests are built.
    copy: PathBuf,
    /// A second copy, where it is found out what compiles: in the first one files keep their age.
    check: PathBuf,
    target: PathBuf,
    /// The files of the repository that were copied.
    files: BTreeMap<String, Vec<u8>>,
    /// What was found, by file.
    found: BTreeMap<String, Found>,
    /// What was written into the copy, by file.
    written: BTreeMap<String, String>,
}

impl Workspace {
    /// Copies what git knows of or does not ignore, and finds the mutants.
    pub(crate) fn new(repository: &Path, scratch: &Path) -> io::Result<Self> {
        let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let output = Command::new("git").args(list).current_dir(repository).output()?;
        let mut files = BTreeMap::new();
        for name in String::from_utf8_lossy(&output.stdout).split('\0').filter(|name| !name.is_empty()) {
            // A file that was deleted and not yet committed so is still in the list.
            if let Ok(bytes) = fs::read(repository.join(name)) {
                files.insert(name.to_owned(), bytes);
            }
        }
        let (copy, check, target) = (scratch.join("copy"), scratch.join("check"), scratch.join("target"));
        let mut this = Self { copy, check, target, files, found: BTreeMap::new(), written: BTreeMap::new() };
        this.find()?;
        this.copy(&this.copy)?;
        this.copy(&this.check)?;
        Ok(this)
    }

    fn find(&mut self) -> io::Result<()> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let sources: Vec<_> = self.files.iter().filter(|(name, _)| name.ends_with(".rs")).collect();
        let mut constants = Constants::default();
        for (name, bytes) in &sources {
            constants.read(&text(bytes)).map_err(|error| io::Error::other(format!("{name}: {error}")))?;
        }
        constants.close();
        for (name, bytes) in sources {
            let Some(below) = name.strip_prefix("core/src/") else { continue };
            let Some((folder, file)) = below.split_once('/') else { continue };
            if !FOLDERS.contains(&folder) || is_test(file) {
                continue;
            }
            let found = find(name, folder, &text(bytes), &constants).map_err(io::Error::other)?;
            self.found.insert(name.clone(), found);
        }
        let mutants = self.found.values_mut().flat_map(|found| &mut found.mutants);
        mutants.zip(1..).for_each(|(mutant, id)| mutant.id = id);
        Ok(())
    }

    /// Every mutant that was found, whether it compiles or not.
    pub(crate) fn mutants(&self) -> Vec<Mutant> {
        self.found.values().flat_map(|found| &found.mutants).cloned().collect()
    }

    fn copy(&self, folder: &Path) -> io::Result<()> {
        for old in below(folder)? {
            if !self.files.contains_key(&old) && old != "core/src/mutant.rs" {
                fs::remove_file(folder.join(old))?;
            }
        }
        for (name, bytes) in &self.files {
            if !self.found.contains_key(name) {
                let is_root = name == "core/src/lib.rs";
                let changed = is_root.then(|| root(&String::from_utf8_lossy(bytes)).into_bytes());
                update(&folder.join(name), changed.as_deref().unwrap_or(bytes))?;
            }
        }
        update(&folder.join("core/src/mutant.rs"), SWITCH.as_bytes())
    }

    /// Writes these mutants, and no others, into the copy.
    pub(crate) fn write(&mut self, mutants: &[Mutant]) -> io::Result<()> {
        let copy = self.copy.clone();
        self.write_into(&copy, mutants)
    }

    fn write_into(&mut self, folder: &Path, mutants: &[Mutant]) -> io::Result<()> {
        for (name, found) in &self.found {
            let here: Vec<&Mutant> = mutants.iter().filter(|mutant| mutant.file == *name).collect();
            let text = String::from_utf8_lossy(&self.files[name]);
            let text = rewrite(&text, &here, &found.consts);
            update(&folder.join(name), text.as_bytes())?;
            self.written.insert(name.clone(), text);
        }
        Ok(())
    }

    /// Those of `mutants` that compile.
    pub(crate) fn viable(&mut self, mut mutants: Vec<Mutant>) -> io::Result<Vec<Mutant>> {
        loop {
            let folder = self.check.clone();
            self.write_into(&folder, &mutants)?;
            let messages = self.cargo(&folder, &["check", "--locked", "-p", "weirmq-core", "--lib"])?;
            let errors = messages.iter().map(|message| &message["message"]).filter(|error| error["level"] == "error");
            let mut wrong = BTreeSet::new();
            for error in errors.filter(|error| error["spans"].as_array().is_some_and(|spans| !spans.is_empty())) {
                let culprits = self.culprits(error);
                if culprits.is_empty() {
                    return Err(io::Error::other(format!("no mutant explains:\n{}", error["rendered"])));
                }
                wrong.extend(culprits);
            }
            if wrong.is_empty() {
                return Ok(mutants);
            }
            eprintln!("{} of {} do not compile", wrong.len(), mutants.len());
            mutants.retain(|mutant| !wrong.contains(&mutant.id));
        }
    }

    /// The mutants that an error of the compiler is about: where it points at, else the next jump that is skipped.
    fn culprits(&self, error: &Value) -> Vec<u32> {
        let spans = error["spans"].as_array().into_iter().flatten();
        let (primary, others): (Vec<_>, Vec<_>) = spans.partition(|span| span["is_primary"] == true);
        let place = |span: &Value| {
            let text = self.written.get(span["file_name"].as_str()?)?;
            let byte = |name: &str| span[name].as_u64().map(|byte| byte as usize);
            Some((text, byte("byte_start")?..byte("byte_end")?))
        };
        let places: Vec<_> = primary.into_iter().chain(others).filter_map(place).collect();
        for (text, range) in &places {
            if let Some(innermost) = marks_at(text, range.start + 1).last() {
                return vec![*innermost];
            }
        }
        // A jump that is skipped lets what comes after it use what came before it.
        let Some((text, range)) = places.first() else { return Vec::new() };
        let first = places.iter().map(|(_, range)| range.start).min().unwrap_or(range.start);
        let mutants = || self.found.values().flat_map(|found| &found.mutants);
        let is_jump = |id: &u32| mutants().any(|mutant| mutant.id == *id && mutant.is_jump());
        let before = marks_in(text, first..range.start).into_iter().rfind(is_jump);
        let after = marks_in(text, range.start..text.len()).into_iter().find(is_jump);
        let is_moved = error["code"]["code"] == "E0382";
        before.filter(|_| is_moved).or(after).into_iter().collect()
    }

    /// Builds test programs. The result is the path of each by its name.
    pub(crate) fn build(&self, arguments: &[&str]) -> io::Result<BTreeMap<String, PathBuf>> {
        let messages = self.cargo(&self.copy, &[&["test", "--no-run", "--locked"], arguments].concat())?;
        if !messages.iter().any(|message| message["reason"] == "build-finished" && message["success"] == true) {
            let errors = messages.iter().filter(|message| message["message"]["level"] == "error");
            let errors: Vec<_> = errors.filter_map(|message| message["message"]["rendered"].as_str()).collect();
            return Err(io::Error::other(errors.join("\n")));
        }
        let programs = messages.iter().filter_map(|message| {
            let path = message["executable"].as_str()?;
            Some((message["target"]["name"].as_str()?.to_owned(), PathBuf::from(path)))
        });
        Ok(programs.collect())
    }

    fn cargo(&self, folder: &Path, arguments: &[&str]) -> io::Result<Vec<Value>> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(arguments).args(["--quiet", "--message-format", "json"]).current_dir(folder);
        command.env("CARGO_TARGET_DIR", &self.target).env_remove("RUSTFLAGS");
        command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1").env("CARGO_PROFILE_DEV_DEBUG", "0");
        let output = command.stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// A folder of the copy.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.copy.join(name)
    }
}

/// Whether a file below one of the folders has only tests in it.
fn is_test(file: &str) -> bool {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    stem.split('/').any(|part| matches!(part, "tests" | "testing")) || stem.ends_with("_tests") || file == "generate.rs"
}

/// Writes a file unless it is so already, which leaves what was built of it.
fn update(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)?;
    #[cfg(unix)]
    if bytes.starts_with(b"#!") {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn below(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(open) = folders.pop() {
        for entry in fs::read_dir(&open).into_iter().flatten() {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(name) = path.strip_prefix(folder) {
                names.push(name.to_string_lossy().into_owned());
            }
        }
    }
    Ok(names)
}
