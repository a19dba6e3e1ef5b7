import { ChainError } from '@ogong/chain/errors';
import type { Hex } from '@ogong/chain/hex';
import { openStore } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { findValidator } from '@ogong/protocol/crypto/quorum';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { GUARD_SCHEMA, guardStatement } from '@ogong/validator/signer/signing-guard';
import { describe, expect, it } from 'vitest';
import { type AllottingState, answerAllotment, SETTLED_S, stepAllotment, TURN_S } from './step-allotment.ts';

const HOUR = 3_600n;
const START = 1_000n * HOUR;
const domain = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(6) };
const account = (label: number): Hex => `0x${label.toString(16).padStart(40, '0')}`;

interface Work {
  readonly hour: bigint;
  readonly payee: Hex;
  readonly recycled: bigint;
}

/** Four validators that read one chain, each by a view of its own, with guards that refuse a second tally under a number. */
function createFour() {
  const work: Work[] = [];
  const chain = { now: START, count: 0, talliedUntil: START, refusal: undefined as string | undefined };
  const submitted: { until: bigint; units: bigint; signatures: number }[] = [];
  const heard: string[] = [];
  const signers = [0, 1, 2, 3].map((i) => {
    const [owner, key] = ['account', 'key'].map((name) => createTestLedgerSigner(seedOf(`allot ${name} ${i}`)));
    return createKeySigner(crypto, key as LedgerSigner, owner?.address);
  });
  signers.sort((a, b) => (toHex(a.address) < toHex(b.address) ? -1 : 1));
  const members = signers.map(({ address, signingKey }) => ({
    ...{ address, signingKey, stake: 100n, endpoint: '' },
    ...{ certHash: new Uint8Array(32), vrfKey: new Uint8Array(32) },
  }));
  const createClient = (bend: (one: Work) => Work) => {
    const upTo = (time: bigint) => work.filter(({ hour }) => START + hour * HOUR < time);
    const sum = (list: readonly Work[]) => list.reduce((total, { recycled }) => total + recycled, 0n);
    return {
      emissionState: async () => ({
        ...{ start: START, period: HOUR, lambdaPpm: 900_000n, allotted: 0n },
        ...{ count: chain.count, talliedUntil: chain.talliedUntil, now: chain.now },
      }),
      recycledBefore: async (time: bigint) => sum(upTo(time)),
      recycledWork: async (since: bigint, until: bigint) => {
        const found = upTo(until).filter(({ hour }) => START + hour * HOUR >= since);
        const line = { providerId: `0x${'11'.repeat(32)}` as Hex, router: account(0) };
        const lines = found.map(bend).map(({ payee, recycled }) => ({ ...line, payee, recycled }));
        return { recycled: sum(found), batches: [{ validator: account(0xaa), lines, verifiers: [] }], ejected: [] };
      },
      votesOf: async (asked: readonly Uint8Array[]) => ({
        each: asked.map(() => 100n),
        signingKeys: asked.map((one) => `0x${toHex(findValidator(members, one)?.signingKey ?? one)}`),
        total: 400n,
      }),
      async allot({ until, units, quorum }: { until: bigint; units: bigint; quorum: readonly unknown[] }) {
        const { refusal: name } = chain;
        if (name !== undefined) throw new ChainError('reverted', name, { revert: { name, args: [] } });
        submitted.push({ until, units, signatures: quorum.length });
        Object.assign(chain, { count: chain.count + 1, talliedUntil: until });
        return { transactionHash: '0xff' };
      },
    };
  };
  const create = (i: number, bend: (one: Work) => Work = (one) => one): AllottingState => {
    const [signer, store] = [signers[i] as (typeof signers)[0], openStore(':memory:', { schema: GUARD_SCHEMA })];
    const client = createClient(bend);
    return {
      ...{ crypto, domain, signed: undefined, signing: undefined },
      signer: {
        ...signer,
        sign: async (statement) => {
          guardStatement(crypto, store, statement);
          return signer.sign(statement);
        },
      },
      chain: { client: async () => client as never, validators: () => members },
      async ask(peer, asked) {
        const at = members.findIndex(({ address }) => address === peer.address);
        const { allotment, signature } = await answerAllotment(all[at] as AllottingState, asked);
        return { root: allotment.root, signature };
      },
      onAllotted: ({ number }) => heard.push(`allotted ${number}`),
      onDisagreement: (peer) =>
        heard.push(`disagreement ${members.findIndex(({ address }) => address === peer.address)}`),
      onError: (error) => heard.push(String(error)),
    };
  };
  const all = [0, 1, 2, 3].map((i) => create(i));
  const step = (i: number) => stepAllotment(all[i] as AllottingState);
  /** One validator reads another chain than the others. */
  const bend = (i: number, how: (one: Work) => Work) => {
    all[i] = create(i, how);
  };
  return { work, chain, submitted, heard, all: all as [AllottingState, ...AllottingState[]], step, bend };
}

const reply = (hour: bigint, recycled = 1_000n): Work => ({ hour, payee: account(0xbb), recycled });

describe('a tally of the emission', () => {
  it('is signed by a quorum of daemons and submitted once, when its period is settled', async () => {
    const { work, chain, submitted, heard, step } = createFour();
    work.push(reply(0n));
    chain.now = START + HOUR + SETTLED_S - 1n;
    await step(0);
    expect([submitted, heard]).toEqual([[], []]);
    chain.now += 1n;
    await step(0);
    await step(0);
    // 70 % for the payee and 10 % for the validator; nobody has the rest.
    expect(submitted).toEqual([{ until: START + HOUR, units: 800n, signatures: 3 }]);
    expect(heard).toEqual(['allotted 0']);
  });

  it('ends with the first period that has work, whenever it is asked for', async () => {
    const { work, chain, submitted, step, all } = createFour();
    work.push(reply(5n), reply(9n));
    chain.now = START + 7n * HOUR;
    // Two have signed before the others see that later periods are over too.
    const asked = { number: 0, until: START + 6n * HOUR };
    await answerAllotment(all[0], asked);
    chain.now = START + 30n * HOUR;
    await step(0);
    await step(1);
    await step(1);
    expect(submitted.map(({ until }) => until)).toEqual([START + 6n * HOUR, START + 10n * HOUR]);
  });

  it('continues if a period recycled so little that no account has a unit of it', async () => {
    const { work, chain, submitted, step } = createFour();
    work.push(reply(0n, 1n), reply(3n, 9n), reply(4n, 100n));
    chain.now = START + 9n * HOUR;
    await step(0);
    // Nine units give their payee six; the single one of the first hour gives nobody anything.
    expect(submitted).toEqual([{ until: START + 4n * HOUR, units: 6n, signatures: 3 }]);
  });

  it('is nothing if nothing was recycled, however long ago the last one was', async () => {
    const { chain, submitted, heard, step, all } = createFour();
    chain.now = START + 100_000n * HOUR;
    await step(0);
    expect([submitted, heard]).toEqual([[], []]);
    await expect(answerAllotment(all[0], { number: 0, until: START + HOUR })).rejects.toThrow('no tally');
  });

  it('is not submitted by fewer than a quorum, and says who reads the chain otherwise', async () => {
    const { work, chain, submitted, heard, step, bend } = createFour();
    work.push(reply(0n));
    chain.now = START + HOUR + SETTLED_S;
    // They pay themselves what another has earned.
    for (const i of [1, 2]) bend(i, (one) => ({ ...one, payee: account(0xcc) }));
    await step(0);
    expect(submitted).toEqual([]);
    expect(heard).toEqual(['disagreement 1', 'disagreement 2']);
    // One of them is back on the chain of the others, and the next step asks again.
    bend(2, (one) => one);
    await step(0);
    expect(submitted).toEqual([{ until: START + HOUR, units: 800n, signatures: 3 }]);
  });

  it('is not signed if an event is missing', async () => {
    const { work, chain, submitted, heard, bend, step } = createFour();
    work.push(reply(0n));
    chain.now = START + HOUR + SETTLED_S;
    bend(0, (one) => ({ ...one, recycled: one.recycled - 1n }));
    await expect(step(0)).rejects.toThrow('contract counted');
    expect([submitted, heard]).toEqual([[], []]);
  });

  it('is submitted by the next validator after a while, and by nobody twice', async () => {
    const { work, chain, submitted, step } = createFour();
    work.push(reply(0n));
    chain.now = START + HOUR + SETTLED_S + TURN_S - 1n;
    await step(1);
    expect(submitted).toEqual([]);
    chain.now += 1n;
    await step(2);
    expect(submitted).toEqual([]);
    chain.refusal = 'NoPeriod';
    await step(1);
    chain.refusal = 'NoQuorum';
    await expect(step(1)).rejects.toThrow('NoQuorum');
    chain.refusal = undefined;
    await step(1);
    await step(0);
    expect(submitted).toHaveLength(1);
  });

  it('is signed for nobody who asks for another one', async () => {
    const { work, chain, all } = createFour();
    work.push(reply(0n));
    chain.now = START + HOUR + SETTLED_S;
    for (const asked of [
      { number: 1, until: START + HOUR },
      { number: 0, until: START + 2n * HOUR },
    ]) {
      await expect(answerAllotment(all[0], asked)).rejects.toThrow('tally 0 until 3603600 is due here');
    }
    expect(all[0].signed?.allotment.number).toBe(0);
  });
});
