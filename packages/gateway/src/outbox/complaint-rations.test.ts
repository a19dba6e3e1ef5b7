import { openStore } from '@ogong/host/store/store';
import { createWorkStore } from '@ogong/host/store/work-store';
import { FEES_PER_AUDIT } from '@ogong/protocol/exchange/limits';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { KeyOwner } from '../books/reservation.ts';
import { GATEWAY_SCHEMA } from '../books/schema.ts';
import { addUsage } from '../books/usage-store.ts';
import { createComplaintRations } from './complaint-rations.ts';

const FEE = 100n;
const keyOf = (keyId: string, organisation = ''): KeyOwner => ({ keyId, organisation });

function open() {
  const store = openStore(':memory:', { schema: GATEWAY_SCHEMA });
  onTestFinished(() => store.close());
  const books = createWorkStore(store);
  const rations = createComplaintRations({ books, clock: { nowMs: () => 86_400_000 } });
  return {
    take: rations.take,
    pay: (owner: KeyOwner, costAtomic: bigint) =>
      books.write(() => addUsage({ ...owner, day: '1970-01-01', model: 'a' }, { costAtomic })),
    /** Complains of replies, one after the other. @returns the number that leave the gateway. */
    async complain(owner: KeyOwner, replies: number): Promise<number> {
      let sent = 0;
      for (let i = 0; i < replies; i++) if (await rations.take(owner, FEE)) sent++;
      return sent;
    },
  };
}

describe('the complaints of one account', () => {
  it('are one without fees, and then a twentieth of the fees that it has paid', async () => {
    const { complain, pay } = open();
    expect(await complain(keyOf('a'), 3)).toBe(1);
    await pay(keyOf('a'), FEES_PER_AUDIT * 3n * FEE - 1n);
    expect(await complain(keyOf('a'), 3)).toBe(1);
    await pay(keyOf('a'), 1n);
    expect(await complain(keyOf('a'), 3)).toBe(1);
  });

  it('use up no ration of another account, however many they are', async () => {
    const { complain, pay, take } = open();
    await pay(keyOf('honest'), FEES_PER_AUDIT * 2n * FEE);
    expect(await complain(keyOf('griefer'), 1_000)).toBe(1);
    expect(await complain(keyOf('honest'), 2)).toBe(2);
    expect(await take(keyOf('honest'), 1n)).toBe(false);
  });

  it('count together for all keys of an organisation', async () => {
    const { complain, pay } = open();
    await pay(keyOf('a', 'acme'), FEES_PER_AUDIT * 2n * FEE);
    expect(await complain(keyOf('a', 'acme'), 1)).toBe(1);
    expect(await complain(keyOf('b', 'acme'), 3)).toBe(1);
    expect(await complain(keyOf('c', 'acme'), 3)).toBe(0);
  });
});
