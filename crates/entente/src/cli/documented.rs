//! Commands that documents, remedies and the web app name: each is one that the program takes.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory, Parser};

use super::Cli;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Files below a folder with one of these endings.
fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "node_modules" | "target" | "dist") {
                files(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    files(&root().join("docs"), &[".md"], &mut found);
    found
}

/// Words of a command line: parted by blanks, with quotes around what has some, up to a comment.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quote, mut word) = (Vec::new(), None, None::<String>);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// What stands for a number is one; every other word in capitals may be taken as it is.
fn filled_in(word: &str) -> String {
    if matches!(word, "VERSION" | "ID" | "NUMBER") { "1".to_owned() } else { word.to_owned() }
}

/// Command lines of `entente` in the code blocks of a document, with their line.
fn command_lines(text: &str) -> Vec<(usize, Vec<String>)> {
    let (mut inside, mut found) = (false, Vec::new());
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside {
            let mut command = Vec::new();
            for word in words(line.trim()).into_iter().chain(["&&".to_owned()]) {
                if matches!(word.as_str(), "&&" | "&" | "|" | ">") {
                    found.push((at + 1, std::mem::take(&mut command)));
                } else {
                    command.push(filled_in(word.trim_matches(['[', ']'])));
                }
            }
        }
    }
    found.retain(|(_, command)| command.first().is_some_and(|word| word == "entente"));
    found
}

#[test]
fn every_command_line_of_the_documents_is_taken() {
    let (mut many, mut wrong) = (0, Vec::new());
    for path in documents() {
        for (line, command) in command_lines(&fs::read_to_string(&path).unwrap()) {
            many += 1;
            if let Err(error) = Cli::try_parse_from(&command).map(drop)
                && error.use_stderr()
            {
                wrong.push(format!("{}:{line}: {}\n{error}", path.display(), command.join(" ")));
            }
        }
    }
    assert!(many > 60, "only {many} command lines were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with a command that is named in passing, such as `entente mapping activate` or `entente plan -f DIR`: its parts may be
/// left out, and what is there has to exist.
fn wrong_with(named: &str) -> Option<String> {
    let mut command: Command = Cli::command();
    command.build();
    let mut words = named.split_whitespace().skip(1).peekable();
    while let Some(next) = words.peek().and_then(|word| command.find_subcommand(word)).cloned() {
        words.next();
        command = next;
    }
    let takes_words = command.get_positionals().next().is_some();
    if let Some(word) = words.peek()
        && word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-')
        && !word.starts_with('-')
        && !takes_words
    {
        return Some(format!("`{}` has no command `{word}`", command.get_bin_name().unwrap_or("entente")));
    }
    let known = |flag: &str| {
        command.get_arguments().any(|argument| {
            argument.get_long().is_some_and(|long| flag == format!("--{long}"))
                || argument.get_short().is_some_and(|short| flag == format!("-{short}"))
        }) || matches!(flag, "--help" | "--version")
    };
    let strange = words.map(|word| word.trim_start_matches('[').trim_end_matches(']')).find(|word| word.starts_with('-') && !known(word));
    strange.map(|flag| format!("`{}` has no option `{flag}`", command.get_bin_name().unwrap_or("entente")))
}

#[test]
fn every_command_that_is_named_in_passing_exists() {
    let mut named_in = documents();
    named_in.extend([root().join("ARCHITECTURE.md"), root().join("CHANGELOG.md")]);
    files(&root().join("crates"), &[".rs", ".toml"], &mut named_in);
    files(&root().join("web/src"), &[".ts", ".tsx"], &mut named_in);
    let (mut many, mut wrong) = (0, Vec::new());
    for path in named_in {
        let text = fs::read_to_string(&path).unwrap();
        let quoted = text.split("`entente ").skip(1).map(|rest| rest.split('`').next().unwrap_or_default());
        let marked = text.split(">entente ").skip(1).map(|rest| rest.split('<').next().unwrap_or_default());
        for named in quoted.chain(marked).filter(|named| !named.contains(['{', '\n'])) {
            many += 1;
            wrong.extend(wrong_with(&format!("entente {named}")).map(|why| format!("{}: `entente {named}`: {why}", path.display())));
        }
    }
    assert!(many > 150, "only {many} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_does_not_exist_is_found() {
    assert_eq!(wrong_with("entente mapping activate"), None);
    assert_eq!(wrong_with("entente undo RECORD --field \"Last name\""), None);
    assert!(wrong_with("entente mapping rollback").unwrap().contains("no command `rollback`"));
    assert!(wrong_with("entente status --colour").unwrap().contains("no option `--colour`"));
    assert!(wrong_with("entente statsu").is_some());
    let text = "```sh\nentente plan && entente serve   # both\nentente connect rest --name \"a b\" &\nls\n```\nentente nothing\n";
    let found: Vec<String> = command_lines(text).into_iter().map(|(line, command)| format!("{line} {}", command.join("|"))).collect();
    assert_eq!(found, ["2 entente|plan", "2 entente|serve", "3 entente|connect|rest|--name|a b"]);
}
