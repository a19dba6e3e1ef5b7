import { type Expression, type JSXChild, parseSync, type TemplateLiteral, Visitor } from 'oxc-parser';
import { cleanComment } from './comments.ts';
import { BREAK, type Fragment, MASK } from './fragment.ts';

interface Span {
  readonly start: number;
  readonly end: number;
}

const TEST_FILE = /\.(?:test|fuzz)\.tsx?$/;
/** Their strings are requests to models, not messages. */
const PROMPT_FILE = /(?:^|\/)prompts\.ts$/;
/** Characters of a line that is wrapped prose. */
const WRAPPED_LENGTH = 80;
const TEST_CALLS = new Set(['describe', 'it', 'test']);
const SQL =
  /^\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE|WITH|PRAGMA|ALTER|DROP|BEGIN|ORDER BY|WHERE|FROM|VALUES|ON CONFLICT)\b/;
const PLAIN_WORD = /^[("'‘“[]*[\p{L}\ue000][\p{L}\p{N}\ue000'’-]*[)\]"'’”.,;:!?…]*$/u;

/** A sentence has at least four words. Most of its parts are words: grammars, queries and class names have other signs. */
function isMessage(text: string): boolean {
  if (SQL.test(text)) return false;
  const parts = text.split(/[\s\u2029]+/).filter((part) => part !== '');
  const words = parts.filter((part) => PLAIN_WORD.test(part));
  return words.filter((word) => !word.startsWith(MASK)).length >= 4 && words.length >= parts.length * 0.7;
}

const readEscapes = (raw: string): string =>
  raw
    .replace(/\\(?:n|r|t)/g, BREAK)
    .replace(/\\u\{?[0-9a-fA-F]+\}?|\\x[0-9a-fA-F]{2}/g, '…')
    .replace(/\\(.)/g, '$1');

/** A template's short line is a line on the screen; a long one goes on in the next. Columns of a line stand apart. */
const readLines = (raw: string): string =>
  readEscapes(raw)
    .split('\n')
    .map((line) => line.replace(/(?<=\S) {2,}(?=\S)/g, (gap) => BREAK + gap))
    .map((line, index, lines) => ((lines[index - 1]?.length ?? WRAPPED_LENGTH) < WRAPPED_LENGTH ? BREAK + line : line))
    .join('\n');

/** Reads prose from one TypeScript file: comments, test names and, outside of tests, messages. */
export function readTypeScript(path: string, source: string): Fragment[] {
  const parsed = parseSync(path, source);
  const problem = parsed.errors.find(({ severity }) => severity === 'Error');
  if (problem !== undefined) throw new Error(`${path} does not parse: ${problem.message}`);
  const lineStarts = [0, ...[...source.matchAll(/\n/g)].map(({ index }) => index + 1)];
  const lineOf = (offset: number): number => {
    let low = 0;
    let high = lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((lineStarts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
  const fragments: Fragment[] = [];
  const isTest = TEST_FILE.test(path);
  const done = new Set<number>();

  /** Text of a template: inserted values become masks, with the line breaks that they span. */
  const readTemplate = ({ quasis }: TemplateLiteral): string =>
    quasis
      .map((quasi, index) => {
        const next = quasis[index + 1];
        const gap = next === undefined ? '' : source.slice(quasi.end, next.start);
        return readLines(quasi.value.raw) + (next === undefined ? '' : MASK + gap.replace(/[^\n]/g, ''));
      })
      .join('');

  /** Text of literals and of their sums; undefined if the expression has no text. */
  const readText = (node: Expression): string | undefined => {
    if (node.type === 'Literal' && typeof node.value === 'string') {
      done.add(node.start);
      return readEscapes(source.slice(node.start + 1, node.end - 1));
    }
    if (node.type === 'TemplateLiteral') {
      done.add(node.start);
      return readTemplate(node);
    }
    if (node.type === 'ParenthesizedExpression') return readText(node.expression);
    if (node.type === 'BinaryExpression' && node.operator === '+') {
      done.add(node.start);
      const parts = [readText(node.left), readText(node.right)];
      if (parts.every((part) => part === undefined)) return undefined;
      const gap = source.slice(node.left.end, node.right.start).replace(/[^\n]/g, '');
      return parts.map((part) => part ?? MASK).join(gap);
    }
    return undefined;
  };

  const addMessage = (node: Expression): void => {
    if (isTest || PROMPT_FILE.test(path) || done.has(node.start)) return;
    const text = readText(node);
    if (text !== undefined && isMessage(text)) fragments.push({ kind: 'message', line: lineOf(node.start), text });
  };

  /** Values and elements among the text of an element become masks, so that the text around them stays one sentence. */
  const addChildren = (children: readonly JSXChild[]): void => {
    const text = children.map(({ type, start, end }) => {
      const part = source.slice(start, end);
      return type === 'JSXText' ? part : MASK + part.replace(/[^\n]/g, '');
    });
    const first = children[0];
    if (first !== undefined && isMessage(text.join('')))
      fragments.push({ kind: 'message', line: lineOf(first.start), text: text.join('') });
  };

  new Visitor({
    CallExpression(node) {
      let callee: Expression = node.callee as Expression;
      while (callee.type !== 'Identifier') {
        if (callee.type === 'MemberExpression') callee = callee.object as Expression;
        else if (callee.type === 'CallExpression') callee = callee.callee as Expression;
        else if (callee.type === 'TaggedTemplateExpression') callee = callee.tag;
        else return;
      }
      const first = node.arguments[0];
      if (!isTest || !TEST_CALLS.has(callee.name) || first === undefined || first.type === 'SpreadElement') return;
      const text = readText(first);
      if (text !== undefined) fragments.push({ kind: 'test', line: lineOf(first.start), text });
    },
    BinaryExpression: addMessage,
    TemplateLiteral: addMessage,
    Literal: (node) => {
      if (typeof node.value === 'string') addMessage(node);
    },
    JSXElement: ({ children }) => addChildren(children),
    JSXFragment: ({ children }) => addChildren(children),
  }).visit(parsed.program);

  for (const { start, text } of joinLines(source, parsed.comments)) {
    fragments.push({ kind: 'comment', line: lineOf(start), text: cleanComment(text) });
  }
  return fragments;
}

/** Joins line comments that follow each other into one text. */
function joinLines(
  source: string,
  comments: readonly (Span & { type: string; value: string })[],
): { start: number; text: string }[] {
  const joined: { start: number; end: number; text: string; isLine: boolean }[] = [];
  for (const { type, value, start, end } of comments) {
    const last = joined.at(-1);
    const isLine = type === 'Line';
    const gap = last === undefined ? 'x' : source.slice(last.end, start);
    if (last?.isLine && isLine && /^[ \t]*\r?\n[ \t]*$/.test(gap)) {
      last.text += `\n${value}`;
      last.end = end;
    } else joined.push({ start, end, text: value, isLine });
  }
  return joined;
}
