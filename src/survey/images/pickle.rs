//! The one pickle that we read: a batch of CIFAR-10, a dict with `data` (a uint8 array) and
//! `labels` (a list of integers).
//!
//! Nothing is ever run: a pickle's calls are kept as data, and only those with which numpy
//! describes an array mean anything. Opcodes: the notes in CPython's Lib/pickletools.py.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// What a batch holds.
#[derive(Debug, PartialEq)]
pub(crate) struct Batch {
    pub labels: Vec<i64>,
    pub shape: Vec<usize>,
    /// Where in the file the bytes of the array are, in C order.
    pub data: Range<usize>,
}

/// A value; text and bytes are ranges of the file.
#[derive(Debug, Clone)]
enum Value {
    Mark,
    Other,
    Int(i64),
    Bool(bool),
    Bytes(Range<usize>),
    /// A name of some module, as its range of the file: what a call calls.
    Global(Range<usize>),
    Sequence(Vec<Rc<Value>>),
    Dict(Vec<(Rc<Value>, Rc<Value>)>),
    /// What was called with what, and the state that was then given to it.
    Call(Rc<Value>, Rc<Value>, Option<Rc<Value>>),
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Rc<Value>>,
    memo: HashMap<usize, Rc<Value>>,
}

type Words<T> = Result<T, String>;

/// The batch in the pickle `bytes`.
///
/// # Errors
/// One line of words if it is damaged or holds anything else.
pub(crate) fn batch(bytes: &[u8]) -> Words<Batch> {
    let mut machine = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        memo: HashMap::new(),
    };
    let top = machine.run()?;
    let Value::Dict(entries) = &*top else {
        return Err("a pickle, but not of a dict".into());
    };
    let get = |name: &str| {
        let found = entries
            .iter()
            .find(|(k, _)| matches!(&**k, Value::Bytes(r) if bytes[r.clone()] == *name.as_bytes()));
        found
            .map(|(_, v)| Rc::clone(v))
            .ok_or_else(|| format!("a pickle without the key `{name}`"))
    };
    let labels = match &*get("labels")? {
        Value::Sequence(items) => items.iter().map(|i| int(i)).collect::<Words<Vec<i64>>>()?,
        _ => return Err("`labels` is not a list".into()),
    };
    let (shape, data) = array(bytes, &*get("data")?)?;
    Ok(Batch {
        labels,
        shape,
        data,
    })
}

fn int(value: &Value) -> Words<i64> {
    match value {
        Value::Int(i) => Ok(*i),
        _ => Err("a number was expected in the pickle".into()),
    }
}

/// The shape and the bytes of a numpy array, which is pickled as
/// `_reconstruct(ndarray, (0,), 'b')` with the state (version, shape, dtype, is Fortran, bytes).
fn array(bytes: &[u8], value: &Value) -> Words<(Vec<usize>, Range<usize>)> {
    let other = || "`data` is not a uint8 array in C order".to_owned();
    let Value::Call(function, _, Some(state)) = value else {
        return Err(other());
    };
    let (Value::Global(name), Value::Sequence(state)) = (&**function, &**state) else {
        return Err(other());
    };
    let [_, shape, dtype, fortran, data] = &state[..] else {
        return Err(other());
    };
    let (Value::Sequence(shape), Value::Bytes(data)) = (&**shape, &**data) else {
        return Err(other());
    };
    let fortran = !matches!(**fortran, Value::Bool(false) | Value::Int(0));
    if !bytes[name.clone()].ends_with(b"_reconstruct") || fortran || !is_u8(bytes, dtype) {
        return Err(other());
    }
    let shape = shape
        .iter()
        .map(|v| Ok(int(v)?.max(0) as usize))
        .collect::<Words<Vec<_>>>()?;
    if shape.iter().product::<usize>() != data.len() {
        return Err("`data` does not have the length of its shape".into());
    }
    Ok((shape, data.clone()))
}

/// Whether `value` is `dtype('u1', …)`.
fn is_u8(bytes: &[u8], value: &Value) -> bool {
    let Value::Call(_, arguments, _) = value else {
        return false;
    };
    let Value::Sequence(arguments) = &**arguments else {
        return false;
    };
    matches!(arguments.first().map(|a| &**a), Some(Value::Bytes(r)) if bytes[r.clone()] == *b"u1")
}

impl Machine<'_> {
    fn run(&mut self) -> Words<Rc<Value>> {
        loop {
            let opcode = self.take(1)?[0];
            match opcode {
                // PROTO, FRAME: nothing for us.
                0x80 => drop(self.take(1)?),
                0x95 => drop(self.take(8)?),
                b'.' => return self.pop(),
                b'(' => self.push(Value::Mark),
                b'}' => self.push(Value::Dict(Vec::new())),
                b']' | b')' => self.push(Value::Sequence(Vec::new())),
                b'N' => self.push(Value::Other),
                0x88 | 0x89 => self.push(Value::Bool(opcode == 0x88)),
                b'K' => self.int(1)?,
                b'M' => self.int(2)?,
                b'J' => self.int(4)?,
                0x8a => {
                    let n = self.length(1)?;
                    self.int(n)?;
                }
                // Text and bytes with a length of 1, 4 or 8 bytes.
                b'U' | b'C' | 0x8c => self.text(1)?,
                b'T' | b'B' | b'X' => self.text(4)?,
                0x8d | 0x8e | 0x96 => self.text(8)?,
                b'c' => {
                    self.line()?;
                    let name = self.line()?;
                    self.push(Value::Global(name));
                }
                0x93 => {
                    let name = self.pop()?;
                    self.pop()?;
                    match &*name {
                        Value::Bytes(r) => self.push(Value::Global(r.clone())),
                        _ => return Err(damaged()),
                    }
                }
                // Memo: BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET.
                b'q' | b'r' | 0x94 => {
                    let key = match opcode {
                        b'q' => self.length(1)?,
                        b'r' => self.length(4)?,
                        _ => self.memo.len(),
                    };
                    let top = self.stack.last().ok_or_else(damaged)?;
                    self.memo.insert(key, Rc::clone(top));
                }
                b'h' | b'j' => {
                    let key = self.length(if opcode == b'h' { 1 } else { 4 })?;
                    let value = self.memo.get(&key).ok_or_else(damaged)?;
                    self.stack.push(Rc::clone(value));
                }
                0x85..=0x87 => {
                    let n = usize::from(opcode - 0x84);
                    let from = self.stack.len().checked_sub(n).ok_or_else(damaged)?;
                    let items = self.stack.split_off(from);
                    self.push(Value::Sequence(items));
                }
                b't' | b'l' => {
                    let items = self.marked()?;
                    self.push(Value::Sequence(items));
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend(vec![item])?;
                }
                b'e' => {
                    let items = self.marked()?;
                    self.extend(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set(vec![key, value])?;
                }
                b'u' => {
                    let items = self.marked()?;
                    self.set(items)?;
                }
                b'R' => {
                    let (arguments, function) = (self.pop()?, self.pop()?);
                    self.push(Value::Call(function, arguments, None));
                }
                b'b' => {
                    let (state, object) = (self.pop()?, self.pop()?);
                    match &*object {
                        Value::Call(f, a, _) => {
                            let built = Value::Call(Rc::clone(f), Rc::clone(a), Some(state));
                            self.push(built);
                        }
                        _ => return Err(damaged()),
                    }
                }
                other => {
                    return Err(format!(
                        "a pickle with the opcode {other:#04x}, not of CIFAR-10"
                    ));
                }
            }
        }
    }

    fn take(&mut self, n: usize) -> Words<&[u8]> {
        let end = self.at.checked_add(n).filter(|e| *e <= self.bytes.len());
        let end = end.ok_or_else(damaged)?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// A little-endian length of `n` bytes.
    fn length(&mut self, n: usize) -> Words<usize> {
        let value = self
            .take(n)?
            .iter()
            .rev()
            .fold(0u64, |v, b| (v << 8) | u64::from(*b));
        usize::try_from(value).map_err(|_| damaged())
    }

    /// A little-endian integer of `n` bytes: signed, except for those of 1 and 2 (BININT1, BININT2).
    fn int(&mut self, n: usize) -> Words<()> {
        let bytes = self.take(n)?;
        if n > 8 {
            return Err(damaged());
        }
        let negative = n > 2 && bytes.last().is_some_and(|b| *b >= 0x80);
        let start = if negative { -1i64 } else { 0 };
        let value = bytes
            .iter()
            .rev()
            .fold(start, |v, b| (v << 8) | i64::from(*b));
        self.push(Value::Int(value));
        Ok(())
    }

    fn text(&mut self, length: usize) -> Words<()> {
        let n = self.length(length)?;
        let start = self.at;
        self.take(n)?;
        self.push(Value::Bytes(start..self.at));
        Ok(())
    }

    fn line(&mut self) -> Words<Range<usize>> {
        let start = self.at;
        while self.take(1)?[0] != b'\n' {}
        Ok(start..self.at - 1)
    }

    fn push(&mut self, value: Value) {
        self.stack.push(Rc::new(value));
    }

    fn pop(&mut self) -> Words<Rc<Value>> {
        self.stack.pop().ok_or_else(damaged)
    }

    /// What is above the last mark.
    fn marked(&mut self) -> Words<Vec<Rc<Value>>> {
        let mark = self.stack.iter().rposition(|v| matches!(**v, Value::Mark));
        let items = self.stack.split_off(mark.ok_or_else(damaged)? + 1);
        self.stack.pop();
        Ok(items)
    }

    fn extend(&mut self, items: Vec<Rc<Value>>) -> Words<()> {
        match &*self.pop()? {
            Value::Sequence(old) => {
                let all = old.iter().cloned().chain(items).collect();
                self.push(Value::Sequence(all));
                Ok(())
            }
            _ => Err(damaged()),
        }
    }

    fn set(&mut self, items: Vec<Rc<Value>>) -> Words<()> {
        match &*self.pop()? {
            Value::Dict(old) => {
                let pairs = items.chunks_exact(2);
                let pairs = pairs.map(|p| (Rc::clone(&p[0]), Rc::clone(&p[1])));
                let all = old.iter().cloned().chain(pairs).collect();
                self.push(Value::Dict(all));
                Ok(())
            }
            _ => Err(damaged()),
        }
    }
}

fn damaged() -> String {
    "a damaged pickle".to_owned()
}
