import { decodeFunctionData, recoverAddress } from 'viem';
import { sign } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { settlementAbi } from '../generated/abi.ts';
import type { Hex } from '../hex.ts';
import { encodeSettle, type SettleCall, sortQuorum } from './settle-call.ts';

const filled = (byte: string, size: number): Hex => `0x${byte.repeat(size)}`;

const call: SettleCall = {
  batch: {
    validator: filled('01', 20),
    sequence: 1n,
    logHead: filled('02', 32),
    logLength: 3n,
    recordsRoot: new Uint8Array(32).fill(4),
    replies: 5,
  },
  debits: [
    {
      payer: filled('06', 20),
      amount: 7n,
      cumulative: 8n,
      termsHash: filled('09', 32),
      signature: `${filled('0a', 64)}1b`,
    },
  ],
  lines: [{ providerId: filled('0f', 32), payee: filled('0b', 20), router: filled('0c', 20), gross: 7n }],
  ejections: [filled('0d', 32)],
  tallies: [{ payee: filled('10', 20), credits: 11, refuted: 2 }],
  quorum: [filled('0e', 65)],
};

describe('encodeSettle', () => {
  it('takes bytes and hex alike', () => {
    const { functionName, args } = decodeFunctionData({ abi: settlementAbi, data: encodeSettle(call) });
    expect(functionName).toBe('settle');
    expect(args?.[0]).toMatchObject({ recordsRoot: filled('04', 32), replies: 5 });
  });

  it.each<[string, SettleCall]>([
    ['batch.logHead has 31 bytes', { ...call, batch: { ...call.batch, logHead: filled('02', 31) } }],
    ['debit.signature has 64 bytes', { ...call, debits: [{ ...call.debits[0]!, signature: filled('0a', 64) }] }],
    ['line.router has 32 bytes', { ...call, lines: [{ ...call.lines[0]!, router: filled('0c', 32) }] }],
    ['line.providerId has 20 bytes', { ...call, lines: [{ ...call.lines[0]!, providerId: filled('0f', 20) }] }],
    ['tally.payee has 32 bytes', { ...call, tallies: [{ payee: filled('10', 32), credits: 1, refuted: 0 }] }],
    ['ejections is not hexadecimal', { ...call, ejections: ['0xzz'] }],
  ])('refuses: %s', (message, malformed) => {
    expect(() => encodeSettle(malformed)).toThrow(message);
  });
});

describe('sortQuorum', () => {
  it('orders by the address that signed', async () => {
    const hash = filled('77', 32);
    const keys = ['11', '22', '33', '44', '55'].map((byte) => filled(byte, 32));
    const signatures = await Promise.all(keys.map((privateKey) => sign({ hash, privateKey, to: 'hex' })));
    const sorted = await sortQuorum(hash, signatures);
    const signers = await Promise.all(sorted.map((signature) => recoverAddress({ hash, signature })));
    const ascending = signers.map((signer) => signer.toLowerCase()).toSorted();
    expect(signers.map((signer) => signer.toLowerCase())).toEqual(ascending);
    expect(sorted.toSorted()).toEqual(signatures.toSorted());
    // Not already in order, or this would test nothing.
    expect(sorted).not.toEqual(signatures);
  });
});
