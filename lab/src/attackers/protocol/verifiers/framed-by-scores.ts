import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { listVerifierIds } from '@ogong/protocol/settlement/verdict-log';
import { parseCandidates } from '@ogong/protocol/verdict/evidence';
import { drawVerifier } from '@ogong/protocol/verdict/verifier-draw';
import { provider, type TestValidator } from '@ogong/testing/validator/test-bench';

import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import { createTestReport, findServed, type TestReply } from '@ogong/testing/validator/test-reply';
import { FAR } from '@ogong/testing/validator/test-scores';
import { describeVerdicts, idOfPlayed, REPLIES } from '../audited-network.ts';
import { openAttacked, openAttackedVerifiers } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

/** Whether the beacon asks the league first and second about a reply. Everybody can compute it. */
function drawsLeague(validator: TestValidator, { reply }: TestReply, league: readonly string[]): boolean {
  const { replyId, modelRoot } = reply.record;
  const { candidates, beaconEpoch, orderBytes } = validator.find(replyId);
  if (candidates === undefined || beaconEpoch === undefined) return false;
  const beacon = validator.archive.find(beaconEpoch)?.value as Uint8Array;
  const order = { ...parseOrder(orderBytes), modelRoot };
  const draw = { replyId, orderEpoch: order.epoch, beaconEpoch, beacon };
  const claim = { order: { ...reply.order, ...order }, header: reply.header };
  const listed = parseCandidates(candidates);
  const first = drawVerifier(crypto, { draw, claim }, listed, { tried: [], heard: [], isDoubtful: false });
  if (first === undefined) return false;
  const asked = { tried: [first.providerId], heard: [first.operator], isDoubtful: false };
  const drawn = [first, drawVerifier(crypto, { draw, claim }, listed, asked)];
  return drawn.every((one) => one && league.some((name) => equalBytes(idOfPlayed(name), one.providerId)));
}

/**
 * Verifiers in league want an honest provider of an exact class out. They claim another class, and scores that are far off. They do so
 * only where the beacon asks two of them first, and are honest elsewhere, so that nobody refutes them. Without `honest` verifiers they
 * are all that the validator lists.
 */
export const framedByScores = defineAttack({
  name: 'framed-by-scores',
  adversary: 'verifiers in league that reject by scores where the beacon draws two of them first',
  aim: 'Have an honest provider ejected by rejects that no class can repeat to the bit, and never be refuted',
  stoppedBy:
    'Two rejects by scores wait for a third verifier outside their draw, and more accepts with no less stake refute them',
  restarts: ['validator', 'signer', 'verifier'],
  async play(
    { replies, league: liars, honest }: { readonly replies: number; readonly league: number; readonly honest: number },
    breaks,
  ) {
    const league = Array.from({ length: liars }, (_, i) => `league-${i}`);
    const others = Array.from({ length: honest }, (_, i) => `honest-${i}`);
    const served = new Map<string, TestReply>();
    const framed = new Set<string>();
    const calls = openAttackedVerifiers(breaks, async (peer, job) => {
      const name = String(peer.endpoint).replace(/:1$/, '');
      const reply = findServed(served.values(), job);
      if (reply === undefined) throw new Error('no answer');
      const id = toHex(reply.reply.record.replyId);
      const isFramed = league.includes(name) && (framed.has(id) || drawsLeague(validator, reply, league));
      if (isFramed) framed.add(id);
      return { report: createTestReport(reply, job, isFramed ? FAR : {}), signer: createTestHybrid(name) };
    });
    const validator = openAttacked(breaks, { calls, audit: { honeypotPpm: 0 } });
    await validator.announce(provider);
    for (const name of [...league, ...others]) {
      await validator.announceVerifier(name, 'x', createTestPayee(name), { contextSize: 4096 });
    }
    for (let i = 0; i < replies; i++) {
      const reply = await validator.deliver(i);
      served.set(toHex(reply.reply.record.replyId), reply);
      await breaks.take();
      await validator.certify();
      await validator.runAudits();
      await breaks.take();
      await validator.runSittings();
    }
    const entries = validator.decided;
    const refuted = entries.flatMap((entry) => listVerifierIds(entry, 'refuted'));
    const ofLeague = refuted.filter((id) => league.some((name) => equalBytes(idOfPlayed(name), id))).length;
    return { entries, lies: framed.size, refuted: { league: ofLeague, honest: refuted.length - ofLeague } };
  },
  async stage({ play }) {
    const { entries, lies, refuted } = await play({ replies: REPLIES, league: 3, honest: 5 });
    return {
      tried: `rejected ${lies} of ${REPLIES} honest replies by scores, as three verifiers of eight, where the beacon asked two of them first`,
      answered: describeVerdicts(entries),
      money: `the log refutes ${refuted.league} reports of the league: each costs a fiftieth of its payee's stake`,
      worked: entries.length !== REPLIES || refuted.league === 0 || entries.some(({ ejects }) => ejects),
    };
  },
});
