// How Muster's plugins for runners on Node report: one JSON object a line into the file or pipe of MUSTER_EVENTS.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const TEXT_CHARS_MAX = 32 << 10;
const MESSAGE_CHARS_MAX = 4 << 10;

function take(name) {
  const value = process.env[name];
  delete process.env[name];
  return value;
}

class Reporter {
  constructor(place) {
    this.descriptor = place ? fs.openSync(place, 'a', 0o600) : null;
    this.pid = process.pid;
    this.items = 0;
  }

  send(event) {
    if (this.descriptor === null || process.pid !== this.pid) return;
    let rest = Buffer.from(JSON.stringify(event) + '\n');
    while (rest.length > 0) {
      try {
        rest = rest.subarray(fs.writeSync(this.descriptor, rest));
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error;
      }
    }
  }

  hello(version) {
    this.send({ event: 'hello', version: String(version) });
  }

  item(name) {
    this.items += 1;
    this.send({ event: 'item', name });
  }

  listed() {
    this.send({ event: 'listed', count: this.items });
  }

  started(name) {
    this.send({ event: 'started', name });
  }

  finished(name, outcome, { milliseconds, message = '', output = '' } = {}) {
    const seconds = Number.isFinite(milliseconds) ? Math.max(0, milliseconds) / 1000 : null;
    const texts = { message: clean(message, MESSAGE_CHARS_MAX), output: clean(output, TEXT_CHARS_MAX) };
    this.send({ event: 'finished', name, outcome, seconds, ...texts });
  }
}

function clean(text, max) {
  // eslint-disable-next-line no-control-regex
  const plain = wellFormed(String(text ?? '')).replace(/\u001b\[[0-9;]*m/g, '');
  if (plain.length <= max) return plain;
  const half = max >> 1;
  const leftOut = plain.length - 2 * half;
  return wellFormed(`${plain.slice(0, half)}\n[... ${leftOut} characters left out ...]\n${plain.slice(-half)}`);
}

// Lone halves of surrogate pairs are not text.
function wellFormed(text) {
  return text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, escaped);
}

// A name stands on one line: control characters are escaped.
function readable(text) {
  // eslint-disable-next-line no-control-regex
  return wellFormed(text).replace(/[\u0000-\u001f\u007f]/g, escaped);
}

function escaped(character) {
  const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character];
  const code = character.charCodeAt(0).toString(16);
  return short ?? (code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`);
}

// Gives every name that comes again a number: `a`, `a [again 2]`.
class Names {
  constructor() {
    this.seen = new Map();
  }

  next(name) {
    const plain = readable(name);
    const count = (this.seen.get(plain) ?? 0) + 1;
    this.seen.set(plain, count);
    return count === 1 ? plain : `${plain} [again ${count}]`;
  }
}

function fileName(file) {
  return readable(path.relative(process.cwd(), file).split(path.sep).join('/'));
}

// The wanted names, or null to list.
function readTests() {
  const place = take('MUSTER_TESTS');
  return place === undefined ? null : new Set(JSON.parse(fs.readFileSync(place, 'utf8')));
}

function textOf(error) {
  if (error === null || typeof error !== 'object') return String(error);
  const { stack, message } = error;
  const cause = error.cause ? `\ncaused by: ${textOf(error.cause)}` : '';
  const text = typeof stack === 'string' && stack.includes(String(message).split('\n')[0]) ? stack : `${message}\n${stack ?? ''}`;
  return text + cause;
}

function messageOf(error) {
  if (error === null || typeof error !== 'object') return String(error);
  const name = error.name && error.name !== 'Error' ? `${error.name}: ` : '';
  return error.message === undefined ? String(error) : name + error.message;
}

// What is not installed is told by this exit status.
function missing(what) {
  console.error(`${what} is not installed in ${process.cwd()}`);
  process.exit(127);
}

module.exports = { Names, Reporter, fileName, messageOf, missing, readTests, readable, take, textOf };
