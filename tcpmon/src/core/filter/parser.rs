//! Turns the text of a filter into an expression, by recursive descent:
//!
//! ```text
//! filter = [ or ]
//! or     = and { ("or" | "||" | "|") and }
//! and    = unary { [ "and" | "&&" | "&" ] unary }
//! unary  = ("not" | "!") unary | "(" or ")" | test
//! test   = key [ operator ] value
//! ```

use super::ast::{Comparison, End, Expr, Field, Relation, Test};
use super::endpoint::endpoint;
use super::error::{FilterError, quote};
use super::lexer::{Kind, Lexer, Operator, Token};
use super::value::{Value, states};

/// Parentheses and `not` inside each other: bounds the stack that reading and matching take.
pub(super) const MAX_DEPTH: usize = 64;

/// The keys, for messages.
pub(super) const KEYS: &str =
    "state, exclude, sport, dport, src, dst, proc, pid, unit, container, netns, age";

/// Reads a whole filter; `None` when there is nothing but white space.
///
/// # Errors
/// The input is not a filter.
pub(super) fn parse(input: &str) -> Result<Option<Expr>, FilterError> {
    let mut lexer = Lexer::new(input);
    let next = lexer.next()?;
    if next.kind == Kind::End {
        return Ok(None);
    }
    let mut parser = Parser {
        lexer,
        next,
        depth: 0,
    };
    let expr = parser.or()?;
    match parser.next.kind {
        Kind::End => Ok(Some(expr)),
        Kind::Close => Err(parser.unexpected("this `)` closes nothing")),
        _ => Err(parser.expected("`and`, `or` or another condition")),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    next: Token<'a>,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<Token<'a>, FilterError> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    fn unexpected(&self, message: impl Into<String>) -> FilterError {
        FilterError::new(self.next.at, message)
    }

    fn expected(&self, what: &str) -> FilterError {
        let found = match self.next.kind {
            Kind::End => "the end of the filter".to_owned(),
            _ => quote(self.next.source),
        };
        self.unexpected(format!("expected {what}, found {found}"))
    }

    fn or(&mut self) -> Result<Expr, FilterError> {
        let mut terms = vec![self.and()?];
        while self.next.kind == Kind::Or {
            self.advance()?;
            terms.push(self.and()?);
        }
        Ok(join(terms, Expr::Or))
    }

    fn and(&mut self) -> Result<Expr, FilterError> {
        let mut terms = vec![self.unary()?];
        loop {
            let at = self.next.at;
            let juxtaposed = match self.next.kind {
                Kind::And => {
                    self.advance()?;
                    false
                }
                Kind::Word | Kind::Quoted(_) | Kind::Not | Kind::Open => true,
                _ => return Ok(join(terms, Expr::And)),
            };
            let term = self.unary()?;
            if juxtaposed && is_state(&term) && terms.iter().any(is_state) {
                return Err(ambiguous_states(at));
            }
            terms.push(term);
        }
    }

    fn unary(&mut self) -> Result<Expr, FilterError> {
        match self.next.kind {
            Kind::Not => {
                let inner = self.nested(|parser, _| parser.unary())?;
                Ok(Expr::Not(Box::new(inner)))
            }
            Kind::Open => self.nested(Self::group),
            Kind::Word => self.test().map(Expr::Test),
            _ => Err(self.expected("a condition").hint(format!("keys: {KEYS}"))),
        }
    }

    /// Reads with `inner` what follows a token that nests; `inner` gets the token's offset.
    fn nested(
        &mut self,
        inner: impl FnOnce(&mut Self, usize) -> Result<Expr, FilterError>,
    ) -> Result<Expr, FilterError> {
        if self.depth == MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} parentheses and `not` inside each other");
            return Err(self.unexpected(message));
        }
        self.depth += 1;
        let at = self.advance()?.at;
        let expr = inner(self, at)?;
        self.depth -= 1;
        Ok(expr)
    }

    fn group(&mut self, open: usize) -> Result<Expr, FilterError> {
        let expr = self.or()?;
        match self.next.kind {
            Kind::Close => self.advance().map(|_| expr),
            Kind::End => Err(FilterError::new(open, "this `(` is not closed")),
            _ => Err(self.expected("`)`")),
        }
    }

    fn test(&mut self) -> Result<Test, FilterError> {
        let key = self.advance()?;
        match key.source.to_ascii_lowercase().as_str() {
            "state" => self.state(&key),
            "exclude" => self.exclude(),
            "sport" => self.port(&key, End::Local),
            "dport" => self.port(&key, End::Remote),
            "src" => self.endpoint(&key, End::Local),
            "dst" => self.endpoint(&key, End::Remote),
            "proc" => self.name(&key, Field::Process),
            "unit" => self.name(&key, Field::Unit),
            "container" => self.name(&key, Field::Container),
            "pid" => self.pid(&key),
            "netns" => self.netns(&key),
            "age" => self.age(&key),
            _ => Err(unknown_key(&key)),
        }
    }

    fn state(&mut self, key: &Token<'_>) -> Result<Test, FilterError> {
        let equal = self.operator(key, equality)?;
        let states = self.value("a state")?.states()?;
        Ok(Test::State { equal, states })
    }

    fn exclude(&mut self) -> Result<Test, FilterError> {
        let states = self.value("a state")?.states()?;
        Ok(Test::State {
            equal: false,
            states,
        })
    }

    fn port(&mut self, key: &Token<'_>, end: End) -> Result<Test, FilterError> {
        let comparison = self.operator(key, comparison)?;
        let port = self.value("a port")?.port()?;
        Ok(Test::Port {
            end,
            comparison,
            port,
        })
    }

    fn endpoint(&mut self, key: &Token<'_>, end: End) -> Result<Test, FilterError> {
        let equal = self.operator(key, equality)?;
        let endpoint = endpoint(&self.value("an address")?)?;
        Ok(Test::Endpoint {
            end,
            equal,
            endpoint,
        })
    }

    fn name(&mut self, key: &Token<'_>, field: Field) -> Result<Test, FilterError> {
        let relation = self.operator(key, relation)?;
        let value = self.value("a name")?.name()?;
        Ok(Test::Text {
            field,
            relation,
            value,
        })
    }

    fn pid(&mut self, key: &Token<'_>) -> Result<Test, FilterError> {
        let comparison = self.operator(key, comparison)?;
        let pid = self.value("a process id")?.pid()?;
        Ok(Test::Pid { comparison, pid })
    }

    fn netns(&mut self, key: &Token<'_>) -> Result<Test, FilterError> {
        let relation = self.operator(key, relation)?;
        let value = self.value("the name or the inode of a namespace")?;
        let inode = match relation {
            Relation::Is | Relation::IsNot => value.netns()?,
            Relation::Contains => None,
        };
        Ok(match inode {
            Some(inode) => Test::Netns {
                equal: relation == Relation::Is,
                inode,
            },
            None => Test::Text {
                field: Field::Netns,
                relation,
                value: value.name()?,
            },
        })
    }

    fn age(&mut self, key: &Token<'_>) -> Result<Test, FilterError> {
        let comparison = self.operator(key, order)?;
        let ns = self.value("a duration")?.duration()?;
        Ok(Test::Age { comparison, ns })
    }

    /// Reads an operator that `read` knows; without one it is `=`, if `read` knows that.
    fn operator<T>(
        &mut self,
        key: &Token<'_>,
        read: impl Fn(Operator) -> Option<T>,
    ) -> Result<T, FilterError> {
        let written = match self.next.kind {
            Kind::Operator(operator) => Some(operator),
            Kind::Word => Operator::from_word(self.next.source),
            _ => None,
        };
        if let Some(known) = read(written.unwrap_or(Operator::Eq)) {
            if written.is_some() {
                self.advance()?;
            }
            return Ok(known);
        }
        let operators = Operator::ALL.into_iter().filter(|o| read(*o).is_some());
        let symbols: Vec<_> = operators.map(Operator::symbol).collect();
        let key = quote(key.source);
        let error = match written {
            Some(_) => {
                let operator = quote(self.next.source);
                self.unexpected(format!("{key} cannot be compared with {operator}"))
            }
            None => self.expected(&format!("an operator after {key}")),
        };
        Err(error.hint(format!("operators: {}", symbols.join(" "))))
    }

    fn value(&mut self, what: &str) -> Result<Value, FilterError> {
        match self.next.kind {
            Kind::Word | Kind::Quoted(_) => {}
            Kind::And | Kind::Or | Kind::Not
                if self.next.source.starts_with(char::is_alphabetic) =>
            {
                return Err(self.expected(what).hint("as a name this word needs quotes"));
            }
            _ => return Err(self.expected(what)),
        }
        let token = self.advance()?;
        let (quoted, text) = match token.kind {
            Kind::Quoted(text) => (true, text),
            _ => (false, token.source.to_owned()),
        };
        Ok(Value {
            at: token.at,
            quoted,
            text,
        })
    }
}

/// The only one of `terms`, or all of them as one expression.
fn join(mut terms: Vec<Expr>, many: impl FnOnce(Vec<Expr>) -> Expr) -> Expr {
    match terms.pop() {
        Some(only) if terms.is_empty() => only,
        Some(last) => {
            terms.push(last);
            many(terms)
        }
        None => many(terms),
    }
}

fn is_state(expr: &Expr) -> bool {
    matches!(expr, Expr::Test(Test::State { equal: true, .. }))
}

/// `ss state A state B` shows both states, but conditions side by side must all hold, and no
/// socket is in two states: whoever writes it gets neither what `ss` shows nor a silent nothing.
fn ambiguous_states(at: usize) -> FilterError {
    FilterError::new(at, "a second `state` without `or` or `and` before it")
        .hint("write: state A or state B")
}

fn unknown_key(key: &Token<'_>) -> FilterError {
    let error = FilterError::new(key.at, format!("unknown key {}", quote(key.source)));
    match states(key.source) {
        Some(states) => error.hint(format!("did you mean: state {}", states.name())),
        None => error.hint(format!("keys: {KEYS}")),
    }
}

fn equality(operator: Operator) -> Option<bool> {
    match operator {
        Operator::Eq => Some(true),
        Operator::Ne => Some(false),
        _ => None,
    }
}

fn comparison(operator: Operator) -> Option<Comparison> {
    Some(match operator {
        Operator::Eq => Comparison::Eq,
        Operator::Ne => Comparison::Ne,
        Operator::Lt => Comparison::Lt,
        Operator::Le => Comparison::Le,
        Operator::Gt => Comparison::Gt,
        Operator::Ge => Comparison::Ge,
        Operator::Contains => return None,
    })
}

/// An age is never equal to anything: it counts in nanoseconds.
fn order(operator: Operator) -> Option<Comparison> {
    comparison(operator).filter(|c| !matches!(c, Comparison::Eq | Comparison::Ne))
}

fn relation(operator: Operator) -> Option<Relation> {
    match operator {
        Operator::Eq => Some(Relation::Is),
        Operator::Ne => Some(Relation::IsNot),
        Operator::Contains => Some(Relation::Contains),
        _ => None,
    }
}
