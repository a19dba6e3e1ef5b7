import { expect, it } from 'vitest';
import { lyingPeerRouter, openHandingNetwork } from './lying-peer-router.ts';

it('a rival that another router has is drawn two exchanges after each lie', async () => {
  const network = await openHandingNetwork();
  try {
    const { rivals, drawn } = await lyingPeerRouter.play(network);
    expect(rivals).toHaveLength(1);
    for (const lie of ['calledGone', 'withheld', 'bent'] as const) expect(drawn[lie], lie).toEqual(rivals);
    expect(drawn.flooded).toEqual(expect.arrayContaining([...rivals]));
  } finally {
    await network.close();
  }
});

it('a rival that no other router has is in the hands of the one that it told', async () => {
  const network = await openHandingNetwork();
  try {
    const { drawn } = await lyingPeerRouter.play({ ...network, joinHonest: async () => {} });
    expect(drawn.calledGone).toEqual([]);
  } finally {
    await network.close();
  }
});
