//! What this machine's network stack lets through at most, before anything is done with the bytes: `link-ceiling [GBIT]`.
//!
//! Datagrams go from one thread to another through the same calls that the link makes, as fast as the receiver takes
//! them, over loopback and over a pair of interfaces in two networks made for it. One line of JSON: for each way and size
//! the rate, and the processor seconds per Gbit of either thread. What the kernel does to hand packets over counts where
//! it does it, which is mostly at the sender. Without root it becomes root of a user namespace of its own.

use std::{
    io::{self, Write},
    net::SocketAddr,
    process::{Command, ExitCode},
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use pouch_platform::{
    effective_uid,
    net::{
        EtherListen, EtherReceiver, EtherSender, EtherTo, Mac, UdpListen, UdpReceiver, UdpSender, UdpTo, own_network,
    },
    thread_time,
};
use serde_json::{Value, json};

/// Gbit of each way and size unless said.
const GBIT: u64 = 16;
/// A datagram in a frame of 1500 bytes, and a symbol of six columns in one of 9000.
const SIZES: [usize; 2] = [1472, 8540];
/// Bytes that may be on the way: half of what the receiver's buffer takes with the kernel's bookkeeping.
const WINDOW: u64 = 2 * 1024 * 1024;
/// Bytes of a burst.
const BURST: usize = 128 * 1024;
/// How long nothing may arrive before what is on the way counts as lost.
const LOST: Duration = Duration::from_secs(1);
const ETHERTYPE: u16 = 0x88b5;
const FAR: Mac = Mac([2, 0, 0, 0, 0, 2]);

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
type Push = Box<dyn FnMut(&[u8], usize) -> Outcome<()>>;

/// One end of a measurement: receives what is there, or comes within a moment, and returns its bytes.
type Pull = Box<dyn FnMut() -> Outcome<u64>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let gbit = match &arguments[..] {
        [] => Some(GBIT),
        [gbit] => gbit.parse().ok().filter(|gbit| (1..=10_000).contains(gbit)),
        _ => None,
    };
    let outcome = match gbit {
        None => Err("usage: link-ceiling [GBIT]".into()),
        Some(_) if effective_uid() != 0 => as_root_of_ones_own(&arguments),
        Some(gbit) => measure(gbit).and_then(|line| Ok(writeln!(io::stdout().lock(), "{line}")?)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "link-ceiling: {error}");
            ExitCode::from(2)
        }
    }
}

fn as_root_of_ones_own(arguments: &[String]) -> Outcome<()> {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user"]).arg(std::env::current_exe()?).args(arguments);
    if command.status()?.success() { Ok(()) } else { Err("it needs root, or user namespaces".into()) }
}

/// A way that datagrams go, from the thread of the near network to that of the far one.
#[derive(Clone, Copy)]
enum Way {
    Loopback,
    Pair,
    Ethernet,
}

impl Way {
    const ALL: [Self; 3] = [Self::Loopback, Self::Pair, Self::Ethernet];

    const fn name(self) -> &'static str {
        match self {
            Self::Loopback => "udp over loopback",
            Self::Pair => "udp over veth",
            Self::Ethernet => "ethernet over veth",
        }
    }

    /// The receiving end, and its address if it has one.
    fn listen(self) -> Outcome<(Pull, Option<SocketAddr>)> {
        let wait = Duration::from_millis(50);
        let at: SocketAddr = match self {
            Self::Loopback => ([127, 0, 0, 1], 0).into(),
            Self::Pair => ([10, 80, 76, 2], 0).into(),
            Self::Ethernet => {
                let at = EtherListen { interface: "far".into(), to: None, ethertype: ETHERTYPE, buffer: 8 << 20 };
                let mut receiver = EtherReceiver::open(&at)?;
                return Ok((Box::new(move || Ok(bytes(receiver.receive(wait)?))), None));
            }
        };
        let mut receiver = UdpReceiver::open(&UdpListen::on(at))?;
        let address = receiver.address();
        Ok((Box::new(move || Ok(bytes(receiver.receive(wait)?))), Some(address)))
    }

    fn send(to: Option<SocketAddr>) -> Outcome<Push> {
        let Some(address) = to else {
            let to = EtherTo { interface: "near".into(), mac: FAR, ethertype: ETHERTYPE, direct: false };
            let mut sender = EtherSender::open(&to)?;
            return Ok(Box::new(move |datagrams, size| Ok(sender.send(datagrams, size)?)));
        };
        let mut sender = UdpSender::open(&UdpTo::neighbour(address))?;
        Ok(Box::new(move |datagrams, size| Ok(sender.send(datagrams, size)?)))
    }
}

fn bytes<'a>(batch: impl Iterator<Item = &'a [u8]>) -> u64 {
    batch.map(|datagram| u64::try_from(datagram.len()).unwrap_or_default()).sum()
}

/// What both threads see of one measurement.
#[derive(Default)]
struct Shared {
    received: AtomicU64,
    ended: AtomicBool,
}

fn measure(gbit: u64) -> Outcome<Value> {
    let total = gbit * 1_000_000_000 / 8;
    let shared: Vec<Shared> = (0..Way::ALL.len() * SIZES.len()).map(|_| Shared::default()).collect();
    let cases: Vec<(Way, usize, &Shared)> = Way::ALL
        .iter()
        .flat_map(|way| SIZES.map(|size| (*way, size)))
        .zip(&shared)
        .map(|((way, size), shared)| (way, size, shared))
        .collect();
    thread::scope(|scope| {
        let (network, far_network) = channel();
        let (go, far_go) = channel();
        let (address, near_address) = channel();
        let (done, far_done) = channel::<()>();
        let far_cases = cases.clone();
        // The loopback of the far network leads from it to itself, so both threads of that are in the near one.
        let far = scope.spawn(move || {
            let times = far_end(&far_cases, &network, &far_go, &address);
            drop(done);
            times
        });
        let near = scope.spawn(move || {
            let sent = near_end(&cases, total, &far_network, &go, &near_address);
            cases.iter().for_each(|(_, _, shared)| shared.ended.store(true, Ordering::Release));
            // With this thread its network ends, and the pair.
            let _ = far_done.recv();
            sent
        });
        let near = near.join().map_err(|_| "the sender gave up")?;
        let far = far.join().map_err(|_| "the receiver gave up")?;
        let ways: Vec<Value> = near?.into_iter().zip(far?).map(|(near, far)| near.line(&far)).collect();
        Ok(json!({ "ceiling": ways }))
    })
}

/// What the sender measured.
struct Sent {
    way: Way,
    size: usize,
    bytes: u64,
    received: u64,
    wall: Duration,
    cpu: Duration,
}

impl Sent {
    fn line(&self, far: &Duration) -> Value {
        let gbit = |bytes: u64| Duration::from_nanos(bytes * 8).as_secs_f64();
        let per = |cpu: &Duration, bytes| (cpu.as_secs_f64() / gbit(bytes) * 1e5).round() / 1e5;
        json!({
            "way": self.way.name(),
            "size": self.size,
            "gbit_per_second": (gbit(self.received) / self.wall.as_secs_f64() * 100.0).round() / 100.0,
            "send_cpu_seconds_per_gbit": per(&self.cpu, self.bytes),
            "receive_cpu_seconds_per_gbit": per(far, self.received),
            "lost_bytes": self.bytes.saturating_sub(self.received),
        })
    }
}

/// Receives each case in turn, in a network of its own after those over loopback; the processor time of each.
fn far_end(
    cases: &[(Way, usize, &Shared)],
    network: &Sender<u32>,
    go: &Receiver<()>,
    address: &Sender<Option<SocketAddr>>,
) -> Outcome<Vec<Duration>> {
    let mut moved = false;
    let mut times = Vec::new();
    for (way, _, shared) in cases {
        if !matches!(way, Way::Loopback) && !moved {
            moved = true;
            network.send(own_network()?)?;
            go.recv()?;
            ip("link set far addrgenmode none")?;
            ip("link set far multicast off arp off")?;
            ip("link set far up")?;
            ip("addr add 10.80.76.2/24 dev far")?;
        }
        let (mut receive, at) = way.listen()?;
        address.send(at)?;
        let before = thread_time()?;
        while !shared.ended.load(Ordering::Acquire) {
            shared.received.fetch_add(receive()?, Ordering::Release);
        }
        times.push(thread_time()?.saturating_sub(before));
    }
    Ok(times)
}

/// Sends each case in turn; makes the pair of interfaces before the first that needs it.
fn near_end(
    cases: &[(Way, usize, &Shared)],
    total: u64,
    network: &Receiver<u32>,
    go: &Sender<()>,
    address: &Receiver<Option<SocketAddr>>,
) -> Outcome<Vec<Sent>> {
    let mut moved = false;
    let mut all = Vec::new();
    for (way, size, shared) in cases {
        if !matches!(way, Way::Loopback) && !moved {
            moved = true;
            let far = network.recv()?;
            own_network()?;
            ip(&format!("link add near mtu 9000 type veth peer name far mtu 9000 address {FAR}"))?;
            ip("link set near addrgenmode none up")?;
            ip(&format!("link set far netns {far}"))?;
            ip("addr add 10.80.76.1/24 dev near")?;
            ip(&format!("neigh add 10.80.76.2 lladdr {FAR} dev near"))?;
            go.send(())?;
        }
        let send = Way::send(address.recv()?)?;
        let sent = send_all(*way, *size, total, shared, send);
        shared.ended.store(true, Ordering::Release);
        all.push(sent?);
    }
    Ok(all)
}

/// Sends until `total` bytes have gone and nothing more arrives.
fn send_all(way: Way, size: usize, total: u64, shared: &Shared, mut send: Push) -> Outcome<Sent> {
    let burst = vec![0x5a; BURST / size * size];
    let step = u64::try_from(burst.len())?;
    let (start, cpu, mut bytes) = (Instant::now(), thread_time()?, 0);
    let received = || shared.received.load(Ordering::Acquire);
    let mut lost = 0;
    while bytes < total {
        send(&burst, size)?;
        bytes += step;
        lost += wait(|| bytes.saturating_sub(received() + lost) <= WINDOW, || bytes - received() - lost);
        if lost > 8 * WINDOW {
            return Err(format!("{}: {lost} bytes of {bytes} did not arrive", way.name()).into());
        }
    }
    wait(|| bytes <= received() + lost, || 0);
    let (wall, cpu) = (start.elapsed(), thread_time()?.saturating_sub(cpu));
    Ok(Sent { way, size, bytes, received: received(), wall, cpu })
}

/// Sleeps until `done`, or gives up and returns what was `missing`.
fn wait(done: impl Fn() -> bool, missing: impl Fn() -> u64) -> u64 {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > LOST {
            return missing();
        }
        thread::sleep(Duration::from_micros(20));
    }
    0
}

fn ip(words: &str) -> Outcome<()> {
    let mut command = Command::new("ip");
    let done = command.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").args(words.split(' ')).output()?;
    let complaint = String::from_utf8_lossy(&done.stderr);
    if done.status.success() { Ok(()) } else { Err(format!("ip {words}: {complaint}").into()) }
}
