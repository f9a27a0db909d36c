//! UDP in one direction, over loopback.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use pouch_platform::net::{NetError, UDP_MOST, UdpCounters, UdpListen, UdpReceiver, UdpSender, UdpTo};

/// All of this happens at once; on a busy machine a little later.
const SOON: Duration = Duration::from_secs(1);

fn localhost() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn pair(at: SocketAddr) -> (UdpSender, UdpReceiver) {
    let receiver = UdpReceiver::open(&UdpListen::on(at)).unwrap();
    (UdpSender::open(&UdpTo::neighbour(receiver.address())).unwrap(), receiver)
}

/// `count` datagrams of `size` bytes, each with its number first, one behind the other, and `last` bytes more.
fn datagrams(count: usize, size: usize, last: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..count * size + last).map(|at| u8::try_from(at % 251).unwrap()).collect();
    for (number, datagram) in bytes.chunks_mut(size).enumerate().filter(|(_, datagram)| datagram.len() >= 4) {
        datagram[..4].copy_from_slice(&u32::try_from(number).unwrap().to_be_bytes());
    }
    bytes
}

/// All of `wanted` datagrams, or as many as come before they stop coming.
fn receive(receiver: &mut UdpReceiver, wanted: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while all.len() < wanted {
        let before = all.len();
        all.extend(receiver.receive(SOON).unwrap().map(<[u8]>::to_vec));
        if all.len() == before {
            break;
        }
    }
    all
}

/// Sends `bytes` and wants exactly the same datagrams.
fn crosses(at: SocketAddr, bytes: &[u8], size: usize) {
    let (mut sender, mut receiver) = pair(at);
    assert!(sender.joins());
    sender.send(bytes, size).unwrap();
    let wanted: Vec<&[u8]> = bytes.chunks(size).collect();
    assert_eq!(receive(&mut receiver, wanted.len()), wanted);
    assert!(sender.joins(), "the kernel refused to cut messages");
    assert_eq!(receiver.losses().unwrap(), Default::default());
    assert_eq!(receiver.receive(Duration::ZERO).unwrap().count(), 0);
}

#[test]
fn a_burst_arrives_whole_and_cut_right() {
    crosses(localhost(), &datagrams(40, 1472, 0), 1472);
}

#[test]
fn bursts_longer_than_a_message_and_than_a_call_arrive() {
    // 64 at most go as one message of the 200, and 65507 B: 45 a message of the others, 3 messages.
    crosses(localhost(), &datagrams(200, 100, 0), 100);
    crosses(localhost(), &datagrams(130, 1448, 0), 1448);
    // 64 messages of 64 datagrams are one call.
    crosses(localhost(), &datagrams(5000, 68, 0), 68);
}

#[test]
fn jumbo_datagrams_and_a_short_last_one_arrive() {
    crosses(localhost(), &datagrams(7, 8540, 0), 8540);
    crosses(localhost(), &datagrams(20, 8540, 1), 8540);
    crosses(localhost(), &datagrams(3, 1472, 64), 1472);
    crosses(localhost(), &datagrams(0, 1472, 64), 1472);
}

#[test]
fn the_largest_datagrams_arrive() {
    crosses(localhost(), &datagrams(3, UDP_MOST, 0), UDP_MOST);
    crosses(localhost(), &datagrams(3, 40_000, 0), 40_000);
}

#[test]
fn datagrams_of_changing_sizes_arrive() {
    let (mut sender, mut receiver) = pair(localhost());
    let mut wanted = Vec::new();
    for size in [1472, 200, 8540, 64, 1472] {
        let bytes = datagrams(5, size, 0);
        sender.send(&bytes, size).unwrap();
        wanted.extend(bytes.chunks(size).map(<[u8]>::to_vec));
    }
    assert_eq!(receive(&mut receiver, wanted.len()), wanted);
}

#[test]
fn ipv6_does_the_same() {
    let at = (Ipv6Addr::LOCALHOST, 0).into();
    crosses(at, &datagrams(40, 1452, 0), 1452);
    crosses(at, &datagrams(7, 8520, 9), 8520);
}

#[test]
fn multicast_arrives_on_the_interface_said() {
    let mut at = UdpListen::on("239.80.76.75:0".parse().unwrap());
    at.interface = Some("lo".into());
    let mut receiver = UdpReceiver::open(&at).unwrap();
    let mut to = UdpTo::neighbour(receiver.address());
    to.interface = Some("lo".into());
    let mut sender = UdpSender::open(&to).unwrap();
    let bytes = datagrams(40, 1400, 3);
    sender.send(&bytes, 1400).unwrap();
    assert_eq!(receive(&mut receiver, 41), bytes.chunks(1400).collect::<Vec<_>>());
}

#[test]
fn empty_datagrams_do_no_harm() {
    let (mut sender, mut receiver) = pair(localhost());
    let other = UdpSocket::bind(localhost()).unwrap();
    for _ in 0..3 {
        other.send_to(&[], receiver.address()).unwrap();
        sender.send(b"between", 7).unwrap();
    }
    let wanted: [&[u8]; 6] = [b"", b"between", b"", b"between", b"", b"between"];
    assert_eq!(receive(&mut receiver, 6), wanted);
}

#[test]
fn nobody_who_listens_is_ignored() {
    let unheard = UdpSocket::bind(localhost()).unwrap().local_addr().unwrap();
    let mut sender = UdpSender::open(&UdpTo::neighbour(unheard)).unwrap();
    for _ in 0..20 {
        sender.send(&datagrams(5, 1000, 0), 1000).unwrap();
    }
    assert!(sender.refusals() > 0);
    assert!(sender.joins());
}

#[test]
fn sizes_that_do_not_go_are_refused() {
    let (mut sender, mut receiver) = pair(localhost());
    for size in [0, UDP_MOST + 1, usize::MAX] {
        let refused = sender.send(b"abc", size).unwrap_err();
        assert!(matches!(refused, NetError::Size { size: found, most: UDP_MOST, .. } if found == size), "{refused}");
    }
    assert_eq!(receiver.receive(Duration::ZERO).unwrap().count(), 0);
}

#[test]
fn what_overflows_is_counted() {
    let mut at = UdpListen::on(localhost());
    at.buffer = 64 * 1024;
    let mut receiver = UdpReceiver::open(&at).unwrap();
    assert_eq!(receiver.buffer(), at.buffer);
    let udp = UdpCounters::open().unwrap();
    let before = udp.read().unwrap();
    let mut sender = UdpSender::open(&UdpTo::neighbour(receiver.address())).unwrap();
    for _ in 0..50 {
        sender.send(&datagrams(40, 1472, 0), 1472).unwrap();
    }
    let arrived = receive(&mut receiver, 2000).len();
    let losses = receiver.losses().unwrap();
    assert!(arrived > 0 && arrived < 2000, "{arrived}");
    assert!(losses.overflowed > 0 && losses.overflowed <= 2000, "{losses:?}");
    assert_eq!(losses.cut, 0);
    let grown = udp.read().unwrap().overflowed - before.overflowed;
    assert!(grown >= losses.overflowed, "{grown} of the system, {losses:?} of the socket");
}

#[test]
fn a_receiver_waits_as_long_as_it_is_told() {
    let (_sender, mut receiver) = pair(localhost());
    let start = Instant::now();
    assert_eq!(receiver.receive(Duration::from_millis(100)).unwrap().count(), 0);
    assert!((100..2000).contains(&start.elapsed().as_millis()));
}

#[test]
fn addresses_that_are_not_ours_and_interfaces_that_are_not_there_are_named() {
    let foreign = UdpReceiver::open(&UdpListen::on("198.51.100.7:4000".parse().unwrap())).unwrap_err();
    assert!(foreign.to_string().starts_with("cannot listen on udp:198.51.100.7:4000: "), "{foreign}");
    let mut to = UdpTo::neighbour(localhost());
    to.interface = Some("none-such".into());
    let missing = UdpSender::open(&to).unwrap_err();
    assert!(missing.to_string().contains("SO_BINDTODEVICE"), "{missing}");
}
