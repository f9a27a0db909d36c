//! The command line of `impair`.

use acceptance::relay::{Burst, Cut, Loss, Settings, Shrink};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How it is used.
pub(crate) const USAGE: &str = "\
usage: impair --listen ADDRESS:PORT --to ADDRESS:PORT [--seed N] [IMPAIRMENT...] [END...]
  --loss 2%              each datagram is lost with this probability
  --bursts MEAN          the losses of --loss come in bursts of this mean length
  --gilbert P,R,H,K      bursts by the four probabilities of Gilbert and Elliott
  --burst N@M            N datagrams are lost from datagram M on
  --cut 10s@M            everything is lost for so long from datagram M on
  --mtu BYTES[@M]        longer datagrams are lost, from datagram M on
  --duplicate 5%         come twice
  --reorder 1%           are overtaken by --distance LEAST..MOST others (1..64)
  --corrupt 0.01%        have a bit flipped
  --corrupt-sealed 1%    have a bit of the payload flipped under a right checksum
  --truncate 1%          are cut short
  --forge N              forged datagrams for each real one, with a tag of chance
  --forge-sealed N       the same with a right checksum
  --foreign N            datagrams of another stream for each real one
  --noise N              datagrams of chance for each real one, of 0 to 65507 bytes
  --replay FILE          datagrams of an old recording, one for each real one
  --record FILE          records what comes in
  --passed FILE          records what goes out
ends, and says as a line of JSON what it did:
  --quiet 2s             when nothing has come for so long after the first datagram
  --for 60s              after so long in any case
  --flood                sends datagrams of chance all the time, until --for is over
  --until-closed         when standard input is closed";

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) listen: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) settings: Settings,
    pub(crate) replay: Option<PathBuf>,
    pub(crate) record: Option<PathBuf>,
    pub(crate) passed: Option<PathBuf>,
    pub(crate) quiet: Option<Duration>,
    pub(crate) lasts: Option<Duration>,
    pub(crate) flood: bool,
    pub(crate) until_closed: bool,
}

/// Reads the words behind the program's name.
pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Words, String> {
    let mut words = words.into_iter();
    let (mut listen, mut to, mut loss, mut mean) = (None, None, 0.0, None);
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut read = Words {
        listen: nowhere,
        to: nowhere,
        settings: Settings { distance: (1, 64), ..Settings::default() },
        replay: None,
        record: None,
        passed: None,
        quiet: None,
        lasts: None,
        flood: false,
        until_closed: false,
    };
    while let Some(flag) = words.next() {
        let settings = &mut read.settings;
        match flag.as_str() {
            "--flood" => read.flood = true,
            "--until-closed" => read.until_closed = true,
            name => {
                let value = words.next().ok_or_else(|| format!("{name} needs a value"))?;
                let bad = |_| format!("{name} cannot be {value:?}");
                match name {
                    "--listen" => listen = Some(number(&value).map_err(bad)?),
                    "--to" => to = Some(number(&value).map_err(bad)?),
                    "--seed" => settings.seed = number(&value).map_err(bad)?,
                    "--loss" => loss = share(&value).map_err(bad)?,
                    "--bursts" => mean = Some(number(&value).map_err(bad)?),
                    "--gilbert" => settings.loss = gilbert(&value).map_err(bad)?,
                    "--burst" => {
                        let (length, at) = pair(&value, '@').map_err(bad)?;
                        settings.burst =
                            Some(Burst { at: number(at).map_err(bad)?, length: number(length).map_err(bad)? });
                    }
                    "--cut" => {
                        let (lasts, at) = pair(&value, '@').map_err(bad)?;
                        settings.cut = Some(Cut { at: number(at).map_err(bad)?, lasts: time(lasts).map_err(bad)? });
                    }
                    "--mtu" => {
                        let (longest, at) = pair(&value, '@').unwrap_or((&value, "0"));
                        settings.shrink =
                            Some(Shrink { at: number(at).map_err(bad)?, longest: number(longest).map_err(bad)? });
                    }
                    "--duplicate" => settings.duplicate = share(&value).map_err(bad)?,
                    "--reorder" => settings.reorder = share(&value).map_err(bad)?,
                    "--distance" => {
                        let (least, most) = value.split_once("..").ok_or(()).map_err(bad)?;
                        settings.distance = (number(least).map_err(bad)?, number(most).map_err(bad)?);
                    }
                    "--corrupt" => settings.corrupt = share(&value).map_err(bad)?,
                    "--corrupt-sealed" => settings.corrupt_sealed = share(&value).map_err(bad)?,
                    "--truncate" => settings.truncate = share(&value).map_err(bad)?,
                    "--forge" => settings.forge = number(&value).map_err(bad)?,
                    "--forge-sealed" => settings.forge_sealed = number(&value).map_err(bad)?,
                    "--foreign" => settings.foreign = number(&value).map_err(bad)?,
                    "--noise" => settings.noise = number(&value).map_err(bad)?,
                    "--replay" => read.replay = Some(value.into()),
                    "--record" => read.record = Some(value.into()),
                    "--passed" => read.passed = Some(value.into()),
                    "--quiet" => read.quiet = Some(time(&value).map_err(bad)?),
                    "--for" => read.lasts = Some(time(&value).map_err(bad)?),
                    _ => return Err(format!("there is no {name}")),
                }
            }
        }
    }
    match mean {
        Some(mean) => read.settings.loss = Loss::bursts(loss, mean),
        None if loss > 0.0 => read.settings.loss = Loss::Uniform(loss),
        None => {}
    }
    if read.quiet.is_none() && read.lasts.is_none() && !read.until_closed {
        read.quiet = Some(Duration::from_secs(2));
    }
    if read.flood && read.lasts.is_none() {
        return Err("--flood needs --for".into());
    }
    read.listen = listen.ok_or("--listen is missing")?;
    read.to = to.ok_or("--to is missing")?;
    Ok(read)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, ()> {
    text.parse().map_err(|_| ())
}

/// `2%` or `0.02`.
fn share(text: &str) -> Result<f64, ()> {
    let value = match text.strip_suffix('%') {
        Some(percent) => number::<f64>(percent)? / 100.0,
        None => number(text)?,
    };
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(()) }
}

/// `1.5s` or `200ms`.
fn time(text: &str) -> Result<Duration, ()> {
    let (amount, unit) = match text.strip_suffix("ms") {
        Some(amount) => (amount, 0.001),
        None => (text.strip_suffix('s').ok_or(())?, 1.0),
    };
    Duration::try_from_secs_f64(number::<f64>(amount)? * unit).map_err(|_| ())
}

fn gilbert(text: &str) -> Result<Loss, ()> {
    let shares: Vec<f64> = text.split(',').map(share).collect::<Result<_, _>>()?;
    let [p, r, h, k] = shares[..] else { return Err(()) };
    Ok(Loss::Gilbert { p, r, h, k })
}

fn pair(text: &str, separator: char) -> Result<(&str, &str), ()> {
    text.split_once(separator).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Words, String> {
        let ends = ["--listen", "127.0.0.1:1", "--to", "127.0.0.1:2"].map(str::to_owned);
        parse(ends.into_iter().chain(words.split_whitespace().map(str::to_owned)))
    }

    #[test]
    fn words_become_settings() {
        let all = read(
            "--seed 7 --loss 2% --bursts 8 --burst 4096@1000 --cut 10s@50 --mtu 1400 --duplicate 5% --reorder 0.01 \
             --distance 2..9 --corrupt 0.01% --forge 10 --for 200ms",
        )
        .unwrap();
        let expected = Settings {
            seed: 7,
            loss: Loss::bursts(0.02, 8.0),
            burst: Some(Burst { at: 1000, length: 4096 }),
            cut: Some(Cut { at: 50, lasts: Duration::from_secs(10) }),
            shrink: Some(Shrink { at: 0, longest: 1400 }),
            duplicate: 0.05,
            reorder: 0.01,
            distance: (2, 9),
            corrupt: 0.0001,
            forge: 10,
            ..Settings::default()
        };
        assert_eq!(all.settings, expected);
        assert_eq!((all.quiet, all.lasts), (None, Some(Duration::from_millis(200))));
        let gilbert = read("--gilbert 1%,0.1,0,1").unwrap();
        assert_eq!(gilbert.settings.loss, Loss::Gilbert { p: 0.01, r: 0.1, h: 0.0, k: 1.0 });
        assert_eq!(read("--loss 0.5").unwrap().settings.loss, Loss::Uniform(0.5));
    }

    #[test]
    fn wrong_words_are_named() {
        for (words, says) in [
            ("--loss 101%", "--loss"),
            ("--loss", "--loss needs"),
            ("--lose 1%", "there is no --lose"),
            ("--cut 10@5", "--cut"),
            ("--cut -1s@5", "--cut"),
            ("--burst 5", "--burst"),
            ("--gilbert 1,1,1", "--gilbert"),
            ("--flood", "--flood needs --for"),
        ] {
            let error = read(words).unwrap_err();
            assert!(error.contains(says), "{words}: {error}");
        }
        assert!(parse(std::iter::empty()).is_err());
    }
}
