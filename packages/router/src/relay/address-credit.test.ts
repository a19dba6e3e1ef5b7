import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { expect, it } from 'vitest';
import { createAddressCredit } from './address-credit.ts';
import { DEFAULT_RELAY_LIMITS } from './relay-limits.ts';
import type { RelayPayments } from './relay-payments.ts';
import { openRelayState, type RelayDependencies } from './relay-state.ts';

const CREDIT = 1_000;
const DAY_MS = 86_400_000;

function open() {
  let nowMs = 0;
  const paid = new Map<string, bigint>();
  const paidBytes = (certHash: Uint8Array): bigint => paid.get(certHash.join()) ?? 0n;
  const payments = {
    terms: { creditBytes: BigInt(CREDIT) },
    paidBytes,
    isCovered: (certHash: Uint8Array, bytes: bigint) => bytes <= paidBytes(certHash) + BigInt(CREDIT),
    forget: (certHash: Uint8Array) => void paid.delete(certHash.join()),
  } as unknown as RelayPayments;
  const clock = { nowMs: () => nowMs };
  return { payments, clock, paid, pass: (ms: number) => (nowMs += ms) };
}

const node = (index: number): Uint8Array => Uint8Array.of(index >> 8, index & 0xff);

it('a node that takes a new certificate whenever it would have to pay uses up the credit of its address, and no other', () => {
  const { payments, clock, pass } = open();
  const credit = createAddressCredit(payments, clock);
  let carried = 0;
  for (let i = 0; i < 100; i++)
    for (let bytes = 100n; credit.isCovered(node(i), 'a', bytes); bytes += 100n) carried += 100;
  expect(carried).toBe(8 * CREDIT);
  expect(credit.isCovered(node(100), 'b', 100n)).toBe(true);
  pass(DAY_MS / 8);
  for (let i = 200; i < 300; i++)
    for (let bytes = 100n; credit.isCovered(node(i), 'a', bytes); bytes += 100n) carried += 100;
  expect(carried).toBe(9 * CREDIT);
});

it('nodes that pay go on, also where others of their address have used its credit up', () => {
  const { payments, clock, paid } = open();
  const credit = createAddressCredit(payments, clock);
  const pay = (i: number, bytes: bigint) => paid.set(node(i).join(), bytes);
  for (let bytes = 100n; bytes <= 5_000n; bytes += 100n) {
    for (let i = 0; i < 16; i++) {
      expect(credit.isCovered(node(i), 'a', bytes)).toBe(true);
      if (bytes % 300n === 0n) pay(i, bytes);
    }
  }
  for (let i = 100; i < 120; i++) for (let bytes = 100n; credit.isCovered(node(i), 'a', bytes); bytes += 100n);
  expect(credit.isCovered(node(99), 'a', 1n)).toBe(false);
  expect(credit.isCovered(node(99), 'a', 0n)).toBe(true);
  for (let bytes = 5_100n; bytes <= 6_000n; bytes += 100n) {
    expect(credit.isCovered(node(0), 'a', bytes)).toBe(true);
    if (bytes % 300n === 0n) pay(0, bytes);
  }
});

it('a relay asks for it by the address that a node has registered from, and forgets what it paid with its bytes', () => {
  const { payments, clock, paid } = open();
  const given = { clock, payments, randomBytes: () => new Uint8Array(32), metrics: createMetrics('relay') };
  const parts = { crypto: { sha256: () => new Uint8Array(32) }, signer: { publicKey: new Uint8Array(32) } };
  const log = createLogger({ name: 'relay', level: 'error' });
  const state = openRelayState(DEFAULT_RELAY_LIMITS, { ...given, ...parts, log } as unknown as RelayDependencies);
  const seat = (i: number) => {
    const certHash = node(i);
    const name = Buffer.from(certHash).toString('hex');
    state.seats.set(name, { certHash, group: 'a', call: () => true, end: () => {} });
    return { meter: state.meterOf(certHash), leave: () => state.seats.delete(name) };
  };
  let whole = 0;
  for (let i = 0; i < 20; i++) {
    const { meter, leave } = seat(i);
    if (meter.charge(CREDIT)) whole++;
    leave();
  }
  expect(whole).toBe(8);
  paid.set(node(0).join(), 5_000n);
  for (let i = 20; i < 16_500; i++) state.meterOf(node(i));
  expect(paid.size).toBe(0);
});

it('bytes that are charged when the registration has ended are those of its address, and not of all strangers together', () => {
  const { payments, clock } = open();
  const given = { clock, payments, randomBytes: () => new Uint8Array(32), metrics: createMetrics('relay') };
  const parts = { crypto: { sha256: () => new Uint8Array(32) }, signer: { publicKey: new Uint8Array(32) } };
  const log = createLogger({ name: 'relay', level: 'error' });
  const state = openRelayState(DEFAULT_RELAY_LIMITS, { ...given, ...parts, log } as unknown as RelayDependencies);
  const whole = { a: 0, b: 0 };
  for (let i = 0; i < 40; i++) {
    const group = i < 20 ? 'a' : 'b';
    const certHash = node(i);
    const name = Buffer.from(certHash).toString('hex');
    state.seats.set(name, { certHash, group, call: () => true, end: () => {} });
    const meter = state.meterOf(certHash);
    // A caller asks for a link.
    meter.hasBytes();
    state.seats.delete(name);
    if (meter.charge(CREDIT)) whole[group]++;
  }
  expect(whole).toEqual({ a: 8, b: 8 });
});
