import { Lexer, type Token, type Tokens } from 'marked';

/** An element of a parsed answer. Tags and attribute names come from this file alone; an answer supplies only texts and checked links. */
export interface MarkdownElement {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly MarkdownNode[];
}

export type MarkdownNode = string | MarkdownElement;

const element = (
  tag: string,
  children: readonly MarkdownNode[],
  attributes: Readonly<Record<string, string>> = {},
): MarkdownElement => ({ tag, attributes, children });

/** The most characters, and the most marks among them. The parser's work grows with the square of the marks. */
const MAX_LENGTH = 100_000;
const MAX_MARKS = 8_000;
const MARK = /[*_~`[\]<>|]/g;
/** Lists that open inside each other on one line. The parser reads the rest of the line again for each. */
const DEEP_LISTS = /(?:(?:[-+*]|\d{1,9}[.)])[ \t]+){9}/;

const isCheap = (text: string): boolean =>
  text.length <= MAX_LENGTH && (text.match(MARK)?.length ?? 0) <= MAX_MARKS && !DEEP_LISTS.test(text);

/**
 * Parses an answer to a tree of elements. No HTML is made: markup in the answer stays text, and an image becomes a link, so that nothing
 * is loaded. An answer that is nested too deeply, or would take long, stays plain text.
 */
export function parseMarkdown(text: string): readonly MarkdownNode[] {
  if (!isCheap(text)) return [element('p', [text])];
  try {
    return toBlocks(new Lexer({ gfm: true, breaks: true }).lex(text));
  } catch (error) {
    if (error instanceof RangeError) return [element('p', [text])];
    throw error;
  }
}

const toBlocks = (tokens: readonly Token[]): readonly MarkdownNode[] => tokens.flatMap(toBlock);

function toBlock(token: Token): readonly MarkdownNode[] {
  switch (token.type) {
    case 'space':
    case 'def':
    case 'checkbox':
      return [];
    case 'hr':
      return [element('hr', [])];
    case 'code': {
      const { text, lang = '' } = token as Tokens.Code;
      const language = /^[\w+#.-]{1,30}/.exec(lang)?.[0];
      return [element('pre', [element('code', [text])], language === undefined ? {} : { 'data-language': language })];
    }
    case 'heading': {
      const { tokens, depth } = token as Tokens.Heading;
      // One level for all: an answer may begin with any, and a page may skip none.
      return [element('h2', toInline(tokens), { 'data-depth': `${depth}` })];
    }
    case 'blockquote':
      return [element('blockquote', toBlocks((token as Tokens.Blockquote).tokens))];
    case 'list':
      return [toList(token as Tokens.List)];
    case 'table':
      return [toTable(token as Tokens.Table)];
    case 'paragraph':
      return [element('p', toInline((token as Tokens.Paragraph).tokens))];
    case 'text':
      // The text of a list item: no paragraph of its own.
      return toInline((token as Tokens.Text).tokens ?? [token]);
    default:
      return [element('p', [token.raw])];
  }
}

function toList({ ordered, start, items }: Tokens.List): MarkdownElement {
  const children = items.map(({ tokens, task, checked }) =>
    element('li', [...(task ? [checked ? '☑ ' : '☐ '] : []), ...toBlocks(tokens)]),
  );
  const first = Number(start);
  return element(ordered ? 'ol' : 'ul', children, ordered && first !== 1 ? { start: `${first}` } : {});
}

function toTable({ header, rows }: Tokens.Table): MarkdownElement {
  const toCell = (tag: string, { tokens, align }: Tokens.TableCell): MarkdownElement =>
    element(tag, toInline(tokens), align === null ? {} : { 'data-align': align });
  return element('table', [
    element('thead', [
      element(
        'tr',
        header.map((cell) => toCell('th', cell)),
      ),
    ]),
    element(
      'tbody',
      rows.map((row) =>
        element(
          'tr',
          row.map((cell) => toCell('td', cell)),
        ),
      ),
    ),
  ]);
}

const toInline = (tokens: readonly Token[]): readonly MarkdownNode[] => tokens.flatMap(toInlineNodes);

function toInlineNodes(token: Token): readonly MarkdownNode[] {
  switch (token.type) {
    case 'strong':
    case 'em':
    case 'del':
      return [element(token.type, toInline((token as Tokens.Strong).tokens))];
    case 'codespan':
      return [element('code', [(token as Tokens.Codespan).text])];
    case 'br':
      return [element('br', [])];
    case 'link': {
      const { href, tokens } = token as Tokens.Link;
      return toLink(href, toInline(tokens));
    }
    case 'image': {
      const { href, text } = token as Tokens.Image;
      return toLink(href, [text || href]);
    }
    case 'checkbox':
      return [];
    case 'escape':
      return [(token as Tokens.Escape).text];
    case 'text': {
      const { tokens, text } = token as Tokens.Text;
      return tokens === undefined ? [decodeEntities(text)] : toInline(tokens);
    }
    default:
      return [token.raw];
  }
}

/** Makes a link of an absolute address that leads to another page or to a mailbox; any other address leaves the text alone. */
function toLink(href: string, children: readonly MarkdownNode[]): readonly MarkdownNode[] {
  if (!URL.canParse(href) || !['https:', 'http:', 'mailto:'].includes(new URL(href).protocol)) return children;
  return [element('a', children, { href, title: href, rel: 'noopener noreferrer nofollow', target: '_blank' })];
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };

/** Replaces the few references that models write; a text that is no reference stays. */
const decodeEntities = (text: string): string =>
  text.replace(/&(?:#(\d{1,6})|(\w{2,4}));/g, (whole, code?: string, name?: string) =>
    code === undefined ? (ENTITIES[name ?? ''] ?? whole) : String.fromCodePoint(Number(code)),
  );
