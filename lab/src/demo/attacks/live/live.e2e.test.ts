import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestMesh, type TestMesh } from '../../../bad-days/test-mesh.ts';
import { findAttack } from '../catalogue.ts';
import { playAttack } from '../play-attack.ts';
import { LIVE_PLAYS } from './live-plays.ts';

const IS_LONG = process.env.OGONG_LONG === '1';
let network: TestMesh;
beforeAll(async () => {
  network = await startTestMesh({ providers: IS_LONG ? 3 : 2 });
}, 240_000);
afterAll(async () => {
  await network?.stop();
});

/**
 * One of each kind: a flood, a payer, a provider, a validator in league with a payer, a validator alone. The long run plays them all. Those
 * of verifiers need two others that are honest.
 */
const PLAYED = IS_LONG
  ? [...LIVE_PLAYS.keys()]
  : ['route-squatting', 'reused-ids', 'two-records', 'over-admission', 'false-abandonment'];

describe.skipIf(process.platform !== 'linux')('an attack on the running network', () => {
  it.each(PLAYED)('%s fails, and the network goes on', async (name) => {
    const attack = findAttack(name);
    if (attack === undefined) throw new Error(`no attack ${name}`);
    const { mesh, model } = network;
    const played = await playAttack(attack, () => Promise.resolve({ mesh, model }));
    expect(played).toMatchObject({ on: "the demo's network", worked: false });
    expect((await network.ask()).receipts).toBeDefined();
  });
});
