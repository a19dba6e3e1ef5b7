import { secp256k1 } from '@noble/curves/secp256k1.js';
import { describe, expect, it } from 'vitest';
import { concatBytes, createWriter, fromHex, toHex } from '../base/bytes.ts';
import { createNobleLedgerSigner, nobleCrypto } from '../crypto/noble.ts';
import { signProviderPayee } from '../exchange/provider-payee.ts';
import { createPayeeStatements } from './payee-statements.ts';

const WORD_UNTIL_MS = 4_000_000_000_000;

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) };
const settlement = new Uint8Array(20).fill(4);
const payee = createNobleLedgerSigner(new Uint8Array(32).fill(1));
const providerId = new Uint8Array(32).fill(2);
const payeeWord = signProviderPayee(nobleCrypto, payee, { validUntilMs: WORD_UNTIL_MS, ledger, providerId });
const word = { providerId, payee: payee.address, payeeWord, untilMs: WORD_UNTIL_MS };

/** @param isAnybodys whether every signature is accepted for every account. */
function createCounted(isAnybodys = false) {
  let checks = 0;
  const crypto: typeof nobleCrypto = {
    ...nobleCrypto,
    verifyAddress: (...given) => {
      checks++;
      return isAnybodys || nobleCrypto.verifyAddress(...given);
    },
  };
  return { crypto, count: () => checks };
}

describe('the statements of payees', () => {
  it('are verified once and then remembered', () => {
    const { crypto, count } = createCounted();
    const check = createPayeeStatements(crypto, ledger);
    for (let i = 0; i < 5; i++) expect(check(word)).toBe(true);
    expect(count()).toBe(1);
  });

  const high = (given: Uint8Array): Uint8Array => {
    const signature = given.subarray(8);
    const s = secp256k1.Point.Fn.ORDER - BigInt(`0x${toHex(signature.subarray(32, 64))}`);
    const other = Uint8Array.of(55 - (signature[64] as number));
    return concatBytes(
      given.subarray(0, 8),
      signature.subarray(0, 32),
      fromHex(s.toString(16).padStart(64, '0')),
      other,
    );
  };
  const sign = (change: Partial<Parameters<typeof signProviderPayee>[2]>) =>
    signProviderPayee(nobleCrypto, payee, { validUntilMs: WORD_UNTIL_MS, ledger, providerId, ...change });
  it.each<[string, Partial<typeof word>]>([
    ['for another key', { providerId: new Uint8Array(32) }],
    ['of another payee', { payee: new Uint8Array(20).fill(3) }],
    ['of nobody', { payee: new Uint8Array(20) }],
    ['for another chain', { payeeWord: sign({ ledger: { ...ledger, chainId: 1n } }) }],
    ['for another contract', { payeeWord: sign({ ledger: { ...ledger, verifyingContract: settlement } }) }],
    ['with a high s', { payeeWord: high(payeeWord) }],
    ['that are missing', { payeeWord: new Uint8Array(0) }],
    ['that are truncated', { payeeWord: payeeWord.subarray(0, 64) }],
    ['that end before', { untilMs: WORD_UNTIL_MS + 1 }],
    ['with trailing bytes', { payeeWord: concatBytes(payeeWord, Uint8Array.of(0)) }],
  ])('%s are invalid, also after the right one', (_name, change) => {
    const check = createPayeeStatements(nobleCrypto, ledger);
    expect(check({ ...word, ...change })).toBe(false);
    expect(check(word)).toBe(true);
    expect(check({ ...word, ...change })).toBe(false);
  });

  it('are remembered in bounded number, and only if valid', () => {
    const { crypto, count } = createCounted(true);
    const check = createPayeeStatements(crypto, ledger);
    const of = (i: number) => ({ ...word, providerId: createWriter().bytes(new Uint8Array(28)).u32(i).finish() });
    for (let i = 0; i <= 4096; i++) check(of(i));
    expect(count()).toBe(4097);
    check(of(4096));
    expect(count()).toBe(4097);
    check(of(0));
    expect(count()).toBe(4098);
    const never = createCounted();
    const refuse = createPayeeStatements(never.crypto, { ...ledger, chainId: 1n });
    for (let i = 0; i < 3; i++) expect(refuse(word)).toBe(false);
    expect(never.count()).toBe(3);
  });
});
