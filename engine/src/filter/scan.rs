//! Steps over the text, a character at a time.

use super::parse::Parser;

impl Parser<'_> {
    /// To the end of a term that cannot be read: the next space outside quotes.
    pub(super) fn skip(&mut self) {
        let mut quoted = false;
        while let Some(c) = self.peek() {
            if c.is_whitespace() && !quoted {
                return;
            }
            self.bump();
            match c {
                '"' => quoted = !quoted,
                '\\' if quoted => {
                    self.bump();
                }
                _ => {}
            }
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    pub(super) fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.bump();
        }
        found
    }

    pub(super) fn take(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&wanted) {
            self.bump();
        }
        self.text.get(start..self.at).unwrap_or_default().to_owned()
    }
}
