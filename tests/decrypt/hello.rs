//! As much of hellos as decryption needs: randoms, version, suite, and four extensions.

use heelguard::tls::decrypt::Negotiated;

/// What a ServerHello's random is when it is none but asks for another ClientHello (RFC 8446, 4.1.3).
const RETRY: [u8; 8] = [0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11];

const ENCRYPT_THEN_MAC: u16 = 22;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;

/// A hello of either side.
pub enum Hello {
    Client { random: [u8; 32], early_data: bool },
    Retry,
    Server(Negotiated),
}

/// A whole handshake message as a hello.
pub fn read(message: &[u8], client_random: [u8; 32]) -> Option<Hello> {
    let (kind, mut rest) = (*message.first()?, message.get(4..)?);
    let version = u16::from_be_bytes(*rest.first_chunk()?);
    let random: [u8; 32] = *rest.get(2..)?.first_chunk()?;
    rest = behind(rest.get(34..)?, 1)?;
    match kind {
        1 => {
            rest = behind(behind(rest, 2)?, 1)?;
            let early_data = extensions(rest).any(|(kind, _)| kind == EARLY_DATA);
            Some(Hello::Client { random, early_data })
        }
        2 if random.starts_with(&RETRY) => Some(Hello::Retry),
        2 => {
            let cipher = u16::from_be_bytes(*rest.first_chunk()?);
            let rest = rest.get(3..)?;
            let chosen = extensions(rest).find(|(kind, _)| *kind == SUPPORTED_VERSIONS);
            let version =
                chosen.and_then(|(_, body)| body.first_chunk().copied()).map_or(version, u16::from_be_bytes);
            let encrypt_then_mac = extensions(rest).any(|(kind, _)| kind == ENCRYPT_THEN_MAC);
            Some(Hello::Server(Negotiated {
                version,
                cipher,
                client_random,
                server_random: random,
                encrypt_then_mac,
            }))
        }
        _ => None,
    }
}

/// What stands behind a vector whose length takes so many bytes.
fn behind(bytes: &[u8], width: usize) -> Option<&[u8]> {
    let (len, rest) = bytes.split_at_checked(width)?;
    rest.get(len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte))..)
}

fn extensions(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (&[k0, k1, l0, l1], behind) = rest.split_first_chunk()?;
        let (body, behind) = behind.split_at_checked(u16::from_be_bytes([l0, l1]).into())?;
        rest = behind;
        Some((u16::from_be_bytes([k0, k1]), body))
    })
}
