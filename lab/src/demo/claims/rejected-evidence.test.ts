import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { expect, it } from 'vitest';
import type { ServedEvidence } from '../../attackers/served-evidence.ts';
import type { AskedReply } from '../run-record.ts';
import { createSyntheticRun } from '../synthetic-run.ts';
import { replyIdOf } from './finding.ts';
import { findRejected } from './rejected-evidence.ts';

const synthetic = await createSyntheticRun();
const [first, second] = synthetic.replies.filter(({ receipts }) => {
  const providerId = receipts && toHex(parseOrder(receipts.full.order.bytes).providerId);
  return providerId === synthetic.members.find(({ role }) => role === 'provider')?.providerId;
}) as [AskedReply, AskedReply];

/** The evidence that a cheat would keep of a reply. */
function keep(reply: AskedReply): ServedEvidence {
  const { record, opening } = reply.receipts!.full;
  const { bytes, publicKey, signature } = record;
  const opened = 'bytes' in opening ? opening.bytes : new Uint8Array();
  return { replyId: replyIdOf(reply) as string, record: bytes, publicKey, signature, opening: opened };
}

/** The provider of both replies cheats, and both are rejected. */
function createRun(cheat: 'prefill' | 'substitute', change: Partial<VerdictEntry> = {}) {
  const { providerId } = parseOrder(first.receipts!.full.order.bytes);
  const rejected = { verdict: 'reject', evidence: 'exact', ...change } as const;
  const members = synthetic.members.map((member) => ({ ...member, isCheat: member.providerId === toHex(providerId) }));
  const logs = synthetic.logs.map((log) => ({
    ...log,
    entries: log.entries.map((entry) => (equalBytes(entry.providerId, providerId) ? { ...entry, ...rejected } : entry)),
  }));
  return { crypto, cheat, members, logs };
}

const kept = [keep(first), keep(second)];
const bodies = new Map([first, second].map((reply) => [replyIdOf(reply), reply.request]));
const readRequest = (replyId: Uint8Array): Uint8Array | undefined => bodies.get(toHex(replyId));

it('finds the request of a reply that a validator bought', () => {
  expect(findRejected(createRun('prefill'), kept, readRequest)).toEqual({ evidence: kept[0], request: first.request });
});

it('continues with a reply whose request the cheat still has', () => {
  const without = (replyId: Uint8Array) =>
    equalBytes(replyId, fromHex(kept[0]!.replyId)) ? undefined : readRequest(replyId);
  expect(findRejected(createRun('prefill'), kept, without)?.evidence).toEqual(kept[1]);
  expect(findRejected(createRun('prefill'), kept, () => undefined)).toBeUndefined();
});

it('refuses a request of another reply', () => {
  expect(findRejected(createRun('prefill'), kept, () => second.request)).toEqual({
    evidence: kept[1],
    request: second.request,
  });
});

it('ignores a reply that was rejected because its opening was withheld', () => {
  const withheld = { evidence: 'statistical', verifiers: [] } as const;
  expect(findRejected(createRun('prefill', withheld), kept, readRequest)).toBeUndefined();
  expect(findRejected(createRun('substitute', withheld), kept, readRequest)).toBeUndefined();
  expect(findRejected(createRun('substitute', { evidence: 'statistical' }), kept, readRequest)).toBeDefined();
});

it('ignores accepted replies, and replies of other providers', () => {
  expect(findRejected(createRun('prefill', { verdict: 'accept' }), kept, readRequest)).toBeUndefined();
  expect(findRejected({ ...createRun('prefill'), members: synthetic.members }, kept, readRequest)).toBeUndefined();
});
