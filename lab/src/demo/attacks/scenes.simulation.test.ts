import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { afterEach, describe, expect, it } from 'vitest';
import { type Breaks, createBreaks, NO_BREAKS } from '../../attackers/protocol/breaks.ts';

import { openRouter } from '../../bad-days/router-door.ts';
import { findScene, SCENES } from './catalogue.ts';
import type { AttackCourse, LiveNetwork } from './scene.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A router with one provider, and a consumer of it who may have to wait for his answer in vain. */
async function openNetwork(trust: Trust = {}): Promise<LiveNetwork> {
  const router = await openRouter();
  closing.push(router.close);
  await router.service.announce(router.announcement());
  return {
    ...{ modelId: FAKE_MODEL, trust, router: router.door },
    ask: async () => ((await router.service.route(router.route())).ticket?.ticket.length ?? 0) > 0,
    creditAtomic: () => Promise.resolve(7n),
    async restartRouter() {
      await router.restart();
      await router.service.announce(router.announcement());
    },
  };
}

async function play(name: string, network?: LiveNetwork, breaks: Breaks = NO_BREAKS): Promise<AttackCourse> {
  const scene = findScene(name);
  if (scene === undefined) throw new Error(`no attack ${name}`);
  if (scene.on === "the demo's network") return scene.play(breaks, network ?? (await openNetwork()));
  return scene.play(breaks);
}

/** What a consumer knows of a network, and the attacker does not have. */
function createTrust(): Trust {
  return createSyntheticReceipt({
    ...{ crypto, tokens: 3, ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(5) } },
    provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
    router: createNobleHybridSigner(new Uint8Array(64).fill(2)),
    payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
  }).trust;
}

/** Their own tests play them without restarts, and for longer. */
const SLOW = ['dust-routers', 'beacon-puller', 'big-complaints', 'silent-league', 'idle-links', 'silent-for-profit'];
const names = SCENES.map(({ attack }) => attack.name);
const restartable = SCENES.flatMap(({ attack: { name, restarts } }) =>
  'none' in restarts ? [] : [{ name, restarts }],
);

describe.skipIf(process.platform !== 'linux')('attacks as the demo plays them', () => {
  it.each(names.filter((name) => !SLOW.includes(name)))('%s fails', async (name) => {
    const { tried, answered, worked } = await play(name, await openNetwork(createTrust()));
    expect(worked).toBe(false);
    expect(tried).not.toBe('');
    expect(answered.length).toBeGreaterThan(0);
  });

  it.each(restartable)('$name fails if its daemons are restarted in the middle', async ({ name, restarts }) => {
    const breaks = createBreaks();
    closing.push(breaks.end);
    const { worked } = await play(name, await openNetwork(), breaks);
    expect(worked).toBe(false);
    expect([...breaks.restarted.keys()].sort()).toEqual([...restarts].sort());
  });

  it('all attacks but those of which no daemon keeps anything are played with restarts', () => {
    const others = names.filter((name) => !restartable.some((one) => one.name === name));
    expect(others).toEqual(['invented-parties', 'tiny-model', 'name-squatter', 'ghost-capacity', 'queue-flood']);
  });

  it('route-squatting fails if a consumer is served meanwhile, and works if not', async () => {
    const network = await openNetwork();
    expect(await play('route-squatting', network)).toMatchObject({
      worked: false,
      money: '0 atomic units were credited',
    });
    const starving = { ...network, ask: () => Promise.resolve(false) };
    expect(await play('route-squatting', starving)).toMatchObject({ worked: true });
  });

  it('a door that takes nothing is no defence that was shown', async () => {
    const network = await openNetwork();
    await expect(play('route-squatting', { ...network, modelId: 'ogong/verified/nobody/nothing' })).rejects.toThrow(
      'no ticket',
    );
  });

  it('invented-parties fails for what the consumer knows, and works for one that needs nothing', async () => {
    const trust = createTrust();
    expect(await play('invented-parties', await openNetwork(trust))).toMatchObject({ worked: false });
    const { ledger } = trust;
    const careless = {
      ...(ledger && { ledger }),
      allow: ['router', 'validator', 'admission', 'intake', 'model-root', 'beacon'],
    };
    expect(await play('invented-parties', await openNetwork(careless))).toMatchObject({ worked: true });
  });
});
