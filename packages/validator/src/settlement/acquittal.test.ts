import { nameSubject } from '@ogong/chain/validators/cases';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashAcquittal } from '@ogong/protocol/settlement/conviction';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';
import { signAcquittal, submitAcquittal } from './acquittal.ts';

const penalized = new Uint8Array(20).fill(9);
const domain = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(6) };
const ledgerSigner = createTestLedgerSigner(seedOf('member of a panel'));
const signer = createKeySigner(crypto, ledgerSigner);
const stranger = `0x${'01'.repeat(20)}` as const;
const member = `0x${toHex(signer.address)}` as const;

/** @param panels of the penalties of these numbers. @param penalty the last one. @param over appeals that have their deposit no more */
function createChain(
  panels: Readonly<Record<number, readonly `0x${string}`[]>>,
  penalty: number,
  over: readonly number[] = [],
) {
  const lifted: unknown[] = [];
  const byName = new Map(
    Object.entries(panels).map(([number, panel]) => [nameSubject({ penalized }, Number(number)), panel]),
  );
  const closed = new Set<string>(over.map((number) => nameSubject({ penalized }, number)));
  const client = {
    appealDepositOf: async (subject: string) => ({
      from: `0x${(byName.has(subject as never) && !closed.has(subject) ? '05' : '00').repeat(20)}`,
      amount: 0n,
    }),
    heldPenaltyOf: async () => ({ penalty, amountAtomic: 5n }),
    hearingOf: async (subject: string) => ({ drawnFrom: 1n, panel: byName.get(subject as never) ?? [] }),
    async lift(...args: unknown[]) {
      lifted.push(args[0]);
      return { transactionHash: '0xff' };
    },
  } as unknown as Parameters<typeof submitAcquittal>[1];
  return { client, lifted };
}

const wordOf = (penalty: number): Uint8Array =>
  ledgerSigner.signDigest(
    hashAcquittal(crypto, domain, Buffer.from(nameSubject({ penalized }, penalty).slice(2), 'hex')),
  );

describe('an appeal against a penalty', () => {
  it('is heard by the newest panel that there is, which signs for the last penalty', async () => {
    const { client, lifted } = createChain({ 2: [member], 1: [] }, 4);
    const vote = await signAcquittal({ signer, domain }, client, { penalized });
    expect(vote).toEqual(wordOf(4));
    await submitAcquittal({ crypto, domain }, client, { subject: { penalized }, votes: [vote as Uint8Array] });
    expect(lifted).toEqual([{ penalized, appealed: 2 }]);
  });

  it('has nobody if no panel was drawn, or others sit', async () => {
    const { client } = createChain({}, 4);
    expect(await signAcquittal({ signer, domain }, client, { penalized })).toBeUndefined();
    const other = createChain({ 4: [stranger] }, 4);
    expect(await signAcquittal({ signer, domain }, other.client, { penalized })).toBeUndefined();
    // The appeal is over.
    const over = createChain({ 4: [member] }, 4, [4]);
    expect(await signAcquittal({ signer, domain }, over.client, { penalized })).toBeUndefined();
  });

  it('is lifted by an earlier panel if a newer one has not lifted it', async () => {
    for (const over of [[], [2]]) {
      const { client, lifted } = createChain({ 2: [stranger], 1: [member] }, 3, over);
      const vote = await signAcquittal({ signer, domain }, client, { penalized });
      expect(vote).toEqual(wordOf(3));
      await submitAcquittal({ crypto, domain }, client, { subject: { penalized }, votes: [vote as Uint8Array] });
      expect(lifted).toEqual([{ penalized, appealed: 1 }]);
    }
  });
});
