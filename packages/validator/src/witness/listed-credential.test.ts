import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import type { VerifierCalls } from '@ogong/host/link/verifier-call';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { type Announcement, encodeAnnouncement } from '@ogong/protocol/exchange/announcement';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { type AuditEvidence, parseEvidence } from '@ogong/protocol/verdict/evidence';
import { createTestValidator, provider, type TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly, createTestCalls } from '@ogong/testing/validator/test-calls';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { putAnnouncement, readAnnouncement } from '../store/announcement-store.ts';

const NAMES = ['v1', 'v2'];
const idOf = (name: string): Uint8Array => hashHybridKey(crypto, createTestHybrid(name).publicKey);
type Change = (own: TestValidator, name: string) => Promise<void>;

/** A list of two. While the first one is asked, which answers nobody, the second one's announcement changes at this validator alone. */
async function auditChanged(change: Change) {
  const served = new Map<string, TestReply>();
  const honest = createTestCalls(answerHonestly(served));
  let gone: string | undefined;
  const nameOf = ({ endpoint }: { endpoint: unknown }): string => String(endpoint).replace(/:1$/, '');
  const away = () => new LinkError('unreachable', 'no answer');
  const commitOf =
    (index: number): VerifierCalls['commit'] =>
    async (peer, job, call) => {
      if (index === 0 && gone === undefined) {
        gone = nameOf(peer);
        await change(own, NAMES.find((name) => name !== gone) as string);
      }
      if (index === 0 || nameOf(peer) === gone) throw away();
      return honest.commit(peer, job, call);
    };
  const four = await createFour((index) => ({
    calls: { ...honest, commit: commitOf(index) },
    audit: { windowMs: 300_000, pairPpm: 0, honeypotPpm: 0 },
  }));
  const { own, peers } = four;
  await own.announceVerifier('v2');
  for (const peer of peers) for (const name of NAMES) await peer.announceVerifier(name);
  const reply = await own.deliver(0);
  const { replyId } = reply.reply.record;
  served.set(toHex(replyId), reply);
  await four.certifyAll();
  await own.runContests();
  const other = NAMES.find((name) => name !== gone) as string;
  return { ...four, replyId, gone, other, kept: () => own.store.prepare('SELECT * FROM listed_credentials').all() };
}

const CHANGES: Readonly<Record<string, Change>> = {
  'without a verifier': (own, name) =>
    own.announce(createTestHybrid(name), { endpoint: `${name}:1`, sequence: 2n }, createTestPayee(name)),
  'for another payee': (own, name) => own.announceVerifier(name, 'x', createTestPayee('other'), {}, 2n),
  'in another class': (own, name) => own.announceVerifier(name, 'y', undefined, {}, 2n),
  'by nobody, since its certificate is another one’s': async (own, name) => {
    const { publicKey } = createTestHybrid(name);
    own.store.database.exec('UPDATE announcements SET handed = 1');
    await own.announce(createTestHybrid('thief'), { endpoint: 'thief:1', certHash: crypto.sha256(publicKey) });
    expect(own.store.read(() => readAnnouncement(own.store, idOf(name)))).toBeUndefined();
  },
  'with other room': (own, name) => own.announceVerifier(name, 'x', undefined, { contextSize: 8_192 }, 2n),
};

describe('a verifier that is drawn after it was announced otherwise', () => {
  it.each(Object.entries(CHANGES))('%s, is paid for the report that witnesses brought', async (_, change) => {
    const { own, peers, chain, gone, other, kept } = await auditChanged(change);
    const [entry] = own.decided as [VerdictEntry];
    expect(entry).toMatchObject({
      verdict: 'accept',
      verifiers: [
        { outcome: 'silent', payee: createTestPayee(gone as string).address },
        { outcome: 'credited', payee: createTestPayee(other).address },
      ],
    });
    for (const peer of peers) await peer.certifyUpTo(own.archive.latest().epoch);
    while (await own.settlement.step());
    expect(own.refusals).toEqual([]);
    expect(chain.settled).toHaveLength(1);
    expect(kept()).toEqual([]);
  });
});

describe('a list', () => {
  it('is made again if a candidate leaves before the list is on the disk', async () => {
    let leaves: string | undefined;
    const validator: TestValidator = createTestValidator({
      verifiers: (peer, job) => answerHonestly(validator.served)(peer, job),
      // Called while the list is made, so its writes come before the list.
      stakeOf: () => {
        if (leaves !== undefined) void leave(validator, leaves);
        leaves = undefined;
        return 0n;
      },
      audit: { pairPpm: 0, honeypotPpm: 0 },
    });
    await validator.announce(provider);
    for (const name of NAMES) await validator.announceVerifier(name);
    const { replyId } = (await validator.deliver(0)).reply.record;
    await validator.certify();
    leaves = 'v1';
    await validator.runAudits();
    const { lists } = parseEvidence(validator.find(replyId).evidence as Uint8Array) as AuditEvidence;
    expect(lists.map((list) => list.map(({ providerId }) => providerId))).toEqual([[idOf('v2')]]);
    await validator.close();
  });
});

function leave({ store, group, clock }: TestValidator, name: string): Promise<unknown> {
  const known = readAnnouncement(store, idOf(name)) as Announcement;
  const next = { ...known, verifier: undefined, sequence: known.sequence + 1n };
  return group.write((db) => putAnnouncement(db, next, encodeAnnouncement(next), { nowMs: clock.nowMs() }));
}
