//! The traces of RFC 8448: a plain handshake (section 3), and one that resumes it and begins with early data (4).

use super::super::{Config, GivenUp, Side};
use super::{Wire, unhex};
use heelguard_detectors::time::EventTime;

// Section 3.
const RANDOM: &str = "cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7";
pub(super) const SECRETS: &str = "\
SERVER_HANDSHAKE_TRAFFIC_SECRET cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7 \
    b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38
CLIENT_HANDSHAKE_TRAFFIC_SECRET cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7 \
    b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21
SERVER_TRAFFIC_SECRET_0 cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7 \
    a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643
CLIENT_TRAFFIC_SECRET_0 cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7 \
    9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5
";
const SERVER_HELLO: &str = "\
    160303005a020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e269280013010000\
    2e00330024001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304";
const SERVER_FLIGHT: &str = "\
    17030302a2d1ff334a56f5bff6594a07cc87b580233f500f45e489e7f33af35edf7869fcf40aa40aa2b8ea73f848a7ca\
    07612ef9f945cb960b4068905123ea78b111b429ba9191cd05d2a389280f526134aadc7fc78c4b729df828b5ecf7b13b\
    d9aefb0e57f271585b8ea9bb355c7c79020716cfb9b1183ef3ab20e37d57a6b9d7477609aee6e122a4cf51427325250c\
    7d0e509289444c9b3a648f1d71035d2ed65b0e3cdd0cbae8bf2d0b227812cbb360987255cc744110c453baa4fcd61092\
    8d809810e4b7ed1a8fd991f06aa6248204797e36a6a73b70a2559c09ead686945ba246ab66e5edd8044b4c6de3fcf2a8\
    9441ac66272fd8fb330ef8190579b3684596c960bd596eea520a56a8d650f563aad27409960dca63d3e688611ea5e22f\
    4415cf9538d51a200c27034272968a264ed6540c84838d89f72c24461aad6d26f59ecaba9acbbb317b66d902f4f292a3\
    6ac1b639c637ce343117b659622245317b49eeda0c6258f100d7d961ffb138647e92ea330faeea6dfa31c7a84dc3bd7e\
    1b7a6c7178af36879018e3f252107f243d243dc7339d5684c8b0378bf30244da8c87c843f5e56eb4c5e8280a2b48052c\
    f93b16499a66db7cca71e4599426f7d461e66f99882bd89fc50800becca62d6c74116dbd2972fda1fa80f85df881edbe\
    5a37668936b335583b599186dc5c6918a396fa48a181d6b6fa4f9d62d513afbb992f2b992f67f8afe67f76913fa388cb\
    5630c8ca01e0c65d11c66a1e2ac4c85977b7c7a6999bbf10dc35ae69f5515614636c0b9b68c19ed2e31c0b3b66763038\
    ebba42f3b38edc0399f3a9f23faa63978c317fc9fa66a73f60f0504de93b5b845e275592c12335ee340bbc4fddd50278\
    4016e4b3be7ef04dda49f4b440a30cb5d2af939828fd4ae3794e44f94df5a631ede42c1719bfdabf0253fe5175be898e\
    750edc53370d2b";
const CLIENT_FINISHED: &str = "\
    170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46deb384bd1c\
    aeacab6867d726c40546";
const TICKET: &str = "\
    17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db289a\
    015940252f55713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f75e0\
    9c30ba1e62972ac46f75f7b981be63439b2999ce13064615139891d5e4c5b406f16e3fc181a77ca475840025db2f0a77\
    f81b5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64f650db4d023e70e952ca49fe5137121c74\
    bc2697687e248746d6df353005f3bce18696129c8153556b3b6c6779b37bf15985684f";
const CLIENT_DATA: &str = "\
    1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b\
    62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";
const SERVER_DATA: &str = "\
    17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8\
    fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d";
const CLIENT_ALERT: &str = "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";
const SERVER_ALERT: &str = "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9";

// Section 4.
const RANDOM_4: &str = "1bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d95";
const SECRETS_4: &str = "\
CLIENT_EARLY_TRAFFIC_SECRET 1bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d95 \
    3fbbe6a60deb66c30a32795aba0eff7eaa10105586e7be5c09678d63b6caab62
SERVER_HANDSHAKE_TRAFFIC_SECRET 1bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d95 \
    fe927ae271312e8bf0275b581c54eef020450dc4ecffaa05a1a35d27518e7803
CLIENT_HANDSHAKE_TRAFFIC_SECRET 1bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d95 \
    2faac08f851d35fea3604fcb4de82dc62c9b164a70974d0462e27f1ab278700f
SERVER_TRAFFIC_SECRET_0 1bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d95 \
    cc21f1bf8feb7dd5fa505bd9c4b468a9984d554a993dc49e6d285598fb672691
CLIENT_TRAFFIC_SECRET_0 1bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d95 \
    2abbf2b8e381d23dbebe1dd2a7d16a8bf484cb4950d23fb7fb7fa8547062d9a1
";
const EARLY_DATA_4: &str = "1703030017ab1df420e75c457a7cc5d2844f76d5aee4b4edbf049be0";
const SERVER_FLIGHT_4: &str = "\
    1703030061dc48237b4b879f50d0d4d262ea8b4716eb40ddc1eb957e11126e8a7149c2d012d37a7115957e64ce30008b\
    9e0323f2c05a9c1c77b4f37849a695ab255060a33fee770ca95cb8486bfd0843b87024865ca35cc41c4e515c64dcb136\
    9f98635bc7a5";
const END_OF_EARLY_DATA_4: &str = "1703030015aca6fc944841298df99593725f9bf9754429b12f09";
const CLIENT_FINISHED_4: &str = "\
    170303003500f8b467d14cf22a4b3f0b6ae0d8e6cc8d08e0db3515ef5c2bdf1922eafbb70009964716d834fb70c3d2a5\
    6c5b1f5f6bdba6c333cf";
const CLIENT_DATA_4: &str = "\
    1703030043b1cebce242aa201be9ae5e1cb2a9aa4b33d4e866af1edb068919237741aa031d7a74d491c99b9d4e232b74\
    206bc6fbaa04fe78be44a9b4f54320a17eb76992afac3103";
const SERVER_DATA_4: &str = "\
    1703030043275e9f20acff57bc000657d3867df039cccf79047884cf75771746f740b5a83f462a0954c3581393a203a2\
    5a7dd14141ef1a37900cdb62ff62dee1ba39ab2590cbf194";

/// What both sides say in both sections.
fn fifty() -> Vec<u8> {
    (0..50).collect()
}

pub(super) fn section_3(grows: bool) -> Wire {
    let mut wire = Wire::new(RANDOM, false, grows);
    wire.server(SERVER_HELLO);
    wire.negotiated(0x0304, 0x1301, RANDOM);
    wire
}

pub(super) const RECORDS: [(Side, &str); 7] = [
    (Side::Server, SERVER_FLIGHT),
    (Side::Client, CLIENT_FINISHED),
    (Side::Server, TICKET),
    (Side::Client, CLIENT_DATA),
    (Side::Server, SERVER_DATA),
    (Side::Client, CLIENT_ALERT),
    (Side::Server, SERVER_ALERT),
];

#[test]
fn a_plain_handshake_and_what_is_said_behind_it() {
    let mut wire = section_3(false);
    wire.log(SECRETS);
    for (side, record) in RECORDS {
        wire.record(side, record);
    }
    let kinds: Vec<_> = wire.heard.iter().map(|(side, kind, sealed, _)| (*side, *kind, *sealed)).collect();
    let (client, server) = (Side::Client, Side::Server);
    assert_eq!(
        kinds,
        [
            (server, 22, false),
            (server, 22, true),
            (client, 22, true),
            (server, 22, true),
            (client, 23, true),
            (server, 23, true),
            (client, 21, true),
            (server, 21, true)
        ]
    );
    assert_eq!(wire.said(), [(client, fifty()), (server, fifty())]);
    // EncryptedExtensions, Certificate, CertificateVerify and Finished, as the RFC shows them.
    let flight = &wire.heard[1].3;
    assert_eq!(flight.len(), 40 + 445 + 136 + 36);
    assert!(flight.starts_with(&unhex("080000240022000a00140012001d")));
    assert!(
        flight.ends_with(&unhex("140000209b9b141d906337fbd2cbdce71df4deda4ab42c309572cb7fffee5454b78f0718"))
    );
    assert_eq!((wire.shared.counters.connections, wire.shared.counters.records), (1, 7));
}

#[test]
fn secrets_of_what_is_said_alone_open_what_is_said() {
    let mut wire = section_3(false);
    SECRETS.lines().filter(|line| line.contains("_SECRET_0")).for_each(|line| wire.log(line));
    for (side, record) in RECORDS {
        wire.record(side, record);
    }
    assert_eq!(wire.said(), [(Side::Client, fifty()), (Side::Server, fifty())]);
}

#[test]
fn early_data_leaves_when_the_server_has_taken_it() {
    let mut wire = Wire::new(RANDOM_4, true, false);
    wire.log(SECRETS_4);
    wire.client(EARLY_DATA_4);
    wire.negotiated(0x0304, 0x1301, RANDOM_4);
    assert_eq!(wire.heard, []);
    wire.server(SERVER_FLIGHT_4);
    assert_eq!(wire.said(), [(Side::Client, b"ABCDEF".to_vec())]);
    for (side, record) in [
        (Side::Client, END_OF_EARLY_DATA_4),
        (Side::Client, CLIENT_FINISHED_4),
        (Side::Client, CLIENT_DATA_4),
        (Side::Server, SERVER_DATA_4),
    ] {
        wire.record(side, record);
    }
    assert_eq!(
        wire.said(),
        [(Side::Client, b"ABCDEF".to_vec()), (Side::Client, fifty()), (Side::Server, fifty())]
    );
    assert_eq!(wire.decryptor.given_up(), None);
}

#[test]
fn early_data_that_was_sent_into_a_retry_is_nothing() {
    let mut wire = Wire::new(RANDOM, true, false);
    wire.log(SECRETS);
    wire.client(EARLY_DATA_4);
    wire.decryptor.retried(&mut wire.shared);
    // More of it was on its way when the server asked for another hello, and after that the server answers.
    wire.client(EARLY_DATA_4);
    wire.client("1403030001 01");
    wire.negotiated(0x0304, 0x1301, RANDOM);
    wire.client(EARLY_DATA_4);
    for (side, record) in RECORDS {
        wire.record(side, record);
    }
    assert_eq!(wire.said(), [(Side::Client, fifty()), (Side::Server, fifty())]);
    assert_eq!(wire.shared.counters.early_refused, 2);
}

#[test]
fn early_data_that_the_server_does_not_take_is_nothing() {
    // Section 3 with early data offered: its EncryptedExtensions do not take it.
    let mut wire = Wire::new(RANDOM, true, false);
    wire.log(SECRETS);
    wire.client("1403030001 01");
    wire.client(EARLY_DATA_4);
    wire.negotiated(0x0304, 0x1301, RANDOM);
    for (side, record) in RECORDS {
        wire.record(side, record);
    }
    assert_eq!(wire.said(), [(Side::Client, fifty()), (Side::Server, fifty())]);
    assert_eq!(wire.shared.counters.early_refused, 1);
}

#[test]
fn secrets_that_come_late_open_what_waited_in_its_order() {
    let mut wire = section_3(true);
    let lines: Vec<&str> = SECRETS.lines().collect();
    RECORDS[..5].iter().for_each(|(side, record)| wire.record(*side, record));
    assert_eq!(wire.heard.len(), 1);
    // The server's secrets first: what it answers does not come out before the question.
    wire.log(&[lines[0], lines[2]].join("\n"));
    wire.client(CLIENT_ALERT);
    assert_eq!(wire.said(), []);
    wire.log(&[lines[1], lines[3]].join("\n"));
    wire.server(SERVER_ALERT);
    assert_eq!(wire.said(), [(Side::Client, fifty()), (Side::Server, fifty())]);
    assert_eq!(wire.heard.last().map(|(side, kind, ..)| (*side, *kind)), Some((Side::Server, 21)));
}

#[test]
fn secrets_that_come_too_late_open_nothing() {
    let mut wire = section_3(true);
    wire.server(SERVER_FLIGHT);
    wire.now += Config::default().secret_wait_ms + 1;
    wire.log(SECRETS);
    wire.client(CLIENT_FINISHED);
    assert_eq!((wire.heard.len(), wire.decryptor.given_up()), (1, Some(GivenUp::NoSecret)));
}

#[test]
fn a_secret_of_a_capture_is_known_to_packets_behind_it() {
    let mut wire = section_3(true);
    // The reader is ahead of the shard: this block stands behind a packet that is still to come.
    wire.keys.read_key_log(SECRETS.as_bytes(), EventTime::from_nanos((wire.now + 2) * 1_000_000));
    wire.server(SERVER_FLIGHT);
    wire.client(CLIENT_FINISHED);
    assert_eq!(wire.heard.len(), 1);
    wire.server(TICKET);
    assert_eq!(wire.heard.len(), 4);
}

#[test]
fn without_a_secret_nothing_waits_where_none_can_come() {
    let mut wire = section_3(false);
    wire.server(SERVER_FLIGHT);
    assert_eq!(wire.decryptor.given_up(), Some(GivenUp::NoSecret));
    assert_eq!(wire.shared.counters.no_secret, 1);
}

#[test]
fn wrong_secrets_open_nothing() {
    let mut wire = section_3(false);
    wire.log(&SECRETS.replace("b67b7d", "b67b7e"));
    for (side, record) in RECORDS {
        wire.record(side, record);
    }
    assert_eq!((wire.heard.len(), wire.decryptor.given_up()), (1, Some(GivenUp::NotOpened)));
    assert_eq!(wire.shared.counters.not_opened, 1);
}

#[test]
fn a_lost_record_costs_itself_alone() {
    // One of each kind of loss: the flight with the change of keys, the other one, a ticket, what was said.
    for lost in 0..5 {
        let mut wire = section_3(false);
        wire.log(SECRETS);
        for (at, (side, record)) in RECORDS.iter().enumerate() {
            if at == lost { wire.decryptor.lost(*side, 1) } else { wire.record(*side, record) }
        }
        let spoken = usize::from(lost != 3) + usize::from(lost != 4);
        assert_eq!((wire.said().len(), wire.decryptor.given_up()), (spoken, None), "without record {lost}");
        assert_eq!(wire.heard.len(), 7);
    }
}

#[test]
fn a_changed_byte_is_never_content() {
    let places = unhex(CLIENT_DATA).len();
    for at in 5..places {
        let mut wire = section_3(false);
        wire.log(SECRETS);
        RECORDS[..3].iter().for_each(|(side, record)| wire.record(*side, record));
        let mut digits = CLIENT_DATA.to_owned();
        let changed = if digits[2 * at..].starts_with('0') { "1" } else { "0" };
        digits.replace_range(2 * at..=2 * at, changed);
        wire.client(&digits);
        assert_eq!((wire.said().len(), wire.decryptor.given_up()), (0, Some(GivenUp::NotOpened)), "{at}");
    }
}
