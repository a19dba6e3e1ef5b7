import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { afterEach, describe, expect, it } from 'vitest';
import { createBreaks } from '../../attackers/protocol/breaks.ts';
import { consumer } from '../../attackers/protocol/consumer-trust.ts';
import { describeInvented, inventedParties } from '../../attackers/protocol/network/invented-parties.ts';
import { describeSquatted } from '../../attackers/protocol/network/name-squatter.ts';
import { ATTACKS } from './catalogue.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Their own tests play them without restarts, and for longer. */
const SLOW = ['dust-routers', 'big-complaints', 'silent-league', 'idle-links', 'silent-for-profit'];
/** No daemon keeps anything of these attacks. */
const UNRESTARTED = [
  'answer-guesser canary-picker dishonest-relay dust-vouchers early-work empty-parts',
  'false-sightings figure-liar ghost-capacity invented-parties lying-peer-router name-squatter',
  'overbilled-answer overcounting-relay queue-flood racing-payer reset-links resumed-prefix silent-downgrade',
  'stored-work tiny-model unpaid-crowd unpaid-node unrecorded-cohort unsealing-gateway',
].flatMap((names) => names.split(' '));
const restartable = ATTACKS.flatMap(({ restarts, ...attack }) =>
  'none' in restarts ? [] : [{ ...attack, daemons: restarts }],
);

describe.skipIf(process.platform !== 'linux')('attacks as the demo plays them', () => {
  it.each(ATTACKS.filter(({ name }) => !SLOW.includes(name)))('$name fails', async ({ stage }) => {
    const { tried, answered, worked } = await stage();
    expect(worked).toBe(false);
    expect(tried).not.toBe('');
    expect(answered.length).toBeGreaterThan(0);
  });

  it.each(restartable)('$name fails if its daemons are restarted in the middle', async ({ stage, daemons }) => {
    const breaks = createBreaks();
    closing.push(breaks.end);
    const { worked } = await stage(breaks);
    expect(worked).toBe(false);
    expect([...breaks.restarted.keys()].sort()).toEqual([...daemons].sort());
  });

  it('are played with restarts if a daemon keeps anything of them', () => {
    const others = ATTACKS.filter(({ name }) => !restartable.some((one) => one.name === name));
    expect(others.map(({ name }) => name).sort()).toEqual(UNRESTARTED);
  });

  it('invented-parties works for a consumer that allows every skipped check', async () => {
    const { ledger } = consumer;
    const sold = inventedParties.play({ crypto, ledger, invents: 'unseen' });
    expect((await describeInvented(sold, consumer.createTrust())).worked).toBe(false);
    const allow = ['router', 'validator', 'admission', 'intake', 'model-root', 'beacon'];
    expect((await describeInvented(sold, { ledger, allow })).worked).toBe(true);
  });

  it('name-squatter works if one call on the name succeeds', () => {
    const calls = {
      claim: 'NotOwner',
      publish: 'NotOwner',
      revoke: 'NotOwner',
      accept: 'NotOffered',
      lookalike: 'done',
    };
    const name = { maker: 'acme', model: 'large' };
    expect(describeSquatted(name, calls).worked).toBe(false);
    expect(describeSquatted(name, { ...calls, publish: 'done' }).worked).toBe(true);
  });
});
