import { createLinkServer, type LinkServer } from '@ogong/host/link/link-server';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { expect, it } from 'vitest';
import { dishonestRelay } from './dishonest-relay.ts';

const MODEL = 'ogong/verified/somebody/a-model-with-a-long-name';

async function serve(seed: number, model: string): Promise<LinkServer> {
  const server = createLinkServer({
    identity: await makeIdentity(seed),
    bind: { host: '127.0.0.1', port: 0 },
    authorize: () => true,
    routes: (router) => router.service(RouterService, { listModels: () => ({ models: [{ model }] }) }),
  });
  await server.start();
  return server;
}

it('a relay reads nothing, has nothing else taken, and cannot pass another node off as the wanted one', async () => {
  const [node, decoy] = await Promise.all([serve(1, MODEL), serve(2, 'decoy')]);
  try {
    const { honest, read, cheated } = await dishonestRelay.play({
      ...{ at: node.address(), certHash: (await makeIdentity(1)).id },
      ...{ decoy: decoy.address(), caller: await makeIdentity(3) },
    });
    expect(honest).toBe(MODEL);
    expect(read.length).toBeGreaterThan(200);
    expect(read).not.toContain('a-model-with-a-long-name');
    expect(Object.keys(cheated)).toHaveLength(6);
    for (const [what, outcome] of Object.entries(cheated)) {
      expect(outcome, what).toEqual({ error: expect.stringMatching(/^(unreachable|timeout|wrong-certificate)$/) });
    }
    expect(cheated['leads elsewhere']).toEqual({ error: 'wrong-certificate' });
  } finally {
    await Promise.all([node.stop(0), decoy.stop(0)]);
  }
});
