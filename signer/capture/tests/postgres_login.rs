//! Getting in: every way of authentication, every sslmode, and what is said when a server does not let us in.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod cluster;
mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cluster::Cluster;
use common::{Memory, source};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};
use pouch_capture::{CaptureError, PassfileError, PostgresqlError, Source};

/// Users by the way in which they must log in, over the socket and over loopback.
const HBA: &str = "\
local all,replication   peered          peer map=own\n\
local all,replication   unmapped        peer\n\
local all,replication   clear           password\n\
local all               lonely          trust\n\
host  all,replication   clear           127.0.0.1/32 password\n\
host  all,replication   hashed          127.0.0.1/32 md5\n\
host  all,replication   plain           127.0.0.1/32 trust\n\
host  all,replication   \"Jüri T\"      127.0.0.1/32 scram-sha-256\n\
hostssl all,replication secret          127.0.0.1/32 scram-sha-256\n";

fn server() -> Cluster {
    let cluster = Cluster::new("", HBA);
    let me = own_name();
    cluster.write("pg_ident.conf", &format!("own {me} peered\n"));
    cluster.sql(
        "postgres",
        "CREATE ROLE peered LOGIN REPLICATION; CREATE ROLE unmapped LOGIN REPLICATION;
         CREATE ROLE lonely LOGIN REPLICATION; CREATE ROLE plain LOGIN;
         CREATE ROLE clear LOGIN REPLICATION PASSWORD 'kolm:neli\\viis';
         CREATE ROLE secret LOGIN REPLICATION PASSWORD 'salajane õ';
         CREATE ROLE \"Jüri T\" LOGIN REPLICATION PASSWORD 'x y';
         SET password_encryption = 'md5'; CREATE ROLE hashed LOGIN REPLICATION PASSWORD 'vana';",
    );
    cluster.reload();
    cluster
}

/// The name of the user that this process is, as the system has it.
fn own_name() -> String {
    let output = std::process::Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A password file beside the cluster.
fn passfile(cluster: &Cluster, content: &str) -> PathBuf {
    let path = cluster.socket().join("passfile");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

const PASSWORDS: &str = "\
localhost:*:replication:clear:wrong, but another host than the socket's\n\
/*:*:*:*:never\n\
*:*:*:clear:kolm\\:neli\\\\viis\n\
*:*:*:secret:salajane õ\n\
*:*:*:Jüri T:x y\n\
*:*:*:hashed:vana\n";

fn postgresql(conninfo: &str) -> Source {
    source(&format!("source = \"postgresql\"\nconninfo = '''{conninfo}'''\n"))
}

/// Looks at the server and gives why it cannot be captured.
fn refused(conninfo: &str) -> (PostgresqlError, String) {
    let error = postgresql(conninfo).check().unwrap_err();
    assert!(postgresql(conninfo).capture(&mut Memory::default()).is_err(), "capture must refuse what check refuses");
    let hint = error.hint().unwrap_or_default();
    match error {
        CaptureError::Postgresql(error) => (error, hint),
        other => panic!("{other:?}"),
    }
}

/// Over TCP as far as a server without TLS goes.
fn tcp(cluster: &Cluster, user: &str) -> String {
    format!("{} sslmode=prefer", cluster.conninfo_tcp(user))
}

#[test]
fn every_way_in() {
    let cluster = server();
    let passfile = passfile(&cluster, PASSWORDS).display().to_string();
    let socket = |user: &str| format!("{} passfile={passfile}", cluster.conninfo(user));
    let tcp = |user: &str| format!("{} passfile={passfile}", tcp(&cluster, user));
    for conninfo in
        [cluster.conninfo("postgres"), cluster.conninfo("peered"), socket("clear"), tcp("hashed"), tcp("'Jüri T'")]
    {
        postgresql(&conninfo).check().unwrap_or_else(|error| panic!("{conninfo}: {error}"));
    }
}

#[test]
fn every_way_to_be_kept_out() {
    let cluster = server();
    let passfile = passfile(&cluster, &format!("localhost:*:*:clear:x\n*:*:*:hashed:nope\n{PASSWORDS}"));
    let passfile = passfile.display().to_string();

    let (error, hint) = refused(&cluster.conninfo("unmapped"));
    assert!(matches!(&error, PostgresqlError::Refused { user, .. } if user == "unmapped"), "{error:?}");
    assert!(error.to_string().contains("Peer authentication failed"), "{error}");
    assert!(hint.contains("pg_hba.conf"), "{hint}");

    let (error, hint) = refused(&cluster.conninfo("lonely"));
    assert!(matches!(error, PostgresqlError::Refused { replication: true, .. }), "{error:?}");
    assert!(hint.contains("\"replication\" and user \"lonely\""), "{hint}");

    let (error, hint) = refused(&tcp(&cluster, "plain"));
    assert!(matches!(error, PostgresqlError::NoReplicationRight { .. }), "{error:?}");
    assert_eq!(hint, "ALTER ROLE \"plain\" REPLICATION");

    let (error, hint) = refused(&format!("{} passfile={passfile}", tcp(&cluster, "hashed")));
    assert!(matches!(error, PostgresqlError::Refused { .. }), "{error:?}");
    assert!(hint.contains("password file"), "{hint}");

    let (error, _) = refused(&format!("{} passfile={passfile}", tcp(&cluster, "clear")));
    assert!(matches!(error, PostgresqlError::ClearPassword { .. }), "{error:?}");
    let text = cluster.log();
    assert!(!text.contains("kolm"), "the password was not sent");

    let missing = cluster.socket().join("missing").display().to_string();
    let (error, _) = refused(&format!("{} passfile={missing}", cluster.conninfo("clear")));
    assert!(matches!(error, PostgresqlError::Passfile(PassfileError::Read { .. })), "{error:?}");
    fs::write(&missing, "").unwrap();
    fs::set_permissions(&missing, fs::Permissions::from_mode(0o644)).unwrap();
    let (error, hint) = refused(&format!("{} passfile={missing}", cluster.conninfo("clear")));
    assert!(matches!(error, PostgresqlError::Passfile(PassfileError::Mode { mode: 0o644, .. })), "{error:?}");
    assert_eq!(hint, format!("chmod 0600 {missing}"));
    fs::set_permissions(&missing, fs::Permissions::from_mode(0o600)).unwrap();
    let (error, hint) = refused(&format!("{} passfile={missing}", cluster.conninfo("clear")));
    assert!(matches!(error, PostgresqlError::NoPassword { .. }), "{error:?}");
    assert!(error.to_string().contains(&missing) && hint.contains("0600"), "{error} {hint}");

    let (error, _) = refused(&format!("{} password=x", cluster.conninfo("clear")));
    assert_eq!(error.to_string(), "conninfo holds a password");
}

#[test]
fn nobody_there() {
    let cluster = Cluster::new("", "");
    let conninfo = cluster.conninfo("postgres");
    drop(cluster);
    let (error, hint) = refused(&conninfo);
    assert!(matches!(error, PostgresqlError::Unreachable { .. }), "{error:?}");
    assert!(hint.contains("is it running"), "{hint}");
    let (error, _) = refused("host=localhost hostaddr=127.0.0.1 port=1 user=u");
    assert!(matches!(error, PostgresqlError::Unreachable { .. }), "{error:?}");
}

#[test]
fn servers_not_set_up_for_backups() {
    let cluster = Cluster::new("max_wal_senders = 0\n", "");
    let (error, hint) = refused(&cluster.conninfo("postgres"));
    assert!(matches!(error, PostgresqlError::NoConnectionLeft { replication: true, .. }), "{error:?}");
    assert!(error.to_string().contains("max_wal_senders") && hint.contains("max_wal_senders"), "{error} {hint}");

    cluster
        .while_stopped(|_| cluster.write("postgresql.auto.conf", "max_wal_senders = 3\nmax_replication_slots = 0\n"));
    let error = postgresql(&cluster.conninfo("postgres")).capture(&mut Memory::default()).unwrap_err();
    assert!(matches!(error, CaptureError::Postgresql(PostgresqlError::NoSlotLeft { .. })), "{error:?}");
    assert!(error.hint().unwrap().contains("max_replication_slots"));
}

/// A certificate for `names`, signed by `issuer` or by itself.
fn certificate(name: &str, names: &[&str], issuer: Option<(&X509, &PKey<Private>)>) -> (X509, PKey<Private>) {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut subject = X509Name::builder().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(u32::from(issuer.is_some()) + 1).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&subject, |(ca, _)| ca.subject_name())).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(1_000_000_000).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(4_000_000_000).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    if issuer.is_none() {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    } else {
        let mut alternative = SubjectAlternativeName::new();
        for name in names {
            alternative.dns(name);
        }
        let extension = alternative.build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(extension).unwrap();
    }
    builder.sign(issuer.map_or(&key, |(_, key)| key), MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}

fn pem(path: &Path, certificate: &X509) -> String {
    fs::write(path, certificate.to_pem().unwrap()).unwrap();
    path.display().to_string()
}

#[test]
fn every_sslmode() {
    let cluster = server();
    let passfile = passfile(&cluster, PASSWORDS).display().to_string();
    let secret = |more: &str| format!("{} passfile={passfile} {more}", cluster.conninfo_tcp("secret"));
    let hashed = |more: &str| format!("{} passfile={passfile} {more}", cluster.conninfo_tcp("hashed"));

    // Without TLS on the server.
    for mode in ["disable", "prefer"] {
        postgresql(&hashed(&format!("sslmode={mode}"))).check().unwrap();
    }
    // The default over a network is the strictest.
    for mode in ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full", ""] {
        let (error, hint) = refused(&hashed(mode));
        assert!(matches!(error, PostgresqlError::NoTls { .. }), "{mode}: {error:?}");
        assert!(hint.contains("ssl = on"), "{hint}");
    }

    let (root, root_key) = certificate("Root", &[], None);
    let (other, _) = certificate("Other", &[], None);
    let (server, server_key) = certificate("server", &["localhost"], Some((&root, &root_key)));
    cluster.write("server.crt", &String::from_utf8(server.to_pem().unwrap()).unwrap());
    cluster.write("server.key", &String::from_utf8(server_key.private_key_to_pem_pkcs8().unwrap()).unwrap());
    cluster.sql("postgres", "ALTER SYSTEM SET ssl = on");
    cluster.reload();
    let root = pem(&cluster.socket().join("root.pem"), &root);
    let other = pem(&cluster.socket().join("other.pem"), &other);

    // The server takes `secret` over TLS only.
    for more in [
        "sslmode=prefer".to_owned(),
        "sslmode=require".to_owned(),
        format!("sslmode=require sslrootcert={root}"),
        format!("sslmode=verify-ca sslrootcert={root}"),
        format!("sslmode=verify-full sslrootcert={root}"),
        format!("sslmode=verify-ca sslrootcert={root} host=127.0.0.1"),
    ] {
        let conninfo =
            if more.contains("host=") { secret(&more).replace("host=localhost ", "") } else { secret(&more) };
        postgresql(&conninfo).check().unwrap_or_else(|error| panic!("{conninfo}: {error}"));
    }
    let (error, _) = refused(&secret("sslmode=disable"));
    assert!(matches!(error, PostgresqlError::Refused { .. }), "{error:?}");
    // In clear, but within TLS.
    postgresql(&format!(
        "{} passfile={passfile} sslmode=require",
        cluster.conninfo_tcp("clear").replace("localhost", "db")
    ))
    .check()
    .unwrap();

    for mode in ["require", "verify-ca", "verify-full"] {
        let (error, _) = refused(&secret(&format!("sslmode={mode} sslrootcert={other}")));
        assert!(matches!(error, PostgresqlError::Tls { .. }), "{mode}: {error:?}");
        assert!(error.to_string().contains("unable to get local issuer certificate"), "{error}");
    }
    let elsewhere =
        secret(&format!("sslmode=verify-full sslrootcert={root}")).replace("localhost", "elsewhere.example");
    let (error, _) = refused(&elsewhere);
    assert!(error.to_string().contains("hostname mismatch"), "{error}");
    let (error, hint) = refused(&secret("sslmode=verify-full sslrootcert=/nowhere.pem"));
    assert!(matches!(error, PostgresqlError::RootCertificate { .. }), "{error:?}");
    assert!(hint.contains("sslrootcert"), "{hint}");

    // A whole backup over TLS with SCRAM.
    let mut memory = Memory::default();
    cluster.sql("postgres", "GRANT pg_read_all_data TO secret");
    postgresql(&secret(&format!("sslmode=verify-full sslrootcert={root}"))).capture(&mut memory).unwrap();
    assert!(memory.entries.contains_key("data/backup_manifest"));
}

#[test]
fn tables_that_cannot_be_counted() {
    let cluster = server();
    cluster.sql(
        "postgres",
        "CREATE TABLE hidden (id int); CREATE TABLE shown (id int); GRANT SELECT ON shown TO peered;
         CREATE SCHEMA closed; CREATE TABLE closed.open (id int); GRANT SELECT ON closed.open TO peered",
    );
    let (error, hint) = refused(&cluster.conninfo("peered"));
    let PostgresqlError::NotReadable { tables, .. } = &error else { panic!("{error:?}") };
    let mut tables = tables.clone();
    tables.sort();
    assert_eq!(tables, ["closed.open", "public.hidden"]);
    assert_eq!(hint, "GRANT pg_read_all_data TO \"peered\", or set count_rows = false");

    cluster.sql("postgres", "GRANT pg_read_all_data TO peered");
    postgresql(&cluster.conninfo("peered")).check().unwrap();

    // A policy would hide rows: counting fewer than there are must not pass for counting.
    cluster.sql("postgres", "ALTER TABLE shown ENABLE ROW LEVEL SECURITY");
    let error = postgresql(&cluster.conninfo("peered")).capture(&mut Memory::default()).unwrap_err();
    assert!(error.to_string().contains("row-level security"), "{error}");
    cluster.sql("postgres", "ALTER ROLE peered BYPASSRLS");
    postgresql(&cluster.conninfo("peered")).capture(&mut Memory::default()).unwrap();
}
