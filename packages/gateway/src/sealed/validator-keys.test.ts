import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { KEM_KEY_BYTES } from '@ogong/protocol/crypto/seal-primitives';
import { SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import { hashSealKey } from '@ogong/protocol/sealing/seal-key';
import { encodeValidatorSealKey } from '@ogong/protocol/sealing/validator-seal-key';
import { createTestSigner, createTestValidator, ledger } from '@ogong/testing/validator/test-bench';
import { describe, expect, it } from 'vitest';
import { createMilestoneOutbox } from '../outbox/milestone-outbox.ts';
import { createValidatorKeys } from './validator-keys.ts';

const MINUTE_MS = 60_000;

type Answer = Awaited<ReturnType<ReturnType<typeof createTestValidator>['intake']['showSealKey']>>;

function open(bend: (answer: Answer) => Answer | Promise<Answer> = (answer) => answer) {
  const validator = createTestValidator();
  let asked = 0;
  const errors: unknown[] = [];
  const keys = createValidatorKeys({
    clock: validator.clock,
    chain: { ledger, findByAddress: () => validator.member } as never,
    links: {
      to: () => ({
        async getSealKey() {
          asked++;
          return bend(await validator.intake.showSealKey());
        },
      }),
    } as never,
    onError: (error) => void errors.push(error),
  });
  const { address } = validator.member;
  return { keys, address, clock: validator.clock, show: () => keys.show(address), asked: () => asked, errors };
}

it('keeps the key of a validator for five minutes', async () => {
  const { clock, show, asked } = open();
  expect(await show()).toBeDefined();
  clock.advance(5 * MINUTE_MS - 1);
  await show();
  expect(asked()).toBe(1);
  clock.advance(1);
  await show();
  expect(asked()).toBe(2);
});

it('asks for another one where a part does not open with it, once a minute at most', async () => {
  const { keys, address, clock, show, asked } = open();
  keys.forget(address);
  await show();
  keys.forget(address);
  await show();
  expect(asked()).toBe(1);
  clock.advance(MINUTE_MS);
  await show();
  expect(asked()).toBe(2);
  // Nobody has said that this one is gone.
  clock.advance(MINUTE_MS);
  await show();
  expect(asked()).toBe(2);
});

/** With one byte changed, from the end where it is negative. */
const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.with(at, (bytes.at(at) as number) ^ 1);

describe('an answer that does not hold is shown to no client, and asked for again once a minute at most', () => {
  it.each<[string, RegExp, (answer: Answer) => Answer | Promise<Answer>]>([
    [
      'with another key in it',
      /its signature/,
      ({ sealKey, signature }) => ({ sealKey: flip(sealKey, -1), signature }),
    ],
    [
      'with another signature',
      /its signature/,
      ({ sealKey, signature }) => ({ sealKey, signature: flip(signature, 9) }),
    ],
    ['without a signature', /its signature/, ({ sealKey }) => ({ sealKey, signature: new Uint8Array() })],
    ["of another validator's key", /another validator's/, () => createTestValidator({ index: 1 }).intake.showSealKey()],
    [
      'of other contracts',
      /other contracts/,
      () => createTestValidator({ ledger: { ...ledger, chainId: ledger.chainId + 1n } }).intake.showSealKey(),
    ],
    ['that ends early', /seal key: /, ({ sealKey, signature }) => ({ sealKey: sealKey.subarray(0, -1), signature })],
    ['that is empty', /seal key: /, ({ signature }) => ({ sealKey: new Uint8Array(), signature })],
  ])('%s', async (_name, reason, bend) => {
    const { clock, show, asked, errors } = open(bend);
    expect(await show()).toBeUndefined();
    clock.advance(MINUTE_MS - 1);
    expect(await show()).toBeUndefined();
    expect([asked(), errors]).toEqual([1, [expect.objectContaining({ message: expect.stringMatching(reason) })]]);
    clock.advance(1);
    await show();
    expect(asked()).toBe(2);
  });

  it('that was true an hour ago', async () => {
    let first: Answer | undefined;
    const { clock, show, errors } = open((answer) => {
      first ??= answer;
      return first;
    });
    expect(await show()).toBeDefined();
    clock.advance(61 * MINUTE_MS);
    expect(await show()).toBeUndefined();
    expect(errors).toEqual([expect.objectContaining({ message: expect.stringMatching(/expired/) })]);
  });
});

it('takes no key that ends before a reply may, and so does not ask at each call', async () => {
  const { signer } = createTestSigner({});
  const { clock, show, asked, errors } = open(async () => {
    const issuedAtMs = clock.nowMs();
    const sealKey = encodeValidatorSealKey({
      ...{ suite: SEAL_SUITE, chainId: ledger.chainId, escrow: ledger.verifyingContract, validator: signer.address },
      ...{ issuedAtMs, expiresAtMs: issuedAtMs + 15 * MINUTE_MS, key: new Uint8Array(KEM_KEY_BYTES) },
    });
    const named = { validator: signer.address, sealKey: hashSealKey(nodeCrypto, sealKey) };
    return { sealKey, signature: await signer.sign({ kind: 'seal-key', domain: ledger, ...named }) };
  });
  expect(await show()).toBeUndefined();
  await show();
  expect([asked(), errors]).toEqual([1, [expect.objectContaining({ message: expect.stringMatching(/ends before/) })]]);
});

it.each([
  ['unsupported', 1],
  ['invalid', 0],
] as const)('hears from a milestone that its validator refuses as %s', async (refusal, times) => {
  const gone: string[] = [];
  const errors: unknown[] = [];
  const outbox = createMilestoneOutbox({
    books: { isShared: true, read: async () => [], write: async () => {} } as never,
    chain: { findByAddress: () => ({}) } as never,
    links: {
      to: () => ({ pushMilestone: () => Promise.reject(new LinkError('remote', 'it does not open', { refusal })) }),
    } as never,
    clock: { nowMs: () => 0 } as never,
    onKeyGone: (validator) => void gone.push(toHex(validator)),
    onError: (error) => void errors.push(error),
  });
  await outbox.put(new Uint8Array(20).fill(7), { sealed: new Uint8Array(3) });
  await outbox.flush();
  expect(errors.length).toBe(1);
  expect(gone).toEqual(Array(times).fill('07'.repeat(20)));
});
