import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { readPayeeStatement, signProviderPayee, verifyProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { afterAll, describe, expect, it } from 'vitest';
import { openCarriedStatement, readStatementFile, writeWordFile } from './payee-statement-file.ts';

const directory = createTestDirectory('payee-word');
afterAll(() => directory.remove());
const path = join(directory.path, 'word.json');
const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(1) };
const providerId = new Uint8Array(32).fill(2);
const payee = createTestPayee('payee');
const START_MS = 1_750_000_000_000;
const DAY_MS = 86_400_000;

function bring(untilMs: number, signer = payee, change: (content: Record<string, string>) => void = () => {}): void {
  const word = signProviderPayee(crypto, signer, { ledger, providerId, validUntilMs: untilMs });
  writeWordFile(path, { ledger, providerId, payee: signer.address, word });
  const content = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
  change(content);
  writeFileSync(path, JSON.stringify(content));
}
const read = (given: Partial<Parameters<typeof readStatementFile>[1]> = {}) =>
  readStatementFile('test', { path, crypto, ledger, providerId, nowMs: START_MS, ...given });

describe('a statement that is carried in a file', () => {
  it('names its payee, and holds for the key and the network that it was signed for', () => {
    bring(START_MS + DAY_MS);
    const found = read();
    expect(found).toMatchObject({ payee: payee.address, validUntilMs: START_MS + DAY_MS });
    const claim = { providerId, payee: payee.address, payeeWord: found.word, untilMs: START_MS + DAY_MS };
    expect(verifyProviderPayee(crypto, ledger, claim)).toBe(true);
  });

  it.each([
    ['another key', { providerId: new Uint8Array(32).fill(3) }, /it is for the provider 0x0202/],
    ['another chain', { ledger: { ...ledger, chainId: 1n } }, /on chain 31337, and this provider serves/],
    [
      'another escrow',
      { ledger: { ...ledger, verifyingContract: new Uint8Array(20).fill(9) } },
      /this provider serves/,
    ],
    ['the past', { nowMs: START_MS + DAY_MS }, /it ended at 2025-/],
    ['no file', { path: `${path}.none` }, /ENOENT/],
  ])('is refused for %s', (_what, given, words) => {
    bring(START_MS + DAY_MS);
    expect(() => read(given)).toThrow(words);
  });

  it.each([
    ['names somebody who did not sign', (content) => (content.payee = `0x${'11'.repeat(20)}`), /did not sign it/],
    [
      'is longer than it was signed for',
      (content) => (content.word = `0x${'00'.repeat(5)}ff${content.word?.slice(14)}`),
      /sign/,
    ],
    ['has a field more', (content) => (content.more = 'x'), /no file that `ogong payee sign` made/],
    ['has no word', (content) => delete content.word, /no file that/],
    ['is too large', (content) => (content.validUntil = 'x'.repeat(5_000)), /larger/],
  ] as [string, (content: Record<string, string>) => void, RegExp][])(
    'is refused where it %s',
    (_what, bend, words) => {
      bring(START_MS + DAY_MS, payee, bend);
      expect(() => read()).toThrow(words);
    },
  );

  it('is replaced while the provider runs, by one of the same payee alone, and its expiry is logged once', () => {
    let nowMs = START_MS;
    const told: string[] = [];
    const note = (_: unknown, what: string): void => void told.push(what);
    bring(START_MS + 3 * DAY_MS);
    const open = {
      path,
      crypto,
      ledger,
      providerId,
      clock: { nowMs: () => nowMs },
      log: { info: note, warn: note } as never,
    };
    const word = openCarriedStatement('test', open);
    const until = (): number | undefined => readPayeeStatement(word.get())?.validUntilMs;
    expect(until()).toBe(START_MS + 3 * DAY_MS);
    nowMs += 2 * DAY_MS;
    expect([until(), until()]).toEqual([START_MS + 3 * DAY_MS, START_MS + 3 * DAY_MS]);
    nowMs += 60_000;
    until();
    expect(told).toEqual(['the statement of the payee expires soon: bring a new one']);
    bring(START_MS + 30 * DAY_MS, createTestPayee('other'));
    nowMs += 60_000;
    expect(until()).toBe(START_MS + 3 * DAY_MS);
    bring(START_MS + 9 * DAY_MS);
    nowMs += 60_000;
    expect(until()).toBe(START_MS + 9 * DAY_MS);
    expect(told.slice(-1)).toEqual(['a new statement of the payee is in force']);
    writeFileSync(path, 'torn');
    nowMs += 60_000;
    expect(until()).toBe(START_MS + 9 * DAY_MS);
    expect(told.slice(-1)).toEqual([
      'the statement file of the payee cannot be used; the earlier statement stays until it expires',
    ]);
    expect(word.payee).toEqual(payee.address);
  });
});
