/** A token that only a template may write: its id means something besides its text. */
export interface ControlToken {
  readonly text: string;
  /** Whether white space before or after it is no part of the prompt. */
  readonly stripsBefore?: boolean;
  readonly stripsAfter?: boolean;
}

/** A stretch of a prompt. In one that is `literal`, the text of a control token is text. */
export interface PromptStretch {
  readonly text: string;
  readonly literal: boolean;
}

/**
 * Keeps the template's own text apart from the request's text, through a template that mixes both. Before the template, control
 * tokens in the request are quoted. After it, the prompt is cut between the two (docs/spec/prompt.md, "Prompt tokens").
 */
export interface LiteralText {
  /** A text of the request, as the template gets it. */
  quote(text: string): string;
  /** `quote` of every text in a value of JSON, plain or exact, keys among them. */
  quoteAll(value: unknown): unknown;
  /** @param rendered the template's output for quoted texts. */
  cut(rendered: string): readonly PromptStretch[];
}

/** A noncharacter: the character after it is read as text. It stands in prompts between these two functions only. */
export const QUOTE = '\ufdd0';

export function createLiteralText(tokens: readonly ControlToken[]): LiteralText {
  const controls = new Map(tokens.filter(({ text }) => text !== '').map((token) => [token.text, token]));
  const texts = [...controls.keys()].sort((a, b) => b.length - a.length);
  const prefixes = new Set(texts.flatMap((text) => ends(text).map((length) => text.slice(0, length))));
  const suffixes = new Set(texts.flatMap((text) => ends(text).map((length) => text.slice(-length))));
  const longest = texts[0]?.length ?? 0;
  // Also a quote that stands in the text itself.
  const quotable = new RegExp([QUOTE, ...texts].map(escapePattern).join('|'), 'g');
  const readable = new RegExp([`${QUOTE}[^]?`, ...texts.map(escapePattern)].join('|'), 'g');

  const quote = (text: string): string => {
    // Tokenizers drop NUL, and the text on both sides would join afterwards.
    const clean = text.replaceAll('\0', '');
    const places = new Set<number>();
    quotable.lastIndex = 0;
    for (let found = quotable.exec(clean); found; found = quotable.exec(clean)) {
      places.add(found.index);
      quotable.lastIndex = found.index + 1;
    }
    // A template may trim a text, and then write the other half of a token beside it.
    const start = clean.length - clean.trimStart().length;
    const end = clean.trimEnd().length;
    for (let length = 1; length < longest; length++) {
      for (const to of [end, clean.length]) {
        if (length <= to && prefixes.has(clean.slice(to - length, to))) places.add(to - length);
      }
      for (const from of [0, start]) {
        if (suffixes.has(clean.slice(from, from + length))) places.add(from);
      }
    }
    if (places.size === 0) return clean;
    const cuts = [...places].sort((a, b) => a - b);
    return cuts.map((at, i) => (i === 0 ? clean.slice(0, at) : '') + QUOTE + clean.slice(at, cuts[i + 1])).join('');
  };

  const quoteAll = (value: unknown): unknown => {
    if (typeof value === 'string') return quote(value);
    if (Array.isArray(value)) return value.map(quoteAll);
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Map) return new Map([...value].map(([key, item]) => [quote(key as string), quoteAll(item)]));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [quote(key), quoteAll(item)]));
  };

  return {
    quote,
    quoteAll,
    cut(rendered) {
      const stretches: PromptStretch[] = [];
      let read = '';
      let plain = '';
      let isQuoted = false;
      let before: ControlToken | undefined;
      // A stretch without quotes stays in one piece with the control tokens around it, so that the tokenizer's own rules hold there.
      const endPlain = (after?: ControlToken): void => {
        if (isQuoted) {
          if (read !== '') stretches.push({ text: read, literal: false });
          let text = plain;
          if (before?.stripsAfter) text = text.replace(LEADING_SPACE, '');
          if (after?.stripsBefore) text = trimSpaceAtEnd(text);
          if (text !== '') stretches.push({ text, literal: true });
          read = '';
        } else read += plain;
        plain = '';
        isQuoted = false;
        before = after;
        read += after?.text ?? '';
      };
      let at = 0;
      for (const found of rendered.matchAll(readable)) {
        const [text] = found;
        plain += rendered.slice(at, found.index);
        at = found.index + text.length;
        if (text.startsWith(QUOTE)) {
          plain += text.slice(QUOTE.length);
          isQuoted = true;
        } else endPlain(controls.get(text));
      }
      plain += rendered.slice(at);
      endPlain();
      if (read !== '') stretches.push({ text: read, literal: false });
      return stretches;
    },
  };
}

/** White space as C's isspace has it, in every locale. */
const LEADING_SPACE = /^[ \t\n\v\f\r]+/;

function trimSpaceAtEnd(text: string): string {
  let end = text.length;
  while (end > 0 && ' \t\n\v\f\r'.includes(text[end - 1] as string)) end--;
  return text.slice(0, end);
}

/** Lengths of the proper beginnings, and of the proper ends, of a text. */
const ends = (text: string): number[] => Array.from({ length: text.length - 1 }, (_, i) => i + 1);

const escapePattern = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
