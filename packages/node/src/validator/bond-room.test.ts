import { openStore } from '@ogong/host/store/store';
import { describe, expect, it } from 'vitest';
import { createBondRoom } from './bond-room.ts';
import { VALIDATOR_SCHEMA } from './store/schema.ts';

/** A room over a chain that says what a test says, and over an empty database. */
function openRoom(isBounded = true) {
  const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
  const chain = { unvested: isBounded ? 40n : undefined, votes: 200n, reads: 0, isDown: false };
  let nowMs = 1_000_000;
  const room = createBondRoom({
    store,
    clock: { nowMs: () => nowMs } as never,
    validators: () => [{ address: new Uint8Array(20) }],
    client: async () =>
      ({
        async unvested() {
          chain.reads++;
          if (chain.isDown) throw new Error('down');
          return chain.unvested;
        },
        votesOf: async () => ({ each: [], signingKeys: [], total: chain.votes }),
      }) as never,
    onError: () => {},
  });
  const admit = async (fee: bigint): Promise<void> => {
    await room.check(fee);
    room.count(fee);
  };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  /** The first order only has the chain read. */
  const settleReading = async () => {
    await room.check(0n);
    await new Promise(setImmediate);
  };
  return { chain, room, admit, settleReading, store, pass };
}

describe('what bonds carry', () => {
  it('is admitted up to the unit, and what is above is refused until earlier fees have vested', async () => {
    const { chain, admit, settleReading, pass } = openRoom();
    await settleReading();
    await admit(59n);
    await admit(1n);
    await expect(admit(1n)).rejects.toThrow('carry no more fees');
    chain.unvested = 39n;
    // What this validator read a moment ago still holds.
    await expect(admit(1n)).rejects.toThrow('carry no more fees');
    pass(2_001);
    // The database has none of them, so all of them have settled or were dropped.
    await admit(61n);
    await expect(admit(1n)).rejects.toThrow('carry no more fees');
  });

  it('counts no order that was refused after all', async () => {
    const { room, admit, settleReading } = openRoom();
    await settleReading();
    for (let i = 0; i < 100; i++) await room.check(60n);
    await admit(60n);
  });

  it('counts what is open in the database', async () => {
    const { store, admit, settleReading } = openRoom();
    store.database.exec(
      `INSERT INTO channels (payer, voucher_cumulative, voucher_order, voucher_signature, settled, owed, outstanding)
       VALUES (x'01', '0', x'00', x'00', '7', '20', '30')`,
    );
    await settleReading();
    await admit(10n);
    await expect(admit(1n)).rejects.toThrow('carry no more fees');
  });

  it('bounds nothing where nothing is held, or the chain does not say', async () => {
    const free = openRoom(false);
    await free.settleReading();
    await free.admit(1n << 100n);
    const down = openRoom();
    down.chain.isDown = true;
    await down.settleReading();
    await down.admit(1n << 100n);
  });

  it('reads the chain once for many orders', async () => {
    const { chain, admit, settleReading, pass } = openRoom();
    await settleReading();
    for (let i = 0; i < 50; i++) await admit(1n);
    expect(chain.reads).toBe(1);
    pass(10_001);
    await admit(1n);
    expect(chain.reads).toBe(2);
  });
});
