import { ChainError } from '@ogong/chain/errors';
import { type Address, bytesToHex, type Hex } from '@ogong/chain/hex';
import { describe, expect, it } from 'vitest';
import { DRAW_TURN_S, openHearingsState, stepHearings } from './step-hearings.ts';

/** Of three, the first one's turn. */
const SUBJECT: Hex = `0x${'00'.repeat(31)}03`;
const APPEAL_DELAY_S = 1_000;

function createThree() {
  const members = [1, 2, 3].map((i) => ({
    ...{ address: new Uint8Array(20).fill(i), signingKey: new Uint8Array(20), stake: 1n, endpoint: '' },
    ...{ certHash: new Uint8Array(32), vrfKey: new Uint8Array(32) },
  }));
  const addresses = members.map(({ address }): Address => bytesToHex(address));
  const chain = {
    ...{
      now: 1_000n,
      block: 50n,
      opened: [[50n, SUBJECT]] as [bigint, Hex][],
      refusal: undefined as string | undefined,
    },
    ...{ panels: new Map<Hex, readonly Address[]>(), late: new Set<Hex>() },
  };
  const asked: (bigint | undefined)[] = [];
  const heard: string[] = [];
  const client = {
    async hearingsOpened(from?: bigint) {
      asked.push(from);
      const found = chain.opened.filter(([block]) => block >= (from ?? 0n)).map(([, subject]) => subject);
      return { subjects: found, next: chain.block - 32n, now: chain.now };
    },
    hearingOf: async (subject: Hex) => ({ drawnFrom: 1n, panel: chain.panels.get(subject) ?? [] }),
    appealDelay: async () => APPEAL_DELAY_S,
    async drawPanel(subject: Hex) {
      const { refusal: name } = chain;
      if (name !== undefined) throw new ChainError('reverted', name, { revert: { name, args: [] } });
      // A draw that comes too late names another block.
      if (!chain.late.delete(subject)) chain.panels.set(subject, addresses.slice(0, 2));
      return { transactionHash: '0xff' };
    },
  };
  const states = [...members, { address: new Uint8Array(20) }].map(({ address }, i) =>
    openHearingsState({
      validator: address,
      chain: { client: async () => client as never, validators: () => members },
      onDrawn: () => heard.push(`${i} drew`),
      onPanelMember: () => heard.push(`${i} sits`),
      onError: (_subject, error) => heard.push(`${i} ${(error as Error).message}`),
    }),
  );
  const step = (i: number) => stepHearings(states[i] as (typeof states)[number]);
  return { chain, asked, heard, step };
}

describe('the panel of an appeal', () => {
  it('is drawn once, by the validator in turn, and asks its members once', async () => {
    const { chain, asked, heard, step } = createThree();
    await step(1);
    await step(0);
    await step(0);
    await step(1);
    await step(2);
    expect(heard).toEqual(['0 sits', '0 drew', '1 sits']);
    chain.block += 100n;
    await step(0);
    // The newest blocks are looked at again, and no older ones.
    expect(asked).toEqual([undefined, undefined, 18n, 18n, undefined, 18n]);
    expect(heard).toHaveLength(3);
  });

  it('is drawn by the next one after a while, and by no non-validator', async () => {
    const { chain, heard, step } = createThree();
    await step(1);
    await step(3);
    chain.now += DRAW_TURN_S - 1n;
    await step(1);
    await step(3);
    expect(heard).toEqual([]);
    chain.now += 1n;
    await step(1);
    expect(heard).toEqual(['1 sits', '1 drew']);
  });

  it('is drawn again if the draw came too late, and waits if the chain refuses it', async () => {
    const { chain, heard, step } = createThree();
    chain.late.add(SUBJECT);
    await step(0);
    expect(heard).toEqual([]);
    chain.refusal = 'NobodyLeft';
    await step(0);
    chain.refusal = 'DrawnAlready';
    await step(0);
    expect(heard).toEqual(['0 NobodyLeft']);
    chain.refusal = undefined;
    await step(0);
    expect(heard.slice(1)).toEqual(['0 sits', '0 drew']);
  });

  it('is drawn in one step with all others that wait, and by nobody once the appeal is over', async () => {
    const { chain, heard, step } = createThree();
    const more = ['06', '09', '0c'].map((last): [bigint, Hex] => [50n, `0x${'00'.repeat(31)}${last}`]);
    chain.opened.push(...more);
    const countDrawn = () => heard.filter((one) => one === '0 drew').length;
    await step(0);
    expect(countDrawn()).toBe(4);
    // The fifth comes too late to be drawn.
    chain.opened = [[60n, `0x${'00'.repeat(31)}0f`]];
    chain.refusal = 'NobodyLeft';
    await step(0);
    [chain.opened, chain.refusal] = [[], undefined];
    chain.now += BigInt(APPEAL_DELAY_S);
    await step(0);
    expect(countDrawn()).toBe(4);
  });
});
