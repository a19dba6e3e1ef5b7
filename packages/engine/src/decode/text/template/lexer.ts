import { TemplateError } from './values.ts';

/** A piece of a template's source. A statement stands between `{%` and `%}`, an expression between `{{` and `}}`. */
export interface Token {
  readonly kind:
    | 'data'
    | 'statement-begin'
    | 'statement-end'
    | 'expression-begin'
    | 'expression-end'
    | 'name'
    | 'text'
    | 'int'
    | 'float'
    | 'operator'
    | 'end';
  readonly text: string;
  readonly line: number;
}

const OPEN = /\{(?:%([-+]?)\s*raw\s*(?:-%\}\s*|%\})|([%{#])([-+]?))/g;
const END_OF_COMMENT = /\+#\}|-#\}\s*|#\}\n?/g;
const END_OF_RAW = /\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)/g;
const END_OF_STATEMENT = /\+%\}|-%\}\s*|%\}\n?/y;
const END_OF_EXPRESSION = /-\}\}\s*|\}\}/y;
const SPACE = /\s+/y;
const FLOAT = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy;
const INT = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const NAME = /[\p{ID_Start}_][\p{ID_Continue}]*/uy;
const TEXT = /'([^'\\]*(?:\\.[^'\\]*)*)'|"([^"\\]*(?:\\.[^"\\]*)*)"/sy;
const OPERATOR = /\/\/|\*\*|[=!<>]=|[-+/*%~[\](){}=<>.:|,;]/y;
const CLOSING: Readonly<Record<string, string>> = { '{': '}', '(': ')', '[': ']' };

const match = (pattern: RegExp, source: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at;
  return pattern.exec(source);
};

/**
 * Cuts a source into tokens by the rules of jinja2 with `trim_blocks` and `lstrip_blocks`, as published templates are read.
 * @throws TemplateError naming the line.
 */
export function readTokens(given: string): readonly Token[] {
  const source = given.replaceAll(/\r\n?/g, '\n').replace(/\n$/, '');
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  const add = (kind: Token['kind'], text: string): void => {
    tokens.push({ kind, text, line });
  };
  const fail = (message: string): never => {
    throw new TemplateError(`line ${line}: ${message}`);
  };
  const advance = (to: number): void => {
    for (let i = source.indexOf('\n', at); i >= 0 && i < to; i = source.indexOf('\n', i + 1)) line++;
    at = to;
  };
  /** Adds the text before a tag, and strips its end as the sign of the tag says. */
  const addData = (to: number, sign: string, isExpression: boolean): void => {
    let text = source.slice(at, to);
    if (sign === '-') text = text.trimEnd();
    else if (sign !== '+' && !isExpression) {
      const start = text.lastIndexOf('\n') + 1;
      const isLineStart = start > 0 || at === 0 || source[at - 1] === '\n';
      if (isLineStart && text.slice(start).trim() === '') text = text.slice(0, start);
    }
    if (text !== '') add('data', text);
    advance(to);
  };

  while (at < source.length) {
    const tag = match(OPEN, source, at);
    if (tag === null) {
      add('data', source.slice(at));
      break;
    }
    const [whole, rawSign, mark, sign = ''] = tag;
    addData(tag.index, rawSign ?? sign, mark === '{');
    advance(tag.index + whole.length);
    if (mark === undefined) readRaw();
    else if (mark === '#') {
      const end = match(END_OF_COMMENT, source, at) ?? fail('missing end of comment tag');
      advance(end.index + end[0].length);
    } else readTag(mark);
  }
  add('end', '');
  return tokens;

  function readRaw(): void {
    const end = match(END_OF_RAW, source, at) ?? fail('missing end of raw directive');
    addData(end.index, end[1] ?? '', false);
    advance(end.index + end[0].length);
  }

  function readTag(mark: string): void {
    const kind = mark === '%' ? 'statement' : 'expression';
    add(`${kind}-begin`, '');
    const ends = mark === '%' ? END_OF_STATEMENT : END_OF_EXPRESSION;
    const open: string[] = [];
    for (;;) {
      const end = open.length === 0 ? match(ends, source, at) : null;
      if (end !== null) {
        add(`${kind}-end`, '');
        advance(at + end[0].length);
        return;
      }
      if (at >= source.length) fail('unexpected end of template');
      advance(at + readOne(open));
    }
  }

  /** Adds the token at the place, if it is one. @returns its length. */
  function readOne(open: string[]): number {
    const [space] = match(SPACE, source, at) ?? [];
    if (space !== undefined) return space.length;
    const [float] = match(FLOAT, source, at) ?? [];
    if (float !== undefined) return addAs('float', float);
    const [int] = match(INT, source, at) ?? [];
    if (int !== undefined) return addAs('int', int);
    const [name] = match(NAME, source, at) ?? [];
    if (name !== undefined) return addAs('name', name);
    const quoted = match(TEXT, source, at);
    if (quoted !== null) {
      add('text', readEscapes(quoted[1] ?? quoted[2] ?? ''));
      return quoted[0].length;
    }
    const [operator] = match(OPERATOR, source, at) ?? fail(`unexpected character ${JSON.stringify(source[at])}`);
    const closing = CLOSING[operator];
    if (closing !== undefined) open.push(closing);
    else if ('})]'.includes(operator) && open.pop() !== operator) fail(`unexpected '${operator}'`);
    return addAs('operator', operator);
  }

  function addAs(kind: Token['kind'], text: string): number {
    add(kind, text);
    return text.length;
  }

  function readEscapes(text: string): string {
    return text.replaceAll(ESCAPE, (whole, code: string) => {
      const known = ESCAPES[code];
      if (known !== undefined) return known;
      if (/^[0-7]/.test(code)) return String.fromCodePoint(Number.parseInt(code, 8));
      if (/^[xuU]./.test(code)) {
        const point = Number.parseInt(code.slice(1), 16);
        return point > 0x10ffff ? fail('illegal Unicode character') : String.fromCodePoint(point);
      }
      return 'xuUN'.includes(code) ? fail(`truncated \\${code} escape`) : whole;
    });
  }
}

const ESCAPE = /\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{1,3}|.)/gs;
const ESCAPES: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};
