//! `pouch-ceremony rehearse` and `pouch-ceremony run`: the same ceremony, on other tokens.

use crate::cli::{RehearseArgs, RunArgs};
use crate::terminal::Terminal;
use openpgp_pkcs11::{Deadlines, Uri};
use pouch_ceremony::binding::Binding;
use pouch_ceremony::ceremony::{Ceremony, Occasion};
use pouch_ceremony::dialog::Dialog;
use pouch_ceremony::engine;
use pouch_ceremony::plan::{Plan, Reviewed};
use pouch_ceremony::rehearsal::{self, TOKENS};
use pouch_ceremony::transcript::Mode;
use pouch_ceremony::unattended::Actor;
use pouch_cli::explain;
use pouch_console::{Exit, Failure, Output};
use pouch_platform::{Dir, Lock};
use pouch_softtoken::inside::start_with_config;
use serde_json::json;
use std::io::stderr;

pub(crate) fn rehearse(arguments: &RehearseArgs, output: &Output) -> Result<Exit, Failure> {
    let reviewed = Plan::load(&arguments.plan)?;
    if !arguments.unattended {
        assert_people(output)?;
    }
    let dir = Dir::open_private(&arguments.output).map_err(explain::dir)?;
    Ceremony::assert_fits(&dir, &reviewed, Mode::Rehearsal)?;
    start_with_config(&arguments.output.join(TOKENS), true)?;
    let _lock = Lock::acquire(&dir, "lock").map_err(explain::lock)?;
    output.note("REHEARSAL on throw-away tokens: the keys protect nothing, and PINs and papers lie in the folder");
    let module = match &arguments.module {
        None => Uri::of_module("softhsm2"),
        Some(path) => {
            let path = std::path::absolute(path).map_err(explain::input(path))?;
            Uri::default().with_module_path(&path.to_string_lossy())
        }
    };
    let file = rehearsal::set(&reviewed.plan, &dir, &module)?;
    let (binding, digest) = Binding::load(&file, &reviewed.plan)?;
    let (mode, deadlines) = (Mode::Rehearsal, Deadlines::default());
    let occasion = Occasion { reviewed, binding, binding_digest: digest, mode, deadlines, last_try: false };
    if arguments.unattended {
        let mut actor = Actor::new(stderr(), rehearsal::papers(&arguments.output)?);
        return hold(dir, occasion, &mut actor, output);
    }
    let mut terminal = Terminal::open(arguments.private_terminal.as_deref())?;
    hold(dir, occasion, &mut terminal, output)
}

pub(crate) fn run(arguments: &RunArgs, output: &Output) -> Result<Exit, Failure> {
    let reviewed: Reviewed = Plan::load(&arguments.plan)?;
    let (binding, digest) = Binding::load(&arguments.binding, &reviewed.plan)?;
    assert_people(output)?;
    let dir = Dir::open_private(&arguments.output).map_err(explain::dir)?;
    let _lock = Lock::acquire(&dir, "lock").map_err(explain::lock)?;
    let mut terminal = Terminal::open(binding.private_terminal.as_deref())?;
    let (mode, deadlines, last_try) = (Mode::Run, Deadlines::default(), arguments.last_try);
    let occasion = Occasion { reviewed, binding, binding_digest: digest, mode, deadlines, last_try };
    hold(dir, occasion, &mut terminal, output)
}

fn assert_people(output: &Output) -> Result<(), Failure> {
    if output.options().no_input {
        return Err(Failure::new("CEREMONY-DIALOG", Exit::Usage, "a ceremony needs people, and --no-input was given")
            .hint("nothing was done; rehearse with --unattended to test a plan"));
    }
    Ok(())
}

fn hold(dir: Dir, occasion: Occasion, dialog: &mut dyn Dialog, output: &Output) -> Result<Exit, Failure> {
    let folder = dir.path().to_owned();
    let mut ceremony = Ceremony::open(dir, occasion, dialog)?;
    engine::hold(&mut ceremony)?;
    let (end, lines) = ceremony.record();
    output.data(&json!({ "folder": folder, "lines": lines, "transcript_end": end }), || {
        format!("the ceremony is held; its record is in {}\n", folder.display())
    })?;
    Ok(Exit::Done)
}
