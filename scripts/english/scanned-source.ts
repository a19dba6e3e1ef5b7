import { cleanComment } from './comments.ts';
import type { Fragment } from './fragment.ts';

/** Tokens that matter for finding comments: strings hide comment signs. */
interface Lexer {
  readonly token: RegExp;
  readonly isComment: (token: string, before: string) => boolean;
}

const C_LIKE: Lexer = {
  token: /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g,
  isComment: (token) => token.startsWith('/'),
};

const PYTHON: Lexer = {
  token: /#[^\n]*|"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g,
  // A docstring stands alone, at the top or below the line that opens a block.
  isComment: (token, before) =>
    token.startsWith('#') || (/^(?:"""|''')/.test(token) && /(?:^\s*|:[ \t]*(?:#[^\n]*)?\n\s*)$/.test(before)),
};

const isLine = (token: string): boolean => token.startsWith('//') || token.startsWith('#');
const strip = (token: string): string => token.replace(/^(?:\/\*\*?|"""|''')/, '').replace(/(?:\*\/|"""|''')$/, '');

/** Reads comments from Solidity, protocol buffers and Python. */
export function readComments(path: string, source: string): Fragment[] {
  const { token: pattern, isComment } = path.endsWith('.py') ? PYTHON : C_LIKE;
  const found: { start: number; end: number; text: string; isLine: boolean }[] = [];
  for (const { 0: token, index } of source.matchAll(pattern)) {
    if (!isComment(token, source.slice(Math.max(0, index - 200), index))) continue;
    const last = found.at(-1);
    if (last?.isLine && isLine(token) && /^[ \t]*\r?\n[ \t]*$/.test(source.slice(last.end, index))) {
      last.text += `\n${token}`;
      last.end = index + token.length;
    } else found.push({ start: index, end: index + token.length, text: strip(token), isLine: isLine(token) });
  }
  let line = 1;
  let at = 0;
  return found.map(({ start, text }) => {
    line += source.slice(at, start).split('\n').length - 1;
    at = start;
    return { kind: 'comment', line, text: cleanComment(text) };
  });
}
