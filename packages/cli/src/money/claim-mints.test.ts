import { ChainError } from '@ogong/chain/errors';
import type { MintShare } from '@ogong/chain/money/burn-and-mint';
import { MINT_EPOCH_S } from '@ogong/protocol/settlement/burn-mint';
import { describe, expect, it } from 'vitest';
import { claimMints } from './claim-mints.ts';
import { takeIntoEpoch } from './epoch-room.ts';

const NOW = 10n * MINT_EPOCH_S + 1_000n;
const refuse = (name?: string): ChainError =>
  new ChainError('reverted', name ?? 'mined but reverted', name === undefined ? {} : { revert: { name, args: [] } });
const share = (number: bigint, isClosed = true): MintShare => ({
  ...{ number, isClosed, own: 5n, dollars: 10n, burned: 100n, minted: 90n, supply: 1_000n },
});

/** @param refused reason of the chain's refusal, by transaction. */
async function claim(shares: readonly MintShare[], refused: Readonly<Record<string, ChainError>>, credit = 50n) {
  const sent: string[] = [];
  const said: string[] = [];
  const send = async (what: string): Promise<never> => {
    const error = refused[what];
    if (error !== undefined) throw error;
    sent.push(what);
    return undefined as never;
  };
  const reader = { getBlock: async () => ({ timestamp: NOW }) };
  const client = {
    ...{ address: `0x${'11'.repeat(20)}`, isDry: false, deployment: {} },
    ...{ creditOf: async () => credit, mintSharesOf: async () => shares, takesTokens: async () => true },
    ...{ carriedOf: async () => credit, mintEpoch: async (number: bigint) => share(number) },
    transactor: { read: async (_: string, ask: (reader: object) => unknown) => ask(reader) },
  };
  const writes = {
    ...{ choosePayout: () => send('choose'), claim: () => send('credit') },
    closeMintEpoch: (number: bigint) => send(`close ${number}`),
    claimMint: (number: bigint) => send(`epoch ${number}`),
  };
  const report = await claimMints(writes as never, client as never, {
    ...{ payout: undefined, slippage: undefined },
    output: { writeError: (text: string) => void said.push(text) },
  });
  return { report, sent, said: said.join('') };
}

describe('earnings', () => {
  it('is claimed though others have filled the epoch that the credit was for, which waits', async () => {
    const { report, sent, said } = await claim([share(3n)], { credit: refuse('EpochFull') });
    expect(sent).toEqual(['epoch 3']);
    expect(report).toMatchObject({ credit: '50', carried: '0', running: '0', waiting: [] });
    expect(said).toContain('others have filled the present epoch: 0.00000000000000005 credits wait, the next epoch');
    expect(said).toContain('in 56 minutes');
  });

  it('of one epoch waits if the chain refuses it, and holds up nothing else', async () => {
    const shares = [share(2n, false), share(3n), share(4n, false), share(5n)];
    const refused = {
      'close 2': refuse('NoPrice'),
      'epoch 3': refuse('TooLittle'),
      'close 4': refuse('ClosedAlready'),
    };
    const { report, sent, said } = await claim(shares, refused);
    expect(sent).toEqual(['epoch 4', 'epoch 5', 'credit']);
    expect(report.waiting).toEqual([
      { epoch: 2, why: 'NoPrice' },
      { epoch: 3, why: 'TooLittle' },
    ]);
    expect(said).toContain('earnings of epoch 2 wait: NoPrice; run this again later');
  });

  it('is claimed though the credit is refused', async () => {
    const { report, sent, said } = await claim([share(3n)], { credit: refuse('StakeTooSmall') });
    expect([sent, report.carried, said]).toEqual([
      ['epoch 3'],
      '0',
      expect.stringContaining('the credit waits: StakeTooSmall'),
    ]);
  });

  it('fails with the reason if none of it could be claimed', async () => {
    await expect(claim([share(3n)], { 'epoch 3': refuse('TooLittle') }, 0n)).rejects.toThrow('TooLittle');
    const full = { 'epoch 3': refuse('TooLittle'), credit: refuse('EpochFull') };
    await expect(claim([share(3n)], full)).rejects.toThrow('TooLittle');
    await expect(claim([], { credit: refuse('StakeTooSmall') })).rejects.toThrow('StakeTooSmall');
  });
});

it('a transaction that failed on the chain counts as refused by a full epoch, if the epoch is full', async () => {
  const take = (carried: bigint) =>
    takeIntoEpoch({ carriedOf: async () => carried }, 5n, () => Promise.reject(refuse()));
  expect(await take(0n)).toBe(false);
  await expect(take(5n)).rejects.toThrow('mined but reverted');
  await expect(takeIntoEpoch({ carriedOf: async () => 0n }, 5n, () => Promise.reject(refuse('Other')))).rejects.toThrow(
    'Other',
  );
});
