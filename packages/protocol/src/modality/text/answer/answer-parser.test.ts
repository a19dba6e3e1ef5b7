import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AnswerFormat, CALL_FAMILIES, listSpelledTokens, REASONING_PLACES } from './answer-format.ts';
import { type AnswerParts, type AnswerTerms, createAnswerParser, joinPieces, parseAnswer } from './answer-parser.ts';
import type { AnswerPiece } from './answer-pieces.ts';
import { MARKS_NAMES, REASONING_MARKS } from './reasoning-marks.ts';

interface AnswerVector extends AnswerTerms {
  readonly name: string;
  readonly format: AnswerFormat;
  readonly text: string;
  readonly answer: AnswerParts;
}

const { cases }: { cases: readonly AnswerVector[] } = JSON.parse(
  readFileSync(new URL('../../../../vectors/answer.json', import.meta.url), 'utf8'),
);

function readInParts(parts: readonly string[], format: AnswerFormat, terms: AnswerTerms): AnswerPiece[] {
  const parser = createAnswerParser(format, terms);
  return [...parts.flatMap((part) => parser.push(part)), ...parser.end()];
}

describe('an answer', () => {
  it.each(cases)('is parsed: $name', ({ text, format, answer, ...terms }) => {
    expect(parseAnswer(text, format, terms)).toEqual(answer);
    // Character by character, too.
    expect(joinPieces(readInParts([...text], format, terms))).toEqual(answer);
  });

  it('streams the arguments of a call before the call is complete', () => {
    const format: AnswerFormat = { calls: 'hermes', reasoning: 'none', marks: 'think' };
    const parser = createAnswerParser(format, { tools: ['f'], isForced: false });
    expect(parser.push('Hi <tool_')).toEqual([{ kind: 'content', text: 'Hi' }]);
    expect(parser.push('call>{"name": "f", "arguments": {"a"')).toEqual([
      { kind: 'call', call: 0, name: 'f' },
      { kind: 'arguments', call: 0, text: '{"a"' },
    ]);
    expect(parser.push(': 1}')).toEqual([{ kind: 'arguments', call: 0, text: ': 1}' }]);
    expect(parser.push('}</tool_call>')).toEqual([]);
    expect(parser.end()).toEqual([]);
  });
});

const fragments = [
  ...CALL_FAMILIES.flatMap((calls) => listSpelledTokens({ calls, marks: 'think' })),
  ...Object.values(REASONING_MARKS).flatMap(({ open, close }) => [open, close]),
  ...['<response>', '</response>', '[END FINAL RESPONSE]'],
  ...[
    '{"name": "f"',
    ', "arguments": {"a": ',
    '"arguments"',
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    ', ',
    ': ',
    '1',
    ' ',
    '\n',
    ';',
  ],
  ...[
    'call:f{',
    'k:',
    '[f(',
    'k=',
    ')',
    "'",
    'functions.f:0',
    '```json',
    'function',
    'analysis',
    'final',
    ' to=functions.f',
    'f',
    'é',
    '😀',
  ],
];
const texts = fc.array(fc.constantFrom(...fragments), { maxLength: 24 }).map((parts) => parts.join(''));

it('is the same for any split of the text, and ends for any output of a model', () => {
  const formats = CALL_FAMILIES.flatMap((calls) => REASONING_PLACES.map((reasoning) => ({ calls, reasoning })));
  const marked = fc.constantFrom(...MARKS_NAMES);
  fc.assert(
    fc.property(texts, fc.infiniteStream(fc.nat(6)), fc.boolean(), marked, (text, lengths, isForced, marks) => {
      const parts: string[] = [];
      for (let at = 0; at < text.length; at += parts.at(-1)?.length ?? 0)
        parts.push(text.slice(at, at + 1 + (lengths.next().value as number)));
      for (const each of formats) {
        const format: AnswerFormat = { ...each, marks };
        const terms = { tools: ['f'], isForced };
        expect(joinPieces(readInParts(parts, format, terms))).toEqual(parseAnswer(text, format, terms));
      }
    }),
    { numRuns: 300 },
  );
});

it('leaves a text without marks as it is', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z \n{}":,]*$/), (text) => {
      for (const calls of CALL_FAMILIES) {
        if (calls === 'harmony') continue;
        const { content } = parseAnswer(
          text,
          { calls, reasoning: 'marked', marks: 'think' },
          {
            tools: ['f'],
            isForced: false,
          },
        );
        expect(content).toBe(text);
      }
    }),
  );
});

it('parses a long reply in linear time', () => {
  const call = `<tool_call>{"name": "f", "arguments": {"a": "${'x'.repeat(20_000)}"}}</tool_call>`;
  const parser = createAnswerParser(
    { calls: 'hermes', reasoning: 'none', marks: 'think' },
    {
      tools: ['f'],
      isForced: false,
    },
  );
  const pieces = [...call.repeat(5)].flatMap((character) => parser.push(character));
  expect(joinPieces([...pieces, ...parser.end()]).calls).toHaveLength(5);
});

it('parses a long end of an answer in linear time', () => {
  const parser = createAnswerParser(
    { calls: 'hermes', reasoning: 'opened', marks: 'response' },
    { tools: [], isForced: false },
  );
  const text = `</think><response>Yes.</response>${' '.repeat(200_000)}`;
  const pieces = [...text].flatMap((character) => parser.push(character));
  expect(joinPieces([...pieces, ...parser.end()]).content).toBe('Yes.');
});
