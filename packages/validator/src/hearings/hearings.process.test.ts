import { hearingsAbi } from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { waitForNextBlock } from '@ogong/chain/next-block';
import { nameSubject } from '@ogong/chain/validators/cases';
import { fromHex } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { computeLot, drawPanel } from '@ogong/testing/chain/panel-draw';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DRAW_TURN_S, openHearingsState, stepHearings } from './step-hearings.ts';

const SEED = 24;
/** More validators than places on the panel. */
const VALIDATORS = 9;
let ledger: TestLedger;
beforeAll(async () => {
  ledger = await startTestLedger({ blockTimeMs: 50, delays: { appeal: 3_600 } });
});
afterAll(() => ledger.stop());

it('an appeal that nobody cares about is drawn by the daemons, more than 256 blocks later, by the hash of its block', async () => {
  const validators = [];
  for (let i = 0; i < VALIDATORS; i++) validators.push(await ledger.createValidator(BigInt(100 + 50 * i) * unit));
  const [first] = validators as [(typeof validators)[number], ...typeof validators];
  const key: Hex = `0x${'07'.repeat(32)}`;
  const rpc = ledger.governor.transactor.client;
  const opened = await ledger.governor.appeal({ freeze: key, period: 0 }, await ledger.governor.appealDeposit());
  const block = await rpc.getBlock({ blockNumber: opened.blockNumber });
  const subject = nameSubject({ freeze: key, period: Number(block.timestamp / 86_400n) });
  const members = validators.map(({ address }) => ({
    ...{ address: fromHex(address.slice(2), 20), signingKey: fromHex(address.slice(2), 20), stake: 1n, endpoint: '' },
    ...{ certHash: new Uint8Array(32), vrfKey: new Uint8Array(32) },
  }));
  const heard: string[] = [];
  const daemons = validators.map(({ client, address }, i) =>
    openHearingsState({
      validator: members[i]?.address as Uint8Array,
      chain: { client: async () => client, validators: () => members },
      onDrawn: () => heard.push('drawn'),
      onPanelMember: () => heard.push(address),
      onError: (_subject, error) => heard.push(String(error)),
    }),
  );
  await rpc.request({ method: 'anvil_mine', params: ['0x12c'] } as never);
  await waitForNextBlock(ledger.governor.transactor, opened);
  for (const daemon of daemons) await stepHearings(daemon);
  // All turns have come.
  const turns = Number(DRAW_TURN_S) * VALIDATORS;
  await rpc.request({ method: 'evm_increaseTime', params: [turns] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
  for (const daemon of daemons) await stepHearings(daemon);
  const votes = new Map(validators.map(({ address }, i) => [address as Address, BigInt(100 + 50 * i) * unit]));
  const expected = drawPanel(votes, { blockHash: block.hash, subject });
  expect((await first.client.hearingOf(subject)).panel).toEqual(expected);
  for (const daemon of daemons) await stepHearings(daemon);
  expect(heard.filter((line) => line === 'drawn')).toHaveLength(1);
  expect(heard.filter((line) => line !== 'drawn').sort()).toEqual([...expected].sort());
});

it.each([
  [1n, '01', unit, 31096465103339854592697865088986705n],
  [2n, '11', 123_456_789n * unit, 993761650975319813532921488n],
  [3n, '22', 1n, 416767573863261554839291503911901151626692109392674816n],
] as const)('a lot of seed %s is as the page has it', (seed, byte, vote, lot) => {
  const account: Address = `0x${byte === '01' ? byte.padStart(40, '0') : byte.repeat(20)}`;
  expect(computeLot(`0x${seed.toString(16).padStart(64, '0')}`, account, vote)).toBe(lot);
});

it('lots are the same on the chain and here', async () => {
  const random = createSeededRandom(SEED);
  const draw = (bytes: number): Hex =>
    `0x${Array.from({ length: bytes }, () =>
      Math.floor(random() * 256)
        .toString(16)
        .padStart(2, '0'),
    ).join('')}`;
  const at = { address: ledger.deployment.hearings, abi: hearingsAbi, functionName: 'lotOf' } as const;
  await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const [seed, account] = [draw(32), draw(20)];
      const vote = 1n + (BigInt(draw(16)) >> BigInt(i % 120));
      const found = await ledger.governor.transactor.client.readContract({ ...at, args: [seed, account, vote] });
      expect(found, `${SEED}: ${seed} ${account} ${vote}`).toBe(computeLot(seed, account, vote));
    }),
  );
});
