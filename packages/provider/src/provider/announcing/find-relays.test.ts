import { formatHostPort } from '@ogong/host/link/host-port';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import { describe, expect, it } from 'vitest';
import { findRelays } from './find-relays.ts';

const relay = (n: number, endpoint = `198.51.100.${n}:4546`) => ({ endpoint, certHash: new Uint8Array(32).fill(n) });
type Named = ReturnType<typeof relay>;

/** Asks routers of which each names these relays, or fails. */
async function find(answers: readonly (() => readonly Named[])[], patienceMs = 0) {
  const asked: number[] = [];
  const failed: string[] = [];
  const routers = answers.map((_, n): Peer => ({ endpoint: `127.0.0.1:${n + 1}`, certHash: new Uint8Array(32) }));
  const to = (_service: unknown, router: Peer) => ({
    async listRelays() {
      const n = routers.indexOf(router);
      asked.push(n);
      return { relays: answers[n]?.() };
    },
  });
  let now = 0;
  const uptime = { nowMs: () => now++ };
  const found = await findRelays(
    { routers, patienceMs },
    { links: { to } as unknown as LinkPool, uptime, random: () => 0, onError: (_, router) => failed.push(router) },
  );
  return { found: found.map(({ endpoint }) => formatHostPort(endpoint)), asked, failed };
}

const down = (): never => {
  throw new Error('down');
};

describe('relays that routers name', () => {
  it('are two at most, of different routers where these name some', async () => {
    const { found } = await find([() => [relay(1), relay(2), relay(3)], () => [relay(1), relay(4)]]);
    expect(found).toEqual(['198.51.100.1:4546', '198.51.100.2:4546']);
    const others = await find([() => [relay(1), relay(2)], () => [relay(5)]]);
    expect(others.found).toEqual(['198.51.100.1:4546', '198.51.100.5:4546']);
  });

  it('are found though a router is down', async () => {
    const { found, failed } = await find([down, () => [relay(2)]]);
    expect(found).toEqual(['198.51.100.2:4546']);
    expect(failed).toEqual(['127.0.0.1:1']);
  });

  it('are asked for again until one is named', async () => {
    let asked = 0;
    const { found } = await find([() => (++asked < 3 ? [] : [relay(1)])], 100);
    expect(found).toEqual(['198.51.100.1:4546']);
    expect(asked).toBe(3);
  });

  it('are none where nobody names one in time', async () => {
    expect((await find([() => []])).found).toEqual([]);
  });

  it.each([
    ['is no address', relay(1, 'https://relay.example')],
    ['is as long as a page', relay(1, `${'a'.repeat(5_000)}:1`)],
    ['has a certificate of another length', { ...relay(1), certHash: new Uint8Array(31) }],
    ['lists further ways', relay(1, 'relay/198.51.100.1:1')],
  ])('are not taken where what a router names %s', async (_what, bad) => {
    expect((await find([() => [bad, relay(2)]])).found).toEqual(['198.51.100.2:4546']);
  });

  it('are read from the first few that a router names', async () => {
    const noise = Array.from({ length: 8 }, () => relay(1, 'nothing'));
    expect((await find([() => [...noise, relay(2)]])).found).toEqual([]);
  });
});
