import { describe, expect, it } from 'vitest';
import type { FragmentKind } from './fragment.ts';
import { checkFragment } from './rules.ts';
import { HOUSE_WORDS } from './words.ts';

const check = (text: string, kind: FragmentKind = 'comment', path = 'packages/a/src/x.ts') =>
  checkFragment(path, { kind, line: 1, text }).map(({ rule }) => rule);
const words = (count: number): string => `The ${Array.from({ length: count - 1 }, () => 'node').join(' ')}.`;

describe('rule of heads', () => {
  it.each([
    'What a validator signed.',
    'Who claims an older epoch closes it.',
    'Whom the beacon drew is paid.',
    'Whose money an order is.',
    'Whatever others say counts.',
    'Which model answered is signed.',
    'Of what an honest node waited for, the most.',
    'By whom it was signed is shown.',
    'That which is left goes back.',
    'Where nothing is known, it waits.',
    'And what is left goes back.',
    'The order is signed. What is left goes back.',
    'The order is signed; what is left goes back.',
    'A spent order: what is left goes back.',
    '(What is left goes back.)',
  ])('finds %j', (text) => {
    expect(check(text)).toContain('head');
  });

  it.each([
    'The payer signs what it received.',
    'The provider that answers first is paid.',
    'What does a receipt prove?',
    'The page answers one question. Who may call it?',
    'Refuses `what` as a name; `who` is another one.',
    'The title is "What a receipt proves".',
    'Returns whether the order is paid.',
    'Whether the order is paid.',
  ])('accepts %j', (text) => {
    expect(check(text)).toEqual([]);
  });

  it('accepts a short title', () => {
    expect(check('What a receipt proves', 'heading')).toEqual([]);
    expect(check('What a receipt proves to a reader who was absent', 'heading')).toEqual(['head']);
    expect(check('What a receipt proves', 'doc')).toEqual(['head']);
  });
});

describe('rule of length', () => {
  it.each([
    ['comment', 25],
    ['message', 25],
    ['test', 25],
    ['commit', 25],
    ['doc', 30],
  ] as const)('allows a %s %i words', (kind, limit) => {
    expect(check(words(limit), kind)).toEqual([]);
    expect(check(words(limit + 1), kind)).toEqual(['length']);
  });

  it('counts a code span, a quotation and a link as one word', () => {
    const rest = words(23).slice(0, -1);
    expect(check(`${rest} \`a b c d\` "e f g h".`)).toEqual([]);
    expect(check(`${rest} https://example.org/a-b_c and x.`)).toEqual(['length']);
  });

  it.each([
    [`${words(14).slice(0, -1)} at x. ${words(14)}`, []],
    [`${words(14).slice(0, -1)} says no. ${words(14)}`, []],
    [`${words(14).slice(0, -1)}, etc. ${words(14)}`, []],
    [`${words(14).slice(0, -1)}, i.e. ${words(14)}`, ['length']],
    [`${words(14).slice(0, -1)} in fig. 3 of ${words(14)}`, ['length']],
  ])('finds the end of sentences in %j', (text, findings) => {
    expect(check(text)).toEqual(findings);
  });

  it('takes list items and paragraphs as sentences of their own', () => {
    const half = words(20).slice(0, -1);
    expect(check(`${half}\n- ${half}\n- ${half}\n\n${half}`)).toEqual([]);
    expect(check(`${half}, e.g. ${half}`)).toEqual(['length']);
  });
});

describe('rule of house words', () => {
  const canaries: Readonly<Record<string, readonly [found: readonly string[], accepted: readonly string[]]>> = {
    'word (a signed statement)': [
      ["The payer's word is kept.", 'It is the word of a validator.', 'A better word counts.', 'It keeps its word.'],
      [
        'A 32-bit word is read.',
        'The words of a language are split.',
        'It is a keyword.',
        'The prompt has four words.',
      ],
    ],
    sitting: [['The sitting is over.'], ['The site is over.']],
    seat: [['Each seat votes.'], ['Each member votes.']],
    deed: [['The deed is done.'], ['It is done indeed.']],
    door: [['The door is closed.'], ['The model has a back door.']],
    'book (a store)': [
      ["The gateway's books agree."],
      ['A channel may book a call.', 'The prompt names a book about cats.'],
    ],
    'judge (outside of verdicts)': [
      ['The limit is judged here.'],
      ['The report is judged here.', 'A judge of names is left out.'],
    ],
    'heard, told, given, asked, held, kept (as nouns)': [
      ['The asked is listed.', 'It forgets the given.'],
      ['The given prompt is listed.', 'The reply was asked for.'],
    ],
    'take in': [
      ['It takes in the record.', 'It is taken in.'],
      ['It is taken in order.', 'It takes part in a round.'],
    ],
    'hold against': [['It holds the list against the chain.'], ['It holds the list.']],
    whoever: [['It is sent to whoever asks.'], ['It is sent to the caller.']],
  };

  it('has canaries for every word', () => {
    expect(Object.keys(canaries)).toEqual(HOUSE_WORDS.map(({ word }) => word));
  });

  it.each(Object.entries(canaries))('finds %s', (_word, [found, accepted]) => {
    for (const text of found) expect(check(text), text).toEqual(['word']);
    for (const text of accepted) expect(check(text), text).toEqual([]);
  });

  it('allows the verb "judge" where verdicts are made', () => {
    expect(check('The limit is judged here.', 'comment', 'packages/protocol/src/verdict/judge.ts')).toEqual([]);
  });

  it('ignores code and quotations', () => {
    expect(check('The field `door` and the name "sitting" stay.')).toEqual([]);
  });
});
