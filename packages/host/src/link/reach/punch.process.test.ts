import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { HostPort } from '../host-port.ts';
import type { DialPolicy } from '../public-address.ts';
import { openPuncher, startPunchNode } from './punch.ts';

/** A helper that punches needs a few others to learn its caller's address. */
const PUNCH_NODES = 4;
const PATIENCE_MS = 10_000;
const closers: (() => Promise<void>)[] = [];
let bootstrap: HostPort[] = [];

beforeEach(async () => {
  for (const port of await findFreePorts(PUNCH_NODES)) {
    const at = { host: '127.0.0.1', port };
    const node = await startPunchNode(at, { bootstrap });
    closers.unshift(() => node.close());
    if (bootstrap.length === 0) bootstrap = [at];
  }
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  bootstrap = [];
});

/** Punches from one node on loopback to another. @returns whether the listener accepted a link, and why the caller got none. */
async function punch(listener: DialPolicy, caller: DialPolicy): Promise<{ isAccepted: boolean; refusal?: string }> {
  const [near, far] = await Promise.all([caller, listener].map((dialPolicy) => openPuncher({ bootstrap, dialPolicy })));
  if (near === undefined || far === undefined) throw new Error('unreachable');
  closers.unshift(near.close, far.close);
  const accepted = Promise.withResolvers<true>();
  const key = await far.listen((socket) => {
    socket.on('error', () => {});
    accepted.resolve(true);
  });
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const dialled = await near.dial(key, signal).then(
    (socket) => {
      socket.on('error', () => {});
      socket.write('hello');
      return {};
    },
    ({ message }: Error) => ({ refusal: message }),
  );
  const isAccepted = await Promise.race([accepted.promise, new Promise<false>((no) => setTimeout(no, 1_000, false))]);
  return { isAccepted, ...dialled };
}

it('a hole is punched between two nodes on loopback on a local chain', async () => {
  expect(await punch('any', 'any')).toEqual({ isAccepted: true });
});

it('no hole leads a caller to loopback off local chains', async () => {
  const refusal = 'the hole leads to no address of the public internet';
  expect(await punch('any', 'public')).toEqual({ isAccepted: false, refusal });
});

it('no hole leads a listener to a caller on loopback off local chains', async () => {
  expect(await punch('public', 'any')).toMatchObject({ isAccepted: false });
});
