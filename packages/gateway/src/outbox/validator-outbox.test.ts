import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { openStore } from '@ogong/host/store/store';
import { createWorkStore, type WorkStore } from '@ogong/host/store/work-store';
import { toHex } from '@ogong/protocol/base/bytes';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GATEWAY_SCHEMA } from '../books/schema.ts';
import { createValidatorOutbox, type SendOutcome } from './validator-outbox.ts';

function createOutbox() {
  let nowMs = 1_000_000;
  const sent: unknown[] = [];
  const outbox = createValidatorOutbox(
    {
      ...{ kind: 'delivery', lifetimeMs: 1_000_000, perRound: 2 },
      send: async (_service, { message }) => {
        sent.push(message[0]);
        return 'done';
      },
    },
    {
      // Reading from the store is for the other gateways' part.
      books: { isShared: true, read: async () => [], write: async () => {} } as unknown as WorkStore,
      chain: { findByAddress: () => ({}) } as never,
      links: { to: () => ({}) } as unknown as LinkPool,
      clock: { nowMs: () => nowMs } as never,
    },
  );
  const put = (count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, i) => outbox.put([new Uint8Array(20)], { message: Uint8Array.of(i) })),
    );
  return { outbox, sent, put, pass: (ms: number) => (nowMs += ms) };
}

it('tries first what was just put, and no more than another gateway leaves it the time for', async () => {
  const { outbox, sent, put, pass } = createOutbox();
  await put(100);
  for (let i = 0; i < 14; i++) await outbox.flush();
  expect(sent.length).toBe(28);
  // A try that begins now might not have ended when another gateway begins one.
  pass(15_000);
  await outbox.flush();
  expect(sent.length).toBe(28);
  await put(1);
  await outbox.flush();
  expect(sent.length).toBe(29);
});

it('keeps no more in memory than it sends in that time', async () => {
  const { outbox, sent, put } = createOutbox();
  await put(100);
  for (let i = 0; i < 100; i++) await outbox.flush();
  expect(sent.length).toBe(30);
});

const [FIRST, SECOND, THIRD] = [1, 2, 3].map((byte) => new Uint8Array(20).fill(byte)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

/** Over books of its own. @param answer of a validator, by its first byte. */
function openOutbox(
  answer: (validator: number, message: number) => Promise<SendOutcome>,
  together?: {
    readonly least?: number;
    readonly most: number;
    send(messages: number[]): Promise<readonly SendOutcome[]>;
  },
) {
  let nowMs = 1_000_000;
  const sent: string[] = [];
  const errors: unknown[] = [];
  const store = openStore(':memory:', { schema: GATEWAY_SCHEMA });
  const books = createWorkStore(store);
  const outbox = createValidatorOutbox(
    {
      ...{ kind: 'delivery', lifetimeMs: 100_000, perRound: 8, holdUpMs: 200 },
      send(_service, { validator, message }) {
        const [to, what] = [Number.parseInt(validator.slice(0, 2), 16), message[0] as number];
        sent.push(`${to}:${what}`);
        return answer(to, what);
      },
      ...(together && {
        sendTogether: {
          ...{ least: together.least ?? 2, most: together.most },
          send: (_service, items) => together.send(items.map(({ message }) => message[0] as number)),
        },
      }),
    },
    {
      books,
      chain: { findByAddress: () => ({}) } as never,
      links: { to: () => ({}) } as unknown as LinkPool,
      clock: { nowMs: () => nowMs } as never,
      onError: (error) => errors.push(error),
    },
  );
  onTestFinished(async () => {
    await outbox.stop();
    await books.close();
    store.close();
  });
  const listed = () => store.prepare('SELECT validator, attempts FROM outbox').all();
  return { outbox, sent, errors, listed, pass: (ms: number) => (nowMs += ms) };
}

it('keeps one item for all whom it is for, and tells again only those who were not told', async () => {
  let isAway = true;
  const { outbox, sent, errors, listed, pass } = openOutbox(async (validator) => {
    if (validator === 2 && isAway) throw new LinkError('unreachable', 'away');
    return validator === 3 && isAway ? 'again' : 'done';
  });
  await outbox.put([FIRST, SECOND, THIRD], { message: Uint8Array.of(9) });
  expect(listed()).toHaveLength(1);
  await outbox.flush();
  expect(sent.sort()).toEqual(['1:9', '2:9', '3:9']);
  expect(listed()).toEqual([{ validator: `${toHex(SECOND)},${toHex(THIRD)}`, attempts: 1 }]);
  await outbox.flush();
  expect(sent).toHaveLength(3);
  isAway = false;
  pass(10_000);
  await outbox.flush();
  expect(sent.slice(3).sort()).toEqual(['2:9', '3:9']);
  expect(await outbox.size()).toBe(0);
  expect(errors).toEqual([]);
});

it('gives up those who are never told, with the item', async () => {
  const { outbox, errors, pass } = openOutbox(async (validator) => {
    if (validator === 2) throw new LinkError('unreachable', 'away');
    return 'done';
  });
  await outbox.put([FIRST, SECOND], { message: Uint8Array.of(9) });
  await outbox.flush();
  pass(100_000);
  await outbox.flush();
  expect(await outbox.size()).toBe(0);
  expect(errors).toEqual([expect.objectContaining({ code: 'unreachable' })]);
});

it('tells others while one does not answer, and does not ask that one twice', async () => {
  const silent = Promise.withResolvers<'done'>();
  const { outbox, sent } = openOutbox((validator) => (validator === 2 ? silent.promise : Promise.resolve('done')));
  await outbox.put([FIRST, SECOND], { message: Uint8Array.of(1) });
  await outbox.flush();
  await outbox.put([FIRST], { message: Uint8Array.of(2) });
  await outbox.flush();
  expect(sent.sort()).toEqual(['1:1', '1:2', '2:1']);
  expect(await outbox.size()).toBe(1);
  silent.resolve('done');
  await outbox.stop();
  expect(await outbox.size()).toBe(0);
});

describe('items of one validator', () => {
  const item = (byte: number) => ({ message: Uint8Array.of(byte) });

  it('go by one call, as many as it takes, and are noted one by one', async () => {
    const calls: number[][] = [];
    const { outbox, sent, listed } = openOutbox(async () => 'done', {
      most: 3,
      async send(items) {
        calls.push(items);
        return items.map((message) => (message === 2 ? 'again' : 'done'));
      },
    });
    for (let i = 0; i < 4; i++) await outbox.put([FIRST], item(i));
    await outbox.put([SECOND], item(9));
    await outbox.flush();
    expect(calls.map((items) => items.length)).toEqual([3]);
    expect([...calls.flat(), ...sent.map((one) => Number(one.split(':')[1]))].sort()).toEqual([0, 1, 2, 3, 9]);
    expect(listed()).toEqual(calls.flat().includes(2) ? [{ validator: toHex(FIRST), attempts: 1 }] : []);
  });

  it('are sent one by one where a list is refused', async () => {
    const { outbox, sent } = openOutbox(async () => 'done', {
      most: 3,
      send: async () => {
        throw new LinkError('remote', 'one is wrong', { refusal: 'invalid' });
      },
    });
    await outbox.put([FIRST], item(0));
    await outbox.put([FIRST], item(1));
    await outbox.flush();
    expect(sent.sort()).toEqual(['1:0', '1:1']);
    expect(await outbox.size()).toBe(0);
  });

  it.each([
    ['fails otherwise than by a refusal', {}],
    ['is too large with others', { code: 'too-large' as const }],
    ['is sent to one that takes no lists', { refusal: 'unsupported' as const }],
  ])(
    'are sent one by one where a list %s, and only the one that fails waits',
    async (_what, { code, refusal }: { code?: 'too-large'; refusal?: 'unsupported' }) => {
      const { outbox, sent, listed, errors } = openOutbox(
        async (_validator, message) => {
          if (message === 1) throw new LinkError('remote', 'internal error');
          return 'done';
        },
        {
          most: 3,
          send: async () => {
            throw new LinkError(code ?? 'remote', 'internal error', { ...(refusal && { refusal }) });
          },
        },
      );
      for (let i = 0; i < 3; i++) await outbox.put([FIRST], item(i));
      await outbox.flush();
      expect(sent.sort()).toEqual(['1:0', '1:1', '1:2']);
      expect(listed()).toEqual([{ validator: toHex(FIRST), attempts: 1 }]);
      expect(errors).toEqual([]);
    },
  );

  it('are sent one by one where there are few', async () => {
    const send = async (): Promise<never> => {
      throw new Error('too few for a list');
    };
    const { outbox, sent } = openOutbox(async () => 'done', { least: 3, most: 8, send });
    for (let i = 0; i < 2; i++) await outbox.put([FIRST], item(i));
    await outbox.flush();
    expect(sent.sort()).toEqual(['1:0', '1:1']);
  });

  it('wait together where their validator refuses for the moment', async () => {
    const { outbox, sent, listed } = openOutbox(async () => 'done', {
      most: 3,
      send: async () => {
        throw new LinkError('remote', 'nothing can be stored here now', { refusal: 'unavailable' });
      },
    });
    for (let i = 0; i < 2; i++) await outbox.put([FIRST], item(i));
    await outbox.flush();
    expect(sent).toEqual([]);
    expect(listed()).toEqual([0, 1].map(() => ({ validator: toHex(FIRST), attempts: 1 })));
  });

  it('wait together where their validator is away, and for answers that are missing', async () => {
    let isAway = true;
    const { outbox, sent, listed, pass } = openOutbox(async () => 'done', {
      most: 3,
      async send() {
        if (isAway) throw new LinkError('unreachable', 'away');
        return [];
      },
    });
    await outbox.put([FIRST], item(0));
    await outbox.put([FIRST], item(1));
    for (const attempts of [1, 2]) {
      await outbox.flush();
      expect(listed()).toEqual([0, 1].map(() => ({ validator: toHex(FIRST), attempts })));
      isAway = false;
      pass(10_000);
    }
    expect(sent).toEqual([]);
  });
});
