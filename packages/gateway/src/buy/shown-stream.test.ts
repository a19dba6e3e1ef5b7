import { create } from '@bufbuild/protobuf';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { type TokenLogprob, TokenLogprobSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { DEFAULT_FORMAT } from '@ogong/protocol/modality/text/answer/answer-format';
import { describe, expect, it } from 'vitest';
import type { Delta } from './provider-call.ts';
import { createShownStream, type ShownStream } from './shown-stream.ts';

const REPLY = 'Über den Wolken 🦊 there was, once upon a time, a fox. '.repeat(3);
const tokenAt = (id: number): TokenLogprob =>
  create(TokenLogprobSchema, { id, bytes: new Uint8Array([id]), logprob: -id, alternatives: [] });
const say = (text: string, tokens: TokenLogprob[] = []): Delta => ({ text, tokens, format: DEFAULT_FORMAT });

/** A reply in pieces of any size, each of whole characters, with a token for each character. */
function cut(random: () => number, upTo = Number.POSITIVE_INFINITY): Delta[] {
  const characters = [...REPLY].slice(0, upTo);
  const pieces: Delta[] = [];
  for (let from = 0; from < characters.length; ) {
    const to = Math.min(characters.length, from + Math.floor(random() * 5));
    const tokens = characters.slice(from, to).map((_, i) => tokenAt((from + i) % 251));
    pieces.push(say(characters.slice(from, to).join(''), tokens));
    from = to;
  }
  return pieces;
}

function show(shown: ShownStream, pieces: readonly Delta[]): Delta[] {
  shown.restart();
  return pieces.map((piece) => shown.take(piece)).filter((fresh) => fresh !== undefined);
}

const differs = expect.objectContaining({ code: 'ogong_check_failed' });

describe('a reply that is shown over several tries', () => {
  it('has each character and token once, wherever tries break off and however they cut their pieces', () => {
    const random = createSeededRandom(7);
    for (let round = 0; round < 200; round++) {
      const shown = createShownStream();
      const all: Delta[] = [];
      for (let tries = 0; tries < 3; tries++) {
        all.push(...show(shown, cut(random, Math.floor(random() * 80))));
      }
      all.push(...show(shown, cut(random)));
      shown.end();
      expect(all.map(({ text }) => text).join('')).toBe(REPLY);
      expect(all.flatMap(({ tokens }) => tokens.map(({ id }) => id))).toEqual([...REPLY].map((_, i) => i % 251));
      expect(shown.textBytes).toBe(Buffer.byteLength(REPLY));
    }
  });

  it('passes everything of a first try on, pieces without text, too', () => {
    const shown = createShownStream();
    expect(shown.hasBegun).toBe(false);
    const pieces = [say(''), say('a'), say(''), say('b')];
    expect(show(shown, pieces)).toEqual(pieces);
    expect(shown.hasBegun).toBe(true);
  });

  it.each([
    ['another text', say('Once uqon')],
    ['another text behind one that is too short to tell', say('Onceupon')],
    ['another token', say('Once upon', [tokenAt(2)])],
    ['another log-probability', say('Once upon', [{ ...tokenAt(1), logprob: -1.5 }])],
    ['other bytes of a token', say('Once upon', [{ ...tokenAt(1), bytes: new Uint8Array([9]) }])],
    ['other alternatives', say('Once upon', [{ ...tokenAt(1), alternatives: [tokenAt(4)] }])],
    ['another format', { ...say('Once upon'), format: { ...DEFAULT_FORMAT, reasoning: 'opened' } } as Delta],
  ])('refuses a try that says %s', (_what, other) => {
    const shown = createShownStream();
    show(shown, [say('Once upon', [tokenAt(1)])]);
    expect(() => show(shown, [other])).toThrow(differs);
    // A good one still goes on.
    expect(show(shown, [say('Once upon a', [tokenAt(1), tokenAt(2)])])).toEqual([say(' a', [tokenAt(2)])]);
  });

  it('refuses a try that ends before it has said all of it', () => {
    const shown = createShownStream();
    show(shown, [say('Once upon', [tokenAt(1)])]);
    show(shown, [say('Once')]);
    expect(() => shown.end()).toThrow(differs);
    show(shown, [say('Once upon')]);
    expect(() => shown.end()).toThrow(differs);
    show(shown, [say('Once upon', [tokenAt(1)])]);
    expect(() => shown.end()).not.toThrow();
  });
});
