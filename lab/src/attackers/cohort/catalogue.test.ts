import { createRequest, NO_END } from '@ogong/testing/engine/compliance-requests';
import { describe, expect, it } from 'vitest';
import { COHORT_ATTACKS } from './catalogue.ts';
import { wrongLabel } from './framing.ts';
import { judgeReply } from './judge-reply.ts';
import { LEADER, playReply } from './scene.ts';

const request = createRequest('Once upon a time', { maxTokens: 40, bias: NO_END });
const HONEST = [0, 1].flatMap(() => ['rows-signed', 'roots-equal', 'roots-equal', 'root-listed']);
const PLAYS = COHORT_ATTACKS.filter(({ foundBy }) => foundBy !== undefined).flatMap((attack) => {
  const places = attack.by === 'leader' ? [LEADER] : attack.needsRows ? [1] : attack.needsReceiver ? [0] : [0, 1];
  return places.map((at) => ({ name: attack.name, attack, at }));
});

describe('a reply of a cohort', () => {
  it('names nobody if all members are honest', async () => {
    const reply = await playReply(request);
    const findings = await judgeReply(reply, request);
    expect(findings.map(({ reason }) => reason)).toEqual(HONEST);
    // Both edges have rows of wrong guesses, which do not stand.
    for (const { sent } of reply.edges)
      expect(sent.standing.some(({ pass, bytes }) => bytes.length < pass.head.rows * sent.rowBytes)).toBe(true);
  });

  // Synthetic layers have one kernel; `wrong-label.model.test.ts` plays the attack against real ones.
  it('names nobody for a label of its leader', async () => {
    const findings = await judgeReply(await playReply(request, { attack: wrongLabel, at: LEADER }), request);
    expect(findings.map(({ reason }) => reason)).toEqual(HONEST);
  });

  it.each(PLAYS)('names the key of $name at place $at, and no other', async ({ attack, at }) => {
    const findings = await judgeReply(await playReply(request, { attack, at }), request, { attack, at });
    const culprits = new Set(findings.flatMap(({ culprit }) => culprit ?? []));
    const owned = attack.hasLeader ? [at, LEADER] : [at];
    expect([...culprits]).toEqual(attack.foundBy === 'nothing-came' ? [] : owned);
    expect(findings.find(({ reason }) => reason === attack.foundBy)?.culprit).toBe([...culprits].at(-1));
    expect(findings.map(({ reason }) => reason)).toContain(attack.foundBy);
  });
});
