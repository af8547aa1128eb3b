//! A headless Chromium, driven over the pipe of its DevTools protocol: no port, no library.
//! It is given addresses, scripts and keys, and tells what the page became and what the browser objected to.
//! It promises that the browser ends with this value, and that nothing is waited for longer than `PATIENCE`.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(90);

/// Where it may be, by name.
const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

pub struct Browser {
    child: Child,
    to: ChildStdin,
    messages: Receiver<Value>,
    asked: u64,
    session: String,
    /// What it objected to: policy violations, errors, failed loads.
    objections: Vec<String>,
    loads: u64,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a browser with one empty page; `None`, said loudly, where there is no browser.
    pub fn open() -> Option<Self> {
        let Some(program) = program() else {
            let is_required = std::env::var("HEELGUARD_BROWSER").is_ok_and(|value| value == "required");
            assert!(!is_required, "no browser is installed, and HEELGUARD_BROWSER=required");
            println!("NOT RUN: no chromium on PATH or in CHROMIUM; the pages are not tested in a browser");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        // The protocol's pipe is descriptors 3 and 4; a shell puts our ends there.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh"])
            .arg(program)
            .args(["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu"])
            .args(["--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars", "--disable-extensions"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let mut from = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            while from.read_until(0, &mut bytes).is_ok_and(|read| read > 0) {
                bytes.pop();
                let Ok(message) = serde_json::from_slice(&bytes) else { break };
                if sender.send(message).is_err() {
                    break;
                }
                bytes.clear();
            }
        });
        let (session, objections) = Default::default();
        let mut browser =
            Self { child, to, messages, asked: 0, session, objections, loads: 0, _profile: profile };
        let target = browser.ask("Target.createTarget", &json!({"url": "about:blank"}))["targetId"].clone();
        let attach = json!({"targetId": target, "flatten": true});
        let session = browser.ask("Target.attachToTarget", &attach)["sessionId"].as_str().unwrap().to_owned();
        browser.session = session;
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), &json!({}));
        }
        Some(browser)
    }

    /// Goes to an address and waits until it is there.
    pub fn go(&mut self, address: &str) {
        let before = self.loads;
        self.ask("Page.navigate", &json!({"url": address}));
        self.wait_for_load(before);
    }

    /// Does something that leads to another page, and waits until it is there.
    pub fn leave_by(&mut self, script: &str) {
        let before = self.loads;
        self.eval(script);
        self.wait_for_load(before);
    }

    /// What a script gives. The page's policy does not hold for it.
    pub fn eval(&mut self, script: &str) -> Value {
        let question = json!({"expression": script, "returnByValue": true, "awaitPromise": true});
        let answer = self.ask("Runtime.evaluate", &question);
        assert!(answer.get("exceptionDetails").is_none(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Presses and releases a key: `Tab`, `Enter`.
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            other => panic!("not a key: {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.ask("Input.dispatchKeyEvent", &event);
        }
    }

    /// Presses a key that leads to another page.
    pub fn leave_by_key(&mut self, key: &str) {
        let before = self.loads;
        self.press(key);
        self.wait_for_load(before);
    }

    pub fn write(&mut self, text: &str) {
        self.ask("Input.insertText", &json!({"text": text}));
    }

    /// The window's size in pixels, and whether its user likes it dark.
    pub fn look(&mut self, width: u32, is_dark: bool) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.ask("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = if is_dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.ask("Emulation.setEmulatedMedia", &media);
    }

    /// Leaves a picture of the page in the folder that `HEELGUARD_PICTURES` names, if it does.
    pub fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("HEELGUARD_PICTURES").map(PathBuf::from) else { return };
        let whole = json!({"format": "png", "captureBeyondViewport": true});
        let data = self.ask("Page.captureScreenshot", &whole)["data"].as_str().unwrap().to_owned();
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    /// What it objected to since this was last asked.
    pub fn objections(&mut self) -> Vec<String> {
        // What happened before this question is told before its answer.
        self.eval("0");
        std::mem::take(&mut self.objections)
    }

    fn wait_for_load(&mut self, before: u64) {
        let until = Instant::now() + PATIENCE;
        while self.loads == before {
            let message = self.next(until);
            self.hear(&message);
        }
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.asked += 1;
        let mut question = json!({"id": self.asked, "method": method, "params": parameters});
        if !self.session.is_empty() {
            question["sessionId"] = self.session.as_str().into();
        }
        self.to.write_all(format!("{question}\0").as_bytes()).unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            let message = self.next(until);
            if message["id"] == self.asked {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.hear(&message);
        }
    }

    fn next(&mut self, until: Instant) -> Value {
        let left = until.saturating_duration_since(Instant::now());
        self.messages.recv_timeout(left).expect("the browser says something in time")
    }

    fn hear(&mut self, message: &Value) {
        let parameters = &message["params"];
        let objection = match message["method"].as_str().unwrap_or_default() {
            "Page.loadEventFired" => {
                self.loads += 1;
                return;
            }
            "Log.entryAdded" => &parameters["entry"]["text"],
            "Runtime.exceptionThrown" => &parameters["exceptionDetails"]["text"],
            "Runtime.consoleAPICalled" => &parameters["args"],
            "Page.javascriptDialogOpening" => &parameters["message"],
            _ => return,
        };
        self.objections.push(objection.to_string());
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The browser of `CHROMIUM`, or the first one on `PATH`.
fn program() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("CHROMIUM").filter(|program| !program.is_empty()) {
        return Some(program.into());
    }
    let path = std::env::var_os("PATH")?;
    let places = std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    places.into_iter().find(|place| place.is_file())
}
