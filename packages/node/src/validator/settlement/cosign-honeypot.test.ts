import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import {
  type AuditEvidence,
  encodeEvidence,
  type HoneypotEvidence,
  parseEvidence,
} from '@ogong/protocol/verdict/evidence';
import type { TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createFour } from '@ogong/testing/validator/test-four';
import { type Message, proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import { beforeAll, describe, expect, it } from 'vitest';

const ALWAYS = 1_000_000;

/** One audited reply with its honeypot, as a co-signer gets it. @param ppm how many honeypots the co-signer pays for. */
async function createTrapped(ppm = ALWAYS, sees: Parameters<typeof answerHonestly>[1] = {}) {
  const four = await createFour((index) => ({
    audit: { pairPpm: ALWAYS, honeypotPpm: index === 0 ? ALWAYS : ppm },
    verifiers: (peer, job) => answerHonestly(four.own.served, sees)(peer, job),
  }));
  const { own, peers } = four;
  for (const name of ['v2', 'v3', 'v4']) await own.announceVerifier(name);
  await own.deliver(0);
  await four.certifyAll();
  await own.runAudits();
  const request = await proposeUnheard(four);
  const cosign = (message: Message, by = 0) =>
    (peers[by] as TestValidator).cosigner.cosign(own.signer.address, message);
  return { own, peers, request, cosign };
}

let world: Awaited<ReturnType<typeof createTrapped>>;
beforeAll(async () => {
  world = await createTrapped();
});

const readEvidence = ({ request }: Pick<typeof world, 'request'>) =>
  parseEvidence(request.entries[0]?.evidence as Uint8Array) as AuditEvidence & { readonly honeypot: HoneypotEvidence };

/** The same batch with other evidence, and an entry that follows from it as its validator says. */
async function bend(
  change: (evidence: ReturnType<typeof readEvidence>) => AuditEvidence,
  changeEntry: (entry: VerdictEntry) => VerdictEntry = (entry) => entry,
  of = world,
) {
  const { own, request } = of;
  const evidence = encodeEvidence(change(readEvidence(of)));
  const bent = await rebuild(
    own,
    structuredClone(request),
    (entry) => changeEntry({ ...entry, evidenceHash: crypto.sha256(evidence) }),
    (same) => same,
  );
  (bent.entries[0] as Message['entries'][number]).evidence = evidence;
  return bent;
}

const withHoneypot = (change: Partial<HoneypotEvidence>) => (evidence: ReturnType<typeof readEvidence>) => ({
  ...evidence,
  honeypot: { ...evidence.honeypot, ...change },
});

describe('a honeypot in the log', () => {
  it('is signed: its verifier stands in the entry beside the pair, with its tokens, and is tallied', async () => {
    const { own, cosign, request } = world;
    const { attempts, honeypot } = readEvidence(world);
    const [entry] = own.decided as [VerdictEntry];
    expect(entry.verifiers.map(({ outcome }) => outcome)).toEqual(['credited', 'credited', 'credited']);
    expect(attempts).toHaveLength(2);
    expect(entry.verifiers.at(-1)?.verifierId).toEqual(honeypot.verifierId);
    const [first, , last] = entry.verifiers;
    expect(last).toMatchObject({ tokens: first?.outcome === 'credited' ? first.tokens : -1 });
    expect((await cosign(request, 1)).signature.length).toBe(65);
  });

  it('is refused where the beacon draws none for this audit', async () => {
    const { cosign, request } = await createTrapped(0);
    await expect(cosign(request)).rejects.toThrow('the beacon draws no honeypot for this audit');
  });

  it('is refused where it went to somebody else', async () => {
    const [one] = readEvidence(world).attempts;
    const bent = await bend(withHoneypot({ verifierId: one?.verifierId as Uint8Array }));
    await expect(world.cosign(bent)).rejects.toThrow('a verifier that the beacon did not draw');
  });

  it.each<[string, Partial<HoneypotEvidence>]>([
    ['another job', { nonce: new Uint8Array(16) }],
    ['another report', {}],
  ])('is refused with an answer to %s', async (name, change) => {
    const { attempts, honeypot } = readEvidence(world);
    const report = attempts[0]?.opened?.report as Uint8Array;
    const other = name === 'another report' ? { opened: { ...honeypot.opened, report } } : change;
    await expect(world.cosign(await bend(withHoneypot(other)))).rejects.toThrow('the honeypot: ');
  });

  it('is refused where nobody has said who is liable for the report', async () => {
    const bent = await bend(withHoneypot({ credential: undefined }));
    await expect(world.cosign(bent)).rejects.toThrow('put down to a payee that it does not work for');
  });

  it('is refused where the entry says something else of its verifier', async () => {
    const bendMark = (outcome: 'none' | 'refuted' | 'more') => (entry: VerdictEntry) => {
      const last = entry.verifiers.at(-1) as VerdictEntry['verifiers'][number];
      const { verifierId, payee } = last;
      const others = entry.verifiers.slice(0, -1);
      if (outcome === 'none') return { ...entry, verifiers: others };
      const mark =
        outcome === 'refuted'
          ? ({ verifierId, payee, outcome } as const)
          : ({ verifierId, payee, outcome: 'credited', tokens: 4_000_000 } as const);
      return { ...entry, verifiers: [...others, mark] };
    };
    for (const outcome of ['none', 'refuted', 'more'] as const) {
      const bent = await bend((same) => same, bendMark(outcome));
      await expect(world.cosign(bent)).rejects.toThrow('says something else of its verifiers than the evidence');
    }
  });

  it('is no evidence where no two have seen the same, so that nobody knows its answer', async () => {
    const other = await createTrapped(ALWAYS, { exact: false, numericClass: 'other' });
    expect(readEvidence(other).honeypot).toBeUndefined();
    const { honeypot } = readEvidence(world);
    const bent = await bend((evidence) => ({ ...evidence, honeypot }), undefined, other);
    await expect(other.cosign(bent)).rejects.toThrow('a honeypot whose answer nobody knows');
  });
});
