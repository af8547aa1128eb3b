//! How calls travel on a connection: as HTTP/1 in the clear, or in another form that somebody gives.
//! It is given calls as whole messages of HTTP/1 and says what the two sides of a connection say.
//! It promises nothing of the form: for the timeline a connection is bytes that go to and fro.

/// A call as HTTP/1 writes it.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The whole request.
    pub request: Vec<u8>,
    /// The whole answer.
    pub response: Vec<u8>,
}

/// What both sides of a connection say next: the opening of each, then the client's calls, then their answers.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// All that the client says.
    pub client: Vec<u8>,
    /// All that the server says.
    pub server: Vec<u8>,
    /// Of both, the bytes that open the connection; none where calls may go out at once.
    pub opening: [usize; 2],
}

/// Another form than HTTP/1 in the clear.
pub trait Carriage: Send {
    /// The port on which servers expect it.
    fn port(&self) -> u16;

    /// Calls that go out together on the connection in `place`, which is used again when a connection has ended: then
    /// it `is_new`. What is left in `said` is of earlier calls.
    fn carry(&mut self, place: usize, is_new: bool, calls: &[Call], said: &mut Said);
}

impl Said {
    /// Forgets everything but the memory it took.
    pub fn clear(&mut self) {
        self.client.clear();
        self.server.clear();
        self.opening = [0; 2];
    }

    /// Calls as they are, one behind the other.
    pub(super) fn calls(&mut self, calls: &[Call]) {
        self.clear();
        for call in calls {
            self.client.extend_from_slice(&call.request);
            self.server.extend_from_slice(&call.response);
        }
    }
}
