//! UDP and raw Ethernet over a pair of interfaces, in two networks that each test makes for itself.
//!
//! Making them needs root; anybody else becomes root of a user namespace of their own, where the system allows that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    io::ErrorKind,
    net::SocketAddr,
    process::Command,
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

use pouch_platform::{
    effective_uid,
    net::{
        EtherListen, EtherReceiver, EtherSender, EtherTo, Mac, NetError, SocketLosses, UdpListen, UdpReceiver,
        UdpSender, UdpTo, own_network,
    },
};

const SOON: Duration = Duration::from_millis(500);
const ETHERTYPE: u16 = 0x88b5;
const NEAR: Mac = Mac([2, 0, 0, 0, 0, 1]);
const FAR: Mac = Mac([2, 0, 0, 0, 0, 2]);

/// Runs `near` and `far` in two networks with a cable between: interface `near` with 10.80.76.1, and `far` with
/// 10.80.76.2, which itself sends nothing. `far` is called first, and `near` with what it returns; then the
/// rest of `far`.
fn linked<T: Send, R: FnOnce()>(test: &str, far: impl FnOnce() -> (T, R) + Send, near: impl FnOnce(T) + Send) {
    if effective_uid() != 0 {
        return as_root_of_ones_own(test);
    }
    thread::scope(|scope| {
        let (network, far_network) = channel();
        let (cable, cabled) = channel::<()>();
        let (state, far_state) = channel();
        let (sent, all_sent) = channel::<()>();
        let (done, all_done) = channel::<()>();
        let far = scope.spawn(move || {
            network.send(own_network().unwrap()).unwrap();
            cabled.recv().unwrap();
            ip("link set far addrgenmode none");
            ip("link set far multicast off arp off");
            ip("link set far up");
            ip("addr add 10.80.76.2/24 dev far");
            let (value, rest) = far();
            state.send(value).unwrap();
            all_sent.recv().unwrap();
            rest();
            drop(done);
        });
        let near = scope.spawn(move || {
            own_network().unwrap();
            let network = far_network.recv().unwrap();
            ip(&format!("link add near mtu 9000 address {NEAR} type veth peer name far mtu 9000 address {FAR}"));
            ip("link set near addrgenmode none up");
            ip(&format!("link set far netns {network}"));
            cable.send(()).unwrap();
            let value = far_state.recv().unwrap();
            // Only now is there a carrier, without which addresses of IPv6 are not in force.
            ip("addr add 10.80.76.1/24 dev near");
            ip("addr add fd80::1/64 dev near nodad");
            ip(&format!("neigh add 10.80.76.2 lladdr {FAR} dev near"));
            ip(&format!("neigh add fd80::2 lladdr {FAR} dev near"));
            near(value);
            sent.send(()).unwrap();
            // With this thread its network ends, and the cable.
            all_done.recv().unwrap_err();
        });
        far.join().unwrap();
        near.join().unwrap();
    });
}

fn ip(words: &str) -> String {
    let done = Command::new("ip")
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .args(words.split(' '))
        .output()
        .expect("iproute2 is installed");
    assert!(done.status.success(), "ip {words}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Runs this very test again as root of a user namespace.
fn as_root_of_ones_own(test: &str) {
    let this = std::env::current_exe().unwrap();
    let done = Command::new("unshare").args(["--user", "--map-root-user"]).arg(this).args(["--exact", test]).output();
    let done = done.expect("util-linux is installed");
    let (said, complained) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let ran = done.status.success() && said.contains("1 passed");
    assert!(ran, "this test makes networks; run it as root, or allow user namespaces: {said}{complained}");
}

fn datagrams(count: usize, size: usize, last: usize) -> Vec<u8> {
    (0..count * size + last).map(|at| u8::try_from(at / size * 7 % 251).unwrap()).collect()
}

fn ether_to(mac: Mac) -> EtherTo {
    EtherTo { interface: "near".into(), mac, ethertype: ETHERTYPE, direct: false }
}

fn ether_listen() -> EtherListen {
    EtherListen { interface: "far".into(), to: None, ethertype: ETHERTYPE, buffer: 4 << 20 }
}

/// What comes until nothing did for a while.
fn all(mut receive: impl FnMut(Duration) -> Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let (mut all, mut since) = (Vec::new(), Instant::now());
    while since.elapsed() < SOON {
        let some = receive(SOON);
        if !some.is_empty() {
            since = Instant::now();
        }
        all.extend(some);
    }
    all
}

fn ether_all(receiver: &mut EtherReceiver) -> Vec<Vec<u8>> {
    all(|wait| receiver.receive(wait).unwrap().map(<[u8]>::to_vec).collect())
}

fn udp_all(receiver: &mut UdpReceiver) -> Vec<Vec<u8>> {
    all(|wait| receiver.receive(wait).unwrap().map(<[u8]>::to_vec).collect())
}

/// Frames that an interface of this thread's network has sent.
fn frames_sent(interface: &str) -> u64 {
    let all = ip("-s -o link");
    let line = all.lines().find(|line| line.contains(&format!(": {interface}@"))).unwrap();
    // After the head of the columns the numbers: bytes, packets, and so on.
    let numbers = line.rsplit_once("TX:").unwrap().1.split('\\').nth(1).unwrap();
    numbers.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn ethernet_carries_datagrams_of_every_length() {
    let sizes = [(40, 1472, 0), (7, 8540, 0), (200, 64, 0), (3, 9000, 5), (1, 46, 0), (100, 1500, 46)];
    let all: Vec<Vec<u8>> = sizes
        .iter()
        .flat_map(|&(count, size, last)| {
            datagrams(count, size, last).chunks(size).map(<[u8]>::to_vec).collect::<Vec<_>>()
        })
        .collect();
    linked(
        "ethernet_carries_datagrams_of_every_length",
        || {
            let mut receiver = EtherReceiver::open(&ether_listen()).unwrap();
            ((), move || {
                let arrived = ether_all(&mut receiver);
                assert_eq!(arrived.len(), all.len());
                for (arrived, sent) in arrived.iter().zip(&all) {
                    let padding = &arrived[sent.len()..];
                    assert_eq!(&arrived[..sent.len()], sent);
                    assert!(arrived.len() <= sent.len().max(46) && padding.iter().all(|byte| *byte == 0));
                }
                assert_eq!(receiver.losses().unwrap(), SocketLosses::default());
                assert_eq!(frames_sent("far"), 0);
            })
        },
        |()| {
            let mut sender = EtherSender::open(&ether_to(FAR)).unwrap();
            assert_eq!(sender.largest(), 9000);
            for (count, size, last) in sizes {
                sender.send(&datagrams(count, size, last), size).unwrap();
            }
            assert!(matches!(sender.send(&[0; 9001], 9001), Err(NetError::Size { most: 9000, .. })));
        },
    );
}

#[test]
fn ethernet_past_the_queue_arrives_too() {
    linked(
        "ethernet_past_the_queue_arrives_too",
        || {
            let mut receiver = EtherReceiver::open(&ether_listen()).unwrap();
            ((), move || assert!(ether_all(&mut receiver) == datagrams(150, 1472, 0).chunks(1472).collect::<Vec<_>>()))
        },
        |()| {
            let mut sender = EtherSender::open(&EtherTo { direct: true, ..ether_to(FAR) }).unwrap();
            sender.send(&datagrams(150, 1472, 0), 1472).unwrap();
        },
    );
}

#[test]
fn ethernet_takes_what_is_for_it_and_nothing_else() {
    let (group, other_group) = (Mac([3, 0, 0x50, 0x4c, 0x4b, 0x31]), Mac([3, 0, 0x50, 0x4c, 0x4b, 0x32]));
    let other = Mac([2, 0, 0, 0, 0, 9]);
    linked(
        "ethernet_takes_what_is_for_it_and_nothing_else",
        move || {
            let receivers = [None, Some(FAR), Some(group), Some(other)]
                .map(|to| EtherReceiver::open(&EtherListen { to, ..ether_listen() }).unwrap());
            ((), move || {
                let wanted: [&[u8]; 4] = [&[1, 2, 3], &[1], &[2], &[4]];
                for (mut receiver, wanted) in receivers.into_iter().zip(wanted) {
                    let arrived = ether_all(&mut receiver);
                    assert!(arrived.iter().all(|datagram| datagram.len() == 100));
                    assert_eq!(arrived.iter().map(|datagram| datagram[0]).collect::<Vec<_>>(), wanted);
                }
                assert_eq!(frames_sent("far"), 0);
            })
        },
        move |()| {
            let send = |to: &EtherTo, byte: u8| EtherSender::open(to).unwrap().send(&[byte; 100], 100).unwrap();
            for (mac, byte) in [(FAR, 1), (group, 2), (other_group, 3), (other, 4)] {
                send(&ether_to(mac), byte);
            }
            send(&EtherTo { ethertype: 0x88b6, ..ether_to(FAR) }, 5);
        },
    );
}

#[test]
fn ethernet_that_overflows_is_counted() {
    linked(
        "ethernet_that_overflows_is_counted",
        || {
            let mut receiver = EtherReceiver::open(&EtherListen { buffer: 0, ..ether_listen() }).unwrap();
            assert_eq!(receiver.buffer(), 1 << 20);
            ((), move || {
                let arrived = u64::try_from(ether_all(&mut receiver).len()).unwrap();
                let losses = receiver.losses().unwrap();
                assert!(losses.overflowed > 0 && arrived > 0, "{arrived} {losses:?}");
                assert_eq!(arrived + losses.overflowed, 2000);
                assert_eq!(receiver.losses().unwrap(), losses);
            })
        },
        |()| EtherSender::open(&ether_to(FAR)).unwrap().send(&datagrams(2000, 1472, 0), 1472).unwrap(),
    );
}

#[test]
fn an_interface_that_goes_down_is_said() {
    linked(
        "an_interface_that_goes_down_is_said",
        || {
            let mut receiver = EtherReceiver::open(&ether_listen()).unwrap();
            ((), move || {
                ip("link set far down");
                let down = receiver.receive(SOON).map(Iterator::count).unwrap_err();
                assert_eq!(down.kind(), ErrorKind::NetworkDown, "{down}");
            })
        },
        |()| {
            let mut sender = EtherSender::open(&ether_to(FAR)).unwrap();
            ip("link set near down");
            assert_eq!(sender.send(&[0; 64], 64).unwrap_err().kind(), ErrorKind::NetworkDown);
        },
    );
}

#[test]
fn udp_crosses_and_nothing_comes_back() {
    linked(
        "udp_crosses_and_nothing_comes_back",
        || {
            let mut receiver = UdpReceiver::open(&UdpListen::on("10.80.76.2:0".parse().unwrap())).unwrap();
            (receiver.address(), move || {
                two_sizes_arrived(&mut receiver);
                assert_eq!(frames_sent("far"), 0);
            })
        },
        |address| {
            send_two_sizes(address, 8972);
            // Joined as they are, over a cable that is none; so the counter that says nought does count.
            assert!(frames_sent("near") >= 2);
        },
    );
}

#[test]
fn udp_crosses_over_ipv6() {
    linked(
        "udp_crosses_over_ipv6",
        || {
            ip("addr add fd80::2/64 dev far nodad");
            let mut receiver = UdpReceiver::open(&UdpListen::on("[fd80::2]:0".parse().unwrap())).unwrap();
            (receiver.address(), move || two_sizes_arrived(&mut receiver))
        },
        |address| send_two_sizes(address, 8952),
    );
}

fn send_two_sizes(to: SocketAddr, largest: usize) {
    let mut sender = UdpSender::open(&UdpTo::neighbour(to)).unwrap();
    assert_eq!(sender.largest(), largest);
    sender.send(&datagrams(40, 1452, 0), 1452).unwrap();
    sender.send(&datagrams(30, 8540, 9), 8540).unwrap();
    assert!(sender.joins());
}

fn two_sizes_arrived(receiver: &mut UdpReceiver) {
    let sent = [datagrams(40, 1452, 0), datagrams(30, 8540, 9)];
    let sent: Vec<&[u8]> = sent[0].chunks(1452).chain(sent[1].chunks(8540)).collect();
    let arrived = udp_all(receiver);
    assert!(arrived == sent, "{} datagrams of {}", arrived.len(), sent.len());
    assert_eq!(receiver.losses().unwrap(), SocketLosses::default());
}

#[test]
fn udp_to_a_group_arrives_over_ipv6() {
    linked(
        "udp_to_a_group_arrives_over_ipv6",
        || {
            let mut at = UdpListen::on("[ff12::504c:4b]:0".parse().unwrap());
            at.interface = Some("far".into());
            let mut receiver = UdpReceiver::open(&at).unwrap();
            (receiver.address().port(), move || {
                assert!(udp_all(&mut receiver) == datagrams(30, 1400, 7).chunks(1400).collect::<Vec<_>>());
            })
        },
        |port| {
            let mut to = UdpTo::neighbour(format!("[ff12::504c:4b]:{port}").parse().unwrap());
            to.interface = Some("near".into());
            UdpSender::open(&to).unwrap().send(&datagrams(30, 1400, 7), 1400).unwrap();
        },
    );
}

/// A first link that shrinks below the datagrams is said; smaller ones still go.
#[test]
fn udp_is_never_sent_in_fragments() {
    linked(
        "udp_is_never_sent_in_fragments",
        || {
            let mut receiver = UdpReceiver::open(&UdpListen::on("10.80.76.2:0".parse().unwrap())).unwrap();
            (receiver.address(), move || {
                assert!(udp_all(&mut receiver) == datagrams(30, 1472, 0).chunks(1472).collect::<Vec<_>>());
            })
        },
        |address| {
            let mut sender = UdpSender::open(&UdpTo::neighbour(address)).unwrap();
            ip("link set near mtu 1500");
            sender.send(&datagrams(30, 1473, 0), 1473).unwrap_err();
            sender.send(&datagrams(30, 1472, 0), 1472).unwrap();
        },
    );
}
