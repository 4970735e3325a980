//! Reads a filter, by precedence: `not`, then comparisons, then `and`, then `or`.

use super::lex::{Token, Word, syntax, tokens};
use super::{Condition, Function, Operand, Operator, Path};
use crate::creatio::cell::{Cell, Kind, time};
use crate::creatio::guid::Guid;
use crate::creatio::reply::Fault;
use crate::creatio::schema::{Entity, Schema};
use crate::creatio::switches::{Switches, TimeLiterals};

/// What a filter is read with.
#[derive(Clone, Copy)]
pub(in crate::creatio) struct Reader<'a> {
    pub(in crate::creatio) schema: &'a Schema,
    pub(in crate::creatio) entity: &'a Entity,
    pub(in crate::creatio) switches: &'a Switches,
}

impl Reader<'_> {
    pub(in crate::creatio) fn read(&self, text: &str) -> Result<Condition, Fault> {
        let mut parser = Parser {
            reader: *self,
            text,
            tokens: tokens(text)?,
            next: 0,
            depth: 0,
        };
        let condition = parser.either()?;
        match parser.peek() {
            None => Ok(condition),
            Some(_) => Err(parser.syntax()),
        }
    }
}

struct Parser<'a> {
    reader: Reader<'a>,
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

/// How deep conditions may stand within each other.
const DEPTH: usize = 100;

impl Parser<'_> {
    fn either(&mut self) -> Result<Condition, Fault> {
        let mut left = self.both()?;
        while self.take_word("or") {
            left = Condition::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Condition, Fault> {
        let mut left = self.single()?;
        while self.take_word("and") {
            left = Condition::And(Box::new(left), Box::new(self.single()?));
        }
        Ok(left)
    }

    fn single(&mut self) -> Result<Condition, Fault> {
        if self.take_word("not") {
            return Ok(Condition::Not(Box::new(self.single()?)));
        }
        if self.peek() == Some(&Word::Open) {
            self.depth += 1;
            if self.depth > DEPTH {
                return Err(Fault::query("The query is nested too deeply."));
            }
            self.next += 1;
            let inner = self.either()?;
            self.expect(&Word::Close)?;
            self.depth -= 1;
            return Ok(inner);
        }
        let left = self.operand()?;
        let Some(operator) = self.operator() else {
            return match left.kind() {
                Some(Kind::Bool) => Ok(Condition::Is(left)),
                _ => Err(self.syntax()),
            };
        };
        let right = self.operand()?;
        let (left, right) = self.fitted(left, right, operator)?;
        Ok(Condition::Compare(operator, left, right))
    }

    fn operand(&mut self) -> Result<Operand, Fault> {
        match self.peek().cloned() {
            Some(Word::Quoted(text)) => {
                self.next += 1;
                Ok(Operand::Literal(Cell::text(text)))
            }
            Some(Word::Plain(word)) => {
                self.next += 1;
                if let Some(cell) = literal(&word) {
                    return Ok(Operand::Literal(cell));
                }
                if self.peek() == Some(&Word::Open) {
                    return self.call(&word);
                }
                self.path(word)
            }
            _ => Err(self.syntax()),
        }
    }

    fn call(&mut self, name: &str) -> Result<Operand, Fault> {
        let unknown = || Fault::query(format!("An unknown function with name '{name}' was found."));
        let function = Function::read(name).ok_or_else(unknown)?;
        if !self.reader.switches.filter_functions {
            return Err(unknown());
        }
        self.expect(&Word::Open)?;
        let mut arguments = Vec::new();
        while self.peek() != Some(&Word::Close) {
            if !arguments.is_empty() {
                self.expect(&Word::Comma)?;
            }
            arguments.push(self.operand()?);
        }
        self.next += 1;
        let takes = function.takes();
        let fits = |(operand, kind): (&Operand, &Kind)| operand.kind().is_none_or(|it| it == *kind);
        if arguments.len() != takes.len() || !arguments.iter().zip(takes).all(fits) {
            return Err(Fault::query(format!(
                "No function signature for the function with name '{name}' matches the specified \
                 arguments."
            )));
        }
        Ok(Operand::Call(function, arguments))
    }

    fn path(&mut self, first: String) -> Result<Operand, Fault> {
        let mut names = vec![first];
        while self.peek() == Some(&Word::Slash) {
            self.next += 1;
            match self.peek().cloned() {
                Some(Word::Plain(name)) => names.push(name),
                _ => return Err(self.syntax()),
            }
            self.next += 1;
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names.len() > 1 && !self.reader.switches.filter_by_navigation {
            return Err(Fault::unknown(names[0], &self.reader.entity.type_name()));
        }
        path(self.reader.schema, self.reader.entity, &names).map(Operand::Path)
    }

    fn operator(&mut self) -> Option<Operator> {
        let Some(Word::Plain(word)) = self.peek() else {
            return None;
        };
        let operator = match word.as_str() {
            "eq" => Operator::Eq,
            "ne" => Operator::Ne,
            "gt" => Operator::Gt,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "le" => Operator::Le,
            _ => return None,
        };
        self.next += 1;
        Some(operator)
    }

    /// Both sides, of types that go together.
    fn fitted(
        &self,
        left: Operand,
        right: Operand,
        operator: Operator,
    ) -> Result<(Operand, Operand), Fault> {
        let (left, right) = match self.reader.switches.time_literals {
            TimeLiterals::Bare => (left, right),
            TimeLiterals::Quoted => {
                for operand in [&left, &right] {
                    if let Operand::Literal(Cell::Time(_)) = operand {
                        return Err(self.syntax());
                    }
                }
                let (left_kind, right_kind) = (left.kind(), right.kind());
                (timed(left, right_kind), timed(right, left_kind))
            }
        };
        let (Some(first), Some(second)) = (left.kind(), right.kind()) else {
            return Ok((left, right));
        };
        let is_number = |kind| matches!(kind, Kind::Int | Kind::Decimal);
        let comparable = first == second || (is_number(first) && is_number(second));
        if comparable && first != Kind::Stream {
            return Ok((left, right));
        }
        Err(Fault::query(format!(
            "A binary operator with incompatible types was detected. Found operand types '{}' and \
             '{}' for operator kind '{}'.",
            first.word(),
            second.word(),
            kind_of(operator)
        )))
    }

    fn peek(&self) -> Option<&Word> {
        self.tokens.get(self.next).map(|token| &token.word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let there = matches!(self.peek(), Some(Word::Plain(plain)) if plain == word);
        self.next += usize::from(there);
        there
    }

    fn expect(&mut self, word: &Word) -> Result<(), Fault> {
        if self.peek() != Some(word) {
            return Err(self.syntax());
        }
        self.next += 1;
        Ok(())
    }

    fn syntax(&self) -> Fault {
        let at = self.tokens.get(self.next);
        syntax(self.text, at.map_or(self.text.len(), |token| token.at))
    }
}

/// A column by the names of the lookups on the way and its own.
pub(in crate::creatio) fn path(
    schema: &Schema,
    entity: &Entity,
    names: &[&str],
) -> Result<Path, Fault> {
    let (last, through) = names.split_last().unwrap_or((&"", &[]));
    let (mut entity, mut steps) = (entity, Vec::new());
    for name in through {
        let unknown = || Fault::unknown(name, &entity.type_name());
        let column = entity.navigation(name).ok_or_else(unknown)?;
        let target = entity.columns[column]
            .target
            .and_then(|name| schema.get(name));
        entity = target.ok_or_else(unknown)?;
        steps.push((column, entity.name));
    }
    let column = entity.column(last);
    let column = column.ok_or_else(|| Fault::unknown(last, &entity.type_name()))?;
    Ok(Path {
        steps,
        column,
        kind: entity.columns[column].kind,
    })
}

/// A text that stands beside a time, where times are quoted.
fn timed(operand: Operand, beside: Option<Kind>) -> Operand {
    if beside == Some(Kind::Time)
        && let Operand::Literal(Cell::Text(text)) = &operand
        && let Some(micros) = time(text)
    {
        return Operand::Literal(Cell::Time(micros));
    }
    operand
}

fn literal(word: &str) -> Option<Cell> {
    match word {
        "null" => return Some(Cell::Null),
        "true" => return Some(Cell::Bool(true)),
        "false" => return Some(Cell::Bool(false)),
        _ => {}
    }
    if let Some(guid) = Guid::parse(word) {
        return Some(Cell::Guid(guid));
    }
    let begins_as_number =
        word.starts_with(|letter: char| letter.is_ascii_digit() || letter == '-');
    if !begins_as_number {
        return None;
    }
    if let Ok(number) = word.parse::<i64>() {
        return Some(Cell::Int(number));
    }
    if word.parse::<f64>().is_ok() {
        return Some(Cell::Decimal(word.into()));
    }
    time(word).map(Cell::Time)
}

fn kind_of(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq => "Equal",
        Operator::Ne => "NotEqual",
        Operator::Gt => "GreaterThan",
        Operator::Ge => "GreaterThanOrEqual",
        Operator::Lt => "LessThan",
        Operator::Le => "LessThanOrEqual",
    }
}
