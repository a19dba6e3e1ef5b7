import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { afterEach, describe, expect, it } from 'vitest';
import { type Breaks, createBreaks, NO_BREAKS } from '../../attackers/protocol/breaks.ts';
import { inventedParties } from '../../attackers/protocol/network/invented-parties.ts';
import { findScene, SCENES } from './catalogue.ts';
import { createConsumerTrust, judgeInvented, tellSquatted } from './consumer-scenes.ts';
import type { AttackCourse } from './scene.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function play(name: string, breaks: Breaks = NO_BREAKS): Promise<AttackCourse> {
  const scene = findScene(name);
  if (scene === undefined) throw new Error(`no attack ${name}`);
  return scene.play(breaks);
}

/** Their own tests play them without restarts, and for longer. */
const SLOW = ['dust-routers', 'beacon-puller', 'big-complaints', 'silent-league', 'idle-links', 'silent-for-profit'];
const names = SCENES.map(({ attack }) => attack.name);
const restartable = SCENES.flatMap(({ attack: { name, restarts } }) =>
  'none' in restarts ? [] : [{ name, restarts }],
);

describe.skipIf(process.platform !== 'linux')('attacks as the demo plays them', () => {
  it.each(names.filter((name) => !SLOW.includes(name)))('%s fails', async (name) => {
    const { tried, answered, worked } = await play(name);
    expect(worked).toBe(false);
    expect(tried).not.toBe('');
    expect(answered.length).toBeGreaterThan(0);
  });

  it.each(restartable)('$name fails if its daemons are restarted in the middle', async ({ name, restarts }) => {
    const breaks = createBreaks();
    closing.push(breaks.end);
    const { worked } = await play(name, breaks);
    expect(worked).toBe(false);
    expect([...breaks.restarted.keys()].sort()).toEqual([...restarts].sort());
  });

  it('all attacks but those of which no daemon keeps anything are played with restarts', () => {
    const others = names.filter((name) => !restartable.some((one) => one.name === name));
    expect(others).toEqual([
      'racing-payer',
      'unpaid-node',
      'dust-vouchers',
      'overcounting-relay',
      'invented-parties',
      'tiny-model',
      'silent-downgrade',
      'resumed-prefix',
      'name-squatter',
      'ghost-capacity',
      'empty-parts',
      'canary-picker',
      'figure-liar',
      'false-sightings',
      'lying-peer-router',
      'early-work',
      'stored-work',
      'queue-flood',
      'answer-guesser',
      'unsealing-gateway',
      'dishonest-relay',
      'reset-links',
      'unpaid-crowd',
    ]);
  });

  it('invented-parties fails for what the consumer knows, and works for one that needs nothing', async () => {
    const { ledger } = createConsumerTrust();
    if (ledger === undefined) throw new Error('no ledger');
    const sold = inventedParties.play({ crypto, ledger, invents: 'unseen' });
    expect((await judgeInvented(sold, createConsumerTrust())).worked).toBe(false);
    const allow = ['router', 'validator', 'admission', 'intake', 'model-root', 'beacon'];
    expect((await judgeInvented(sold, { ledger, allow })).worked).toBe(true);
  });

  it('a name that is taken is called squatted', () => {
    const calls = {
      claim: 'NotOwner',
      publish: 'NotOwner',
      revoke: 'NotOwner',
      accept: 'NotOffered',
      lookalike: 'done',
    };
    const name = { maker: 'acme', model: 'large' };
    expect(tellSquatted(name, calls).worked).toBe(false);
    expect(tellSquatted(name, { ...calls, publish: 'done' }).worked).toBe(true);
  });
});
