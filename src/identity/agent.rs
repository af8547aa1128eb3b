//! The user agent as product, system and kind of program: what an update does not change.
//! It is given the header's value and looks each of its words up in one table; versions are skipped unread.
//! It promises an answer in one pass over at most 512 bytes, and that a name in no list is a product all the same.

use super::device::Hash;
use super::names::Names;
use ahash::RandomState;
use heelguard_detectors::transaction::AgentKind;
use std::sync::LazyLock;

/// Bytes that are looked at; no honest agent says more.
const AGENT_BYTES_MAX: usize = 512;

/// Agents remembered.
const AGENTS: usize = 1024;

/// What a user agent says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agent {
    /// What kind of program it is.
    pub(crate) kind: AgentKind,
    /// A hash of the product's name, and of the app's own name where it has one.
    pub(crate) product: u32,
    /// The operating system, where it is named.
    pub(crate) system: Option<System>,
}

/// A family of operating systems; where several are named (`Linux; Android 15`), the first of this order is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum System {
    Ios,
    Android,
    Windows,
    ChromeOs,
    MacOs,
    Linux,
    /// Apple's, without saying which.
    Darwin,
}

/// Products by kind, in order of meaning: the first that is found is the product, for every browser names its
/// ancestors. Other names of one product are joined with `=`.
const PRODUCTS: &[(AgentKind, &str)] = {
    use AgentKind as K;
    &[
        (
            K::Headless,
            "headlesschrome phantomjs slimerjs puppeteer playwright jsdom htmlunit cypress selenium splash",
        ),
        (
            K::Bot,
            "slurp facebookexternalhit sqlmap nikto nuclei zgrab masscan nmap gobuster ffuf feroxbuster wfuzz \
             dirbuster hydra acunetix nessus kube-probe elb-healthchecker googlehc prometheus pingdom datadog \
             uptime-kuma blackbox-exporter",
        ),
        (K::App, "electron okhttp dalvik cfnetwork alamofire dart expo"),
        (
            K::Library,
            "curl=libcurl wget httpie xh postmanruntime insomnia bruno paw rapidapi grpcurl \
             python-requests python-httpx python-urllib=python-urllib3 aiohttp pycurl \
             grpc-python-sync grpc-python-app=grpc-python-asyncio grpc-go grpc-java-netty=grpc-java-okhttp \
             grpc-node-js grpc-dotnet grpc-c grpc-c++ tonic \
             go-http-client=go-resty fasthttp reqwest hyper ureq isahc \
             apache-httpclient jakarta ktor-client=ktor unirest-java feign reactornetty vertx jersey armeria \
             axios node-fetch undici got superagent needle node deno bun \
             faraday rest-client httparty typhoeus ruby guzzlehttp=guzzle symfony php lwp libwww-perl=lwp-request \
             restsharp flurl httpclient powershell=windowspowershell winhttp elixir hackney erlang \
             aws-sdk-go aws-sdk-java aws-sdk-js boto3 botocore aws-cli azsdk google-api-python-client \
             google-cloud-sdk terraform ansible-httpget java python perl",
        ),
        (
            K::Browser,
            "edge=edg=edga=edgios opera=opr=opios vivaldi yabrowser samsungbrowser ucbrowser brave duckduckgo \
             whale miuibrowser huaweibrowser silk focus firefox=fxios seamonkey chrome=crios=chromium \
             trident=msie safari konqueror lynx w3m links",
        ),
    ]
};

const SYSTEMS: &[(System, &str)] = &[
    (System::Ios, "iphone ipad ipod ios ipados"),
    (System::Android, "android"),
    (System::Windows, "windows"),
    (System::ChromeOs, "cros"),
    (System::MacOs, "macintosh mac macos"),
    (System::Linux, "linux x11 ubuntu fedora debian"),
    (System::Darwin, "darwin"),
];

/// What stands in nearly every agent and names nobody; and a maker of phones that is no bot.
const PLUMBING: &str = "mozilla applewebkit gecko version mobile like compatible cubot";

#[derive(Clone, Copy)]
enum Word {
    /// Position among all products.
    Product(u16),
    System(System),
    Mozilla,
    Plumbing,
}

struct Table {
    words: Names<Word>,
    /// Kind and name, in order of meaning.
    products: Vec<(AgentKind, &'static str)>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table { words: Names::new([("", Word::Plumbing)]), products: Vec::new() };
    let mut words = vec![("mozilla", Word::Mozilla)];
    for &(kind, list) in PRODUCTS {
        for names in list.split_ascii_whitespace() {
            let position = Word::Product(table.products.len() as u16);
            words.extend(names.split('=').map(|name| (name, position)));
            table.products.push((kind, names.split('=').next().unwrap_or(names)));
        }
    }
    for &(system, names) in SYSTEMS {
        words.extend(names.split_ascii_whitespace().map(|name| (name, Word::System(system))));
    }
    words.extend(PLUMBING.split_ascii_whitespace().map(|name| (name, Word::Plumbing)));
    table.words = Names::new(words);
    table
});

impl Agent {
    /// Reads the value of `User-Agent`.
    pub(crate) fn read(value: &[u8]) -> Self {
        let value = value.get(..AGENT_BYTES_MAX).unwrap_or(value);
        let (mut product, mut system, mut own) = (None::<u16>, None::<System>, None::<&[u8]>);
        let (mut mozilla, mut bot) = (false, false);
        for (word, in_comment) in words(value) {
            match TABLE.words.get(word) {
                Some(Word::Product(found)) => product = Some(product.map_or(found, |known| known.min(found))),
                Some(Word::System(found)) => system = Some(system.map_or(found, |known| known.min(found))),
                Some(Word::Mozilla) => mozilla = true,
                Some(Word::Plumbing) => {}
                None => {
                    bot |= is_bot(word);
                    own = own.or((!in_comment).then_some(word));
                }
            }
        }
        let known = product.and_then(|position| TABLE.products.get(usize::from(position)));
        let on_a_phone = matches!(system, Some(System::Ios | System::Android));
        let kind = match known {
            _ if bot => AgentKind::Bot,
            Some(&(kind, _)) => kind,
            None if own.is_some() && (mozilla || on_a_phone) => AgentKind::App,
            None if mozilla => AgentKind::Browser,
            None => AgentKind::Unknown,
        };
        // `grpc-c/58.0.0 (linux; chttp2)`: what a library says of where it was built is true of nearly all of them.
        let by_library = known.is_some_and(|(_, name)| name.starts_with("grpc"));
        let system = system.filter(|_| !by_library);
        let mut hash = Hash::default();
        hash.add_all(known.map_or("", |&(_, name)| name).bytes());
        hash.add(b'/');
        hash.add_all(own.unwrap_or_default().iter().map(u8::to_ascii_lowercase));
        Self { kind, product: hash.short(), system }
    }
}

/// Agents met before, by a keyed hash of what was sent; two that meet in a slot take turns.
pub(crate) struct Agents {
    hasher: RandomState,
    slots: Vec<Option<(u64, Agent)>>,
}

impl Agents {
    /// With nothing remembered yet.
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), slots: vec![None; AGENTS] }
    }

    /// What a value of `User-Agent` says.
    pub(crate) fn read(&mut self, value: &[u8]) -> Agent {
        let hash = self.hasher.hash_one(value);
        let Some(slot) = self.slots.get_mut(hash as usize % AGENTS) else { return Agent::read(value) };
        match slot {
            Some((known, agent)) if *known == hash => *agent,
            _ => slot.insert((hash, Agent::read(value))).1,
        }
    }
}

impl System {
    /// The value of `Sec-CH-UA-Platform`: `"Windows"`, `"macOS"`, `"Chrome OS"` …
    pub(crate) fn hinted(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let bare = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
        if bare.eq_ignore_ascii_case(b"chrome os") || bare.eq_ignore_ascii_case(b"chromium os") {
            return Some(Self::ChromeOs);
        }
        match TABLE.words.get(bare) {
            Some(Word::System(system)) => Some(system),
            _ => None,
        }
    }
}

/// The words of an agent without versions, and whether each stands in a comment.
fn words(value: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    let mut depth = 0_usize;
    let mut version = false;
    value.split_inclusive(|b| matches!(b, b' ' | b'(' | b')' | b';' | b',' | b'/')).filter_map(move |piece| {
        let (word, end) = match piece.split_last() {
            Some((end @ (b' ' | b'(' | b')' | b';' | b',' | b'/'), word)) => (word, *end),
            _ => (piece, b' '),
        };
        let (in_comment, is_version) = (depth > 0, version);
        version = end == b'/';
        depth = match end {
            b'(' => depth.saturating_add(1),
            b')' => depth.saturating_sub(1),
            _ => depth,
        };
        let named = word.first().is_some_and(u8::is_ascii_alphabetic);
        (named && !is_version).then_some((word, in_comment))
    })
}

/// Crawlers call themselves so: `AhrefsBot`, `Baiduspider`, `archive.org_bot`.
fn is_bot(word: &[u8]) -> bool {
    [b"bot".as_slice(), b"spider", b"crawler"].iter().any(|ending| {
        word.len()
            .checked_sub(ending.len())
            .and_then(|at| word.get(at..))
            .is_some_and(|e| e.eq_ignore_ascii_case(ending))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
    const SAFARI: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15";
    const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1";

    #[track_caller]
    fn check(agent: &str, kind: AgentKind, system: Option<System>) {
        let read = Agent::read(agent.as_bytes());
        assert_eq!((read.kind, read.system), (kind, system), "{agent}");
    }

    #[test]
    fn people_use_browsers_and_apps() {
        check(CHROME, AgentKind::Browser, Some(System::Windows));
        check(SAFARI, AgentKind::Browser, Some(System::MacOs));
        check(IPHONE, AgentKind::Browser, Some(System::Ios));
        check(
            "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
            AgentKind::Browser,
            Some(System::Linux),
        );
        check(
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
            AgentKind::Browser,
            Some(System::ChromeOs),
        );
        check(
            "Mozilla/5.0 (Linux; Android 10; CUBOT X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
            AgentKind::Browser,
            Some(System::Android),
        );
        check("AcmeMobile/5.2.1 (iPhone; iOS 18.6; Scale/3.00)", AgentKind::App, Some(System::Ios));
        check(
            "AcmeMobile/5.2.0 (Linux; Android 15; Pixel 8) okhttp/4.12.0",
            AgentKind::App,
            Some(System::Android),
        );
        check("Acme/12 CFNetwork/1410.0.3 Darwin/22.6.0", AgentKind::App, Some(System::Darwin));
        check(
            "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A.230901.001)",
            AgentKind::App,
            Some(System::Android),
        );
        check("okhttp/4.9.3", AgentKind::App, None);
        check(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Slack/4.36 Chrome/120.0 Electron/28.1 Safari/537.36",
            AgentKind::App,
            Some(System::MacOs),
        );
    }

    #[test]
    fn programs_say_what_they_are() {
        for library in [
            "curl/8.5.0",
            "python-requests/2.32.3",
            "python-httpx/0.27.0",
            "Python/3.12 aiohttp/3.9.1",
            "Python-urllib/3.11",
            "Go-http-client/1.1",
            "grpc-go/1.60",
            "grpcurl/1.8.9",
            "Java/17.0.9",
            "Apache-HttpClient/4.5.14 (Java/17.0.9)",
            "axios/1.6.2",
            "node",
            "PostmanRuntime/7.36.0",
            "Wget/1.21.3",
        ] {
            check(library, AgentKind::Library, None);
        }
        check(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36",
            AgentKind::Headless,
            Some(System::Linux),
        );
        check("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", AgentKind::Bot, None);
        check("kube-probe/1.29", AgentKind::Bot, None);
        check("AcmeTV/1.0", AgentKind::Unknown, None);
        check("", AgentKind::Unknown, None);
    }

    #[test]
    fn an_update_keeps_the_product_and_nothing_else_does() {
        let product = |agent: &str| Agent::read(agent.as_bytes()).product;
        assert_eq!(product(CHROME), product(&CHROME.replace("141", "142")));
        assert_eq!(product("AcmeTV/1.0"), product("AcmeTV/2.0 (build 9)"));
        assert_eq!(
            product("AcmeMobile/5.2.1 (iPhone; iOS 18.6)"),
            product("acmemobile/6.0 (iPhone; iOS 19.0)")
        );
        let others = [
            CHROME,
            SAFARI,
            &format!("{CHROME} Edg/141.0.0.0"),
            "curl/8.5.0",
            "AcmeTV/1.0",
            "okhttp/4.9.3",
            "AcmeMobile/5 okhttp/4.12",
        ];
        for (i, one) in others.iter().enumerate() {
            for other in others.iter().skip(i + 1) {
                assert_ne!(product(one), product(other), "{one} | {other}");
            }
        }
    }

    #[test]
    fn hints_name_the_same_systems() {
        assert_eq!(System::hinted(b"\"Windows\""), Some(System::Windows));
        assert_eq!(System::hinted(b"\"macOS\""), Some(System::MacOs));
        assert_eq!(System::hinted(b" \"Chrome OS\" "), Some(System::ChromeOs));
        assert_eq!(System::hinted(b"\"Unknown\""), None);
        assert_eq!(System::hinted(b"Chrome"), None);
    }

    #[test]
    fn any_bytes_are_read() {
        for text in [&b"((((/;;)"[..], b"/////", b")))))a", &[0xff; 2000], &[b'('; 2000], b"a/b/c/d"] {
            let _ = Agent::read(text);
        }
    }
}
