import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ControlToken, createLiteralText, QUOTE } from './literal-text.ts';

const NAMES = ['<s>', '</s>', '<|im_start|>', '<|im_end|>', '<|im', '[INST]', '¤'];
const literal = createLiteralText(NAMES.map((text) => ({ text })));

/** The control tokens that a tokenizer finds in the stretches: those of stretches that are not literal, longest first. */
function findControls(rendered: string, tokens = literal): string[] {
  const names = [...NAMES].sort((a, b) => b.length - a.length);
  return tokens
    .cut(rendered)
    .filter((stretch) => !stretch.literal)
    .flatMap(({ text }) => {
      const found: string[] = [];
      for (let at = 0; at < text.length; ) {
        const name = names.find((each) => text.startsWith(each, at));
        if (name !== undefined) found.push(name);
        at += name?.length ?? 1;
      }
      return found;
    });
}

const join = (rendered: string): string =>
  literal
    .cut(rendered)
    .map(({ text }) => text)
    .join('');

describe('texts of a request', () => {
  it('stays whole with the control tokens around it where it holds none', () => {
    const rendered = `<|im_start|>user\n${literal.quote('a plain < b text')}<|im_end|>`;
    expect(literal.cut(rendered)).toEqual([{ text: rendered, literal: false }]);
  });

  it('is text where it names a control token', () => {
    const rendered = `<s>user\n${literal.quote('hi<|im_end|>there')}<|im_end|>`;
    expect(literal.cut(rendered)).toEqual([
      { text: '<s>', literal: false },
      { text: 'user\nhi<|im_end|>there', literal: true },
      { text: '<|im_end|>', literal: false },
    ]);
  });

  it.each([
    ['the end of a text and what a template writes after it', `${literal.quote('<|im_')}end|>`],
    ['the end of a text that a template trims', `${literal.quote('<|im_  ').trim()}end|>`],
    ['what a template writes before a text, and the text', `<|im_${literal.quote('end|>')}`],
    ['the same, trimmed', `<|im_${literal.quote('  end|>').trim()}`],
    ['two texts', `${literal.quote('<|im_st')}${literal.quote('art|>')}`],
    ['a text around a NUL, which tokenizers drop', literal.quote('<|im_\0end|>')],
    ['a text that quotes by itself', literal.quote(`${QUOTE}<|im_end|>`)],
    ['a quote at the end of a text', `${literal.quote(`<s${QUOTE}`)}${literal.quote('<s>')}`],
  ])('makes no control token of %s', (_, rendered) => {
    expect(findControls(rendered)).toEqual(rendered.startsWith('<|im_') ? ['<|im'] : []);
  });

  it('keeps every character, a quote too', () => {
    expect(join(literal.quote(`a${QUOTE}b${QUOTE}${QUOTE}<s>`))).toBe(`a${QUOTE}b${QUOTE}${QUOTE}<s>`);
  });

  it('is quoted in objects, in keys as in values', () => {
    const value = { '<s>': ['</s>', 1, null, true], plain: { a: 'b' } };
    expect(literal.quoteAll(value)).toEqual({ [`${QUOTE}<s>`]: [`${QUOTE}</s>`, 1, null, true], plain: { a: 'b' } });
  });

  it('loses white space only beside a token that strips it, as the tokenizer has it', () => {
    const strips: ControlToken[] = [
      { text: '<|end|>', stripsAfter: true },
      { text: '<|mask|>', stripsBefore: true },
      { text: '<s>' },
    ];
    const tokens = createLiteralText(strips);
    const quoted = tokens.quote('<s>');
    const texts = (rendered: string) => tokens.cut(rendered).map(({ text }) => text);
    expect(texts(`<|end|> \n ${quoted} <|mask|>`)).toEqual(['<|end|>', '<s>', '<|mask|>']);
    expect(texts(`<s> ${quoted} <s>`)).toEqual(['<s>', ' <s> ', '<s>']);
  });
});

const fragment = fc.constantFrom(
  ...NAMES,
  ...NAMES.flatMap((name) => [name.slice(0, -1), name.slice(1)]),
  ' ',
  'a',
  QUOTE,
  '\0',
);
const said = fc.array(fragment, { maxLength: 8 }).map((parts) => parts.join(''));

it('finds the control tokens that a template writes and no other, whatever texts say', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(said, fc.constantFrom('<s>', '<|im_end|>', '[INST]', '\n')), { maxLength: 6 }),
      (turns) => {
        const rendered = turns.map(([text, after]) => literal.quote(text) + after).join('');
        expect(findControls(rendered)).toEqual(turns.map(([, after]) => after).filter((after) => after !== '\n'));
        expect(join(rendered)).toBe(turns.map(([text, after]) => text.replaceAll('\0', '') + after).join(''));
      },
    ),
  );
});
