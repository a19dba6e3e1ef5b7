import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type Header, parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { isProof } from '@ogong/protocol/settlement/log-tests';
import { isBillable } from '@ogong/protocol/settlement/verdict-log';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createOpenings } from '@ogong/provider/provider/provider-store';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createNetwork, findReplyId, ledger, network, payee, receive } from '@ogong/testing/provider/provider-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttackDefinition } from './attack.ts';
import { openAttackPath, type PathAttack, type PathReply } from './attack-path.ts';
import { ATTACKS, findAttack } from './catalogue.ts';
import { bendCommit } from './draws/bend-commit.ts';
import { listFailed } from './path-consumer.ts';
import { createEvidenceKeeper } from './served-evidence.ts';
import { createTamperAttackOf, type TamperTarget, tamper } from './tamper.ts';
import { REQUEST_LISTS, requestsFor, type TrialRequest } from './trial-requests.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-attack-path-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs the provider role with an attacker's parts, over real links. */
async function serveOne(definition: AttackDefinition, nonce = 1) {
  const engine = createFakeEngine({ weights: 1, contextSize: 512 });
  const cheapEngine = createFakeEngine({ weights: 2, contextSize: 512 });
  const attack = definition.create({ engine, ...(definition.cheap ? { cheapEngine } : {}) });
  const keeper = createEvidenceKeeper(directory);
  const open = await createNetwork({
    realEngine: attack.engine,
    commit: bendCommit(attack),
    openings: (store) => keeper.bendOpenings(createOpenings(createGroupCommit(store)), attack),
  });
  try {
    const message = open.order({ body: { max_tokens: 80 }, nonce });
    const { text, finished } = await receive(open.client, message);
    const header = parseHeader(finished.header);
    const provider = open.client.service(ProviderService);
    const opening = await provider.getOpening({ replyId: findReplyId(nonce) }).then(
      ({ opening: bytes }) => bytes,
      () => undefined,
    );
    const counts = attack.counts?.() ?? {};
    if (opening === undefined) return { header, counts, failed: ['opening'] };
    const { record } = finished;
    const verdict = await verifyReceipt(
      {
        endpoint: 'chat',
        ledger,
        order: { bytes: message.order!.order, signature: message.order!.signature },
        ticket: {
          bytes: message.ticket!.ticket,
          publicKey: message.ticket!.routerKey,
          signature: message.ticket!.signature,
        },
        admission: finished.admission!,
        record: { bytes: record!.record, publicKey: record!.providerKey, signature: record!.signature },
        beacon: new Uint8Array(0),
        opening: { bytes: opening },
      },
      {
        crypto,
        request: message.request,
        response: utf8Encode(text),
        trust: { ledger, settlement: network.settlement },
        nowMs: Date.now(),
      },
    );
    return { header, counts, failed: verdict.checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
  } finally {
    await open.close();
    await cheapEngine.close();
  }
}

/** By then, the chance that no reply has a draw that cannot be excused is about one in 100,000. */
const MOST_NONCES = 64;

describe('an attack as a provider on the network', () => {
  it.each([
    ['substitute', []],
    ['prefill', ['draw-replay']],
    ['massaged-q4-0', []],
    ['greedy-as-sampled', ['listing', 'draw-replay']],
    ['grind-nonce', ['draw-replay', 'draw-key']],
    ['early-cancelled', ['stop-strings']],
    ['sketch-not-a-number', ['commitment-form']],
    ['window-missing', ['token-count']],
    ['header-sampler', ['listing', 'draw-replay', 'sampler']],
    ['header-bank', ['sketch-bank']],
    ['withhold-cheated', ['opening']],
  ] as const)('%s: its receipt fails in %j', async (name, expected) => {
    const { failed, header } = await serveOne(findAttack(name));
    expect(failed).toEqual(expected);
    expect(header.payee).toEqual(payee);
  });

  // Only draws decide whether all of them can be excused: about one reply of 80 tokens in six has one that cannot. So replies are
  // read until both kinds of draws were seen, and each receipt must say what the attacker did in that reply.
  it('renamed-candidates: a receipt fails in draw-replay exactly if the attacker could not excuse a draw', async () => {
    const sum = { renamed: 0, lost: 0 };
    for (let nonce = 1; nonce <= MOST_NONCES && (sum.renamed === 0 || sum.lost === 0); nonce++) {
      const { failed, counts } = await serveOne(findAttack('renamed-candidates'), nonce);
      const { renamed = 0, lost = 0 } = counts;
      expect(failed, JSON.stringify({ nonce, ...counts })).toEqual(lost > 0 ? ['draw-replay'] : []);
      sum.renamed += renamed;
      sum.lost += lost;
    }
    expect(sum.renamed).toBeGreaterThan(0);
    expect(sum.lost).toBeGreaterThan(0);
  });

  it('signs the header that it was bent to', async () => {
    const { header } = await serveOne(findAttack('header-adapter'));
    expect(header.parts).toHaveLength(2);
  });
});

const options = { contextSize: 512 };
const sold = createFakeEngine({ ...options, weights: 1 });
/** A cheaper model: the same vocabulary, another distribution. */
const cheap = createFakeEngine({ ...options, weights: 2 });
/** A model that is hard to tell from the sold one. Massaging gives up on any other. */
const near = createFakeEngine({ ...options, weights: 1, error: 1.5 });
afterAll(() => Promise.all([sold, cheap, near].map((each) => each.close())));

interface Played {
  readonly replies: readonly PathReply[];
  readonly paidAtomic: bigint;
}

/** Each call has its own network, so that no draw depends on earlier attacks. The requests are repeated in turn. */
async function play(
  name: string,
  attack: PathAttack,
  {
    requests,
    most,
    isOver,
  }: { requests: readonly TrialRequest[]; most: number; isOver: (reply: PathReply) => boolean },
): Promise<Played> {
  const path = await openAttackPath(sold, directory);
  try {
    const provider = await path.start(name, attack);
    const replies: PathReply[] = [];
    try {
      while (replies.length < most) {
        const reply = await provider.ask(requests[replies.length % requests.length] as TrialRequest);
        replies.push(reply);
        if (isOver(reply)) break;
      }
      return { replies, paidAtomic: await provider.settle() };
    } finally {
      await provider.close();
    }
  } finally {
    await path.close();
  }
}

/** Ids of all failed checks: the consumer's, the intake's and the audit's. */
const listAll = ({ refused, intake, audit }: PathReply): string[] => [
  ...new Set([...refused, ...(intake === undefined ? [] : [intake]), ...listFailed(audit)]),
];

const sumFees = (replies: readonly PathReply[]): bigint =>
  replies.reduce((sum, { verdict }) => sum + verdict.feeAtomic, 0n);

/**
 * A reply that was cut short without its payer's signed progress: the consumer refuses its receipt, the validator
 * accepts it and pays nothing.
 */
const isCutShort = (reply: PathReply): boolean =>
  (reply.header as Header | undefined)?.stopReason === 'cancelled' && listFailed(reply.audit).length === 0;

const isTaken = (reply: PathReply): boolean => listAll(reply).length === 0 || isCutShort(reply);

/** Checks that the intake cannot make, because a provider delivers a reply without its texts. */
const SHOWN_BY_TEXTS = ['grammar', 'stop-strings', 'response-size'];

/** Invariants of every reply, honest or not. */
function expectConsistent(reply: PathReply): void {
  const { refused, intake, audit, verdict } = reply;
  const shown = JSON.stringify({ refused, intake, audit: listFailed(audit), verdict: verdict.verdict });
  expect(verdict.verdict === 'accept', shown).toBe(isTaken(reply));
  expect(isBillable(verdict.verdict), shown).toBe(isTaken(reply));
  expect(verdict.feeAtomic > 0n, shown).toBe(isTaken(reply) && !isCutShort(reply));
  if (isTaken(reply) || refused.length === 0) {
    expect(intake, shown).toBeUndefined();
    expect(verdict.verifiers.length, shown).toBe(1);
  } else {
    // If stage 1 refutes a reply, the intake or the validator refuses it before any verifier is asked.
    expect(verdict.verifiers, shown).toEqual([]);
    // A provider that makes no reply ends its order. One whose record is refused has none.
    const isEnded = intake === undefined && refused.includes('abandoned');
    const isAtDoor = intake !== undefined || reply.header === undefined;
    // Texts that were not what was asked for open nothing.
    const failed = refused.every((id) => SHOWN_BY_TEXTS.includes(id)) ? ['opening'] : refused;
    expect([verdict.verdict, listFailed(audit)], shown).toEqual(
      isEnded ? ['unjudged', []] : isAtDoor ? ['abandoned', []] : ['reject', failed],
    );
  }
}

/**
 * Attacks that differ only in their cheap model are one attack to a fake engine. One of them is played for all: this is its
 * name.
 */
const nameOfPlayed = ({ name }: AttackDefinition): string =>
  name
    .replace(/^(weights|prefill|massaged-knowing|massaged-careful|massaged-hidden|massaged)-.*/, '$1-q8-0')
    .replace(/^(cheat-sometimes|cheat-after-reputation)-.*/, '$1')
    .replace(/^(cheat-on-hot)-.*/, '$1-q8-0');

const MOST_REPLIES = 96;
/** Number of replies for an attack that no check sees. */
const UNSEEN_REPLIES = 4;

describe('every attack of the catalogue as a provider, before a consumer, a validator and a verifier', () => {
  /** Ids that need no model: the consumer's checks, and replies that fail before these checks run. */
  const stage1 = new Set(['abandoned', 'opening', 'header-inclusion']);
  let honest: Played;
  beforeAll(async () => {
    const requests = Object.values(REQUEST_LISTS).flatMap((list) => list.slice(0, 2));
    honest = await play('honest', { engine: sold }, { requests, most: requests.length, isOver: () => false });
    for (const { receipt } of honest.replies) for (const { id } of receipt ?? []) stage1.add(id);
  });

  it('pays an honest provider for the same requests', () => {
    for (const reply of honest.replies) {
      expect(listAll(reply)).toEqual([]);
      expectConsistent(reply);
    }
    expect(honest.paidAtomic).toBe(sumFees(honest.replies));
  });

  it('leaves out only attacks that are played under another name with another cheap model', () => {
    for (const attack of ATTACKS) {
      const played = findAttack(nameOfPlayed(attack));
      expect(nameOfPlayed(played)).toBe(played.name);
      if (played === attack) continue;
      const { family, caughtBy, needs, sampler } = played;
      expect(attack).toMatchObject({ family, caughtBy });
      expect([attack.needs, attack.sampler], attack.name).toEqual([needs, sampler]);
      expect(attack.cheap, attack.name).not.toEqual(played.cheap);
      expect(attack.create.toString(), attack.name).toBe(played.create.toString());
    }
  });

  const played = ATTACKS.filter((attack) => nameOfPlayed(attack) === attack.name);
  it.each(played.map((attack) => [attack.name, attack] as const))('%s', async (name, definition) => {
    const { caughtBy } = definition;
    const cheapEngine = name.startsWith('massaged') ? near : cheap;
    const attack = definition.create({ engine: sold, ...(definition.cheap ? { cheapEngine } : {}), seed: 1 });
    const { replies, paidAtomic } = await play(name, attack, {
      requests: requestsFor(definition),
      most: caughtBy.length > 0 ? MOST_REPLIES : UNSEEN_REPLIES,
      isOver: (reply) => listAll(reply).length > 0,
    });
    for (const reply of replies) expectConsistent(reply);
    const last = replies.at(-1) as PathReply;
    const shown = `failed: ${listAll(last).join(', ')} in reply ${replies.length}; did: ${JSON.stringify(attack.counts?.() ?? {})}`;
    const known = caughtBy.some((id) => SHOWN_BY_TEXTS.includes(id)) ? [...caughtBy, 'opening'] : caughtBy;
    expect(
      listAll(last).filter((id) => !known.includes(id)),
      shown,
    ).toEqual([]);
    expect(listAll(last).length > 0, shown).toBe(caughtBy.length > 0);
    // One exact reject voids what the provider did before.
    expect(paidAtomic, shown).toBe(replies.some(({ verdict }) => isProof(verdict)) ? 0n : sumFees(replies));
    if (caughtBy.length === 0) {
      expect(replies.length).toBe(UNSEEN_REPLIES);
    } else if (caughtBy.every((id) => stage1.has(id))) {
      expect(last.refused.length, shown).toBeGreaterThan(0);
    } else if (!caughtBy.some((id) => stage1.has(id))) {
      // Every byte is consistent. Only the values differ, and only a verifier with the model sees that.
      expect(last.refused, shown).toEqual([]);
      expect(last.verdict.verdict).toBe('reject');
    }
  });

  it.each<[TamperTarget, Partial<Record<'refused' | 'audit', readonly string[]>> | undefined]>([
    ['text', { audit: ['response-text'] }],
    // To the validator, bytes that do not hash to the signed root are not an opening.
    ['leaf', { refused: ['commitment-root'], audit: ['opening'] }],
    // The draws decide the bit that it hits: the order of a list, or a value that only a verifier sees.
    ['committed', undefined],
    ['response', { refused: ['response-hash'] }],
  ])('tamper with the %s', async (target, expected) => {
    const attack = createTamperAttackOf({ targets: [target] })({ engine: sold });
    const { replies, paidAtomic } = await play(`tamper-${target}`, attack, {
      requests: REQUEST_LISTS.plain as readonly TrialRequest[],
      most: 1,
      isOver: () => true,
    });
    const [reply] = replies as [PathReply];
    const found = { refused: reply.refused, audit: listFailed(reply.audit) };
    if (expected === undefined) {
      expect(listAll(reply)).not.toEqual([]);
      for (const id of listAll(reply)) expect(tamper.caughtBy).toContain(id);
    } else expect(found).toEqual({ refused: [], audit: [], ...expected });
    // A change on the way to the consumer is invisible to the validator.
    expect(reply.verdict.verdict).toBe(target === 'response' ? 'accept' : 'reject');
    expect(paidAtomic).toBe(reply.verdict.feeAtomic);
  });
});
