//! The command line is sound, and everything that texts suggest can be typed.

use super::*;
use clap::CommandFactory as _;
use pouch_link::receive::diagnose::diagnose;
use pouch_link::receive::report::{Lane, Progress, Report, State};

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn examples_in_the_help_parse() {
    let mut parsed = 0;
    for command in Cli::command().get_subcommands_mut() {
        let help = command.render_long_help().to_string();
        for line in help.lines().filter(|line| line.starts_with("  pouch-receive ")) {
            assert!(Cli::try_parse_from(line.split_whitespace()).is_ok(), "{line}");
            parsed += 1;
        }
    }
    assert!(parsed >= 14, "{parsed}");
}

#[test]
fn the_configuration_in_the_help_is_one() {
    let help = Cli::command().render_long_help().to_string();
    let (_, text) = help.split_once("A small one:\n").unwrap();
    let (text, _) = text.split_once("A first link").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("receive.toml");
    std::fs::write(&file, text).unwrap();
    let (config, _) = pouch_console::config::load_file::<pouch_link::receive::config::Config>(&file).unwrap();
    config.check().unwrap();
    assert_eq!(config.link_key.as_deref(), Some(std::path::Path::new("/etc/pouch/link.key")));
}

#[test]
fn what_a_diagnosis_suggests_can_be_typed() {
    let stream = Progress { stream: "00112233aabbccdd".into(), state: State::Incomplete, ..Progress::default() };
    let lane = Lane { listen: "ether:eth1".into(), datagrams: 1, overflowed: 1, card: 1, wire: 1 };
    let report = Report { lanes: vec![lane], streams: vec![stream], ..Report::default() };
    let mut parsed = 0;
    for finding in diagnose(&report, jiff::Timestamp::UNIX_EPOCH) {
        for suggested in finding.remedy.match_indices("pouch-receive ").map(|(at, _)| &finding.remedy[at..]) {
            let command = suggested.replace("RATE", "1G");
            let words: Vec<&str> =
                command.split_whitespace().take_while(|word| !matches!(*word, "shows" | "says")).collect();
            assert!(Cli::try_parse_from(&words).is_ok(), "{words:?}");
            parsed += 1;
        }
    }
    assert_eq!(parsed, 2);
}
