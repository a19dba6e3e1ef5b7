import { type CodePointRange, type Expression, invertRanges, normaliseRanges, type Rules } from './expression.ts';
import { GrammarError } from './grammar-error.ts';
import type { WorkBudget } from './work-budget.ts';

/** The most bytes of a grammar. It also bounds the work with it (docs/spec/grammar.md). */
export const MAX_GRAMMAR_BYTES: number = 2 ** 17;
export const MAX_RULES = 8192;
export const MAX_REPEATS = 65_536;
const MAX_DEPTH = 64;
const ANY_CHARACTER: Expression = { kind: 'class', ranges: invertRanges([]) };

/**
 * Parses a grammar in llama.cpp's notation GBNF (docs/spec/grammar.md). Its token syntax is refused, because a grammar
 * describes texts for any vocabulary.
 * @throws GrammarError naming the line.
 */
export function parseGrammar(text: string, { charge }: Pick<WorkBudget, 'charge'>): Rules {
  if (text.length > MAX_GRAMMAR_BYTES) throw tooLong();
  charge(text.length);
  if (!text.isWellFormed())
    throw new GrammarError('invalid-grammar', 'the grammar is no text: it holds half a character');
  if (new TextEncoder().encode(text).length > MAX_GRAMMAR_BYTES) throw tooLong();
  const cursor = createCursor(text);
  const rules = new Map<string, Expression>();
  cursor.skipSpace(true);
  while (!cursor.isAtEnd()) {
    const name = cursor.readName();
    cursor.skipSpace(false);
    cursor.expect('::=');
    if (rules.has(name)) throw cursor.problem(`the rule ${name} stands here twice`);
    if (rules.size >= MAX_RULES) throw cursor.problem(`a grammar has at most ${MAX_RULES} rules`);
    cursor.skipSpace(true);
    rules.set(name, parseChoice(cursor, 0));
    if (!cursor.isAtEnd() && !cursor.isAtLineEnd()) throw cursor.problem(`${cursor.show()} is not expected here`);
    cursor.skipSpace(true);
  }
  if (!rules.has('root')) throw new GrammarError('invalid-grammar', 'the grammar has no rule called root');
  for (const [name, expression] of rules) assertDefined(name, expression, rules);
  return rules;
}

const tooLong = (): GrammarError =>
  new GrammarError('invalid-grammar', `a grammar has at most ${MAX_GRAMMAR_BYTES} bytes`);

function assertDefined(name: string, expression: Expression, rules: Rules): void {
  if (expression.kind === 'rule' && !rules.has(expression.name))
    throw new GrammarError('invalid-grammar', `the rule ${name} names ${expression.name}, which is not defined`);
  for (const part of partsOf(expression)) assertDefined(name, part, rules);
}

/** Returns the parts of an expression. */
export function partsOf(expression: Expression): readonly Expression[] {
  if (expression.kind === 'sequence') return expression.items;
  if (expression.kind === 'choice') return expression.options;
  return expression.kind === 'repeat' ? [expression.body] : [];
}

const NAME_CHARACTERS = new Set('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-');
const isOfName = (character: string | undefined): boolean => character !== undefined && NAME_CHARACTERS.has(character);
const isDigit = (character: string | undefined): boolean =>
  character !== undefined && character >= '0' && character <= '9';

/** A reader of characters that knows its line. */
function createCursor(text: string) {
  const characters = Array.from(text);
  let at = 0;
  const problem = (message: string): GrammarError => {
    const line = characters.slice(0, at).filter((character) => character === '\n').length + 1;
    return new GrammarError('invalid-grammar', `line ${line} of the grammar: ${message}`);
  };
  const peek = (ahead = 0): string | undefined => characters[at + ahead];
  const startsWith = (word: string): boolean => Array.from(word).every((character, i) => peek(i) === character);
  return {
    problem,
    peek,
    isAtEnd: () => at >= characters.length,
    isAtLineEnd: () => peek() === '\n' || peek() === '\r',
    show: () => (peek() === undefined ? 'the end' : JSON.stringify(peek())),
    /** Consumes the next character. */
    take(): string {
      const character = characters[at++];
      if (character === undefined) throw problem('the grammar ends in the middle of a rule');
      return character;
    },
    takeIf(character: string): boolean {
      if (peek() !== character) return false;
      at++;
      return true;
    },
    expect(word: string): void {
      if (!startsWith(word)) throw problem(`expected ${word}`);
      at += word.length;
    },
    /** Skips blanks and comments, and line ends if a rule continues or ends. */
    skipSpace(acrossLines: boolean): void {
      for (;;) {
        const character = peek();
        if (character === '#') {
          while (peek() !== undefined && peek() !== '\n' && peek() !== '\r') at++;
        } else if (
          character === ' ' ||
          character === '\t' ||
          (acrossLines && (character === '\n' || character === '\r'))
        ) {
          at++;
        } else {
          return;
        }
      }
    },
    readName(): string {
      const from = at;
      while (isOfName(peek())) at++;
      if (at === from) throw problem(`expected the name of a rule, not ${JSON.stringify(peek() ?? 'the end')}`);
      return characters.slice(from, at).join('');
    },
    readInteger(): number | undefined {
      const from = at;
      while (isDigit(peek())) at++;
      if (at === from) return undefined;
      const value = Number(characters.slice(from, at).join(''));
      if (value > MAX_REPEATS) throw problem(`a part repeats at most ${MAX_REPEATS} times`);
      return value;
    },
  };
}
type Cursor = ReturnType<typeof createCursor>;

function parseChoice(cursor: Cursor, depth: number): Expression {
  if (depth > MAX_DEPTH) throw cursor.problem(`groups stand in each other deeper than ${MAX_DEPTH}`);
  const options = [parseSequence(cursor, depth)];
  while (cursor.takeIf('|')) {
    cursor.skipSpace(true);
    options.push(parseSequence(cursor, depth));
  }
  return options.length === 1 ? (options[0] as Expression) : { kind: 'choice', options };
}

function parseSequence(cursor: Cursor, depth: number): Expression {
  const items: Expression[] = [];
  for (;;) {
    const item = parseItem(cursor, depth);
    if (item === undefined) break;
    items.push(parseRepeats(cursor, item, depth));
    cursor.skipSpace(depth > 0);
  }
  return items.length === 1 ? (items[0] as Expression) : { kind: 'sequence', items };
}

function parseItem(cursor: Cursor, depth: number): Expression | undefined {
  const next = cursor.peek();
  if (next === '"') return parseLiteral(cursor);
  if (next === '[') return parseClass(cursor);
  if (cursor.takeIf('.')) return ANY_CHARACTER;
  if (cursor.takeIf('(')) {
    cursor.skipSpace(true);
    const group = parseChoice(cursor, depth + 1);
    cursor.skipSpace(true);
    cursor.expect(')');
    return group;
  }
  if (next === '<' || next === '!') throw cursor.problem('tokens cannot be named; write the text that they spell');
  return isOfName(next) ? { kind: 'rule', name: cursor.readName() } : undefined;
}

function parseRepeats(cursor: Cursor, item: Expression, depth: number): Expression {
  let body = item;
  for (let level = 0; ; level++) {
    const range = readRange(cursor);
    if (range === undefined) return body;
    if (level + depth > MAX_DEPTH) throw cursor.problem(`repeats stand in each other deeper than ${MAX_DEPTH}`);
    body = { kind: 'repeat', body, ...range };
  }
}

function readRange(cursor: Cursor): { readonly min: number; readonly max: number } | undefined {
  if (cursor.takeIf('*')) return { min: 0, max: Number.POSITIVE_INFINITY };
  if (cursor.takeIf('+')) return { min: 1, max: Number.POSITIVE_INFINITY };
  if (cursor.takeIf('?')) return { min: 0, max: 1 };
  if (!cursor.takeIf('{')) return undefined;
  cursor.skipSpace(false);
  const least = cursor.readInteger();
  cursor.skipSpace(false);
  let max = least;
  if (cursor.takeIf(',')) {
    cursor.skipSpace(false);
    max = cursor.readInteger() ?? Number.POSITIVE_INFINITY;
    cursor.skipSpace(false);
  }
  cursor.expect('}');
  const min = least ?? 0;
  if (max === undefined || max < min)
    throw cursor.problem('a repeat is {n}, {n,}, {n,m} or {,m}, the smaller number first');
  return { min, max };
}

function parseLiteral(cursor: Cursor): Expression {
  cursor.expect('"');
  let text = '';
  while (!cursor.takeIf('"')) text += String.fromCodePoint(readCharacter(cursor));
  return { kind: 'literal', text };
}

function parseClass(cursor: Cursor): Expression {
  cursor.expect('[');
  const isInverted = cursor.takeIf('^');
  const ranges: CodePointRange[] = [];
  while (!cursor.takeIf(']')) {
    const first = readCharacter(cursor);
    const isRange = cursor.peek() === '-' && cursor.peek(1) !== ']';
    if (isRange) cursor.take();
    const last = isRange ? readCharacter(cursor) : first;
    if (last < first) throw cursor.problem('a range of characters ends before it begins');
    ranges.push([first, last]);
  }
  const known = normaliseRanges(ranges);
  return { kind: 'class', ranges: isInverted ? invertRanges(known) : known };
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', r: '\r', n: '\n' };
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

function readCharacter(cursor: Cursor): number {
  const character = cursor.take();
  if (character !== '\\') return character.codePointAt(0) as number;
  const code = cursor.take();
  const digits = HEX_DIGITS[code];
  if (digits === undefined) {
    if (!/^["\\[\]trn/^-]$/.test(code)) throw cursor.problem(`there is no escape \\${code}`);
    return (ESCAPES[code] ?? code).codePointAt(0) as number;
  }
  let hex = '';
  for (let i = 0; i < digits; i++) hex += cursor.take();
  const value = /^[0-9a-fA-F]+$/.test(hex) ? Number.parseInt(hex, 16) : Number.NaN;
  if (!(value <= 0x10ffff) || (value >= 0xd800 && value <= 0xdfff))
    throw cursor.problem(`\\${code}${hex} is no character`);
  return value;
}
