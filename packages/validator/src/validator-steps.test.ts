import { toHex } from '@ogong/protocol/base/bytes';
import { describe, expect, it } from 'vitest';
import { getBeacon, getRequiredStakes, isConnected, toPeer, type ValidatorState } from './validator-state.ts';
import { readAuditOptions } from './wire-audit.ts';
import { watchTable } from './wire-settlement.ts';

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

describe('a validator', () => {
  it('counts as connected for four epochs after a beacon, and for ten seconds at least', () => {
    const connected = (epochMs: number, sinceMs: number) =>
      isConnected({ awake: { nowMs: () => 1_000 + sinceMs }, certifiedMs: 1_000, options: { epochMs } });
    expect([connected(10, 9_999), connected(10, 10_000)]).toEqual([true, false]);
    expect([connected(5_000, 19_999), connected(5_000, 20_000)]).toEqual([true, false]);
    const options = { epochMs: 5_000 };
    expect(isConnected({ awake: { nowMs: () => 0 }, certifiedMs: Number.NEGATIVE_INFINITY, options })).toBe(false);
  });

  it('reaches a peer where its operator says, and otherwise where the registry says', () => {
    const peer = { endpoint: 'registry:1', certHash: bytes(32, 1) };
    const own = { host: '127.0.0.1', port: 2 };
    expect(toPeer({}, peer)).toEqual(peer);
    expect(toPeer({ peerEndpoints: new Map([[toHex(bytes(32, 2)), own]]) }, peer)).toEqual(peer);
    expect(toPeer({ peerEndpoints: new Map([[toHex(peer.certHash), own]]) }, peer)).toEqual({ ...peer, endpoint: own });
  });

  it('asks peers for a beacon only if it is not archived, and tolerates having none', async () => {
    const asked: bigint[] = [];
    const state = {
      archive: {
        find: (epoch: bigint) => (epoch === 1n ? { value: bytes(32, 1) } : undefined),
        latest: () => ({ epoch: 9n }),
      },
      wanted: new Set<bigint>(),
      beacons: {
        async get(epoch: bigint) {
          asked.push(epoch);
          if (epoch === 2n) return { value: bytes(32, 2) };
          throw new Error('unreachable');
        },
      },
    } as unknown as Pick<ValidatorState, 'archive' | 'beacons' | 'wanted'>;
    expect(await getBeacon(state, 1n)).toEqual({ value: bytes(32, 1) });
    expect(await getBeacon(state, 2n)).toEqual({ value: bytes(32, 2) });
    expect(await getBeacon(state, 3n)).toBeUndefined();
    expect(asked).toEqual([2n, 3n]);
    // Nobody has it: it was passed over, and the beacon is to sign it. The future is not.
    expect([...state.wanted]).toEqual([3n]);
    expect(await getBeacon(state, 10n)).toBeUndefined();
    for (const epoch of [4n, 5n, 6n, 7n, 8n]) await getBeacon(state, epoch);
    expect([...state.wanted]).toEqual([3n, 4n, 5n, 6n]);
  });

  it('audits as much as the network asks for, and everything while that is unknown', () => {
    const coverage = (own: number, network: number | undefined) => {
      const state = {
        options: { alpha: own, epochMs: 1_000, auditWindowMs: 30_000 },
        chain: { parameters: () => (network === undefined ? undefined : { limits: { alpha: network } }) },
      } as unknown as Parameters<typeof readAuditOptions>[0];
      return readAuditOptions(state).alphaPpm();
    };
    expect(coverage(0.25, 100_000)).toBe(250_000);
    expect(coverage(0.25, 500_000)).toBe(500_000);
    expect(coverage(0.25, undefined)).toBe(1_000_000);
  });

  it('asks verifiers for the stake that the network asks for, and for none while that is unknown', () => {
    const read = (parameters: unknown) =>
      getRequiredStakes({ chain: { parameters: () => parameters } } as unknown as Parameters<
        typeof getRequiredStakes
      >[0]);
    expect(read(undefined)).toEqual({ now: 0n, least: 0n, greatest: 0n });
    // More is announced, and not asked for yet.
    const verifierStakes = { now: 7n, least: 5n, greatest: 9n };
    expect(read({ limits: { minimumVerifierStake: 11n }, verifierStakes })).toEqual({
      now: 7n,
      least: 5n,
      greatest: 9n,
    });
  });
});

it('warns once when the chain names another drift table, and not on the first look', () => {
  const warnings: unknown[] = [];
  let named: string | undefined;
  const state = {
    options: { drift: { note: { tableHash: bytes(32, 1) } } },
    chain: { parameters: () => named && { driftTable: { hash: named } } },
    log: { warn: (fields: unknown) => warnings.push(fields) },
    seenTable: undefined,
  } as unknown as Parameters<typeof watchTable>[0];
  const own = `0x${toHex(bytes(32, 1))}`;
  const look = (table: string | undefined): number => {
    named = table;
    watchTable(state);
    return warnings.length;
  };
  expect([look(undefined), look('0xfirst'), look('0xfirst'), look(own)]).toEqual([0, 0, 0, 0]);
  expect([look('0xother'), look('0xother'), look(undefined)]).toEqual([1, 1, 1]);
  expect(warnings).toEqual([{ named: '0xother', own }]);
});
