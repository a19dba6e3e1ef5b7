import { openStore } from '@ogong/host/store/store';
import { describe, expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { createBondRoom } from './bond-room.ts';

const name = (size: number, number: number): Uint8Array => {
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
};

/** A room over a chain that says what a test says, and over an empty database. */
function openRoom(isBounded = true) {
  const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
  const chain = { unvested: isBounded ? 200n : undefined, votes: 2_000n, reads: 0, isDown: false };
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
  /** Each order of another payer to another provider, unless it says otherwise. */
  let orders = 1_000;
  const order = (fee: bigint, who: { payer?: number; providerId?: number } = {}) => {
    orders++;
    const { payer = orders, providerId = orders } = who;
    const orderHash = name(32, orders);
    return { orderHash, payer: name(20, payer), providerId: name(32, providerId), maxFeeAtomic: fee };
  };
  /** By a payer that has paid as much before, unless it says otherwise. */
  const admit = async (
    fee: bigint,
    { paid = fee, ...who }: { payer?: number; providerId?: number; paid?: bigint } = {},
  ): Promise<void> => {
    const one = order(fee, who);
    store.database
      .prepare(
        `INSERT OR IGNORE INTO channels (payer, voucher_cumulative, voucher_order, voucher_signature, settled)
         VALUES (?, '0', x'00', x'00', ?)`,
      )
      .run(one.payer, `${paid}`);
    (await room.reserve(one))(true);
  };
  /** A full part of the room, again and again. */
  const fill = async (fees: number, part = 100n): Promise<void> => {
    for (let i = 0; i < fees; i++) await admit(part);
  };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  /** The first order only has the chain read. */
  const settleReading = async () => {
    (await room.reserve(order(0n)))(false);
    await new Promise(setImmediate);
  };
  return { chain, room, order, admit, fill, settleReading, store, pass };
}

describe('the limit by bonds', () => {
  it('is admitted up to the unit, and what is above is refused until earlier fees have vested', async () => {
    const { chain, admit, fill, settleReading, pass } = openRoom();
    await settleReading();
    await fill(7);
    await admit(99n);
    await admit(1n);
    await expect(admit(1n)).rejects.toThrow('cover no more fees');
    chain.unvested = 192n;
    // The recent reading is still valid.
    await expect(admit(1n)).rejects.toThrow('cover no more fees');
    pass(2_001);
    // The database has none of them, so all of them have settled or were dropped.
    await fill(8, 101n);
    await expect(admit(1n)).rejects.toThrow('cover no more fees');
  });

  it('counts no order that was refused after all', async () => {
    const { room, order, fill, settleReading } = openRoom();
    await settleReading();
    for (let i = 0; i < 100; i++) (await room.reserve(order(100n, { payer: 1 })))(false);
    await fill(8);
  });

  it('counts an order while it is written, so that many at once take no more than the bounds', async () => {
    const { room, order, fill, settleReading } = openRoom();
    await settleReading();
    const take = (orders: readonly ReturnType<typeof order>[]) => Promise.allSettled(orders.map(room.reserve));
    const count = (all: Awaited<ReturnType<typeof take>>) => all.filter(({ status }) => status === 'fulfilled').length;
    const some = await take(Array.from({ length: 20 }, () => order(20n, { payer: 1 })));
    expect(count(some)).toBe(5);
    const strangers = await take(Array.from({ length: 20 }, () => order(100n)));
    // With the unanswered orders of the first one.
    expect(count(strangers)).toBe(3);
    for (const one of [...some, ...strangers]) if (one.status === 'fulfilled') one.value(false);
    await fill(8);
  });

  it('counts an order that is being written when the chain is read again', async () => {
    const { room, order, admit, fill, settleReading, pass } = openRoom();
    await settleReading();
    const settle = await room.reserve(order(100n, { payer: 1 }));
    pass(10_001);
    await settleReading();
    await expect(admit(1n, { payer: 1 })).rejects.toThrow('unanswered orders of');
    settle(false);
    await fill(7);
    await admit(100n, { payer: 1 });
  });

  it('counts an order once that comes many times at once', async () => {
    const { room, order, admit, fill, settleReading } = openRoom();
    await settleReading();
    const one = order(100n);
    const settles = await Promise.all(Array.from({ length: 50 }, () => room.reserve(one)));
    for (const [at, settle] of settles.entries()) settle(at === 3);
    await fill(7);
    await expect(admit(1n)).rejects.toThrow('cover no more fees');
  });

  it('counts what is open in the database', async () => {
    const { store, admit, fill, settleReading } = openRoom();
    store.database.exec(
      `INSERT INTO channels (payer, voucher_cumulative, voucher_order, voucher_signature, settled, owed, outstanding)
       VALUES (x'01', '0', x'00', x'00', '7', '120', '30')`,
    );
    await settleReading();
    await fill(6);
    await admit(50n);
    await expect(admit(1n)).rejects.toThrow('cover no more fees');
  });

  it.each([['payer'], ['providerId']] as const)(
    'carries an eighth for what one %s has unanswered, and the rest for others',
    async (kind) => {
      const { admit, fill, settleReading, store, pass } = openRoom();
      await settleReading();
      await admit(60n, { [kind]: 7 });
      await admit(40n, { [kind]: 7 });
      await expect(admit(1n, { [kind]: 7 })).rejects.toThrow('unanswered orders of');
      await expect(admit(101n)).rejects.toThrow('unanswered orders of');
      await fill(7);
      // After a restart, or by the next reading, the database says what is unanswered.
      pass(10_001);
      store.database
        .prepare(
          `INSERT INTO replies (reply_id, state, order_bytes, order_hash, order_signature, payer, provider_id, max_fee, expires_at)
           VALUES (x'01', ?, x'00', x'00', x'00', ?, ?, '99', 0)`,
        )
        .run('admitted', name(20, 7), name(32, 7));
      await settleReading();
      await admit(1n, { [kind]: 7 });
      await expect(admit(1n, { [kind]: 7 })).rejects.toThrow('unanswered orders of');
      store.database.exec("UPDATE replies SET state = 'recorded'");
      pass(2_001);
      await admit(100n, { [kind]: 7 });
    },
  );

  it('leaves half for unanswered orders beyond past payments, of any payers, and the rest for others', async () => {
    const { admit, fill, settleReading } = openRoom();
    await settleReading();
    for (let i = 0; i < 3; i++) await admit(100n, { paid: 0n });
    await admit(100n, { payer: 7, paid: 40n });
    await admit(40n, { paid: 0n });
    await expect(admit(1n, { paid: 0n })).rejects.toThrow('with few past payments');
    await expect(admit(41n, { paid: 40n })).rejects.toThrow('with few past payments');
    // A payer that has paid as much continues.
    await admit(40n, { paid: 40n });
    await fill(3);
  });

  it('bounds nothing if nothing is held', async () => {
    const free = openRoom(false);
    await free.admit(1n << 100n);
    await free.admit(1n << 100n);
  });

  it('admits nothing before the chain has answered once, and then goes by what it said last', async () => {
    const { chain, admit, pass } = openRoom();
    chain.isDown = true;
    await expect(admit(1n)).rejects.toThrow('cannot be read yet');
    chain.isDown = false;
    // The first order finds the bound, too.
    await expect(admit(1_001n)).rejects.toThrow('cover no more fees');
    await admit(100n);
    chain.isDown = true;
    pass(60_000);
    await admit(100n);
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
