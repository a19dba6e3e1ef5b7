import { lexer, type Token, type Tokens } from 'marked';
import { BREAK, type Fragment, type FragmentKind } from './fragment.ts';

const countLines = (text: string): number => text.split('\n').length - 1;

/** Text of inline tokens: links and emphasis keep their text, code stays in backticks, HTML goes. */
function readInline(tokens: readonly Token[]): string {
  return tokens
    .map((token) => {
      if (token.type === 'codespan') return token.raw;
      if (token.type === 'br') return `${BREAK}\n`;
      if (token.type === 'html' || token.type === 'image') return token.raw.replace(/[^\n]/g, '');
      if (token.type === 'escape') return token.text;
      if ('tokens' in token && token.tokens !== undefined) return readInline(token.tokens);
      return token.raw;
    })
    .join('');
}

function readBlocks(tokens: readonly Token[], firstLine: number, fragments: Fragment[]): void {
  let line = firstLine;
  for (const token of tokens) {
    readBlock(token, line, fragments);
    line += countLines(token.raw);
  }
}

function readBlock(token: Token, line: number, fragments: Fragment[]): void {
  const add = (kind: FragmentKind, at: number, inline: readonly Token[] | undefined): void => {
    fragments.push({ kind, line: at, text: readInline(inline ?? []) });
  };
  if (token.type === 'heading') add('heading', line, token.tokens);
  else if (token.type === 'paragraph' || token.type === 'text') add('doc', line, token.tokens ?? [token]);
  else if (token.type === 'blockquote') readBlocks(token.tokens ?? [], line, fragments);
  else if (token.type === 'list') readBlocks((token as Tokens.List).items, line, fragments);
  else if (token.type === 'list_item') readBlocks(token.tokens ?? [], line, fragments);
  else if (token.type === 'table') {
    const { header, rows } = token as Tokens.Table;
    for (const cell of header) add('heading', line, cell.tokens);
    // The line of signs between the header and the first row counts, too.
    for (const [index, row] of rows.entries())
      for (const { tokens } of row)
        fragments.push({ kind: 'doc', line: line + 2 + index, text: splitCell(readInline(tokens)) });
  }
}

/** Splits a cell at its semicolons: they separate the items of a list, because a cell cannot hold a list block. */
const splitCell = (text: string): string => text.replace(/; /g, `;${BREAK} `);

/** Reads prose from one page: paragraphs, list items, headings and table cells, each as a fragment of its own. */
export function readMarkdown(source: string): Fragment[] {
  const fragments: Fragment[] = [];
  const frontMatter = /^---\n[\s\S]*?\n---\n/.exec(source)?.[0] ?? '';
  readBlocks(lexer(source.slice(frontMatter.length)), 1 + countLines(frontMatter), fragments);
  return fragments;
}
