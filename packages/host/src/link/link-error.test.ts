import { describe, expect, it } from 'vitest';
import { createLogger } from '../log/logger.ts';
import { StoreError } from '../store/store-error.ts';
import { closeError, Refusal, type RefusalCode, toLinkError } from './link-error.ts';

const SECRET = 'quixambrevan';
const open = (words: string): Uint8Array => new TextEncoder().encode(words);

/** Everything that a log line, a peer or a crash report can show of an error. */
function show(error: Error): string {
  const lines: string[] = [];
  const log = createLogger({ name: 'test', destination: { write: (line) => void lines.push(line) } });
  log.error({ err: error }, 'it failed');
  return [...lines, String(error), error.stack, JSON.stringify(Object.entries(error))].join('\n');
}

class QuotingError extends Error {
  override readonly name = 'QuotingError';
  readonly code = 'engine-crashed';
  readonly text = SECRET;
}

describe('an error with sealed content', () => {
  it.each<[string, unknown]>([
    ['a refusal', new Refusal('invalid', `the input ${SECRET} is missing`)],
    ['a fault', new QuotingError(`token ${SECRET}`, { cause: new Error(SECRET) })],
    ['a fault whose message imitates frames', new Error(`failed\n    at ${SECRET} (file.ts:1:1)`)],
    ['a fault of a parser', new SyntaxError(`Unexpected token in "${SECRET}"`)],
    ['a fault of the disk', new StoreError('disk-full', SECRET, { cause: new Error(SECRET) })],
    ['no error at all', { message: SECRET }],
  ])('says nothing of it: %s', (_what, error) => {
    const closed = closeError(error, { place: 'request' });
    expect(show(closed)).not.toContain(SECRET);
  });

  it('keeps code and place of a refusal, and its words under the seal', () => {
    const refusal = new Refusal('precondition', `the input ${SECRET} is missing`);
    const closed = closeError(refusal, { place: 'media', seal: open });
    expect(closed).toMatchObject({ reason: 'precondition', rawMessage: expect.stringContaining('the media of') });
    const read = toLinkError(closed);
    expect(read).toMatchObject({ code: 'remote', refusal: 'precondition' });
    expect(new TextDecoder().decode(read.sealedWords)).toBe(refusal.rawMessage);
  });

  it.each<RefusalCode>(['invalid', 'conflict', 'unavailable', 'oversized'])(
    'of code %s has no words of its own',
    (code) => {
      const [one, other] = ['a', 'b'].map((words) => closeError(new Refusal(code, words), { place: 'reply' }).message);
      expect(one).toBe(other);
    },
  );

  it('keeps the message of a validator, which knows the order alone', () => {
    const refusal = new Refusal('not-admitted', 'the channel is empty');
    expect(closeError(refusal, { place: 'reply' })).toBe(refusal);
  });

  it('keeps class, code and frames of a fault', () => {
    const fault = new QuotingError(SECRET);
    const closed = closeError(fault, { place: 'reply' });
    expect(closed).toMatchObject({ name: 'QuotingError', code: 'engine-crashed' });
    expect(closed.stack).toContain('link-error.test.ts');
    expect(closeError(new StoreError('disk-full', ''), { place: 'reply' })).toMatchObject({ code: 'disk-full' });
  });

  it('brings no words that are longer than a header, or no base64', () => {
    const read = (words: string) => {
      const refusal = new Refusal('invalid', 'refused', new Uint8Array(1));
      refusal.metadata.set('ogong-sealed-words', words);
      return toLinkError(refusal).sealedWords;
    };
    expect(read('AAAA')).toEqual(new Uint8Array(3));
    expect(read('A'.repeat(8_196))).toBeUndefined();
    expect(read('?')).toBeUndefined();
  });
});
