//! The words of a filter.

use crate::creatio::reply::Fault;

/// A word, with the place where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) word: Word,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    Open,
    Close,
    Comma,
    Slash,
    /// A name, an operator, or a literal without quotes.
    Plain(String),
    /// A text between single quotes, whose doubled quotes are single again.
    Quoted(String),
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, letter)) = rest.next() {
        let word = match letter {
            ' ' | '\t' => continue,
            '(' => Word::Open,
            ')' => Word::Close,
            ',' => Word::Comma,
            '/' => Word::Slash,
            '\'' => Word::Quoted(quoted(&mut rest, text, at)?),
            letter if is_plain(letter) => {
                let mut word = letter.to_string();
                while let Some((_, letter)) = rest.next_if(|(_, letter)| is_plain(*letter)) {
                    word.push(letter);
                }
                // `guid'…'` and `datetime'…'` were literals of OData 3.
                if rest.peek().is_some_and(|(_, letter)| *letter == '\'') {
                    return Err(syntax(text, at));
                }
                Word::Plain(word)
            }
            _ => return Err(syntax(text, at)),
        };
        tokens.push(Token { at, word });
    }
    Ok(tokens)
}

fn quoted(
    rest: &mut std::iter::Peekable<std::str::CharIndices>,
    text: &str,
    at: usize,
) -> Result<String, Fault> {
    let mut inner = String::new();
    while let Some((_, letter)) = rest.next() {
        if letter != '\'' {
            inner.push(letter);
        } else if rest.next_if(|(_, letter)| *letter == '\'').is_some() {
            inner.push('\'');
        } else {
            return Ok(inner);
        }
    }
    let message = "There is an unterminated string literal";
    Err(Fault::query(format!(
        "{message} at position {at} in '{text}'."
    )))
}

fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || "_.:+-$@".contains(letter)
}

pub(super) fn syntax(text: &str, at: usize) -> Fault {
    Fault::query(format!("Syntax error at position {at} in '{text}'."))
}
